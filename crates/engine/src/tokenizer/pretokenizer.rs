//! The patterns that cut a text into words before byte-level BPE joins each word's bytes.
//!
//! They are data that came with each model. Most end in `\s+(?!\S)|\s+`: a run of white space leaves its last character
//! to the word that follows. That look-ahead is the only one, so it is done by hand (`Stage::leaves_last`) and
//! everything else by an engine that is linear in the text.

use std::ops::Range;

use regex_automata::Input;
use regex_automata::meta::Regex;

use super::vocabulary::bad;
use crate::LoadError;

const CONTRACTIONS: &str = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+";
const CJK: &str = "[一-龥\u{800}-一가-\u{D7FF}]+";
const HAN_KANA: &str = "[一-龥\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+";
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+"##;
const BLOOM: &str = " ?[^(\\s|.,!?…。，、।۔،)]+";
/// Letters with case of the Latin, Greek, Cyrillic and a few other scripts: DeepSeek's list.
const DEEPSEEK_LETTERS: &str = "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼ\u{1FBE}ῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";

/// A pattern, and whether white space left over keeps its last character for the next word.
type Pattern = (String, Tail);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    None,
    Space,
}

pub(super) struct Pretokenizer {
    stages: Vec<Stage>,
}

struct Stage {
    regex: Regex,
    leaves_last: bool,
}

impl Pretokenizer {
    /// The pre-tokenizer of that name (`tokenizer.ggml.pre`).
    pub(super) fn named(name: &str) -> Result<Self, LoadError> {
        let patterns = patterns(name).ok_or_else(|| {
            let why =
                format!("'{name}' is not a pre-tokenizer this version knows; try a newer version or another model");
            bad("tokenizer.ggml.pre", why)
        })?;
        let stages = patterns.into_iter().map(Stage::new).collect::<Result<_, _>>()?;
        Ok(Self { stages })
    }

    /// Calls `word` with each word in turn; together they are the text.
    pub(super) fn split(&self, text: &str, mut word: impl FnMut(&str)) {
        split_stages(&self.stages, text, &mut word);
    }
}

fn split_stages(stages: &[Stage], text: &str, word: &mut dyn FnMut(&str)) {
    let Some((stage, rest)) = stages.split_first() else {
        word(text);
        return;
    };
    let mut done = 0;
    while let Some(found) = stage.find(text, done) {
        if found.start > done {
            split_stages(rest, &text[done..found.start], word);
        }
        done = found.end;
        split_stages(rest, &text[found], word);
    }
    if done < text.len() {
        split_stages(rest, &text[done..], word);
    }
}

impl Stage {
    fn new((pattern, tail): Pattern) -> Result<Self, LoadError> {
        let leaves_last = tail == Tail::Space;
        let built = if leaves_last { Regex::new_many(&[pattern.as_str(), r"\s+"]) } else { Regex::new(&pattern) };
        let regex = built.map_err(|error| bad("tokenizer.ggml.pre", error.to_string()))?;
        Ok(Self { regex, leaves_last })
    }

    /// The next match at or after `from`, never empty.
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        if from >= text.len() {
            return None;
        }
        let found = self.regex.search(&Input::new(text).range(from..))?;
        let mut range = found.range();
        let is_space = self.leaves_last && found.pattern().as_usize() == 1;
        if is_space && range.end < text.len() {
            let last = text[range.clone()].char_indices().next_back().map_or(0, |(at, _)| at);
            if last > 0 {
                range.end = range.start + last;
            }
        }
        (!range.is_empty()).then_some(range)
    }
}

fn patterns(name: &str) -> Option<Vec<Pattern>> {
    let space = |pattern: &str| (pattern.to_owned(), Tail::Space);
    let plain = |pattern: &str| (pattern.to_owned(), Tail::None);
    Some(match name {
        "" | "default" => {
            vec![plain(r"[\p{P}$+<=>^~|]+"), space(GPT2), plain(r"\p{N}+"), plain("[0-9][0-9][0-9]")]
        }
        "gpt-2" | "phi-2" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling" | "exaone4" | "gigachat"
        | "mellum" | "a.x-4.0" | "jina-es" | "jina-de" | "jina-v1-en" | "jina-v2-es" | "jina-v2-de"
        | "jina-v2-code" | "roberta-bpe" | "modern-bert" => vec![space(GPT2)],
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
            vec![plain(r"\p{N}"), space(GPT2)]
        }
        "falcon" => vec![plain(r"[\p{P}$+<=>^~|`]+"), space(GPT2), plain("[0-9][0-9][0-9]")],
        "qwen2" | "stablelm2" | "hunyuan" | "solar-open" | "megrez" | "deepseek-r1-qwen" | "kormo" | "grok-2" => {
            vec![space(&words(r"\p{L}+", r"\p{N}"))]
        }
        "qwen35" => vec![space(&format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
        ))],
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2" | "dbrx"
        | "smaug-bpe" | "chatglm-bpe" | "glm4" => vec![space(&words(r"\p{L}+", r"\p{N}{1,3}"))],
        "seed-coder" => vec![space(&format!(
            r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+"
        ))],
        "bailingmoe" | "bailingmoe2" | "llada-moe" => vec![space(
            r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]",
        )],
        "tekken" => vec![space(&cased("", r"\p{N}"))],
        "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => {
            vec![space(&cased(&format!("{CONTRACTIONS}?"), r"\p{N}{1,3}"))]
        }
        "deepseek-llm" => vec![
            plain("[\r\n]"),
            plain(DEEPSEEK_LETTERS),
            plain("\\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+"),
            plain(r"\s+$"),
            plain(CJK),
            plain(r"\p{N}+"),
        ],
        "deepseek-coder" => {
            vec![plain("[\r\n]"), plain(r"\s?\p{L}+"), plain(r"\s?\p{P}+"), plain(CJK), plain(r"\p{N}")]
        }
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => {
            vec![plain(r"\p{N}{1,3}"), plain(HAN_KANA), space(DEEPSEEK3)]
        }
        "poro-chat" | "bloom" | "gpt3-finnish" => vec![plain(BLOOM)],
        "viking" => vec![plain(BLOOM), plain(r"\p{N}")],
        _ => return None,
    })
}

/// The pattern of GPT-4's family: contractions, words with one leading mark, numbers, marks, line ends.
fn words(letters: &str, number: &str) -> String {
    format!(r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?{letters}|{number}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+")
}

/// The same with words cut where lower case turns upper.
fn cased(ending: &str, number: &str) -> String {
    let (upper, lower) = (r"[\p{L}&&[^a-z]]", r"[\p{L}&&[^A-Z]]");
    let lead = r"[^\r\n\p{L}\p{N}]?";
    format!(
        r"{lead}{upper}*{lower}+{ending}|{lead}{upper}+{lower}*{ending}|{number}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+"
    )
}

/// Whether a word that is itself a token is taken whole, without joining.
pub(super) fn takes_whole_words(name: &str) -> bool {
    matches!(
        name,
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2" | "tekken"
    )
}

/// Whether such models want BOS when the file does not say.
pub(super) fn adds_bos(name: &str) -> bool {
    takes_whole_words(name)
}
