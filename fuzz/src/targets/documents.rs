//! Documents of every format.

use knowledge::parse::{Limits, Parsed, parse};

use super::{Answer, Log, refusal};

pub(super) fn document(name: &str, bytes: &[u8]) -> Answer {
    let limits = Limits {
        unpacked_bytes: 32 << 20,
        entries: 1000,
        pages: 200,
        chars: 2_000_000,
        seconds: 5,
        ..Limits::default()
    };
    match parse(name, bytes, &limits) {
        Ok(parsed) => {
            promises(&parsed, &limits)?;
            let sizes = [parsed.blocks.len(), parsed.pages.len(), parsed.text.len() / 16];
            let sizes = sizes.map(|n| "!".repeat(n.ilog2_or_zero().min(6))).join("-");
            Ok(format!("{:?} {sizes} {}", parsed.format, parsed.warnings.join(" ")))
        }
        Err(error) => Ok(refusal(&error)),
    }
}

/// What `parse` promises of every document it reads.
fn promises(parsed: &Parsed, limits: &Limits) -> Result<(), String> {
    let starts: Vec<usize> = parsed.text.char_indices().map(|(at, _)| at).chain([parsed.text.len()]).collect();
    let slice = |start: usize, end: usize| {
        let range = *starts.get(start)?..*starts.get(end)?;
        parsed.text.get(range)
    };
    for block in &parsed.blocks {
        if slice(block.span[0], block.span[1]) != Some(block.text.as_str()) {
            return Err(format!("a {:?} block is not the text at its span", block.kind));
        }
        if block.page == Some(0) {
            return Err("a block is on page 0".to_owned());
        }
    }
    for page in &parsed.pages {
        if slice(page[0], page[1]).is_none() {
            return Err("a page reaches beyond the text".to_owned());
        }
    }
    if starts.len() > limits.chars + limits.chars / 10 + 1024 {
        return Err("more characters than the limit".to_owned());
    }
    Ok(())
}
