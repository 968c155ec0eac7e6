//! What a sentence claims, and where a passage says it.

use std::collections::HashSet;
use std::sync::OnceLock;

use domain::Passage;
use regex::{Captures, Regex};
use unicode_normalization::UnicodeNormalization;

use crate::text;

/// Sentences of a passage that may make one quotation, and its characters.
const WINDOW: usize = 3;
const LONGEST: usize = 500;

/// How much of a claim a quotation must hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strictness {
    /// The model named the passage.
    Marked,
    /// The model named none: only what stands there nearly as it was said.
    Unmarked,
}

/// What a text says, as far as it can be compared: pairs of Han characters, stems of words, numbers, codes.
pub(crate) struct Claim {
    pub(crate) features: HashSet<String>,
    numbers: HashSet<String>,
    codes: HashSet<String>,
    /// Written in Han.
    han: bool,
}

impl Claim {
    pub(crate) fn new(text: &str) -> Self {
        static LIST: OnceLock<Regex> = OnceLock::new();
        let list = pattern(&LIST, r"^\s*(?:[-*•#>]+\s*)?(?:\d{1,2}[.)、．]\s+)?");
        let text = normal(&list.replace(text, ""));
        let Figures { numbers, codes } = figures(&text);
        // In Chinese `一` counts less often than it joins: 一个, 一种.
        let numbers = numbers.into_iter().filter(|(number, spelled)| !(*spelled && number == "1")).map(|(n, _)| n);
        Self { features: features(&text), numbers: numbers.collect(), codes, han: text::han_share(&text) >= 0.3 }
    }

    /// Something that cannot be there by chance.
    fn striking(&self) -> bool {
        !self.codes.is_empty() || self.numbers.len() > 1 || self.numbers.iter().any(|number| number.len() > 1)
    }
}

/// A sentence of a passage.
struct Sentence {
    span: [usize; 2],
    features: HashSet<String>,
    numbers: HashSet<String>,
    han: bool,
    /// A row of a table: it says nothing together with the next one.
    row: bool,
}

/// A passage cut into sentences.
pub(crate) struct Source {
    sentences: Vec<Sentence>,
    /// Of the headings above the passage and its table's head: they say what its sentences are about.
    context: HashSet<String>,
    context_numbers: HashSet<String>,
    codes: HashSet<String>,
}

/// Where a claim was found.
pub(crate) struct Quote {
    /// In characters of the passage.
    pub(crate) span: [usize; 2],
    /// How well it fits; comparable between passages.
    pub(crate) worth: f32,
}

impl Source {
    pub(crate) fn new(passage: &Passage) -> Self {
        let chars: Vec<char> = passage.text.chars().collect();
        let mut codes = HashSet::new();
        let mut head = None;
        let sentences = sentences(&chars).into_iter().map(|span| {
            let span = trimmed(&chars, span);
            let row = chars[span[0]..span[1]].windows(3).any(|three| three == [' ', '|', ' ']);
            let text = normal(&chars[span[0]..span[1]].iter().collect::<String>());
            let figures = figures(&text);
            codes.extend(figures.codes);
            let numbers = figures.numbers.into_iter().map(|(number, _)| number).chain(spelled(&text)).collect();
            let features = features(&text);
            // Rows that name their columns themselves have no head.
            if row && head.is_none() && !chars[span[0]..span[1]].windows(2).any(|two| two == [':', ' ']) {
                head = Some(features.clone());
            }
            Sentence { span, features, numbers, han: text::han_share(&text) >= 0.3, row }
        });
        let sentences = sentences.collect();
        let context = normal(&format!("{} {} {}", passage.title, passage.section, passage.document));
        let of_context = figures(&context);
        codes.extend(of_context.codes);
        let mut above = features(&context);
        above.extend(head.unwrap_or_default());
        Self {
            sentences,
            context: above,
            context_numbers: of_context.numbers.into_iter().map(|(number, _)| number).collect(),
            codes,
        }
    }

