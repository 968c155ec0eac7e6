//! A tokenizer's raw material, as a GGUF's metadata holds it.

use super::bytes;
use super::keys::Keys;
use super::longest;
use super::pretokenizer::adds_bos;
use super::specials::Special;
use crate::LoadError;
use crate::gguf::Gguf;

/// The character SentencePiece writes a space with.
pub(super) const SPACE: &str = "\u{2581}";

/// How a text becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Byte-level BPE.
    Bpe,
    /// BPE by scores with byte fallback.
    SentencePiece,
    /// The likeliest cut.
    Unigram,
    /// BERT's longest match.
    WordPiece,
    /// RWKV's longest match, of bytes.
    Longest,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Text.
    Normal,
    /// Stands for what has no token.
    Unknown,
    /// Never text, only meaning.
    Control,
    /// Text that is matched as a whole before anything else.
    UserDefined,
    /// A place held for later.
    Unused,
    /// One byte.
    Byte,
}

impl TokenKind {
    /// By GGUF's number.
    pub(crate) fn of(number: i64) -> Self {
        match number {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}

/// A vocabulary and how it is to be used.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// How a text becomes tokens.
    pub algorithm: Algorithm,
    /// Name of the pre-tokenizer (BPE).
    pub pre: String,
    /// Each id's text as the vocabulary writes it.
    pub texts: Vec<String>,
    /// Each id's score; empty when the algorithm has none.
    pub scores: Vec<f32>,
    /// Each id's kind.
    pub kinds: Vec<TokenKind>,
    /// Pairs to join, earliest first (BPE).
    pub merges: Vec<String>,
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Further ids that end a turn or message.
    pub ends: Vec<u32>,
    /// Stands for what has no token.
    pub unknown: Option<u32>,
    /// Separates texts.
    pub separator: Option<u32>,
    /// Whether a text wants BOS before it, EOS or the separator after it.
    pub frame: Frame,
    /// Whether a space is put before a text.
    pub space_prefix: bool,
    /// Whether runs of white space become one space.
    pub squeeze: bool,
    /// Whether letters become lower case and lose their accents (WordPiece).
    pub lowercase: bool,
    /// Whether white space after a control token belongs to it.
    pub specials_strip_right: bool,
    /// SentencePiece's compiled normalisation.
    pub charsmap: Vec<u8>,
    /// Our own, converted: per character its code point, the count and the code points that replace it.
    pub replacements: Vec<u32>,
}

/// Which tokens go around a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame {
    /// BOS before it.
    pub bos: bool,
    /// EOS after it.
    pub eos: bool,
    /// The separator after it.
    pub separator: bool,
}

/// A load error about a tokenizer's key.
pub(super) fn bad(key: &str, why: impl Into<String>) -> LoadError {
    LoadError::metadata(key, why)
}

/// Metadata of our own: the normalisation of a converted model.
pub(crate) const REPLACEMENTS: &str = "sumeru.tokenizer.replacements";

impl Vocabulary {
    pub(super) fn from_gguf(gguf: &Gguf) -> Result<Self, LoadError> {
        let keys = Keys(gguf);
        let model = keys.text("tokenizer.ggml.model")?.unwrap_or_default();
        let algorithm = match model.as_str() {
            "gpt2" => Algorithm::Bpe,
            "llama" => Algorithm::SentencePiece,
            "t5" => Algorithm::Unigram,
            "bert" => Algorithm::WordPiece,
            "rwkv" => Algorithm::Longest,
            other => {
                let why =
                    format!("'{other}' is not one of gpt2, llama, t5, bert, rwkv; try another GGUF of this model");
                return Err(bad("tokenizer.ggml.model", why));
            }
        };
        let texts = keys.texts("tokenizer.ggml.tokens")?;
        if texts.is_empty() {
            return Err(bad("tokenizer.ggml.tokens", "is empty or missing; the file holds no vocabulary"));
        }
        let pre = keys.text("tokenizer.ggml.pre")?.unwrap_or_default();
        let name = keys.text("general.name")?.unwrap_or_default().to_lowercase();
        let mut vocabulary = Self {
            algorithm,
            scores: keys.scores(texts.len())?,
            kinds: keys.kinds(texts.len())?,
            merges: if algorithm == Algorithm::Bpe { keys.texts("tokenizer.ggml.merges")? } else { Vec::new() },
            frame: Frame::usual(algorithm, &pre),
            pre,
            texts,
            bos: None,
            eos: None,
            ends: Vec::new(),
            unknown: None,
            separator: None,
            space_prefix: matches!(algorithm, Algorithm::SentencePiece | Algorithm::Unigram),
            squeeze: false,
            lowercase: true,
            specials_strip_right: name.contains("phi-3") || name.contains("phi3"),
            charsmap: keys.bytes("tokenizer.ggml.precompiled_charsmap")?,
            replacements: keys.numbers(REPLACEMENTS)?,
        };
        vocabulary.read_ids(&keys)?;
        vocabulary.read_flags(&keys)?;
        Ok(vocabulary)
    }

