//! Byte-level BPE: each word's bytes are joined pair by pair, the pair learnt earliest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::bytes;
use super::hash::{PairMap, pair};
use super::pretokenizer::{Pretokenizer, takes_whole_words};
use super::vocabulary::{TokenKind, Vocabulary, bad};
use crate::LoadError;

/// Words up to this many symbols are joined by scanning; longer ones by a heap.
const SHORT: usize = 32;

pub(super) struct Bpe {
    pretokenizer: Pretokenizer,
    byte_symbols: [u32; 256],
    joins: PairMap<Join>,
    whole_words: Option<HashMap<Box<[u8]>, u32>>,
    vocab: u32,
    /// Bytes of the symbols that joins pass through and the vocabulary lacks; their ids follow the vocabulary's.
    outside: Vec<Box<[u8]>>,
}

#[derive(Clone, Copy)]
struct Join {
    rank: u32,
    into: u32,
}

impl Bpe {
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, LoadError> {
        let mut symbols = Symbols::new(vocabulary);
        let byte_symbols = std::array::from_fn(|byte| symbols.intern(&bytes::stand_in(byte as u8).to_string()));
        let mut joins = PairMap::default();
        for (rank, merge) in vocabulary.merges.iter().enumerate() {
            let Some((left, right)) = split_merge(merge) else {
                return Err(bad("tokenizer.ggml.merges", format!("entry {rank} is not two pieces: {merge:?}")));
            };
            let into = symbols.intern(&format!("{left}{right}"));
            let key = pair(symbols.intern(left), symbols.intern(right));
            joins.entry(key).or_insert(Join { rank: rank as u32, into });
        }
        let whole_words = takes_whole_words(&vocabulary.pre).then(|| whole_words(vocabulary));
        Ok(Self {
            pretokenizer: Pretokenizer::named(&vocabulary.pre)?,
            byte_symbols,
            joins,
            whole_words,
            vocab: vocabulary.texts.len() as u32,
            outside: symbols.outside,
        })
    }

    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let mut symbols = Vec::new();
        self.pretokenizer.split(text, |word| {
            if let Some(&id) = self.whole_words.as_ref().and_then(|words| words.get(word.as_bytes())) {
                ids.push(id);
                return;
            }
            symbols.clear();
            symbols.extend(word.bytes().map(|byte| self.byte_symbols[usize::from(byte)]));
            if symbols.len() <= SHORT {
                self.join_short(&mut symbols)
            } else {
                self.join_long(&mut symbols)
            }
            for &symbol in &symbols {
                self.emit(symbol, ids);
            }
        });
    }

    fn join_short(&self, symbols: &mut Vec<u32>) {
        loop {
            let joins = symbols.windows(2).enumerate();
            let joins = joins.filter_map(|(at, two)| Some((at, self.joins.get(&pair(two[0], two[1]))?)));
            let Some((at, join)) = joins.min_by_key(|(at, join)| (join.rank, *at)) else { return };
            symbols[at] = join.into;
            symbols.remove(at + 1);
        }
    }

    fn join_long(&self, symbols: &mut Vec<u32>) {
        let mut chain = Chain::new(symbols);
        let mut heap = BinaryHeap::new();
        let offer = |heap: &mut BinaryHeap<_>, chain: &Chain, left: u32| {
            let right = chain.next[left as usize];
            if right == Chain::END {
                return;
            }
            let two = pair(chain.symbols[left as usize], chain.symbols[right as usize]);
            if let Some(join) = self.joins.get(&two) {
                heap.push(Reverse((join.rank, left, two)));
            }
        };
        for left in 0..chain.symbols.len() as u32 {
            offer(&mut heap, &chain, left);
        }
        while let Some(Reverse((_, left, two))) = heap.pop() {
            if !chain.still_holds(left, two) {
                continue;
            }
            let into = self.joins[&two].into;
            chain.join(left, into);
            offer(&mut heap, &chain, left);
            let before = chain.previous[left as usize];
            if before != Chain::END {
                offer(&mut heap, &chain, before);
            }
        }
        *symbols = chain.remaining();
    }

    fn emit(&self, symbol: u32, ids: &mut Vec<u32>) {
        if symbol < self.vocab {
            ids.push(symbol);
            return;
        }
        let bytes = &self.outside[(symbol - self.vocab) as usize];
        ids.extend(bytes.iter().map(|&byte| self.byte_symbols[usize::from(byte)]).filter(|&id| id < self.vocab));
    }
}

/// A merge is written `left right`; a piece may itself begin with a space.
fn split_merge(merge: &str) -> Option<(&str, &str)> {
    let first = merge.chars().next()?.len_utf8();
    let at = first + merge[first..].find(' ')?;
    Some((&merge[..at], &merge[at + 1..]))
}

fn whole_words(vocabulary: &Vocabulary) -> HashMap<Box<[u8]>, u32> {
    let entries = vocabulary.texts.iter().zip(&vocabulary.kinds).enumerate();
    let words = entries.filter(|(_, (_, kind))| !matches!(kind, TokenKind::Control | TokenKind::Unknown));
    words.filter_map(|(id, (text, _))| Some((bytes::decode(text)?, id as u32))).collect()
}

/// Ids for the texts joins speak of.
struct Symbols<'a> {
    ids: HashMap<&'a str, u32>,
    extra: HashMap<String, u32>,
    vocab: u32,
    outside: Vec<Box<[u8]>>,
}

impl<'a> Symbols<'a> {
    fn new(vocabulary: &'a Vocabulary) -> Self {
        let ids = vocabulary.texts.iter().enumerate().map(|(id, text)| (text.as_str(), id as u32)).collect();
        Self { ids, extra: HashMap::new(), vocab: vocabulary.texts.len() as u32, outside: Vec::new() }
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.ids.get(text).or_else(|| self.extra.get(text)) {
            return id;
        }
        let id = self.vocab + self.outside.len() as u32;
        self.outside.push(bytes::decode(text).unwrap_or_default());
        self.extra.insert(text.to_owned(), id);
        id
    }
}

/// Symbols as a linked list, so that joining two costs the same in a long word as in a short one.
struct Chain {
    symbols: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
}

impl Chain {
    const END: u32 = u32::MAX;
    const GONE: u32 = u32::MAX;

    fn new(symbols: &[u32]) -> Self {
        let len = symbols.len() as u32;
        Self {
            symbols: symbols.to_vec(),
            next: (1..len).chain([Self::END]).collect(),
            previous: [Self::END].into_iter().chain(0..len - 1).collect(),
        }
    }

    fn still_holds(&self, left: u32, two: u64) -> bool {
        let right = self.next[left as usize];
        let symbol = self.symbols[left as usize];
        symbol != Self::GONE && right != Self::END && pair(symbol, self.symbols[right as usize]) == two
    }

    fn join(&mut self, left: u32, into: u32) {
        let right = self.next[left as usize] as usize;
        self.symbols[left as usize] = into;
        self.symbols[right] = Self::GONE;
        let after = self.next[right];
        self.next[left as usize] = after;
        if after != Self::END {
            self.previous[after as usize] = left;
        }
    }

    fn remaining(self) -> Vec<u32> {
        self.symbols.into_iter().filter(|&symbol| symbol != Self::GONE).collect()
    }
}
