//! Bytes to characters, whatever the encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::builder::Builder;

/// Bytes by which an encoding is guessed.
const SAMPLE: usize = 1 << 20;

pub(super) fn text(bytes: &[u8], out: &mut Builder) -> String {
    decode(bytes, guess(bytes), out)
}

/// The characters of a text in whatever encoding, as well as can be.
pub(crate) fn lenient(bytes: &[u8]) -> String {
    guess(bytes).decode(bytes).0.into_owned()
}

/// A web page names its own encoding; believed unless the bytes are plain UTF-8.
pub(super) fn html(bytes: &[u8], out: &mut Builder) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_ascii_lowercase();
    let named = ["charset=", "encoding="].iter().find_map(|key| {
        let rest = head.split_once(key)?.1.trim_start_matches(['"', '\'', ' ']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        Encoding::for_label(&rest.as_bytes()[..end.unwrap_or(rest.len())])
    });
    let encoding = match named {
        _ if Encoding::for_bom(bytes).is_some() || std::str::from_utf8(bytes).is_ok() => guess(bytes),
        Some(named) if named != UTF_8 => named,
        _ => guess(bytes),
    };
    decode(bytes, encoding, out)
}

fn decode(bytes: &[u8], encoding: &'static Encoding, out: &mut Builder) -> String {
    let (text, _, replaced) = encoding.decode(bytes);
    if replaced {
        let count = text.chars().filter(|c| *c == '\u{fffd}').count();
        let name = encoding.name();
        out.warn(format!("{count} characters could not be read as {name}"));
    }
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.into_owned() }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    let sample = &bytes[..bytes.len().min(64 << 10)];
    if let Some(encoding) = utf16_guess(sample) {
        return encoding;
    }
    if mostly_utf8(bytes) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    // The last character of a longer text may be cut in two, which says nothing against an encoding.
    detector.feed(sample, sample.len() == bytes.len());
    let found = detector.guess(None, Utf8Detection::Allow);
    if found == encoding_rs::GBK { encoding_rs::GB18030 } else { found }
}

/// Valid, or with so few broken places among many sound ones that it was meant to be.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut sound, mut broken) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        sound += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    broken == 0 || broken * 20 < sound
}

/// UTF-16 without a mark: decoding one way gives text and the zero bytes or the ranges agree.
pub(super) fn utf16_guess(sample: &[u8]) -> Option<&'static Encoding> {
    if sample.len() < 4 || std::str::from_utf8(sample).is_ok() && !sample.contains(&0) {
        return None;
    }
    let pairs = sample.len() / 2;
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let plain = |high: usize| {
        let units = sample.chunks_exact(2).map(|p| u16::from(p[high]) << 8 | u16::from(p[1 - high]));
        let good = units
            .filter(|u| matches!(u, 9 | 10 | 13 | 0x20..=0x7e | 0x3000..=0x30ff | 0x4e00..=0x9fff | 0xff00..=0xffef));
        good.count() * 100 / pairs
    };
    if even + odd == 0 {
        return None;
    }
    let (little, big) = (plain(1), plain(0));
    match () {
        () if little >= 90 && little > big => Some(UTF_16LE),
        () if big >= 90 && big > little => Some(UTF_16BE),
        () => None,
    }
}
