//! SentencePiece BPE: characters are joined pair by pair, the pair whose result scores highest first.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use super::bytes;
use super::vocabulary::{SPACE, TokenKind, Vocabulary};

pub(super) struct SentencePiece {
    ids: HashMap<Box<str>, u32>,
    scores: Vec<f32>,
    byte_tokens: [Option<u32>; 256],
    space_prefix: bool,
    /// No token reaches across the beginning of a word, so that words can be joined one by one.
    word_by_word: bool,
}

impl SentencePiece {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        let mut byte_tokens = [vocabulary.unknown; 256];
        let mut ids: HashMap<Box<str>, u32> = HashMap::with_capacity(vocabulary.texts.len());
        for (id, (text, kind)) in vocabulary.texts.iter().zip(&vocabulary.kinds).enumerate() {
            match (kind, bytes::fallback_byte(text)) {
                (TokenKind::Byte, Some(byte)) => byte_tokens[usize::from(byte)] = Some(id as u32),
                // Text must not become a control token by being joined into its name.
                (TokenKind::Control | TokenKind::Unknown | TokenKind::Byte, _) => {}
                _ => {
                    ids.entry(text.as_str().into()).or_insert(id as u32);
                }
            }
        }
        let word_by_word = !ids.keys().any(|text| reaches_across_words(text));
        let mut scores = vocabulary.scores.clone();
        scores.resize(vocabulary.texts.len(), 0.0);
        Self { ids, scores, byte_tokens, space_prefix: vocabulary.space_prefix, word_by_word }
    }

    /// Encodes text at the beginning or after a control token, where a space is put first if the model wants one.
    pub(super) fn encode_start(&self, text: &str, ids: &mut Vec<u32>) {
        let prefix = if self.space_prefix { SPACE } else { "" };
        self.encode_escaped(&format!("{prefix}{}", text.replace(' ', SPACE)), ids);
    }

    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        self.encode_escaped(&text.replace(' ', SPACE), ids);
    }

    fn encode_escaped(&self, text: &str, ids: &mut Vec<u32>) {
        if !self.word_by_word {
            return self.encode_whole(text, ids);
        }
        let mut start = 0;
        let mut in_word = false;
        for (at, c) in text.char_indices() {
            let is_space = c == '\u{2581}';
            if is_space && in_word {
                self.encode_whole(&text[start..at], ids);
                start = at;
            }
            in_word = !is_space;
        }
        self.encode_whole(&text[start..], ids);
    }

    fn encode_whole(&self, text: &str, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let mut chain = Chain::new(text);
        let mut heap = BinaryHeap::new();
        for left in 0..chain.starts.len() {
            self.offer(&mut heap, &chain, left);
        }
        while let Some(best) = heap.pop() {
            let Reverse(left) = best.left;
            if chain.ends[left] == 0 || chain.pair_end(left) != Some(best.end) {
                continue;
            }
            chain.join(left);
            self.offer(&mut heap, &chain, left);
            if let Some(before) = chain.before(left) {
                self.offer(&mut heap, &chain, before);
            }
        }
        for (start, end) in chain.remaining() {
            let piece = &text[start..end];
            match self.ids.get(piece) {
                Some(&id) => ids.push(id),
                None => ids.extend(piece.bytes().filter_map(|byte| self.byte_tokens[usize::from(byte)])),
            }
        }
    }

    fn offer(&self, heap: &mut BinaryHeap<Pair>, chain: &Chain<'_>, left: usize) {
        let Some(end) = chain.pair_end(left) else { return };
        if let Some(&id) = self.ids.get(&chain.text[chain.starts[left]..end]) {
            let score = self.scores[id as usize];
            heap.push(Pair { score, left: Reverse(left), end });
        }
    }
}

fn reaches_across_words(token: &str) -> bool {
    let mut in_word = false;
    token.chars().any(|c| {
        let is_space = c == '\u{2581}';
        let across = is_space && in_word;
        in_word = !is_space;
        across
    })
}

/// Two neighbours that make a token; the highest score first, the leftmost among equals.
struct Pair {
    score: f32,
    left: Reverse<usize>,
    end: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(self.left.cmp(&other.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

/// Characters as a linked list over the text; a symbol that was joined to its left has end 0.
struct Chain<'a> {
    text: &'a str,
    starts: Vec<usize>,
    ends: Vec<usize>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl<'a> Chain<'a> {
    fn new(text: &'a str) -> Self {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]).collect();
        let len = starts.len();
        let previous = (0..len).map(|at| at.wrapping_sub(1)).collect();
        Self { text, starts, ends, next: (1..=len).collect(), previous }
    }

    fn pair_end(&self, left: usize) -> Option<usize> {
        self.ends.get(self.next[left]).copied()
    }

    fn before(&self, at: usize) -> Option<usize> {
        Some(self.previous[at]).filter(|&before| before < self.starts.len())
    }

    fn join(&mut self, left: usize) {
        let right = self.next[left];
        self.ends[left] = self.ends[right];
        self.ends[right] = 0;
        let after = self.next[right];
        self.next[left] = after;
        if let Some(previous) = self.previous.get_mut(after) {
            *previous = left;
        }
    }

    fn remaining(&self) -> impl Iterator<Item = (usize, usize)> {
        self.starts.iter().copied().zip(self.ends.iter().copied()).filter(|&(_, end)| end != 0)
    }
}
