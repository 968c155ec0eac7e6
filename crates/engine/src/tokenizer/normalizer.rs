//! SentencePiece's normalisation: which characters are replaced by which before the cutting.

use std::collections::HashMap;

use super::vocabulary::{REPLACEMENTS, Vocabulary, bad};
use crate::LoadError;

pub(super) enum Normalizer {
    None,
    /// A character at a time.
    Replacements(HashMap<char, Box<str>>),
    Compiled(Compiled),
}

impl Normalizer {
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, LoadError> {
        if !vocabulary.replacements.is_empty() {
            let map = replacements(&vocabulary.replacements);
            let map = map.ok_or_else(|| bad(REPLACEMENTS, "is cut short or holds no characters; convert again"))?;
            return Ok(Self::Replacements(map));
        }
        if vocabulary.charsmap.is_empty() {
            return Ok(Self::None);
        }
        let compiled = Compiled::parse(&vocabulary.charsmap);
        let why = "is not a normalisation table; the file is damaged, fetch it again";
        compiled.map(Self::Compiled).ok_or_else(|| bad("tokenizer.ggml.precompiled_charsmap", why))
    }

    pub(super) fn normalize(&self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Replacements(map) => {
                let mut out = String::with_capacity(text.len());
                for c in text.chars() {
                    match map.get(&c) {
                        Some(replacement) => out.push_str(replacement),
                        None => out.push(c),
                    }
                }
                out
            }
            Self::Compiled(compiled) => compiled.normalize(text),
        }
    }
}

fn replacements(mut numbers: &[u32]) -> Option<HashMap<char, Box<str>>> {
    let mut map = HashMap::new();
    while let [code, count, rest @ ..] = numbers {
        let replacement = rest.get(..*count as usize)?;
        let replacement: Option<String> = replacement.iter().map(|&code| char::from_u32(code)).collect();
        map.insert(char::from_u32(*code)?, replacement?.into());
        numbers = &rest[*count as usize..];
    }
    numbers.is_empty().then_some(map)
}

/// A trie in a double array, then the replacements, each ended by a zero byte.
pub(super) struct Compiled {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

impl Compiled {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (trie, replacements) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
        let (chunks, odd) = trie.as_chunks::<4>();
        if chunks.is_empty() || !odd.is_empty() {
            return None;
        }
        let units = chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        Some(Self { units, replacements: replacements.to_vec() })
    }

    fn normalize(&self, text: &str) -> String {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (used, replacement) = match self.longest(rest.as_bytes()) {
                Some((len, replacement)) if rest.is_char_boundary(len) => (len, replacement),
                _ => (first.len_utf8(), &rest.as_bytes()[..first.len_utf8()]),
            };
            out.extend_from_slice(replacement);
            rest = &rest[used..];
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The longest prefix that has a replacement, and that.
    fn longest(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let mut node = offset(*self.units.first()?);
        let mut found = None;
        for (at, &byte) in text.iter().enumerate() {
            node ^= u32::from(byte);
            let Some(&unit) = self.units.get(node as usize) else { break };
            if byte == 0 || unit & (1 << 31 | 0xFF) != u32::from(byte) {
                break;
            }
            node ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                let Some(&leaf) = self.units.get(node as usize) else { break };
                found = Some((at + 1, leaf & 0x7FFF_FFFF));
            }
        }
        let (len, start) = found?;
        let replacement = self.replacements.get(start as usize..)?;
        Some((len, replacement.split(|&byte| byte == 0).next()?))
    }
}

fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}
