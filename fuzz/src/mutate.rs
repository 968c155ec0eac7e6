//! Damage: to bytes anywhere, to numbers, to words that formats know, and to the members of an archive.

use std::io::{Cursor, Read, Write};

use fastrand::Rng;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// What kind of bytes a target takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A binary layout with lengths and offsets.
    Binary,
    /// Text in some syntax.
    Text,
    /// An archive of texts.
    Archive,
}

/// Longer inputs find nothing that shorter ones do not.
const LONGEST: usize = 1 << 20;
const MOST_UNPACKED: u64 = 4 << 20;

/// Numbers at which readers go wrong.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    31,
    33,
    127,
    255,
    256,
    65_535,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Words that the formats give a meaning.
const WORDS: [&str; 58] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    "null",
    "true",
    "-1",
    "1e999",
    "9223372036854775808",
    "NaN",
    "<",
    ">",
    "</",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a [<!ENTITY b \"cc\">]>",
    "&b;",
    "&#x110000;",
    "&amp;",
    "<table><tr><td>",
    "<svg>",
    "<script>",
    "<template>",
    "xmlns:w=\"x\"",
    "r:id=\"rId1\"",
    "../",
    "%00",
    "#",
    "```",
    "|---|",
    "- ",
    "1. ",
    "> ",
    "![",
    "](",
    "***",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "e\u{301}",
    "👩‍👩‍👧",
    "obj",
    "endobj",
    "stream",
    "/Length 99999999",
    "/Kids [1 0 R]",
    "/Parent 1 0 R",
    "trailer",
    "<|im_end|>",
    ",",
];

/// A damaged input made from the pool.
pub(crate) fn mutate(rng: &mut Rng, pool: &[Vec<u8>], shape: Shape) -> Vec<u8> {
    let Some(base) = pool.get(rng.usize(..pool.len().max(1))) else {
        return random_bytes(rng);
    };
    let other = &pool[rng.usize(..pool.len())];
    if shape == Shape::Archive
        && rng.u8(..10) < 8
        && let Some(changed) = change_member(rng, base)
    {
        return changed;
    }
    let mut bytes = base.clone();
    damage(rng, &mut bytes, other, shape);
    bytes
}

fn random_bytes(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(..256)).map(|_| rng.u8(..)).collect()
}

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8], shape: Shape) {
    for _ in 0..1 << rng.u32(..4) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..11) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            1 if at < bytes.len() => bytes[at] = rng.u8(..),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + length(rng)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => repeat(rng, bytes, at),
            5 => splice(rng, bytes, at, other),
            6 if shape == Shape::Text => digits(rng, bytes),
            6 | 7 => number(rng, bytes, at),
            8 => insert(bytes, at, WORDS[rng.usize(..WORDS.len())].as_bytes()),
            9 if shape != Shape::Binary => nest(rng, bytes, at),
            _ => insert(bytes, at, &random_bytes(rng)[..].iter().copied().take(8).collect::<Vec<_>>()),
        }
    }
    bytes.truncate(LONGEST);
}

fn length(rng: &mut Rng) -> usize {
    1usize << rng.u32(..8)
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.splice(at..at, new.iter().copied());
}

fn repeat(rng: &mut Rng, bytes: &mut Vec<u8>, at: usize) {
    let end = (at + length(rng)).min(bytes.len());
    let times = length(rng).min(LONGEST / (end - at).max(1));
    let piece = bytes[at..end].repeat(times);
    insert(bytes, at, &piece);
}

fn splice(rng: &mut Rng, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
    let from = rng.usize(..=other.len());
    let until = (from + length(rng) * 4).min(other.len());
    let end = (at + rng.usize(..64)).min(bytes.len());
    bytes.splice(at..end, other[from..until].iter().copied());
}