    /// The shortest run of sentences that holds what is claimed, every number in it, and most of what was asked.
    pub(crate) fn find(&self, claim: &Claim, asked: &Claim, strictness: Strictness) -> Option<Quote> {
        if claim.features.is_empty() || !claim.codes.iter().all(|code| self.codes.contains(code)) {
            return None;
        }
        let mut best: Option<Quote> = None;
        for first in 0..self.sentences.len() {
            for last in first..self.sentences.len().min(first + WINDOW) {
                let window = &self.sentences[first..=last];
                let span = [window[0].span[0], window[window.len() - 1].span[1]];
                let rows = window.iter().any(|sentence| sentence.row);
                if last > first && (rows || span[1] - span[0] > LONGEST) {
                    break;
                }
                let Some(share) = self.share(claim, asked, window, strictness) else { continue };
                // A longer quotation must earn its length.
                let worth = share - 0.06 * (last - first) as f32;
                if best.as_ref().is_none_or(|best| worth > best.worth) {
                    best = Some(Quote { span, worth });
                }
            }
        }
        best
    }

    /// How much of a claim the sentences hold; nothing if it is not enough.
    fn share(&self, claim: &Claim, asked: &Claim, window: &[Sentence], strictness: Strictness) -> Option<f32> {
        let holds = |feature: &String| window.iter().any(|sentence| sentence.features.contains(feature));
        let counts = |number: &String| {
            window.iter().any(|sentence| sentence.numbers.contains(number)) || self.context_numbers.contains(number)
        };
        if !claim.numbers.iter().all(counts) {
            return None;
        }
        // The figures of one row with the names of another make no fact: no other row may speak more of the matter.
        if let [row] = window
            && row.row
        {
            let words = |sentence: &Sentence| {
                let of_words =
                    |feature: &&String| !feature.contains(char::is_numeric) && !self.context.contains(*feature);
                let all = claim.features.union(&asked.features).filter(of_words);
                all.filter(|feature| sentence.features.contains(*feature)).count()
            };
            let own = words(row);
            if self.sentences.iter().any(|other| other.row && words(other) > own) {
                return None;
            }
        }
        let held = claim.features.iter().filter(|feature| holds(feature)).count();
        let above = claim.features.iter().filter(|feature| !holds(feature) && self.context.contains(*feature)).count();
        let answers = if asked.features.is_empty() {
            0.0
        } else {
            let known = asked.features.iter().filter(|feature| holds(feature) || self.context.contains(*feature));
            known.count() as f32 / asked.features.len() as f32
        };
        // What the headings say need not be repeated, but they alone prove nothing.
        let share = held as f32 / (claim.features.len() - above).max(1) as f32;
        let same_language = window.iter().any(|sentence| sentence.han == claim.han);
        let enough = match strictness {
            _ if held == 0 => false,
            // Between languages only figures can be compared.
            Strictness::Marked if !same_language => share >= 0.5 || claim.striking(),
            // A few letters are found anywhere: they must stand where the question is answered.
            Strictness::Marked if claim.features.len() < 3 && !asked.features.is_empty() => {
                share >= 0.5 && answers >= 0.3
            }
            Strictness::Marked => share >= 0.5,
            Strictness::Unmarked if claim.features.len() < 4 => {
                share >= 1.0 && (answers >= 0.5 || answers >= 0.2 && claim.striking())
            }
            Strictness::Unmarked => share >= 0.75 || share >= 0.5 && answers >= 0.25 && claim.striking(),
        };
        enough.then_some(share + 0.1 * answers)
    }
}

/// Ranges of sentences, in Chinese or English, including what closes them.
pub(crate) fn sentences(text: &[char]) -> Vec<[usize; 2]> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let next = text.get(at + 1).copied();
        let ends = match text[at] {
            '\n' | '。' | '！' | '？' | '；' => true,
            '!' | '?' | '.' => next.is_none_or(char::is_whitespace) && !enumerates(&text[start..at]),
            _ => false,
        };
        at += 1;
        if ends {
            while at < text.len() && matches!(text[at], '”' | '’' | '"' | '\'' | '）' | ')' | '」' | '』') {
                at += 1;
            }
            found.push([start, at]);
            start = at;
        }
    }
    found.push([start, text.len()]);
    found.retain(|[start, end]| text[*start..*end].iter().any(|c| c.is_alphanumeric()));
    found
}

