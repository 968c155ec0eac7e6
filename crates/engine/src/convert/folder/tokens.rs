//! A vocabulary in the making: `tokenizer.json` as GGUF's tokenizer keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Fields, shown, whole};
use super::pretokenizer;
use crate::LoadError;
use crate::convert::writer::Writer;

/// Kinds of tokens, by GGUF's numbers.
pub(super) const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
pub(super) const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

/// The character SentencePiece writes a space with.
const SPACE: char = '\u{2581}';

/// Bytes of a token that is matched as a whole: what looks for longer ones takes long to be made.
const LONGEST: usize = 4096;

/// A vocabulary as GGUF files hold it.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// `gpt2`, `llama` or `rwkv`.
    pub(super) model: &'static str,
    pub(super) pre: Option<&'static str>,
    pub(super) texts: Vec<String>,
    pub(super) kinds: Vec<i32>,
    /// Of SentencePiece only.
    pub(super) scores: Vec<f32>,
    /// Of byte-level BPE only.
    pub(super) merges: Vec<String>,
    /// Whether a space is put before a text; SentencePiece only.
    pub(super) space_prefix: Option<bool>,
}

/// A token that is matched as a whole.
#[derive(Debug, Clone)]
pub(super) struct Added {
    pub(super) content: String,
    special: bool,
}

impl Tokens {
    pub(super) fn push(&mut self, text: String, kind: i32, score: f32) {
        self.texts.push(text);
        self.kinds.push(kind);
        self.scores.push(score);
    }

    pub(super) fn write(&self, gguf: &mut Writer<'_>) {
        gguf.text("tokenizer.ggml.model", self.model);
        if let Some(pre) = self.pre {
            gguf.text("tokenizer.ggml.pre", pre);
        }
        gguf.texts("tokenizer.ggml.tokens", &self.texts);
        if !self.scores.is_empty() {
            gguf.floats("tokenizer.ggml.scores", &self.scores);
        }
        gguf.integers("tokenizer.ggml.token_type", &self.kinds);
        if !self.merges.is_empty() {
            gguf.texts("tokenizer.ggml.merges", &self.merges);
        }
        if let Some(prefix) = self.space_prefix {
            gguf.flag("tokenizer.ggml.add_space_prefix", prefix);
        }
    }
}

/// A place in the vocabulary that no text leads to.
pub(super) fn pad(tokens: &mut Tokens) {
    tokens.push(format!("[PAD{}]", tokens.texts.len()), UNUSED, -10_000.0);
}

/// Tokens that are matched as a whole, by id: those of `tokenizer.json`, as `tokenizer_config.json` changes them.
pub(super) fn added(json: Fields<'_>, config: Option<Fields<'_>>) -> Result<BTreeMap<u32, Added>, LoadError> {
    let mut all = BTreeMap::new();
    let mut put = |fields: Fields<'_>, id: Option<u32>| {
        let id = id.ok_or_else(|| fields.wrong("id", "of an added token is missing or no id; get the file again"))?;
        let content = fields.text("content")?;
        let content =
            content.ok_or_else(|| fields.wrong("content", "of an added token is missing; get the file again"))?;
        if content.len() > LONGEST {
            let why = format!("of an added token has {} bytes; no sound one has more than {LONGEST}", content.len());
            return Err(fields.wrong("content", why));
        }
        let special = fields.flag("special")?.unwrap_or(false);
        all.insert(id, Added { content: content.to_owned(), special });
        Ok::<_, LoadError>(())
    };
    for token in json.list("added_tokens")? {
        let fields = json.within(token, "added_tokens")?;
        put(fields, fields.number("id")?)?;
    }
    if let Some(decoder) = config.map_or(Ok(None), |config| config.object("added_tokens_decoder"))? {
        for (id, token) in decoder.entries() {
            put(decoder.within(token, id)?, id.parse().ok())?;
        }
    }
    Ok(all)
}

