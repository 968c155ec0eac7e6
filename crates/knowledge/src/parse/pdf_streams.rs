//! How much a PDF's streams unpack to, before a reader unpacks them without bounds: a few kilobytes can become
//! terabytes. What a file says of one stream is not believed: whatever may be unpacked is, filter within filter.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Result};
use std::sync::OnceLock;

use flate2::bufread::DeflateDecoder;
use regex::bytes::Regex;

use super::pdf_filters::{Base85, Hex, Lzw, Runs, Unpacked};
use super::{Outcome, Refusal};

/// Bytes of one stream unpacked; the largest sound ones are fonts of some 20 MB.
const MOST: u64 = 256 << 20;
/// Bytes of one stream read as run lengths. Any bytes can be, and an even grey would become thirty times as much.
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
    static STREAM: OnceLock<Regex> = OnceLock::new();
    let stream = STREAM.get_or_init(|| pattern(r"(?:end)?stream(?:\r?\n|\r)"));
    let remedy = "check where the file comes from, or print it to a new PDF";
    let Some(filters) = named(bytes) else {
        return Err(Refusal::new("it hides how a stream inside it is packed", remedy));
    };
    let refusal =
        || Refusal::new(format!("a stream inside it unpacks to more than {MOST} bytes, or again and again"), remedy);
    let left = Cell::new(LEAST.max(bytes.len() as u64 * RATIO));
    for found in stream.find_iter(bytes).filter(|found| !found.as_bytes().starts_with(b"end")) {
        let packed = &bytes[found.end()..];
        unpack(&|| Box::new(packed), &filters, 1, &left).map_err(|_| refusal())?;
    }
    Ok(())
}

/// The filters to look for: deflate always, and others where the file names them anywhere, since bytes that they were not made for may look
/// as if they were. `None` if it hides a name by escapes that no program needs, or says it twice for one stream.
fn named(bytes: &[u8]) -> Option<Vec<Filter>> {
    static PATTERNS: OnceLock<[Regex; 5]> = OnceLock::new();
    let [plain, twice, escaped, reference, object] = PATTERNS.get_or_init(|| {
        let (lzw, runs) = (r"/LZW(?:Decode)?\b", r"/(?:RL|RunLengthDecode)\b");
        [
            r"/(AHx|ASCIIHexDecode|A85|ASCII85Decode|LZW|LZWDecode|RL|RunLengthDecode)\b",
            &format!(r"\[[^\]]*(?:{lzw}[^\]]*{lzw}|{runs}[^\]]*{runs})"),
            r"/([A-Za-z0-9]*#[A-Za-z0-9#]*)",
            r"/Filter\s+([0-9]+)\s+[0-9]+\s+R\b",
            r"\b([0-9]+)\s+[0-9]+\s+obj\b",
        ]
        .map(pattern)
    });
    let is_hidden = |name: &[u8]| HIDEABLE.contains(&unescaped(name).as_slice());
    if twice.is_match(bytes) || escaped.captures_iter(bytes).any(|found| is_hidden(&found[1])) {
        return None;
    }
    let mut references = reference.captures_iter(bytes).map(|found| found[1].to_vec()).peekable();
    if references.peek().is_some() {
        let clear: HashSet<Vec<u8>> = object.captures_iter(bytes).map(|found| found[1].to_vec()).collect();
        if references.any(|number| !clear.contains(&number)) {
            // Named in an object that is packed itself: it may be any of them.
            return Some(ALL.to_vec());
        }
    }
    let mut filters = vec![Filter::Deflate];
    for found in plain.captures_iter(bytes) {
        let more = match &found[1] {
            b"AHx" | b"ASCIIHexDecode" => &[Filter::Hex][..],
            b"A85" | b"ASCII85Decode" => &[Filter::Base85],
            b"LZW" | b"LZWDecode" => &[Filter::Lzw { early: true }, Filter::Lzw { early: false }],
            _ => &[Filter::Runs],
        };
        if !filters.contains(&more[0]) {
            filters.extend_from_slice(more);
        }
    }
    Some(filters)
}

const ALL: [Filter; 6] = [
    Filter::Deflate,
    Filter::Hex,
    Filter::Base85,
    Filter::Lzw { early: true },
    Filter::Lzw { early: false },
    Filter::Runs,
];

/// Names that only someone who means harm would escape.
const HIDEABLE: [&[u8]; 11] = [
    b"Filter",
    b"F",
    b"FlateDecode",
    b"ASCIIHexDecode",
    b"AHx",
    b"ASCII85Decode",
    b"A85",
    b"LZWDecode",
    b"LZW",
    b"RunLengthDecode",
    b"RL",
];

fn pattern(pattern: &str) -> Regex {
    Regex::new(&format!("(?-u){pattern}")).expect("a constant pattern compiles: this is a bug")
}

/// A name with its escapes, `#` and two hexadecimal digits, resolved.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let digit = |at: usize| name.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::new(), 0);
    while at < name.len() {
        match (name[at], digit(at + 1), digit(at + 2)) {
            (b'#', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Filter {
    Deflate,
    Hex,
    Base85,
    Lzw { early: bool },
    Runs,
}

impl Filter {
    /// Most bytes can be read so, whatever they are.
    fn is_loose(self) -> bool {
        matches!(self, Self::Lzw { .. } | Self::Runs)
    }

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
/// LZW and run lengths, which most bytes can be read as, are looked for once in a chain; `left` is what all streams may still unpack to.
fn unpack<'a>(
    open: &dyn Fn() -> Box<dyn BufRead + 'a>,
    filters: &[Filter],
    layer: usize,
    left: &Cell<u64>,
) -> Result<()> {
    for &filter in filters {
        let size = match filter {
            Filter::Runs => size(filter.over(open()), MOST_RUNS, None)?,
            _ => size(filter.over(open()), MOST, Some(left))?,
        };
        if layer > LAYERS && size >= DEEPEST {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        if layer <= LAYERS && size >= PLAUSIBLE {
            let inside =
                || -> Box<dyn BufRead + 'a> { Box::new(BufReader::with_capacity(BUFFER, filter.over(open()))) };
            let once =
                |other: &Filter| other.is_loose() && std::mem::discriminant(other) == std::mem::discriminant(&filter);
            let others: Vec<Filter> = filters.iter().copied().filter(|other| !once(other)).collect();
            unpack(&inside, &others, layer + 1, left)?;
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
            ("[ /RunLengthDecode/RL ]", run.clone(), false),
            ("/RunLength#44ecode", run, false),
            ("[/LZW /Fl /LZWDecode]", b"BT ET".to_vec(), false),
            ("9 0 R", bomb.clone(), false),
            ("9 0 R", packed(b"BT ET"), true),
            ("9 0 R", base85(&lzw_bomb()), false),
            ("1 0 R", packed(b"BT ET"), true),
            ("/FlateDecode/BaseFont/Arial#20Bold", packed(b"BT ET"), true),
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
