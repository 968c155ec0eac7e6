//! How much a PDF's streams unpack to, before a reader unpacks them without bounds: a few kilobytes can become
//! terabytes. What a file says of its streams is not believed: whatever may be unpacked is, filter within filter.

use std::cell::Cell;
use std::io::{BufRead, BufReader, ErrorKind, Read, Result};
use std::sync::OnceLock;

use flate2::bufread::DeflateDecoder;
use regex::bytes::Regex;

use super::pdf_filters::{Base85, Hex, Lzw, Runs, Unpacked};
use super::{Outcome, Refusal};

/// Bytes of one stream unpacked; the largest sound ones are fonts of some 20 MB.
const MOST: u64 = 256 << 20;
/// Bytes of one stream read as run lengths. Any bytes can be, and most would become thirty times as many.
const MOST_RUNS: u64 = 2 << 30;
/// Bytes of all streams unpacked, for each byte of the file, where that is more than [`LEAST`].
const RATIO: u64 = 64;
const LEAST: u64 = 1 << 30;
/// Filters within one another that are looked into.
const LAYERS: usize = 4;
/// What comes out of a filter that the bytes were not made for is shorter as a rule.
const PLAUSIBLE: u64 = 16;
/// Whatever unpacks to so much below the last layer is refused.
const DEEPEST: u64 = 64 << 10;
const BUFFER: usize = 8 << 10;

/// Refuses a file with a stream that unpacks to too much. What is encrypted cannot be looked at and passes.
pub(super) fn check(bytes: &[u8]) -> Outcome {
    static PATTERNS: OnceLock<[Regex; 3]> = OnceLock::new();
    let [stream, runs, runs_twice] = PATTERNS.get_or_init(|| {
        // Any byte of a name may be written as its number.
        let spelled = |name: &str| {
            name.bytes().map(|byte| format!("(?:{}|#(?i:{byte:02x}))", char::from(byte))).collect::<String>()
        };
        let runs = format!("/(?:{}|{})", spelled("RL"), spelled("RunLengthDecode"));
        // What stands around it as well: three bytes alone are found in any picture.
        let named = format!(r"[\[\s)>a-zA-Z0-9]{runs}[\s/\]>]");
        [r"(?:end)?stream(?:\r?\n|\r)", &named, &format!(r"\[[^\]]*{runs}\b[^\]]*{runs}\b")]
            .map(|pattern| Regex::new(&format!("(?-u){pattern}")).expect("a constant pattern compiles: this is a bug"))
    });
    let refusal = || {
        Refusal::new(
            format!("a stream inside it unpacks to more than {MOST} bytes, or again and again"),
            "check where the file comes from, or print it to a new PDF",
        )
    };
    if runs_twice.is_match(bytes) {
        return Err(refusal());
    }
    let filters = if runs.is_match(bytes) { &FILTERS[..] } else { &FILTERS[..FILTERS.len() - 1] };
    let left = Cell::new(LEAST.max(bytes.len() as u64 * RATIO));
    for found in stream.find_iter(bytes).filter(|found| !found.as_bytes().starts_with(b"end")) {
        let packed = &bytes[found.end()..];
        unpack(&|| Box::new(packed), filters, 1, &left).map_err(|_| refusal())?;
    }
    Ok(())
}

/// What may have packed some bytes; the last only if the file names it.
const FILTERS: [Filter; 6] = [
    Filter::Deflate,
    Filter::Hex,
    Filter::Base85,
    Filter::Lzw { early: true },
    Filter::Lzw { early: false },
    Filter::Runs,
];

#[derive(Clone, Copy, PartialEq)]
enum Filter {
    Deflate,
    Hex,
    Base85,
    Lzw { early: bool },
    Runs,
}

impl Filter {
    fn over<'a>(self, mut packed: Box<dyn BufRead + 'a>) -> Box<dyn Read + 'a> {
        match self {
            Self::Deflate => {
                // Readers also take what has no head of zlib's.
                if matches!(packed.fill_buf(), Ok(bytes) if is_zlib(bytes)) {
                    packed.consume(2);
                }
                Box::new(DeflateDecoder::new(packed))
            }
            Self::Hex => Box::new(Unpacked::new(packed, Hex)),
            Self::Base85 => Box::new(Unpacked::new(packed, Base85)),
            Self::Lzw { early } => Box::new(Unpacked::new(packed, Lzw::new(early))),
            Self::Runs => Box::new(Unpacked::new(packed, Runs)),
        }
    }
}