/// Overwrites 1 to 8 bytes by a number from the list, or moves the one that is there a little.
fn number(rng: &mut Rng, bytes: &mut [u8], at: usize) {
    let size = 1usize << rng.u32(..4);
    // Lengths and offsets of most layouts lie on multiples of four.
    let at = if rng.bool() { at & !3 } else { at };
    let Some(place) = bytes.get_mut(at..at + size) else { return };
    let mut old = [0; 8];
    old[..size].copy_from_slice(place);
    let old = u64::from_le_bytes(old);
    let new = match rng.u8(..3) {
        0 => old.wrapping_add(rng.u64(..9)).wrapping_sub(4),
        1 => old.wrapping_mul(2),
        _ => NUMBERS[rng.usize(..NUMBERS.len())],
    };
    place.copy_from_slice(&new.to_le_bytes()[..size]);
}

/// Replaces a run of digits in a text.
fn digits(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let runs: Vec<usize> =
        (0..bytes.len()).filter(|&i| bytes[i].is_ascii_digit() && (i == 0 || !bytes[i - 1].is_ascii_digit())).collect();
    if let Some(&start) = runs.get(rng.usize(..runs.len().max(1))) {
        let end = start + bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        let sign = if rng.u8(..4) == 0 { "-" } else { "" };
        let text = format!("{sign}{}", NUMBERS[rng.usize(..NUMBERS.len())]);
        bytes.splice(start..end, text.bytes());
    }
}

/// Nests deeply, for readers that recurse.
fn nest(rng: &mut Rng, bytes: &mut Vec<u8>, at: usize) {
    let openers = ["[", "{\"a\":", "<div>", "<a><b>", "> ", "(", "- ", "<ul><li>", "<table><tr><td>", "*", "[["];
    let opener = openers[rng.usize(..openers.len())];
    insert(bytes, at, opener.repeat(1 << rng.u32(..14)).as_bytes());
}

/// Damages one member and packs again, so that the damage reaches the reader behind the checksum.
fn change_member(rng: &mut Rng, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut members = Vec::new();
    for index in 0..archive.len().min(64) {
        let file = archive.by_index(index).ok()?;
        let name = file.name().ok()?.into_owned();
        let mut content = Vec::new();
        file.take(MOST_UNPACKED).read_to_end(&mut content).ok()?;
        members.push((name, content));
    }
    if members.is_empty() {
        return None;
    }
    let (chosen, other) = (rng.usize(..members.len()), rng.usize(..members.len()));
    match rng.u8(..12) {
        0 => {
            members.remove(chosen);
        }
        1 => {
            let content = members[other].1.clone();
            members[chosen].1 = content;
        }
        2 => {
            let mut name = std::mem::take(&mut members[chosen].0).into_bytes();
            damage(rng, &mut name, b"../", Shape::Text);
            members[chosen].0 = String::from_utf8_lossy(&name).into_owned();
        }
        _ => {
            let with = members[other].1.clone();
            damage(rng, &mut members[chosen].1, &with, Shape::Text);
        }
    }
    pack(&members)
}

/// An archive of members, stored; `None` when a name cannot be one.
pub(crate) fn pack(members: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (index, (name, content)) in members.iter().enumerate() {
        let method = if index % 2 == 0 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).ok()?;
        writer.write_all(content).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutation_changes_most_inputs_and_is_repeatable() {
        let archive =
            pack(&[("a.xml".into(), b"<a>1</a>".to_vec()), ("b.xml".into(), b"<b/>".to_vec())]).expect("packs");
        for shape in [Shape::Binary, Shape::Text, Shape::Archive] {
            let pool = [archive.clone(), b"{\"a\": 12}".to_vec()];
            let run = || {
                let mut rng = Rng::with_seed(5);
                (0..500).map(|_| mutate(&mut rng, &pool, shape)).collect::<Vec<_>>()
            };
            let made = run();
            assert!(made == run());
            assert!(made.iter().filter(|bytes| !pool.contains(bytes)).count() > 400);
            assert!(made.iter().all(|bytes| bytes.len() <= 2 * LONGEST));
        }
        assert!(!mutate(&mut Rng::with_seed(1), &[], Shape::Text).is_empty());
    }
}