/// The vocabulary of a `tokenizer.json`, for a model of so many rows.
pub(super) fn read(
    json: Fields<'_>,
    added: &BTreeMap<u32, Added>,
    rows: usize,
    architecture: &str,
) -> Result<Tokens, LoadError> {
    let model = json.object("model")?.ok_or_else(|| json.wrong("model", "is missing; get the file again"))?;
    let kind = model.text("type")?.unwrap_or("BPE");
    if kind != "BPE" {
        let why = format!(
            "is {}, and only BPE is converted (byte-level, or SentencePiece's); try a GGUF file of this model",
            kind.escape_debug()
        );
        return Err(json.wrong("model.type", why));
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if model.text(key)?.is_some_and(|set| !set.is_empty()) {
            return Err(model.wrong(key, "is set, and such tokenizers are not run here; try a GGUF file of this model"));
        }
    }
    let vocab = vocabulary(model, rows)?;
    let merges = model.list("merges")?.iter().map(|merge| pair(merge).ok_or_else(|| bad_merge(model, merge)));
    let merges = merges.collect::<Result<Vec<_>, _>>()?;
    let pre_tokenizer = json.value("pre_tokenizer").unwrap_or(&Value::Null);
    if pretokenizer::is_byte_level(pre_tokenizer) {
        normalizer(json, |kind, _| kind == "NFC")?;
        let ignore_merges = model.flag("ignore_merges")?.unwrap_or(false);
        let pre = pretokenizer::name(pre_tokenizer, ignore_merges, architecture);
        let pre = pre.map_err(|why| LoadError::unfit(json.path(), why))?;
        return Ok(byte_level(&vocab, added, &merges, pre));
    }
    if !model.flag("byte_fallback")?.unwrap_or(false) {
        // Says what is known.
        let why = pretokenizer::name(pre_tokenizer, false, architecture).err().unwrap_or_default();
        return Err(LoadError::unfit(json.path(), why));
    }
    let space_prefix = space_prefix(json, pre_tokenizer)?;
    let unknown = model.text("unk_token")?;
    Ok(sentence_pieces(&vocab, added, &merges, unknown, space_prefix))
}

/// Texts by id.
fn vocabulary<'a>(model: Fields<'a>, rows: usize) -> Result<Vec<Option<&'a str>>, LoadError> {
    let vocab = model.object("vocab")?.ok_or_else(|| model.wrong("vocab", "is missing; get the file again"))?;
    let mut texts = vec![None; rows];
    for (text, id) in vocab.entries() {
        let Some(id) = whole(id) else {
            return Err(vocab.wrong(&text.escape_debug().to_string(), format!("has {} for an id", shown(id))));
        };
        let Some(place) = texts.get_mut(id as usize) else {
            let why = format!("has id {id}, but the model has only {rows} rows; the tokenizer is of another model");
            return Err(vocab.wrong(&text.escape_debug().to_string(), why));
        };
        if let Some(other) = place.replace(text.as_str()) {
            let why = format!("has id {id}, and so has '{}'; get the file again", other.escape_debug());
            return Err(vocab.wrong(&text.escape_debug().to_string(), why));
        }
    }
    Ok(texts)
}

/// A merge is written as a text with a space between its parts, or as two texts.
fn pair(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(both) => both.split_once(' '),
        Value::Array(two) => match two.as_slice() {
            [left, right] => Some((left.as_str()?, right.as_str()?)),
            _ => None,
        },
        _ => None,
    }
}

fn bad_merge(model: Fields<'_>, merge: &Value) -> LoadError {
    model.wrong("merges", format!("has {}, which is not two parts; get the file again", shown(merge)))
}

/// Checks what is done to a text before it is cut.
fn normalizer(json: Fields<'_>, knows: impl Fn(&str, &Value) -> bool) -> Result<(), LoadError> {
    let value = json.value("normalizer").unwrap_or(&Value::Null);
    let odd = steps(value, "normalizers").into_iter().find(|step| !knows(step["type"].as_str().unwrap_or("?"), step));
    match odd {
        None => Ok(()),
        Some(odd) => {
            let why = format!("has {}, which is not run here; try a GGUF file of this model", shown(odd));
            Err(json.wrong("normalizer", why))
        }
    }
}

/// A step, or the steps of a sequence.
fn steps<'v>(value: &'v Value, list: &str) -> Vec<&'v Value> {
    match value["type"].as_str() {
        _ if value.is_null() => Vec::new(),
        Some("Sequence") => value[list].as_array().into_iter().flatten().flat_map(|step| steps(step, list)).collect(),
        _ => vec![value],
    }
}

