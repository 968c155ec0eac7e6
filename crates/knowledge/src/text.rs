//! How text becomes terms, the same for what is indexed and for what is asked.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use jieba_rs::{Jieba, TokenizeMode};
use tantivy::tokenizer::{Language, RawTokenizer, Stemmer, TextAnalyzer};
use unicode_normalization::UnicodeNormalization;

/// Changing how terms are made makes every words index stale: bump this.
pub(crate) const VERSION: u32 = 3;

const LONGEST_TERM: usize = 200;
/// Terms of one question: each is looked up in every field, and a text of a megabyte may be asked.
const MOST_ASKED: usize = 64;

/// A term and how much it says about what was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    pub(crate) text: String,
    pub(crate) weight: f32,
}

/// All terms of a text, in order, repetitions included.
pub(crate) fn terms(text: &str) -> Vec<Term> {
    let normal: Vec<char> = text.nfkc().flat_map(char::to_lowercase).map(simplified).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < normal.len() {
        let start = at;
        let class = class(normal[at]);
        match class {
            Class::Other => at += 1,
            Class::Han | Class::Kana => {
                while at < normal.len() && self::class(normal[at]) == class {
                    at += 1;
                }
                if class == Class::Han {
                    han(&normal[start..at], &mut found)
                } else {
                    pairs(&normal[start..at], &mut found)
                }
            }
            Class::Word => {
                at = end_of_word(&normal, start);
                word(&normal[start..at], &mut found);
            }
        }
    }
    found
}

/// The distinct terms worth asking for, the [`MOST_ASKED`] weightiest: no stop words, unless there is nothing else.
pub(crate) fn query_terms(text: &str) -> Vec<Term> {
    let mut all: Vec<Term> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for term in terms(text) {
        match places.get(&term.text) {
            Some(at) => all[*at].weight = all[*at].weight.max(term.weight),
            None => {
                places.insert(term.text.clone(), all.len());
                all.push(term);
            }
        }
    }
    let wanted: Vec<Term> = all.iter().filter(|term| !is_stop_word(&term.text)).cloned().collect();
    let mut asked = if wanted.is_empty() { all } else { wanted };
    if asked.len() > MOST_ASKED {
        asked.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        asked.truncate(MOST_ASKED);
    }
    asked
}

/// Weight below which a term is a piece of another, or another form of it.
const WHOLE: f32 = 0.7;

/// As [`query_terms`], without those that say again what others say: pieces of words and of codes, other forms. If there is
/// nothing else, these.
pub(crate) fn whole_terms(text: &str) -> Vec<Term> {
    let (whole, pieces): (Vec<_>, Vec<_>) = query_terms(text).into_iter().partition(|term| term.weight >= WHOLE);
    if whole.is_empty() { pieces } else { whole }
}

/// The different words of a text that say something of it, in the form that all of their forms share, and as it stands there.
/// Pieces of words, single Han characters and plain numbers are none.
pub(crate) fn telling(text: &str) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let mut words = Vec::new();
    let mut add = |word: &str, shown: &str| {
        if !is_stop_word(word) && !is_stop_word(shown) && seen.insert(word.to_owned()) {
            words.push((word.to_owned(), shown.to_owned()));
        }
    };
    let all = terms(text);
    for (at, term) in all.iter().enumerate() {
        let alone = term.text.chars().nth(1).is_none();
        let number = term.text.chars().all(|c| c.is_numeric() || joins(c));
        if term.weight < WHOLE || alone || number || term.text.chars().any(is_han) {
            continue;
        }
        // A stem comes right behind its word, which counts half.
        let word = at.checked_sub(1).map(|before| &all[before]).filter(|word| word.weight * 2.0 == term.weight);
        add(&term.text, word.map_or(&term.text, |word| &word.text));
    }
    // Words are shown here, not looked up: those that the dictionary lacks may be guessed.
    let normal: String = text.nfkc().flat_map(char::to_lowercase).map(simplified).collect();
    for word in jieba().cut(&normal, true) {
        if word.word.chars().all(is_han) && word.word.chars().nth(1).is_some() {
            add(word.word, word.word);
        }
    }
    words
}

/// Whether a term says nothing about what is asked.
pub(crate) fn is_stop_word(term: &str) -> bool {
    static ALL: OnceLock<HashSet<&str>> = OnceLock::new();
    ALL.get_or_init(|| STOP_WORDS.iter().copied().collect()).contains(term)
}

/// Share of a text's letters that are Han.
pub(crate) fn han_share(text: &str) -> f32 {
    let (mut han, mut letters) = (0usize, 0usize);
    for c in text.chars() {
        if is_han(c) {
            han += 1;
            letters += 1;
        } else if c.is_alphabetic() {
            letters += 1;
        }
    }
    if letters == 0 { 0.0 } else { han as f32 / letters as f32 }
}

