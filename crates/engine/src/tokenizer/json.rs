//! Tokenizers described by a `tokenizer.json`, run by the `tokenizers` crate.

use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::bytes;
use super::specials::Special;
use super::vocabulary::{SPACE, TokenKind, Vocabulary, bad};
use crate::LoadError;

/// Texts longer than this are cut at white space, as the crate's memory grows with many times the text.
const LONG: usize = 1 << 16;

/// A token that a template puts around texts without saying what it is.
fn missing_special(processor: &Value) -> Option<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if processor["type"] == "Sequence" {
        return list(&processor["processors"]).iter().find_map(missing_special);
    }
    let pieces = [list(&processor["single"]), list(&processor["pair"])].concat();
    let mut named = pieces.iter().filter_map(|piece| piece["SpecialToken"]["id"].as_str());
    named.find(|id| processor["special_tokens"].get(*id).is_none()).map(str::to_owned)
}

/// A merge whose result is no token: the crate copies it into a buffer of the longest token's size.
fn impossible_merge(model: &Value) -> Option<String> {
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    model["merges"].as_array()?.iter().find_map(|merge| {
        let (first, second) = match merge {
            Value::String(both) => both.split_once(' ')?, // the crate refuses the others by name
            pair => (pair[0].as_str()?, pair[1].as_str()?),
        };
        let joined = second.strip_prefix(prefix).map(|rest| format!("{first}{rest}"));
        let possible = joined.is_some_and(|joined| model["vocab"].get(&joined).is_some());
        (!possible).then(|| format!("{first} {second}"))
    })
}

pub(super) struct Json {
    tokenizer: Tokenizer,
}

impl Json {
    pub(super) fn parse(json: &[u8]) -> Result<Self, LoadError> {
        let refused = |error: &dyn std::fmt::Display| bad("tokenizer.json", format!("is not a tokenizer: {error}"));
        // The crate panics on a decoder that is not sound JSON, on merges that make no token, and later on a template without its tokens.
        let description: Value = serde_json::from_slice(json).map_err(|error| refused(&error))?;
        if let Some(token) = missing_special(&description["post_processor"]) {
            return Err(refused(&format!("its template names '{token}', which is not among its special tokens")));
        }
        if let Some(merge) = impossible_merge(&description["model"]) {
            return Err(refused(&format!("its merge '{merge}' makes no token of its vocabulary")));
        }
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|error| refused(&error))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| bad("tokenizer.json", error.to_string()))?;
        tokenizer.set_encode_special_tokens(true);
        Ok(Self { tokenizer })
    }

    /// The BERT tokenizer of a GGUF's vocabulary, where a word's first piece is marked rather than its others.
    pub(super) fn wordpiece(vocabulary: &Vocabulary) -> Result<Self, LoadError> {
        let entries = vocabulary.texts.iter().zip(&vocabulary.kinds).enumerate();
        let vocab: serde_json::Map<_, _> = entries
            .map(|(id, (text, kind))| {
                let text = match (text.strip_prefix(SPACE), kind) {
                    (Some(first), _) => first.to_owned(),
                    (None, TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined) => text.clone(),
                    (None, _) => format!("##{text}"),
                };
                (text, json!(id))
            })
            .collect();
        let unknown = vocabulary.unknown.and_then(|id| vocabulary.texts.get(id as usize));
        let description = json!({
            "version": "1.0",
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": vocabulary.lowercase},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": unknown.map_or("[UNK]", String::as_str),
                "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
        });
        Self::parse(description.to_string().as_bytes())
    }

    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        for part in parts(text) {
            // The crate fails only for vocabularies without an unknown token: such text has no tokens.
            if let Ok(encoding) = self.tokenizer.encode_fast(part, false) {
                ids.extend_from_slice(encoding.get_ids());
            }
        }
    }

    pub(super) fn specials(&self) -> Vec<Special> {
        let added = self.tokenizer.get_added_tokens_decoder();
        let specials = added.into_iter().filter(|(_, token)| token.special);
        specials.map(|(id, token)| Special { id, text: token.content, control: true, strips_right: false }).collect()
    }

    /// What the description puts before and after a text.
    pub(super) fn frame(&self) -> (Vec<u32>, Vec<u32>) {
        let ids = |framed: bool| {
            let encoding = self.tokenizer.encode_fast("a", framed);
            encoding.map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
        };
        let (plain, framed) = (ids(false), ids(true));
        match framed.windows(plain.len().max(1)).position(|window| window == plain) {
            Some(at) => (framed[..at].to_vec(), framed[at + plain.len()..].to_vec()),
            None => (Vec::new(), Vec::new()),
        }
    }

    pub(super) fn pieces(&self) -> (Vec<Box<[u8]>>, Vec<TokenKind>) {
        let added = self.tokenizer.get_added_tokens_decoder();
        let vocab = self.tokenizer.get_vocab(true);
        // A hostile file may name any id: the table is as long as the vocabulary, not as its highest id.
        let len = vocab.len();
        let mut pieces = vec![Box::from([]); len];
        let mut kinds = vec![TokenKind::Unused; len];
        let byte_level = vocab.contains_key("Ġ");
        let continuing = vocab.keys().any(|text| text.starts_with("##"));
        for (text, id) in vocab {
            let at = id as usize;
            if at >= len {
                continue;
            }
            let special = added.get(&id).is_some_and(|token| token.special);
            kinds[at] = if special { TokenKind::Control } else { TokenKind::Normal };
            pieces[at] = match text.strip_prefix("##") {
                _ if added.contains_key(&id) => text.into_bytes().into(),
                Some(rest) if continuing => Box::from(rest.as_bytes()),
                _ if continuing => format!(" {text}").into_bytes().into(),
                _ if byte_level => bytes::decode(&text).unwrap_or_else(|| Box::from(text.as_bytes())),
                _ => text.replace(SPACE, " ").into_bytes().into(),
            };
        }
        (pieces, kinds)
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = if rest.len() <= LONG { rest.len() } else { break_before(rest) };
        let (part, after) = rest.split_at(at);
        rest = after;
        Some(part)
    })
}

/// Where a long text is cut: at the last white space before `LONG`, else at a character.
fn break_before(text: &str) -> usize {
    let limit = text.floor_char_boundary(LONG);
    let space = text[..limit].rfind(char::is_whitespace).filter(|&at| at > 0);
    space.unwrap_or(limit)
}
