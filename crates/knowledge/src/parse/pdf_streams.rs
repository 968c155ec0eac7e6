//! How much a PDF's streams unpack to, before a reader unpacks them without bounds: a few kilobytes can become
//! terabytes. What a file says of its streams is not believed: whatever may be unpacked is.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::sync::OnceLock;

use flate2::bufread::DeflateDecoder;
use regex::bytes::Regex;

use super::{Outcome, Refusal};

/// Bytes of one stream unpacked; the largest sound ones are fonts of some 20 MB.
const MOST: u64 = 256 << 20;
/// Bytes of all streams unpacked, for each byte of the file, where that is more than [`LEAST`].
const RATIO: u64 = 64;
const LEAST: u64 = 1 << 30;
/// Layers of compression.
const LAYERS: usize = 3;
const BUFFER: usize = 8 << 10;

/// Refuses a file with a stream that unpacks to too much. What is encrypted cannot be looked at and passes.
pub(super) fn check(bytes: &[u8]) -> Outcome {
    static STREAM: OnceLock<Regex> = OnceLock::new();
    let stream = STREAM.get_or_init(|| {
        Regex::new(r"(?-u)(?:end)?stream(?:\r?\n|\r)").expect("a constant pattern compiles: this is a bug")
    });
    let left = Cell::new(LEAST.max(bytes.len() as u64 * RATIO));
    for found in stream.find_iter(bytes).filter(|found| !found.as_bytes().starts_with(b"end")) {
        unpack(&mut &bytes[found.end()..], 1, &left).map_err(|_| {
            Refusal::new(
                format!("a stream inside it unpacks to more than {MOST} bytes, or again and again"),
                "check where the file comes from, or print it to a new PDF",
            )
        })?;
    }
    Ok(())
}

/// Unpacks to the end of what is packed, and what is packed inside that; fails only if it is too much.
fn unpack(packed: &mut dyn BufRead, layer: usize, left: &Cell<u64>) -> Result<()> {
    // Readers also take what has no head of zlib's.
    let head = matches!(packed.fill_buf(), Ok(bytes) if is_zlib(bytes));
    if head {
        packed.consume(2);
    }
    if layer > LAYERS {
        return if head { Err(ErrorKind::QuotaExceeded.into()) } else { Ok(()) };
    }
    let counted = Counted { inner: DeflateDecoder::new(packed), own: MOST, left };
    let mut unpacked = BufReader::with_capacity(BUFFER, counted);
    unpack(&mut unpacked, layer + 1, left)?;
    loop {
        match unpacked.fill_buf().map(<[u8]>::len) {
            Err(error) if error.kind() == ErrorKind::QuotaExceeded => return Err(error),
            // The end of what is packed, or no packed bytes at all.
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => unpacked.consume(count),
        }
    }
}

/// RFC 1950: deflate, no dictionary, and a sum that agrees.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 15 == 8 && method >> 4 <= 7 && flags & 0x20 == 0
        && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

/// Fails once more has been read than one stream, or all of them, may have.
struct Counted<'a, R> {
    inner: R,
    own: u64,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.inner.read(buffer)?;
        match (self.own.checked_sub(count as u64), self.left.get().checked_sub(count as u64)) {
            (Some(own), Some(left)) => {
                self.own = own;
                self.left.set(left);
                Ok(count)
            }
            _ => Err(Error::from(ErrorKind::QuotaExceeded)),
        }
    }
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
        // A first block that is stored as it is, and holds what ends a stream.
        let ends = b"endstream\nendobj\n";
        let stored = [&[0x78, 0x01, 0, ends.len() as u8, 0, !(ends.len() as u8), 0xff], &ends[..], &bomb[2..]].concat();
        let many = (0..5).fold(b"BT ET".to_vec(), |inner, _| packed(&inner));
        for (filter, data, sound) in [
            ("/FlateDecode", packed(b"BT ET"), true),
            ("/FlateDecode", bomb.clone(), false),
            ("/Fl#61teDecode", bomb.clone(), false),
            ("[/FlateDecode /FlateDecode]", twice, false),
            ("[/FlateDecode /FlateDecode]", packed(&packed(b"BT ET")), true),
            ("[/Fl/Fl/Fl/Fl/Fl]", many, false),
            ("9 0 R", bomb.clone(), false),
            (&format!("/FlateDecode/X({})", "x".repeat(10_000)), bomb.clone(), false),
            ("/FlateDecode", stored, false),
            ("/FlateDecode", bomb[2..].to_vec(), false),
            ("/FlateDecode", vec![7; 1 << 20], true),
            ("/DCTDecode", [&[0xff, 0xd8, 0xff, 0xe0][..], &bomb].concat(), true),
        ] {
            assert_eq!(check(&with_stream(filter, &data)).is_ok(), sound, "{filter} {}", data.len());
        }
    }
}