/// The English stem of a lower-case word.
pub(crate) fn stem(word: &str) -> String {
    thread_local! {
        static STEMMER: RefCell<TextAnalyzer> =
            RefCell::new(TextAnalyzer::builder(RawTokenizer::default()).filter(Stemmer::new(Language::English)).build());
    }
    STEMMER.with_borrow_mut(|stemmer| {
        let mut stream = stemmer.token_stream(word);
        if stream.advance() { stream.token().text.clone() } else { word.to_owned() }
    })
}

/// Pairs of a traditional character and its simplified form: OpenCC's TSCharacters (Apache-2.0), those Big5 has.
const TRADITIONAL: &str = include_str!("traditional.txt");
const FIRST_HAN: u32 = 0x3400;

/// A traditional character's simplified form, so that either finds the other; any other character itself.
pub(crate) fn simplified(c: char) -> char {
    static TABLE: OnceLock<Vec<u16>> = OnceLock::new();
    let Some(at) = u32::from(c).checked_sub(FIRST_HAN).filter(|at| *at < 0x6c00) else { return c };
    let table = TABLE.get_or_init(|| {
        let mut table = vec![0; 0x6c00];
        let mut all = TRADITIONAL.chars().filter(|c| *c != '\n').map(u32::from);
        while let (Some(from), Some(to)) = (all.next(), all.next()) {
            if let Some(place) = from.checked_sub(FIRST_HAN).and_then(|at| table.get_mut(at as usize)) {
                *place = to as u16;
            }
        }
        table
    });
    match table[at as usize] {
        0 => c,
        to => char::from_u32(u32::from(to)).unwrap_or(c),
    }
}

/// Han ideographs, extensions included.
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '々' | '〇')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Han,
    Kana,
    Word,
    Other,
}

fn class(c: char) -> Class {
    if is_han(c) {
        Class::Han
    } else if matches!(c, '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ac00}'..='\u{d7af}' | '\u{0e00}'..='\u{0e7f}')
    {
        Class::Kana
    } else if c.is_alphanumeric() {
        Class::Word
    } else {
        Class::Other
    }
}

fn joins(c: char) -> bool {
    matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+' | '#' | '\'' | '’' | '~')
}

/// A word runs over joints (`v1.2.3`, `gb/t`, `c++`), but not into a trailing full stop.
fn end_of_word(text: &[char], start: usize) -> usize {
    let mut at = start;
    while at < text.len() {
        let c = text[at];
        let next_is_word = text.get(at + 1).is_some_and(|&next| class(next) == Class::Word);
        let suffix =
            matches!(c, '+' | '#') && at > start && (matches!(text[at - 1], '+') || class(text[at - 1]) == Class::Word);
        if class(c) == Class::Word || (joins(c) && next_is_word) || suffix {
            at += 1;
        } else {
            break;
        }
    }
    at
}

fn jieba() -> &'static Jieba {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    JIEBA.get_or_init(Jieba::new)
}

/// Words, and for long words the shorter ones inside them.
fn han(run: &[char], found: &mut Vec<Term>) {
    let text: String = run.iter().collect();
    // Without guessing at unknown words: a guess depends on the neighbours, which differ between question and document.
    let tokens = jieba().tokenize(&text, TokenizeMode::Search, false);
    // Two neighbours alone may be a word the dictionary does not have, as 年假 is: cut in two, its characters would be
    // found anywhere.
    let alone: Vec<bool> =
        tokens.iter().map(|token| token.end == token.start + 1 && !is_stop_word(token.word)).collect();
    let mut after_pair = false;
    for (at, token) in tokens.iter().enumerate() {
        let inside = tokens[at + 1..].iter().take(24).any(|other| other.start <= token.start && other.end >= token.end);
        let pair = tokens.get(at + 1).filter(|_| alone[at] && alone[at + 1]);
        let piece = inside || after_pair || pair.is_some();
        found.push(Term { text: token.word.to_owned(), weight: if piece { 0.6 } else { 1.0 } });
        found.extend(pair.map(|next| Term { text: format!("{}{}", token.word, next.word), weight: 1.0 }));
        after_pair = pair.is_some();
    }
}

/// Scripts without spaces and without a dictionary here: overlapping pairs.
fn pairs(run: &[char], found: &mut Vec<Term>) {
    if run.len() == 1 {
        found.push(Term { text: run.iter().collect(), weight: 1.0 });
    }
    found.extend(run.windows(2).map(|pair| Term { text: pair.iter().collect(), weight: 1.0 }));
}

/// A word as it stands and its stem; a code whole and in pieces.
fn word(run: &[char], found: &mut Vec<Term>) {
    let parts = pieces(run);
    let whole: String = run.iter().collect();
    if parts.len() > 1 || whole.contains(joins) {
        if whole.len() <= LONGEST_TERM {
            found.push(Term { text: whole.clone(), weight: 1.2 });
        }
        for part in parts.into_iter().filter(|part| *part != whole && part.len() <= LONGEST_TERM) {
            plain(part, 0.6, found);
        }
    } else if whole.len() <= LONGEST_TERM {
        plain(whole, 1.0, found);
    }
}