/// `1` before a full stop is a list's number, `e.g` an abbreviation: neither ends a sentence.
fn enumerates(before: &[char]) -> bool {
    let start = before.iter().rposition(|c| c.is_whitespace()).map_or(0, |at| at + 1);
    let word: String = before[start..].iter().collect();
    let list = before.iter().filter(|c| !c.is_whitespace()).all(char::is_ascii_digit);
    list || matches!(
        word.to_ascii_lowercase().as_str(),
        "e.g" | "i.e" | "etc" | "vs" | "mr" | "dr" | "no" | "fig" | "cf"
    )
}

pub(crate) fn trimmed(chars: &[char], [mut start, mut end]: [usize; 2]) -> [usize; 2] {
    while start < end && chars[start].is_whitespace() {
        start += 1;
    }
    while end > start && chars[end - 1].is_whitespace() {
        end -= 1;
    }
    [start, end]
}

/// As texts are compared: full-width and traditional forms folded, lower case.
fn normal(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).map(text::simplified).collect()
}

fn features(normal: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut han: Vec<char> = Vec::new();
    let mut word = String::new();
    for c in normal.chars().chain([' ']) {
        let is_han = text::is_han(c);
        if !is_han && !han.is_empty() {
            if han.len() == 1 {
                found.insert(han.iter().collect());
            }
            found.extend(han.windows(2).map(|pair| pair.iter().collect()));
            han.clear();
        }
        let of_word = !is_han && c.is_alphanumeric();
        if !of_word && !word.is_empty() {
            let whole = std::mem::take(&mut word);
            if !text::is_stop_word(&whole) {
                found.insert(text::stem(&whole));
            }
        }
        if is_han {
            han.push(c);
        } else if of_word {
            word.push(c);
        }
    }
    found
}

/// What must not be invented.
struct Figures {
    /// Each in one form, and whether it was spelled in Han characters.
    numbers: HashSet<(String, bool)>,
    /// Letters with digits: `qs200`, `e07`.
    codes: HashSet<String>,
}

fn figures(normal: &str) -> Figures {
    static CODE: OnceLock<Regex> = OnceLock::new();
    static NUMBER: OnceLock<Regex> = OnceLock::new();
    static SPELLED: OnceLock<Regex> = OnceLock::new();
    let code = pattern(&CODE, r"(?-u:\b)(?:[a-z]+[a-z0-9]*[-_/]?)+\d[a-z0-9]*(?:[-_/.][a-z0-9]+)*(?-u:\b)");
    let number = pattern(&NUMBER, r"(\d+(?:[.,]\d+)*)\s*([十百千万亿])?");
    let measured = pattern(
        &SPELLED,
        r"(?:百分之([零〇一二两三四五六七八九十百千万]+)|([零〇一二两三四五六七八九十百千万]+)\s*(?:个|天|日|年|月|周|星期|小时|分钟|秒|次|人|名|台|元|份|页|条|级|倍|岁|折|件|套))",
    );
    let mut codes = HashSet::new();
    let rest = code.replace_all(normal, |found: &Captures<'_>| {
        let letters = found[0].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if CURRENCIES.contains(&letters) {
            return format!(" {}", &found[0][letters.len()..]);
        }
        codes.insert(found[0].chars().filter(|c| c.is_ascii_alphanumeric()).collect());
        " ".to_owned()
    });
    let mut numbers = HashSet::new();
    for found in number.captures_iter(&rest) {
        let unit = found.get(2).map_or(1.0, |unit| scale(unit.as_str().chars().next().unwrap_or(' ')));
        numbers.insert((one_form(&found[1], unit), false));
    }
    for found in measured.captures_iter(&rest) {
        let Some(digits) = found.get(1).or(found.get(2)) else { continue };
        numbers.extend(value_of(digits.as_str()).map(|value| (value.to_string(), true)));
    }
    Figures { numbers, codes }
}

const CURRENCIES: [&str; 8] = ["cny", "rmb", "usd", "eur", "gbp", "jpy", "hkd", "twd"];

