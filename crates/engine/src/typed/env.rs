//! A model's tokenizer as the grammar compiler sees it.

use llguidance::toktrie::{TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use crate::Tokenizer;

/// A tokenizer with its tokens as a trie of bytes.
pub(super) struct Env {
    tokenizer: Tokenizer,
    trie: TokTrie,
}

impl Env {
    pub(super) fn new(tokenizer: Tokenizer, vocabulary: usize) -> Self {
        let word = |id: u32| {
            let bytes = tokenizer.token_bytes(id);
            // A control token is never text, so no grammar of text reaches it.
            if tokenizer.is_control(id) { [&[TokTrie::SPECIAL_TOKEN_MARKER], &bytes[..]].concat() } else { bytes }
        };
        let words: Vec<Vec<u8>> = (0..vocabulary as u32).map(word).collect();
        let ends: Vec<TokenId> = (0..vocabulary as u32).filter(|id| tokenizer.is_end(*id)).collect();
        let end = ends.first().copied().unwrap_or_default();
        let info = TokRxInfo {
            vocab_size: vocabulary as u32,
            tok_eos: end,
            tok_bos: tokenizer.bos(),
            tok_pad: None,
            tok_unk: None,
            tok_end_of_turn: None,
        };
        let trie = TokTrie::from(&info, &words);
        let trie = if ends.is_empty() { trie } else { trie.with_eos_tokens(&ends) };
        Self { tokenizer, trie }
    }

    /// Whether tokens of a text are those the model would write, wherever the text stands.
    pub(super) fn is_canonical(&self) -> bool {
        self.tokenizer.is_byte_level()
    }
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.tokenizer.encode(text))
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.is_canonical()
    }
}