fn plain(word: String, weight: f32, found: &mut Vec<Term>) {
    let stem =
        if word.is_ascii() && word.bytes().all(|byte| byte.is_ascii_alphabetic()) { stem(&word) } else { word.clone() };
    if stem == word {
        found.push(Term { text: word, weight });
    } else {
        found.push(Term { text: word, weight: weight * 0.4 });
        found.push(Term { text: stem, weight: weight * 0.8 });
    }
}

/// Cut at joints and between letters and digits: `rfc-2119` and `rfc2119` share `rfc` and `2119`.
fn pieces(run: &[char]) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before: Option<bool> = None;
    for &c in run {
        if joins(c) {
            parts.push(String::new());
            before = None;
            continue;
        }
        let digit = c.is_numeric();
        if before.is_some_and(|was| was != digit) {
            parts.push(String::new());
        }
        before = Some(digit);
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[rustfmt::skip]
const STOP_WORDS: &[&str] = &[
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "by", "can", "could", "do", "doe", "does", "did", "for", "from", "had",
    "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "may", "me", "my", "of", "on", "one", "or", "our", "shall",
    "should", "so", "than", "that", "the", "their", "them", "there", "these", "they", "this", "those", "to", "was",
    "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "whi", "why", "will", "with", "would", "you", "your", "s", "t",
    "的", "了", "是", "在", "和", "与", "及", "或", "吗", "呢", "吧", "啊", "我", "你", "您", "他", "它", "我们", "你们", "他们", "这", "那", "这个",
    "那个", "哪", "哪个", "哪些", "哪里", "什么", "怎么", "怎样", "怎么样", "如何", "为什么", "为何", "多少", "几", "有", "没有", "会", "能", "可以",
    "应该", "请", "请问", "把", "被", "对", "对于", "关于", "就", "都", "也", "还", "要", "想", "用", "从", "到", "中", "里", "上", "下", "时", "一个", "一", "个", "之", "其",
    "并", "而", "且", "但", "若", "以", "为", "于", "由", "得", "地", "着", "过", "谁", "何", "么", "怎", "哪种", "种", "做", "才", "该", "需要",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        terms(text).into_iter().map(|term| term.text).collect()
    }

    #[test]
    fn texts_become_terms() {
        for (text, wanted) in [
            ("RFC-2119", vec!["rfc-2119", "rfc", "2119"]),
            ("RFC2119", vec!["rfc2119", "rfc", "2119"]),
            ("v1.2.3.", vec!["v1.2.3", "v", "1", "2", "3"]),
            ("GB/T 19001", vec!["gb/t", "gb", "t", "19001"]),
            ("ＡＢＣ１２３", vec!["abc123", "abc", "123"]),
            ("running", vec!["running", "run"]),
            ("C++ code", vec!["c++", "c", "code"]),
            ("安装apt软件包", vec!["安装", "apt", "软件包", "软件"]),
            ("数据库管理系统", vec!["数据库", "数据", "管理", "系统"]),
            ("網絡設定與備份", vec!["网络", "设定", "备份"]),
            ("QS-200 的说明", vec!["qs-200", "qs", "200", "说明"]),
            ("申请年假的", vec!["申请", "年假", "年", "假"]),
            ("E07", vec!["e07", "e", "07"]),
            ("/etc/apt/sources.list", vec!["etc/apt/sources.list", "etc", "apt", "sources", "sourc", "list"]),
        ] {
            let found = all(text);
            for term in wanted {
                assert!(found.iter().any(|have| have == term), "{text}: {term} not in {found:?}");
            }
        }
    }

    #[test]
    fn telling_words_are_whole_and_shown_as_they_stand() {
        for (text, wanted) in [
            ("The batteries of this phone, 2024, a battery!", vec!["batteries", "phone"]),
            ("酒店的早餐不错，3 天", vec!["酒店", "早餐", "不错"]),
            ("the of 的 了 7", vec![]),
        ] {
            let shown: Vec<String> = telling(text).into_iter().map(|(_, shown)| shown).collect();
            assert_eq!(shown, wanted, "{text}");
        }
        assert_eq!(telling("battery")[0].0, telling("batteries")[0].0);
    }

    #[test]
    fn questions_lose_stop_words_but_never_all() {
        let terms: Vec<String> = query_terms("如何安装软件包？").into_iter().map(|term| term.text).collect();
        assert!(terms.contains(&"安装".to_owned()) && !terms.contains(&"如何".to_owned()), "{terms:?}");
        assert!(!query_terms("what is it").is_empty());
        assert!(query_terms(" ，。!").is_empty());
    }

    #[test]
    fn long_questions_ask_for_some_terms_at_once() {
        let started = std::time::Instant::now();
        let question: String = (0..100_000).map(|at| format!("w{at} ")).collect();
        let asked = query_terms(&question);
        assert!(asked.len() == MOST_ASKED && asked[0].text == "w0", "{asked:?}");
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }
}