/// RFC 1950: deflate, no dictionary, and a sum that agrees.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 15 == 8 && method >> 4 <= 7 && flags & 0x20 == 0
        && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

/// Unpacks by each filter to the end of what is packed, and what is packed inside that; fails only if it is too much.
/// Run lengths are looked for once in a chain; `left` is what all streams may still unpack to.
fn unpack<'a>(
    open: &dyn Fn() -> Box<dyn BufRead + 'a>,
    filters: &[Filter],
    layer: usize,
    left: &Cell<u64>,
) -> Result<()> {
    for &filter in filters {
        let runs = filter == Filter::Runs;
        let size = if runs {
            size(filter.over(open()), MOST_RUNS, None)?
        } else {
            size(filter.over(open()), MOST, Some(left))?
        };
        if layer > LAYERS && size >= DEEPEST {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        if layer <= LAYERS && size >= PLAUSIBLE {
            let inside =
                || -> Box<dyn BufRead + 'a> { Box::new(BufReader::with_capacity(BUFFER, filter.over(open()))) };
            unpack(&inside, if runs { &FILTERS[..FILTERS.len() - 1] } else { filters }, layer + 1, left)?;
        }
    }
    Ok(())
}

/// Bytes up to the end of what is packed, or up to where it is not packed so; they are taken from `left`.
fn size(mut unpacked: Box<dyn Read + '_>, most: u64, left: Option<&Cell<u64>>) -> Result<u64> {
    let (mut size, mut buffer) = (0, [0; BUFFER]);
    loop {
        let count = match unpacked.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return Ok(size),
            Ok(count) => count as u64,
        };
        size += count;
        if size > most {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        if let Some(left) = left {
            left.set(left.get().checked_sub(count).ok_or(ErrorKind::QuotaExceeded)?);
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

    fn base85(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for group in bytes.chunks(4) {
            let mut four = [0; 4];
            four[..group.len()].copy_from_slice(group);
            let value = u32::from_be_bytes(four);
            let digits: Vec<u8> = (0..5).rev().map(|at| (value / 85u32.pow(at) % 85) as u8 + b'!').collect();
            out.extend_from_slice(&digits[..group.len() + 1]);
        }
        [out, b"~>".to_vec()].concat()
    }

    /// Each code one longer than the last, until there is no more room; then the longest again and again.
    fn lzw_bomb() -> Vec<u8> {
        let (mut bits, mut count, mut out) = (0u64, 0, Vec::new());
        let mut put = |code: u64, width: u32| {
            (bits, count) = (bits << width | code, count + width);
            while count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
            }
        };
        put(256, 9);
        put(0, 9);
        for code in 258..4096u64 {
            put(
                code,
                if code < 511 {
                    9
                } else if code < 1023 {
                    10
                } else if code < 2047 {
                    11
                } else {
                    12
                },
            );
        }
        (0..1 << 17).for_each(|_| put(4095, 12));
        out
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
        let deep = (0..5).fold(vec![b' '; 1 << 20], |inner, _| packed(&inner));
        let shallow = (0..5).fold(b"BT ET".to_vec(), |inner, _| packed(&inner));
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
        let (runs, run) = (vec![129; 40 << 20], [[129, 7].repeat(1 << 10), vec![128]].concat());
        for (filter, data, sound) in [
            ("/FlateDecode", packed(b"BT ET"), true),
            ("/FlateDecode", bomb.clone(), false),
            ("/Fl#61teDecode", bomb.clone(), false),
            ("[/FlateDecode /FlateDecode]", twice, false),
            ("[/FlateDecode /FlateDecode]", packed(&packed(b"BT ET")), true),
            ("[/Fl/Fl/Fl/Fl/Fl]", deep, false),
            ("[/Fl/Fl/Fl/Fl/Fl]", shallow, true),
            ("[/AHx /Fl]", hex(&bomb), false),
            ("[/AHx /Fl]", [hex(&packed(b"BT ET")), b">".to_vec()].concat(), true),
            ("[/A85 /Fl]", base85(&bomb), false),
            ("[/Fl /A85 /Fl]", packed(&base85(&bomb)), false),
            ("[/A85 /Fl]", base85(&packed(b"BT ET")), true),
            ("/LZWDecode", lzw_bomb(), false),
            ("[/ASCII85Decode /LZWDecode]", base85(&lzw_bomb()), false),
            ("/LZW", vec![0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01], true),
            ("[/Fl /RL]", packed(&runs), false),
            ("/RunLengthDecode", run.clone(), true),
            ("[ /RunLength#44ecode/RL ]", run, false),
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
