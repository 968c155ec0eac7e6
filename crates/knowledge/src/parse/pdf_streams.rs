//! How much a PDF's streams unpack to, before a reader unpacks them without bounds: a few kilobytes can become
//! terabytes.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::ZlibDecoder;
use regex::bytes::Regex;

use super::{Outcome, Refusal};

/// Bytes of one stream unpacked; the largest sound ones are fonts of some 20 MB.
const MOST: u64 = 256 << 20;
/// Packed bytes that are not worth a look: deflate unpacks to at most 1032 times as much.
const SMALL: usize = 64 << 10;
/// Bytes of a dictionary that are looked at.
const DICTIONARY: usize = 4 << 10;
/// Layers of compression.
const LAYERS: usize = 3;

/// Refuses a file with a stream that unpacks to too much. What is encrypted cannot be looked at and passes.
pub(super) fn check(bytes: &[u8]) -> Outcome {
    static STREAM: OnceLock<Regex> = OnceLock::new();
    static FILTER: OnceLock<Regex> = OnceLock::new();
    let compile = |pattern| Regex::new(pattern).expect("a constant pattern compiles: this is a bug");
    let stream = STREAM.get_or_init(|| compile(r"(?-u)(end)?stream\r?\n?"));
    let filter = FILTER.get_or_init(|| compile(r"(?-u)/(?:FlateDecode|Fl|LZWDecode|LZW)\b"));
    let mut after = 0;
    let mut begun: Option<(usize, usize)> = None;
    for found in stream.find_iter(bytes) {
        let ends = found.as_bytes().starts_with(b"end");
        if !ends && begun.is_none() {
            let dictionary = &bytes[after.max(found.start().saturating_sub(DICTIONARY))..found.start()];
            let layers = filter.find_iter(&names_in_full(dictionary)).count();
            begun = (layers > 0).then_some((found.end(), layers));
        }
        if ends {
            after = found.end();
            if let Some((start, layers)) = begun.take() {
                measure(&bytes[start..found.start()], layers)?;
            }
        }
    }
    match begun {
        Some((start, layers)) => measure(&bytes[start..], layers),
        None => Ok(()),
    }
}

fn measure(packed: &[u8], layers: usize) -> Outcome {
    if layers > LAYERS {
        return Err(Refusal::new(
            format!("a stream inside it is compressed {layers} times over, which no sound document does"),
            "check where the file comes from",
        ));
    }
    if layers == 1 && packed.len() <= SMALL {
        return Ok(());
    }
    let mut inner: Box<dyn Read + '_> = Box::new(packed);
    for _ in 0..layers {
        inner = Box::new(ZlibDecoder::new(inner));
    }
    let (mut buffer, mut total) = (vec![0; 64 << 10], 0u64);
    // An error ends what is deflated, or says that this is not plain deflate: then there is nothing to measure.
    while let Ok(count @ 1..) = inner.read(&mut buffer) {
        total += count as u64;
        if total > MOST {
            return Err(Refusal::new(
                format!("a stream of {} bytes inside it unpacks to more than {MOST}", packed.len()),
                "check where the file comes from, or print it to a new PDF",
            ));
        }
    }
    Ok(())
}

/// A dictionary with `#46` in names read as `F`.
fn names_in_full(dictionary: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(dictionary.len());
    let mut rest = dictionary;
    while let [first, tail @ ..] = rest {
        let code = (*first == b'#').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        full.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    full
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn with_stream(filter: &str, data: &[u8]) -> Vec<u8> {
        let head = format!("%PDF-1.4\n1 0 obj\n<</Filter {filter}/Length {}>>stream\n", data.len());
        [head.as_bytes(), data, b"\nendstream\nendobj\n"].concat()
    }

    #[test]
    fn streams_that_unpack_to_too_much_are_refused() {
        let bomb = packed(&vec![b' '; MOST as usize + 1]);
        let twice = packed(&bomb);
        for (filter, data, sound) in [
            ("/FlateDecode", packed(b"BT ET"), true),
            ("/FlateDecode", bomb.clone(), false),
            ("/Fl#61teDecode", bomb.clone(), false),
            ("[/FlateDecode /FlateDecode]", twice, false),
            ("[/FlateDecode /FlateDecode]", packed(&packed(b"BT ET")), true),
            ("[/Fl/Fl/Fl/Fl/Fl]", b"x".to_vec(), false),
            ("/DCTDecode", bomb, true),
            ("/FlateDecode", vec![7; SMALL * 2], true),
        ] {
            assert_eq!(check(&with_stream(filter, &data)).is_ok(), sound, "{filter} {}", data.len());
        }
    }
}
