//! Model files and tokenizers.

use std::path::PathBuf;

use engine::gguf::Gguf;
use engine::safetensors::Tensors;
use engine::{Tokenizer, convert, inspect};

use super::{Answer, Log, refusal};

const SENTENCE: &str = "Hello, <s> 世界 e\u{301} 👩‍👩‍👧 [CLS] <|im_end|> 12345\n\n  end";

fn scratch(bytes: &[u8]) -> Result<PathBuf, String> {
    let directory = std::env::temp_dir().join(format!("fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(|error| format!("no room for test files: {error}"))?;
    let path = directory.join("input");
    std::fs::write(&path, bytes).map_err(|error| format!("no room for test files: {error}"))?;
    Ok(path)
}

pub(super) fn gguf(bytes: &[u8]) -> Answer {
    let path = scratch(bytes)?;
    let gguf = match Gguf::open(&path) {
        Ok(gguf) => gguf,
        Err(error) => return Ok(refusal(&error)),
    };
    let mut sum = 0u64;
    for (name, _) in gguf.tensors() {
        let matrix = gguf.tensor(name).map_err(|error| format!("a listed tensor is refused: {error}"))?;
        if matrix.dtype.row_bytes(matrix.cols).checked_mul(matrix.rows) != Some(matrix.data.len()) {
            return Err("a tensor's bytes are not its shape's".to_owned());
        }
        sum += matrix.data.iter().map(|&b| u64::from(b)).sum::<u64>();
    }
    let tokenizer = match Tokenizer::from_gguf(&gguf) {
        Ok(tokenizer) => tokens(&tokenizer)?,
        Err(error) => refusal(&error),
    };
    let card = inspect(&path).map_or_else(|error| refusal(&error), |_| "card".to_owned());
    Ok(format!("gguf {} {tokenizer} {card}", sum > 0))
}

pub(super) fn safetensors(bytes: &[u8]) -> Answer {
    let path = scratch(bytes)?;
    let tensors = match Tensors::open(&path) {
        Ok(tensors) => tensors,
        Err(error) => return Ok(refusal(&error)),
    };
    let mut answer = "safetensors".to_owned();
    for name in ["a", "b", "c"] {
        match tensors.tensor(name) {
            Ok(tensor) if tensor.shape.iter().product::<usize>() != tensor.data.len() => {
                return Err("a tensor's numbers are not its shape's".to_owned());
            }
            Ok(_) => answer.push_str(" read"),
            Err(error) => answer.push_str(&refusal(&error)),
        }
        let _ = tensors.shaped(name, &[2, 2]);
    }
    Ok(answer)
}

pub(super) fn e5s1(bytes: &[u8]) -> Answer {
    let path = scratch(bytes)?;
    let directory = path.with_extension("converted");
    if let Err(error) = convert::e5s1(&path, &directory) {
        return Ok(refusal(&error));
    }
    let gguf =
        Gguf::open(&directory.join(convert::CONVERTED)).map_err(|error| format!("own file is refused: {error}"))?;
    Ok(match Tokenizer::from_gguf(&gguf) {
        Ok(tokenizer) => tokens(&tokenizer)?,
        Err(error) => refusal(&error),
    })
}

pub(super) fn tokenizer_json(bytes: &[u8]) -> Answer {
    match Tokenizer::from_json(bytes) {
        Ok(tokenizer) => tokens(&tokenizer),
        Err(error) => Ok(refusal(&error)),
    }
}

/// Uses a tokenizer in every way; ids must be below the size of its vocabulary.
fn tokens(tokenizer: &Tokenizer) -> Answer {
    let size = tokenizer.vocab_size() as u32;
    let all =
        [tokenizer.encode(SENTENCE), tokenizer.encode_with_specials(SENTENCE), tokenizer.encode_framed(SENTENCE, 16)];
    let mut detokenizer = tokenizer.detokenizer();
    for &id in all.iter().flatten().chain(&[u32::MAX, size, size.wrapping_sub(1)]) {
        let _ = (tokenizer.token_bytes(id), tokenizer.is_end(id), tokenizer.is_control(id), detokenizer.push(id));
    }
    let _ = (tokenizer.bos(), tokenizer.eos(), tokenizer.add_bos(), tokenizer.frame_len(), detokenizer.finish());
    if all[2].len() > 16.max(tokenizer.frame_len()) {
        return Err("a framed text is longer than its limit".to_owned());
    }
    let text = tokenizer.decode(&all[0]);
    Ok(format!("tokenizer{}{}", if text == SENTENCE { " exact" } else { "" }, "!".repeat(all[0].len().ilog2_or_zero())))
}
