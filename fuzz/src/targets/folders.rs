//! Folders as Hugging Face lays them out: one file of a sound folder is the input, the others stay.

use std::path::PathBuf;

use engine::Tokenizer;
use engine::convert::{Folder, Matrices};
use engine::gguf::Gguf;
use serde_json::json;

use super::{Answer, refusal};

pub(crate) const WIDTH: usize = 32;
pub(crate) const ROWS: usize = 300;

pub(super) fn config(bytes: &[u8]) -> Answer {
    with("config.json", bytes)
}

pub(super) fn tokenizer(bytes: &[u8]) -> Answer {
    with("tokenizer.json", bytes)
}

pub(super) fn tokenizer_config(bytes: &[u8]) -> Answer {
    with("tokenizer_config.json", bytes)
}

fn with(name: &str, bytes: &[u8]) -> Answer {
    let folder = sound_folder().map_err(|error| format!("no room for test files: {error}"))?;
    let put = std::fs::write(folder.join(name), bytes);
    put.map_err(|error| format!("no room for test files: {error}"))?;
    let opened = match Folder::open(&folder, Matrices::Q8_0) {
        Ok(opened) => opened,
        Err(error) => return Ok(refusal(&error)),
    };
    let mut told = 0;
    let path = match opened.convert(&folder.join("to"), &mut |done| told = done) {
        Ok(path) => path,
        Err(error) => return Ok(refusal(&error)),
    };
    if told != opened.bytes() {
        return Err(format!("{told} bytes were told of {}", opened.bytes()));
    }
    let gguf = Gguf::open(&path).map_err(|error| format!("own file is refused: {error}"))?;
    let tokenizer = Tokenizer::from_gguf(&gguf).map_err(|error| format!("own tokenizer is refused: {error}"))?;
    if tokenizer.vocab_size() != ROWS {
        return Err(format!("{} tokens for {ROWS} rows", tokenizer.vocab_size()));
    }
    Ok(format!("converted {} {}", gguf.has("rope_freqs.weight"), tokenizer.add_bos()))
}

/// A folder of this process with a model of one layer.
fn sound_folder() -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("fuzz-{}", std::process::id())).join("folder");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("config.json"), &crate::seeds::hf_config()[0])?;
    std::fs::write(folder.join("tokenizer.json"), &crate::seeds::hf_tokenizer()[0])?;
    std::fs::write(folder.join("tokenizer_config.json"), "{}")?;
    let weights = folder.join("model.safetensors");
    if weights.exists() {
        return Ok(folder);
    }
    let vectors = ["model.norm", "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm"];
    let maps = ["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"];
    let maps = maps.map(|name| (format!("model.layers.0.{name}_proj"), vec![WIDTH, WIDTH]));
    let ends = [("model.embed_tokens".to_owned(), vec![ROWS, WIDTH])];
    let vectors = vectors.map(|name| (name.to_owned(), vec![WIDTH]));
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, shape) in ends.into_iter().chain(vectors).chain(maps) {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        let entry = json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]});
        header.insert(format!("{name}.weight"), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; end]].concat();
    std::fs::write(weights, file)?;
    Ok(folder)
}