    fn read_ids(&mut self, keys: &Keys) -> Result<(), LoadError> {
        let usual = |id: u32| Some(id).filter(|&id| (id as usize) < self.texts.len());
        let (bos, eos, unknown, separator) = match self.algorithm {
            Algorithm::Bpe => (Some(11), Some(11), None, None),
            Algorithm::SentencePiece => (Some(1), Some(2), Some(0), None),
            Algorithm::Unigram => (None, Some(1), Some(2), None),
            Algorithm::WordPiece => (Some(101), None, Some(100), Some(102)),
            Algorithm::Longest => (Some(0), Some(0), None, None),
        };
        let id = |key: &str, default: Option<u32>| {
            let found = keys.number(&format!("tokenizer.ggml.{key}_token_id"))?.and_then(usual);
            Ok::<_, LoadError>(found.or(default.and_then(usual)))
        };
        let ids = (id("bos", bos)?, id("eos", eos)?, id("unknown", unknown)?, id("seperator", separator)?);
        let ends = [id("eot", None)?, id("eom", None)?];
        let cls = id("cls", None)?;
        (self.bos, self.eos, self.unknown, self.separator) = ids;
        if self.algorithm == Algorithm::WordPiece {
            self.bos = cls.or(self.bos);
        }
        self.ends = ends.into_iter().flatten().collect();
        Ok(())
    }

    fn read_flags(&mut self, keys: &Keys) -> Result<(), LoadError> {
        let flags = [
            ("add_bos_token", &mut self.frame.bos),
            ("add_eos_token", &mut self.frame.eos),
            ("add_sep_token", &mut self.frame.separator),
            ("add_space_prefix", &mut self.space_prefix),
            ("remove_extra_whitespaces", &mut self.squeeze),
            ("normalizer.lowercase", &mut self.lowercase),
        ];
        for (key, flag) in flags {
            if let Some(value) = keys.flag(&format!("tokenizer.ggml.{key}"))? {
                *flag = value;
            }
        }
        Ok(())
    }

    /// Finds the ids that end a generation. Many files mark them only by name, some not even as control tokens.
    pub(super) fn find_ends(&mut self) -> Vec<u32> {
        let mut ends = self.ends.clone();
        ends.extend(self.eos);
        for (id, text) in self.texts.iter().enumerate() {
            if ENDS.contains(&text.as_str()) {
                self.kinds[id] = TokenKind::Control;
                ends.push(id as u32);
            } else if INFILL.contains(&text.as_str()) {
                self.kinds[id] = TokenKind::Control;
            } else if ALWAYS_SHOWN.contains(&text.as_str()) {
                self.kinds[id] = TokenKind::UserDefined;
            }
        }
        let id_of = |name: &str| self.texts.iter().position(|text| text == name).map(|id| id as u32);
        let has = |name: &str| id_of(name).is_some();
        let not_an_end = if has("<|return|>") && has("<|call|>") || has("<|calls|>") && has("<|flush|>") {
            id_of("<|end|>")
        } else if has("<|tool_response>") {
            id_of("</s>")
        } else {
            None
        };
        if let Some(id) = not_an_end {
            self.kinds[id as usize] = TokenKind::UserDefined;
            ends.retain(|&end| end != id);
        }
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    pub(super) fn specials(&self) -> Vec<Special> {
        let entries = self.texts.iter().zip(&self.kinds).enumerate();
        let whole = [TokenKind::Control, TokenKind::UserDefined, TokenKind::Unknown];
        let specials = entries.filter(|(_, (_, kind))| whole.contains(kind));
        specials
            .map(|(id, (text, kind))| Special {
                id: id as u32,
                text: text.clone(),
                control: *kind != TokenKind::UserDefined,
                strips_right: self.specials_strip_right && !["<unk>", "<s>", "<|endoftext|>"].contains(&text.as_str()),
            })
            .collect()
    }

    pub(super) fn pieces(&self) -> Vec<Box<[u8]>> {
        self.texts.iter().zip(&self.kinds).map(|(text, kind)| self.piece(text, *kind)).collect()
    }

    fn piece(&self, text: &str, kind: TokenKind) -> Box<[u8]> {
        let as_written = || Box::from(text.as_bytes());
        match (self.algorithm, kind) {
            (_, TokenKind::Byte) => bytes::fallback_byte(text).map_or_else(as_written, |byte| Box::from([byte])),
            (_, TokenKind::Control | TokenKind::UserDefined | TokenKind::Unknown) => as_written(),
            (Algorithm::Longest, _) => longest::unescape(text),
            (Algorithm::Bpe, _) => bytes::decode(text).unwrap_or_else(as_written),
            _ => text.replace(SPACE, " ").into_bytes().into(),
        }
    }

    pub(super) fn prefix(&self) -> Vec<u32> {
        self.bos.filter(|_| self.frame.bos).into_iter().collect()
    }

    pub(super) fn suffix(&self) -> Vec<u32> {
        let separator = self.separator.filter(|_| self.frame.separator);
        let eos = self.eos.filter(|_| self.frame.eos);
        separator.or(eos).into_iter().collect()
    }

    pub(super) fn leading_space(&self) -> bool {
        match self.algorithm {
            Algorithm::Bpe | Algorithm::Longest => false,
            Algorithm::SentencePiece | Algorithm::Unigram => self.space_prefix,
            Algorithm::WordPiece => true,
        }
    }
}

impl Frame {
    fn usual(algorithm: Algorithm, pre: &str) -> Self {
        match algorithm {
            Algorithm::Bpe => Self { bos: adds_bos(pre), ..Self::default() },
            Algorithm::Longest => Self::default(),
            Algorithm::SentencePiece => Self { bos: true, ..Self::default() },
            Algorithm::Unigram => Self { eos: true, ..Self::default() },
            Algorithm::WordPiece => Self { bos: true, separator: true, eos: false },
        }
    }
}

/// Whether a token ends a generation by its name alone.
pub(crate) fn ends_by_name(text: &str) -> bool {
    ENDS.contains(&text)
}

/// Names of tokens that end a turn, a message or a text.
const ENDS: [&str; 22] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Names of tokens for filling in code: control tokens whatever the file says.
const INFILL: [&str; 32] = [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// Names of tokens that structure an answer and are part of it.
const ALWAYS_SHOWN: [&str; 4] = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];
