//! Typed reading of a GGUF's tokenizer keys: absent is fine, of another type is an error.

use super::vocabulary::{TokenKind, bad};
use crate::LoadError;
use crate::gguf::{Gguf, Value};

pub(super) struct Keys<'a>(pub &'a Gguf);

impl Keys<'_> {
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, LoadError> {
        self.one(key, "text", |value| match value {
            Value::S(text) => Some(text.clone()),
            _ => None,
        })
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u32>, LoadError> {
        self.one(key, "a number below 2^32", whole)
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.one(key, "true or false", |value| match value {
            Value::B(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, LoadError> {
        self.list(key, "texts", |value| match value {
            Value::S(text) => Some(text.clone()),
            _ => None,
        })
    }

    pub(super) fn numbers(&self, key: &str) -> Result<Vec<u32>, LoadError> {
        self.list(key, "numbers below 2^32", whole)
    }

    pub(super) fn bytes(&self, key: &str) -> Result<Vec<u8>, LoadError> {
        self.list(key, "bytes", |value| match value {
            Value::U(number) => u8::try_from(*number).ok(),
            // Some converters wrote the table as signed bytes.
            Value::I(number) => i8::try_from(*number).ok().map(i8::cast_unsigned),
            _ => None,
        })
    }

    /// One score per token; empty if the file has none.
    pub(super) fn scores(&self, tokens: usize) -> Result<Vec<f32>, LoadError> {
        let key = "tokenizer.ggml.scores";
        let scores = self.list(key, "numbers", |value| match value {
            Value::F(score) if score.is_finite() => Some(*score as f32),
            _ => None,
        })?;
        same_length(key, scores.len(), tokens)?;
        Ok(scores)
    }

    /// One kind per token; all normal if the file does not say.
    pub(super) fn kinds(&self, tokens: usize) -> Result<Vec<TokenKind>, LoadError> {
        let key = "tokenizer.ggml.token_type";
        let kinds = self.list(key, "numbers", |value| match value {
            Value::I(number) => Some(TokenKind::of(*number)),
            Value::U(number) => Some(TokenKind::of(i64::try_from(*number).ok()?)),
            _ => None,
        })?;
        same_length(key, kinds.len(), tokens)?;
        Ok(if kinds.is_empty() { vec![TokenKind::Normal; tokens] } else { kinds })
    }

    fn one<T>(&self, key: &str, kind: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, LoadError> {
        let Some(value) = self.0.meta(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| bad(key, format!("is not {kind}; get the file again or another one")))
    }

    fn list<T>(&self, key: &str, kind: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, LoadError> {
        let wrong = || bad(key, format!("is not a list of {kind}; get the file again or another one"));
        match self.0.meta(key) {
            None => Ok(Vec::new()),
            Some(Value::A(values)) => values.iter().map(|value| read(value).ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }
}

fn whole(value: &Value) -> Option<u32> {
    match value {
        Value::U(number) => u32::try_from(*number).ok(),
        Value::I(number) => u32::try_from(*number).ok(),
        _ => None,
    }
}

fn same_length(key: &str, found: usize, tokens: usize) -> Result<(), LoadError> {
    if found == 0 || found == tokens {
        return Ok(());
    }
    Err(bad(key, format!("has {found} entries for {tokens} tokens; get the file again or another one")))
}
