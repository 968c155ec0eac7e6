//! Turns models that come in containers or folders of their own into GGUF files, once.

mod e5s1;
mod folder;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod writer;

use std::path::{Path, PathBuf};

use crate::LoadError;
use crate::tokenizer::REPLACEMENTS;
use e5s1::{Container, Flaw};
use kernels::Dtype;
use writer::Writer;

pub use folder::{Folder, Matrices};

/// Name of the file a conversion leaves in its directory.
pub const CONVERTED: &str = "model.gguf";

/// No known container is larger; a file that is was not meant for us.
const LARGEST: u64 = 4 << 30;

/// Converts an `E5S1` container to [`CONVERTED`] in `dst_dir`, keeping its 4-bit blocks as they are.
///
/// The file appears whole or not at all.
///
/// # Errors
/// When the container cannot be read, contradicts itself, or the result cannot be written.
pub fn e5s1(src: &Path, dst_dir: &Path) -> Result<(), LoadError> {
    let bytes = read(src)?;
    let flaw = |flaw: Flaw| LoadError::damaged(src, format!("not a sound E5S1 container: {flaw}"));
    let container = Container::parse(&bytes).map_err(flaw)?;
    let gguf = to_gguf(&container).map_err(flaw)?;
    std::fs::create_dir_all(dst_dir).map_err(|error| LoadError::io(dst_dir, error))?;
    let path: PathBuf = dst_dir.join(CONVERTED);
    gguf.write(&path).map_err(|error| LoadError::io(&path, error))
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let size = std::fs::metadata(path).map_err(|error| LoadError::io(path, error))?.len();
    if size > LARGEST {
        return Err(LoadError::damaged(path, format!("{size} bytes are too many for an E5S1 container")));
    }
    std::fs::read(path).map_err(|error| LoadError::io(path, error))
}

fn to_gguf<'a>(container: &Container<'a>) -> Result<Writer<'a>, Flaw> {
    let mut gguf = Writer::default();
    put_header(&mut gguf, container);
    put_vocabulary(&mut gguf, container);
    put_tensors(&mut gguf, container)?;
    Ok(gguf)
}

fn put_header(gguf: &mut Writer<'_>, container: &Container<'_>) {
    let header = &container.header;
    gguf.text("general.architecture", "bert");
    gguf.text("general.name", "E5");
    gguf.number("general.file_type", 2);
    for (key, value) in [
        ("block_count", header.layers),
        ("context_length", header.positions),
        ("embedding_length", header.width),
        ("feed_forward_length", header.inner),
        ("attention.head_count", header.heads),
        ("pooling_type", 1),
    ] {
        gguf.number(&format!("bert.{key}"), value as u32);
    }
    gguf.float("bert.attention.layer_norm_epsilon", header.epsilon);
    gguf.flag("bert.attention.causal", false);
}

fn put_vocabulary(gguf: &mut Writer<'_>, container: &Container<'_>) {
    let vocabulary = &container.vocabulary;
    gguf.text("tokenizer.ggml.model", "t5");
    gguf.text("tokenizer.ggml.pre", "default");
    gguf.texts("tokenizer.ggml.tokens", &vocabulary.pieces);
    gguf.floats("tokenizer.ggml.scores", &vocabulary.scores);
    let control = [vocabulary.bos, vocabulary.eos, vocabulary.pad];
    let kinds = vocabulary.pieces.iter().enumerate().map(|(id, piece)| match id as u32 {
        id if id == vocabulary.unknown => 2,
        id if control.contains(&id) || piece == "<mask>" => 3,
        _ => 1,
    });
    gguf.integers("tokenizer.ggml.token_type", &kinds.collect::<Vec<i32>>());
    for (key, id) in
        [("bos", vocabulary.bos), ("eos", vocabulary.eos), ("padding", vocabulary.pad), ("unknown", vocabulary.unknown)]
    {
        gguf.number(&format!("tokenizer.ggml.{key}_token_id"), id);
    }
    for key in ["add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces"] {
        gguf.flag(&format!("tokenizer.ggml.{key}"), true);
    }
    gguf.numbers(REPLACEMENTS, &vocabulary.replacements);
}

fn put_tensors<'a>(gguf: &mut Writer<'a>, container: &Container<'a>) -> Result<(), Flaw> {
    let header = &container.header;
    let (width, inner) = (header.width, header.inner);
    let mut put = |from: String, to: String, rows: usize, cols: usize, dtype: Dtype| {
        let data = container.tensor(&from, rows * cols, dtype == Dtype::Q4_0)?;
        let shape = [cols as u64, rows as u64];
        gguf.tensor(to, if rows == 1 { &shape[..1] } else { &shape }, dtype, data);
        Ok::<_, Flaw>(())
    };
    put("emb.word".into(), "token_embd.weight".into(), header.rows, width, Dtype::Q4_0)?;
    put("emb.pos".into(), "position_embd.weight".into(), header.positions, width, Dtype::F32)?;
    put("emb.type".into(), "token_types.weight".into(), header.types, width, Dtype::F32)?;
    put("emb.ln.w".into(), "token_embd_norm.weight".into(), 1, width, Dtype::F32)?;
    put("emb.ln.b".into(), "token_embd_norm.bias".into(), 1, width, Dtype::F32)?;
    for layer in 0..header.layers {
        for (from, to, rows, cols) in [
            ("q", "attn_q", width, width),
            ("k", "attn_k", width, width),
            ("v", "attn_v", width, width),
            ("ao", "attn_output", width, width),
            ("fi", "ffn_up", inner, width),
            ("fo", "ffn_down", width, inner),
        ] {
            put(format!("l{layer}.{from}.w"), format!("blk.{layer}.{to}.weight"), rows, cols, Dtype::Q4_0)?;
            put(format!("l{layer}.{from}.b"), format!("blk.{layer}.{to}.bias"), 1, rows, Dtype::F32)?;
        }
        for (from, to) in [("aln", "attn_output_norm"), ("oln", "layer_output_norm")] {
            put(format!("l{layer}.{from}.w"), format!("blk.{layer}.{to}.weight"), 1, width, Dtype::F32)?;
            put(format!("l{layer}.{from}.b"), format!("blk.{layer}.{to}.bias"), 1, width, Dtype::F32)?;
        }
    }
    Ok(())
}
