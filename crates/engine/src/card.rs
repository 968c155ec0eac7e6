//! A card from a file alone.

use std::path::Path;

use domain::{Card, Pooling, Prefixes};

use crate::LoadError;
use crate::gguf::Gguf;

/// What a GGUF file says of itself. Its digest is not computed.
///
/// # Errors
/// If the file cannot be read, or is of a family this build does not run.
pub fn inspect(path: &Path) -> Result<Card, LoadError> {
    Gguf::open(path).and_then(|gguf| describe(&gguf)).map_err(|error| error.of_file(path))
}

/// What an open file says of itself.
pub(crate) fn describe(gguf: &Gguf) -> Result<Card, LoadError> {
    let path = gguf.path();
    let architecture = gguf.architecture()?.to_owned();
    let embeds = architecture == "bert";
    if !embeds {
        crate::decoder::check_family(&architecture)?;
    }
    let parameters = gguf.tensors().map(|(_, info)| info.shape.iter().map(|&size| size as u64).product::<u64>()).sum();
    let key = |name: &str| format!("{architecture}.{name}");
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Card {
        name,
        description: gguf.text("general.name")?.unwrap_or_default().to_owned(),
        description_zh: String::new(),
        parameters,
        context: gguf.u32(&key("context_length"))?,
        dimensions: if embeds { Some(gguf.u32(&key("embedding_length"))?) } else { None },
        languages: Vec::new(),
        licence: gguf.text("general.license")?.unwrap_or_default().to_owned(),
        bytes: std::fs::metadata(path).map_err(|error| LoadError::io(path, error))?.len(),
        sha256: String::new(),
        pooling: embeds.then_some(Pooling::Mean),
        prefixes: Prefixes::default(),
        sources: Vec::new(),
        architecture,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::{CONTEXT, Tiny};

    #[test]
    fn a_card_says_what_the_file_says() {
        let tiny = Tiny::new("qwen3");
        let parameters: usize = tiny.tensors.values().map(Vec::len).sum();
        let (_folder, path) = tiny.write();
        let card = inspect(&path).unwrap();
        assert_eq!((card.name.as_str(), card.architecture.as_str(), card.context), ("tiny", "qwen3", CONTEXT));
        assert_eq!((card.parameters, card.dimensions), (parameters as u64, None));
        assert_eq!(card.bytes, std::fs::metadata(&path).unwrap().len());
        let (_folder, path) = Tiny::new("falcon").write();
        assert!(inspect(&path).unwrap_err().to_string().contains("'falcon'"));
    }
}