/// Whether a SentencePiece tokenizer puts a space before a text; an error if it does anything else to it.
fn space_prefix(json: Fields<'_>, pre_tokenizer: &Value) -> Result<bool, LoadError> {
    let space = SPACE.to_string();
    normalizer(json, |kind, step| match kind {
        "Prepend" => step["prepend"] == space.as_str(),
        "Replace" => step["pattern"]["String"] == " " && step["content"] == space.as_str(),
        _ => false,
    })?;
    let normalizers = json.value("normalizer").map_or_else(Vec::new, |value| steps(value, "normalizers"));
    let mut prefix = normalizers.iter().any(|step| step["type"] == "Prepend");
    for step in steps(pre_tokenizer, "pretokenizers") {
        match step["type"].as_str() {
            Some("Metaspace") if step["replacement"] == space.as_str() && step["split"] != true => {
                let old = step["add_prefix_space"].as_bool().unwrap_or(true);
                prefix |= step["prepend_scheme"].as_str().map_or(old, |scheme| scheme != "never");
            }
            // There are no spaces left to cut at.
            Some("Split") if step["pattern"]["String"] == " " => {}
            _ => {
                let why = format!("has {}, which is not run here; try a GGUF file of this model", shown(step));
                return Err(json.wrong("pre_tokenizer", why));
            }
        }
    }
    Ok(prefix)
}

fn byte_level(
    vocab: &[Option<&str>],
    added: &BTreeMap<u32, Added>,
    merges: &[(&str, &str)],
    pre: &'static str,
) -> Tokens {
    let mut tokens = Tokens { model: "gpt2", pre: Some(pre), ..Tokens::default() };
    for (id, text) in vocab.iter().enumerate() {
        match (added.get(&(id as u32)), text) {
            (Some(token), _) => token.push(&mut tokens),
            (None, Some(text)) => tokens.push((*text).to_owned(), NORMAL, 0.0),
            (None, None) => pad(&mut tokens),
        }
    }
    tokens.scores.clear();
    // A space within a part would read as the one between the parts.
    let stand_in = |part: &str| part.replace(' ', "\u{120}");
    tokens.merges = merges.iter().map(|(left, right)| format!("{} {}", stand_in(left), stand_in(right))).collect();
    tokens
}

/// Tokens with the scores that join in the order of the merges: SentencePiece joins what scores highest first.
fn sentence_pieces(
    vocab: &[Option<&str>],
    added: &BTreeMap<u32, Added>,
    merges: &[(&str, &str)],
    unknown: Option<&str>,
    space_prefix: bool,
) -> Tokens {
    let ids: std::collections::HashMap<&str, usize> =
        vocab.iter().enumerate().filter_map(|(id, text)| Some(((*text)?, id))).collect();
    let mut ranks = vec![None; vocab.len()];
    let mut next = 0u32;
    let mut rank = |id: usize| {
        if ranks[id].is_none() {
            ranks[id] = Some(next);
            next += 1;
        }
    };
    for (left, right) in merges {
        let id = ids.get(format!("{left}{right}").as_str());
        if let Some(&id) = id.filter(|&&id| !added.contains_key(&(id as u32))) {
            rank(id);
        }
    }
    let is_byte = |text: &str| {
        let digits = text.strip_prefix("<0x").and_then(|text| text.strip_suffix('>'));
        digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
    };
    // What no merge leads to: characters, which are never the result of a join, in the order of their ids.
    for (id, text) in vocab.iter().enumerate() {
        if text.is_some_and(|text| !is_byte(text)) && !added.contains_key(&(id as u32)) {
            rank(id);
        }
    }
    let mut tokens =
        Tokens { model: "llama", pre: Some("default"), space_prefix: Some(space_prefix), ..Tokens::default() };
    for (id, text) in vocab.iter().enumerate() {
        match (added.get(&(id as u32)), text) {
            (Some(token), _) => token.push(&mut tokens),
            (None, Some(text)) if is_byte(text) => tokens.push((*text).to_owned(), BYTE, 0.0),
            (None, Some(text)) => {
                let kind = if unknown == Some(text) { UNKNOWN } else { NORMAL };
                tokens.push((*text).to_owned(), kind, -(ranks[id].unwrap_or(0) as f32));
            }
            (None, None) => pad(&mut tokens),
        }
    }
    tokens
}

impl Added {
    fn push(&self, tokens: &mut Tokens) {
        if self.special || looks_special(&self.content) {
            tokens.push(self.content.clone(), CONTROL, -1000.0);
        } else {
            // Matched in the text as people write it.
            tokens.push(self.content.replace(SPACE, " "), USER_DEFINED, -1000.0);
        }
    }
}

/// Some files do not mark what is plainly no text.
fn looks_special(text: &str) -> bool {
    let between = |start: &str, end: &str| text.starts_with(start) && text.ends_with(end);
    matches!(text, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || between("<|", "|>")
        || between("<｜", "｜>")
        || between("<unused", ">")
}
