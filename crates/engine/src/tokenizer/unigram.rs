//! Unigram: of all ways to cut a text into pieces, the one whose scores add up highest.

use super::normalizer::Normalizer;
use super::vocabulary::{SPACE, TokenKind, Vocabulary, bad};
use crate::LoadError;

/// What an unknown character costs more than the unlikeliest piece.
const UNKNOWN_PENALTY: f64 = 10.0;

pub(super) struct Unigram {
    normalizer: Normalizer,
    pieces: Pieces,
    scores: Vec<f32>,
    unknown: u32,
    unknown_score: f64,
    space_prefix: bool,
    squeeze: bool,
    /// No piece has a space after its first character, so that words can be cut one by one.
    word_by_word: bool,
}

impl Unigram {
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, LoadError> {
        let why = "is missing; a unigram vocabulary needs it";
        let unknown = vocabulary.unknown.ok_or_else(|| bad("tokenizer.ggml.unknown_token_id", why))?;
        if vocabulary.scores.len() < vocabulary.texts.len() {
            return Err(bad(
                "tokenizer.ggml.scores",
                "has fewer entries than tokenizer.ggml.tokens; fetch the file again",
            ));
        }
        let is_piece = |id: &u32| {
            let kind = vocabulary.kinds[*id as usize];
            matches!(kind, TokenKind::Normal | TokenKind::UserDefined | TokenKind::Unused)
        };
        let ids: Vec<u32> = (0..vocabulary.texts.len() as u32).filter(is_piece).collect();
        let word_by_word =
            !ids.iter().any(|&id| vocabulary.texts[id as usize].chars().skip(1).any(|c| c == '\u{2581}'));
        let lowest = ids.iter().map(|&id| f64::from(vocabulary.scores[id as usize])).fold(0.0, f64::min);
        Ok(Self {
            normalizer: Normalizer::new(vocabulary)?,
            pieces: Pieces::new(vocabulary, ids),
            scores: vocabulary.scores.clone(),
            unknown,
            unknown_score: lowest - UNKNOWN_PENALTY,
            space_prefix: vocabulary.space_prefix,
            squeeze: vocabulary.squeeze,
            word_by_word,
        })
    }

    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let normalized = self.escape(&self.normalizer.normalize(text));
        let first = ids.len();
        if !self.word_by_word {
            self.cut(&normalized, ids);
        } else {
            let mut start = 0;
            for (at, _) in normalized.match_indices(SPACE).filter(|&(at, _)| at > 0) {
                self.cut(&normalized[start..at], ids);
                start = at;
            }
            self.cut(&normalized[start..], ids);
        }
        let mut last = None;
        let mut at = 0;
        ids.retain(|&id| {
            let repeats = at > first && id == self.unknown && last == Some(id);
            last = Some(id);
            at += 1;
            !repeats
        });
    }

    fn escape(&self, text: &str) -> String {
        if self.squeeze {
            return text.split(' ').filter(|word| !word.is_empty()).flat_map(|word| [SPACE, word]).collect();
        }
        let prefix = if self.space_prefix && !text.starts_with(' ') { SPACE } else { "" };
        format!("{prefix}{}", text.replace(' ', SPACE))
    }

    /// Appends the best cut of `text`.
    fn cut(&self, text: &str, ids: &mut Vec<u32>) {
        let mut best = vec![Step { score: f64::NEG_INFINITY, from: 0, id: self.unknown }; text.len() + 1];
        best[0].score = 0.0;
        for (start, c) in text.char_indices() {
            let so_far = best[start].score;
            let after = start + c.len_utf8();
            let mut offer = |end: usize, id: u32, score: f64| {
                if score > best[end].score {
                    best[end] = Step { score, from: start as u32, id };
                }
            };
            self.pieces.prefixes_of(&text.as_bytes()[start..], |len, id| {
                offer(start + len, id, so_far + f64::from(self.scores[id as usize]));
            });
            offer(after, self.unknown, so_far + self.unknown_score);
        }
        let first = ids.len();
        let mut end = text.len();
        while end > 0 {
            ids.push(best[end].id);
            end = best[end].from as usize;
        }
        ids[first..].reverse();
    }
}

#[derive(Clone, Copy)]
struct Step {
    score: f64,
    from: u32,
    id: u32,
}

/// Pieces in byte order; the ones that begin with given bytes are a range, which shrinks byte by byte.
struct Pieces {
    sorted: Vec<(Box<[u8]>, u32)>,
    /// Where the pieces that begin with each byte start.
    first: Vec<u32>,
}

impl Pieces {
    fn new(vocabulary: &Vocabulary, ids: Vec<u32>) -> Self {
        let pieces = ids.into_iter().map(|id| (Box::from(vocabulary.texts[id as usize].as_bytes()), id));
        let mut sorted: Vec<(Box<[u8]>, u32)> =
            pieces.filter(|(text, _): &(Box<[u8]>, u32)| !text.is_empty()).collect();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| later.0 == earlier.0);
        let first = (0..=256).map(|byte| sorted.partition_point(|(text, _)| usize::from(text[0]) < byte) as u32);
        Self { first: first.collect(), sorted }
    }

    /// Calls `found` with length and id of each piece that `text` begins with.
    fn prefixes_of(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let Some(&byte) = text.first() else { return };
        let byte = usize::from(byte);
        let mut range = &self.sorted[self.first[byte] as usize..self.first[byte + 1] as usize];
        for len in 1.. {
            let Some((piece, id)) = range.first() else { return };
            if piece.len() == len {
                found(len, *id);
                range = &range[1..];
            }
            let Some(&byte) = text.get(len) else { return };
            let start = range.partition_point(|(piece, _)| piece[len] < byte);
            range = &range[start..];
            let end = range.partition_point(|(piece, _)| piece[len] <= byte);
            range = &range[..end];
        }
    }
}
