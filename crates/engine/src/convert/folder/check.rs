//! Whether a conversion is right: texts are cut as the folder's own tokenizer cuts them, and the result can be loaded.

use std::path::Path;

use kernels::Pool;

use super::tokens::{NORMAL, Tokens};
use crate::decoder::Decoder;
use crate::template::Template;
use crate::tokenizer::{Algorithm, Frame, TokenKind, Vocabulary};
use crate::{LoadError, Tokenizer};

/// Lines both are asked about. All are in the form that Unicode calls composed, which is how people write.
const LINES: [&str; 16] = [
    "The quick brown fox jumps over the lazy dog.",
    "I'm sure they'll say it's 1234567.89 (or 3,000) – don't you think we'd've known?",
    "def f(x: int) -> str:\n    return \"a\\tb\" + str(x ** 2)  # done!!\n\n\n",
    "for (int i = 0; i < n; ++i) { sum += a[i] * 0x1F; }\r\n\treturn sum;",
    "HTTPServer camelCase snake_case SCREAMING_CASE kebab-case v2.0.1-rc3",
    "https://example.org/path?a=1&b=%20#top user@example.com C:\\Users\\name",
    "   three  spaces, then   more    and a tab\there \n  \n end ",
    "\n\n\n\nlines",
    "今天天气很好，我们去公园散步吧。价格是 260 元（含税）！",
    "東京は日本の首都です。カタカナとひらがな、漢字。",
    "안녕하세요 세계, 만나서 반갑습니다.",
    "Ünïcödé naïve façade Straße œuvre señor ĳssel",
    "Привет, мир! Как дела? Всё хорошо.",
    "🙂🚀 ok 👍🎉🎉 → ∑ ≤ ∞ ½ ² № © “quotes” ‘single’ … —",
    "{\"key\": [1, 2.5, null, true], \"text\": \"a b\"}",
    "Aaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbb ----------------======",
];

/// Texts of the vocabulary itself that are tried beside the lines.
const TOKENS: usize = 2000;

/// An error that shows the first text they do not agree about.
pub(super) fn texts_are_cut_alike(json: &Path, tokens: &Tokens) -> Result<(), LoadError> {
    let bytes = std::fs::read(json).map_err(|error| LoadError::io(json, error))?;
    let theirs = Tokenizer::from_json(&bytes).map_err(|error| match error {
        LoadError::Metadata { why, .. } => LoadError::unfit(json, why),
        other => LoadError::unfit(json, other.to_string()),
    })?;
    let ours = Tokenizer::from_vocabulary(vocabulary(tokens))?;
    let pieces = tokens.model == "llama";
    let step = (tokens.texts.len() / TOKENS).max(1);
    let of_vocabulary = (0..tokens.texts.len()).step_by(step).filter(|&id| tokens.kinds[id] == NORMAL);
    let of_vocabulary = of_vocabulary.filter_map(|id| String::from_utf8(ours.token_bytes(id as u32)).ok());
    // What is not composed is composed first by some, and by nobody else.
    let kept =
        |text: &String| pieces || theirs.encode(text).iter().flat_map(|&id| theirs.token_bytes(id)).eq(text.bytes());
    let lines = LINES.iter().map(|&line| line.to_owned());
    for text in lines.chain(of_vocabulary.filter(kept)) {
        // SentencePiece's descriptions differ in whether a space is put before one that is there.
        let text = if pieces { text.trim_start_matches(' ') } else { &text };
        let (expected, found) = (theirs.encode(text), ours.encode(text));
        if expected != found {
            let why = format!(
                "'{}' is cut into {expected:?} by it, and into {found:?} after conversion; this kind of tokenizer is not run here as it is meant, try a GGUF file of this model",
                text.escape_debug()
            );
            return Err(LoadError::unfit(json, why));
        }
    }
    Ok(())
}

/// As it will be read from the file.
fn vocabulary(tokens: &Tokens) -> Vocabulary {
    let pieces = tokens.model == "llama";
    Vocabulary {
        algorithm: if pieces { Algorithm::SentencePiece } else { Algorithm::Bpe },
        pre: tokens.pre.unwrap_or_default().to_owned(),
        texts: tokens.texts.clone(),
        scores: tokens.scores.clone(),
        kinds: tokens.kinds.iter().map(|&kind| TokenKind::of(kind.into())).collect(),
        merges: tokens.merges.clone(),
        bos: None,
        eos: None,
        ends: Vec::new(),
        unknown: pieces.then_some(0),
        separator: None,
        frame: Frame::default(),
        space_prefix: tokens.space_prefix.unwrap_or(false),
        squeeze: false,
        lowercase: true,
        specials_strip_right: false,
        charsmap: Vec::new(),
        replacements: Vec::new(),
    }
}

/// Reads the result as a model is loaded from it, but for its weights.
pub(super) fn can_be_loaded(path: &Path) -> Result<(), LoadError> {
    let decoder = Decoder::load(path, &Pool::new(1), true, usize::MAX >> 32)?;
    let tokenizer = Tokenizer::from_gguf(decoder.gguf())?;
    Template::read(decoder.gguf(), &tokenizer)?;
    crate::card::describe(decoder.gguf())?;
    if tokenizer.vocab_size() != decoder.vocabulary() {
        let why = format!("{} tokens, but rows for {}", tokenizer.vocab_size(), decoder.vocabulary());
        return Err(LoadError::damaged(path, why));
    }
    Ok(())
}