fn scale(unit: char) -> f64 {
    match unit {
        '十' => 1e1,
        '百' => 1e2,
        '千' => 1e3,
        '万' => 1e4,
        '亿' => 1e8,
        _ => 1.0,
    }
}

/// Without the commas between thousands and zeros that say nothing: `1,200.50` and `01200.5` are one number.
fn one_form(digits: &str, unit: f64) -> String {
    let plain = digits.replace(',', "");
    match plain.parse::<f64>() {
        Ok(value) if value < 1e15 => (value * unit).to_string(),
        // Versions and addresses: 1.2.3.
        _ => plain,
    }
}

/// The value of a number in Han characters, below a hundred million.
fn value_of(spelled: &str) -> Option<u64> {
    let digit = |c: char| match c {
        '〇' => Some(0),
        '两' => Some(2),
        c => "零一二三四五六七八九".chars().position(|digit| digit == c).map(|at| at as u64),
    };
    if spelled.chars().all(|c| digit(c).is_some()) {
        return spelled.chars().filter_map(digit).try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(digit));
    }
    // `万元` after digits is a unit, no number.
    if !spelled.chars().any(|c| c == '十' || digit(c).is_some()) {
        return None;
    }
    let (mut total, mut section, mut last) = (0u64, 0u64, 0u64);
    for c in spelled.chars() {
        match (digit(c), c) {
            (Some(digit), _) => last = digit,
            (None, '万') => {
                total = (section + last).max(1).checked_mul(10_000)?;
                (section, last) = (0, 0);
            }
            (None, unit) => {
                section = section.checked_add(last.max(1) * scale(unit) as u64)?;
                last = 0;
            }
        }
    }
    total.checked_add(section)?.checked_add(last)
}

/// Numbers spelled in English words.
fn spelled(normal: &str) -> impl Iterator<Item = String> {
    const WORDS: [(&str, u32); 24] = [
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("six", 6),
        ("seven", 7),
        ("eight", 8),
        ("nine", 9),
        ("ten", 10),
        ("eleven", 11),
        ("twelve", 12),
        ("thirteen", 13),
        ("fourteen", 14),
        ("fifteen", 15),
        ("sixteen", 16),
        ("eighteen", 18),
        ("twenty", 20),
        ("thirty", 30),
        ("forty", 40),
        ("fifty", 50),
        ("sixty", 60),
        ("ninety", 90),
        ("hundred", 100),
    ];
    normal
        .split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| WORDS.iter().find(|(name, _)| *name == word).map(|(_, value)| value.to_string()))
        .collect::<Vec<_>>()
        .into_iter()
}

fn pattern(cell: &'static OnceLock<Regex>, pattern: &str) -> &'static Regex {
    cell.get_or_init(|| Regex::new(pattern).expect("a constant pattern compiles: this is a bug"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_one_form() {
        for (text, numbers, codes) in [
            ("QS-200 电池约 26 个月，25 °C", vec!["26", "25"], vec!["qs200"]),
            ("Error E07: ＣＮＹ３,９００.00", vec!["3900"], vec!["e07"]),
            ("CNY680 and 08/20/2026", vec!["680", "8", "20", "2026"], vec![]),
            ("3万元，一百二十天，十五日，二〇二六年", vec!["30000", "120", "15", "2026"], vec![]),
            ("百分之十；两个月", vec!["10", "2"], vec![]),
            ("version 1.2.3 of GB/T 19001-2016", vec!["1.2.3", "19001", "2016"], vec![]),
            ("twenty", vec![], vec![]),
        ] {
            let found = figures(&normal(text));
            let have: HashSet<String> = found.numbers.into_iter().map(|(number, _)| number).collect();
            assert_eq!(have, numbers.into_iter().map(str::to_owned).collect(), "{text}");
            assert_eq!(found.codes, codes.into_iter().map(str::to_owned).collect(), "{text}");
        }
        assert_eq!(value_of("一万二千"), Some(12_000));
        assert_eq!(spelled("within thirty days").collect::<Vec<_>>(), ["30"]);
    }
}
