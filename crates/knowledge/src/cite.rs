//! Proving an answer: every marker must lead to words that stand in the passage it names.

use std::collections::HashSet;
use std::sync::OnceLock;

use domain::{Citation, Passage};
use regex::Regex;

use crate::answer::{Language, no_answer_text};
use crate::text;

/// Share of a marked sentence's words its quotation must hold.
const ENOUGH: f32 = 0.5;
/// The same for a sentence the model left unmarked.
const PLENTY: f32 = 0.75;
/// Sentences of a passage that may make one quotation, and its characters.
const WINDOW: usize = 3;
const LONGEST: usize = 500;

/// An answer with the citations that hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Cited {
    /// The answer: markers that do not hold are gone, missing ones put in.
    pub answer: String,
    /// In the order of their markers.
    pub citations: Vec<Citation>,
    /// Markers that did not hold.
    pub dropped: usize,
    /// Whether any sentence is supported by a quotation.
    pub supported: bool,
}

/// Checks an answer against its passages, numbered from 1 in their order.
pub fn resolve(answer: &str, passages: &[Passage]) -> Cited {
    let Marked { text, anchors } = unmark(answer);
    let sources: Vec<Source<'_>> = passages.iter().map(Source::new).collect();
    let sentences = sentences(&text);
    let mut marks: Vec<Mark> = Vec::new();
    let mut dropped = 0;
    for (index, &[start, end]) in sentences.iter().enumerate() {
        let own: Vec<&Anchor> = anchors
            .iter()
            .filter(|anchor| (anchor.at > start || (index == 0 && anchor.at == 0)) && anchor.at <= end)
            .collect();
        let claim = claim(&text, &sentences, index);
        if own.is_empty() {
            marks.extend(unmarked(&text, [start, end], &claim, &sources));
            continue;
        }
        let mut numbers = HashSet::new();
        for anchor in own {
            for &number in &anchor.numbers {
                if !numbers.insert(number) {
                    continue;
                }
                let quote =
                    number.checked_sub(1).and_then(|at| sources.get(at)).and_then(|source| source.find(&claim, ENOUGH));
                match quote {
                    Some(quote) => marks.push(Mark { at: anchor.at, spaced: anchor.spaced, number, quote: quote.span }),
                    None => dropped += 1,
                }
            }
        }
    }
    let outside = anchors.iter().filter(|anchor| {
        !sentences.iter().any(|[start, end]| anchor.at <= *end && (anchor.at > *start || *start == 0))
    });
    dropped += outside.map(|anchor| anchor.numbers.len()).sum::<usize>();
    marks.sort_by_key(|mark| mark.at);
    write(&text, &marks, passages, dropped)
}

struct Anchor {
    at: usize,
    spaced: bool,
    numbers: Vec<usize>,
}

struct Marked {
    text: Vec<char>,
    anchors: Vec<Anchor>,
}

struct Mark {
    at: usize,
    spaced: bool,
    number: usize,
    quote: [usize; 2],
}

/// Takes the markers out of an answer and remembers where they stood. Code between backticks is left alone.
fn unmark(answer: &str) -> Marked {
    static MARKER: OnceLock<Regex> = OnceLock::new();
    let marker = MARKER.get_or_init(|| {
        Regex::new(r"(?i)[\[【［]\s*(?:passage|source|document|资料|段落|文档|来源)?\s*\d{1,3}(?:\s*[,，、;；]\s*\d{1,3})*\s*[\]】］]")
            .expect("a constant pattern compiles: this is a bug")
    });
    let (mut text, mut anchors, mut last) = (Vec::new(), Vec::<Anchor>::new(), 0);
    for found in marker.find_iter(answer) {
        if answer[..found.start()].matches('`').count() % 2 == 1 || answer[found.end()..].starts_with('(') {
            continue;
        }
        text.extend(answer[last..found.start()].chars());
        last = found.end();
        let mut spaced = false;
        while text.last() == Some(&' ') {
            text.pop();
            spaced = true;
        }
        let numbers = found.as_str().split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        match anchors.last_mut().filter(|anchor| anchor.at == text.len()) {
            Some(anchor) => anchor.numbers.extend(numbers),
            None => anchors.push(Anchor { at: text.len(), spaced, numbers: numbers.collect() }),
        }
    }
    text.extend(answer[last..].chars());
    Marked { text, anchors }
}

/// Ranges of sentences, in Chinese or English, including what closes them.
fn sentences(text: &[char]) -> Vec<[usize; 2]> {
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
    let word: String =
        before.iter().rev().take_while(|c| !c.is_whitespace()).collect::<Vec<_>>().into_iter().rev().collect();
    let list = before.iter().filter(|c| !c.is_whitespace()).all(char::is_ascii_digit);
    list || matches!(
        word.to_ascii_lowercase().as_str(),
        "e.g" | "i.e" | "etc" | "vs" | "mr" | "dr" | "no" | "fig" | "cf"
    )
}

/// What a sentence says; a marker standing alone speaks for the sentence before it.
fn claim(text: &[char], sentences: &[[usize; 2]], index: usize) -> Claim {
    let [start, end] = sentences[index];
    let own = Claim::new(&text[start..end]);
    if own.features.is_empty() && index > 0 {
        let [start, end] = sentences[index - 1];
        return Claim::new(&text[start..end]);
    }
    own
}

/// A marker for a sentence without one, where exactly what it says stands in a passage.
fn unmarked(text: &[char], [start, end]: [usize; 2], claim: &Claim, sources: &[Source<'_>]) -> Option<Mark> {
    if claim.features.len() < 4 || claim.refuses {
        return None;
    }
    let found = sources.iter().enumerate().filter_map(|(at, source)| Some((at, source.find(claim, PLENTY)?)));
    // The earlier passage wins a draw: it is the better hit.
    let (source, quote) = found.reduce(|best, next| if next.1.share > best.1.share { next } else { best })?;
    let mut at = end;
    while at > start
        && !text[at - 1].is_alphanumeric()
        && !matches!(text[at - 1], ')' | '）' | '`' | '"' | '”' | '」' | '%')
    {
        at -= 1;
    }
    Some(Mark { at, spaced: at > start && text[at - 1].is_ascii(), number: source + 1, quote: quote.span })
}

fn write(text: &[char], marks: &[Mark], passages: &[Passage], dropped: usize) -> Cited {
    let mut answer: Vec<char> = Vec::with_capacity(text.len() + marks.len() * 4);
    let mut citations = Vec::with_capacity(marks.len());
    let mut next = 0;
    for mark in marks {
        answer.extend(&text[next..mark.at]);
        if mark.spaced && mark.at > next {
            answer.push(' ');
        }
        next = mark.at;
        let marker = format!("[{}]", mark.number);
        let start = answer.len();
        answer.extend(marker.chars());
        let passage = &passages[mark.number - 1];
        let [from, to] = mark.quote;
        citations.push(Citation {
            marker,
            passage: passage.id.clone(),
            document: passage.document.clone(),
            title: passage.title.clone(),
            page: passage.page,
            section: passage.section.clone(),
            quote: passage.text.chars().skip(from).take(to - from).collect(),
            span: [passage.span[0] + from, (passage.span[0] + to).min(passage.span[1].max(passage.span[0] + from))],
            at: [start, answer.len()],
        });
    }
    answer.extend(&text[next..]);
    Cited { answer: answer.into_iter().collect(), supported: !citations.is_empty(), citations, dropped }
}

/// What a text says, as far as it can be compared: pairs of Han characters, stems of words, numbers.
struct Claim {
    features: HashSet<String>,
    numbers: HashSet<String>,
    refuses: bool,
}

impl Claim {
    fn new(text: &[char]) -> Self {
        static LIST: OnceLock<Regex> = OnceLock::new();
        let list = LIST.get_or_init(|| {
            Regex::new(r"^\s*(?:[-*•#>]+\s*)?(?:\d{1,2}[.)、．]\s+)?")
                .expect("a constant pattern compiles: this is a bug")
        });
        let text: String = text.iter().collect();
        let text = list.replace(&text, "");
        let refuses =
            [Language::Chinese, Language::English].iter().any(|language| text.contains(no_answer_text(*language)));
        Self { features: features(&text), numbers: numbers(&text), refuses }
    }
}

/// A passage cut into sentences.
struct Source<'a> {
    chars: Vec<char>,
    sentences: Vec<[usize; 2]>,
    features: Vec<HashSet<String>>,
    passage: &'a Passage,
}

struct Quote {
    span: [usize; 2],
    share: f32,
}

impl<'a> Source<'a> {
    fn new(passage: &'a Passage) -> Self {
        let chars: Vec<char> = passage.text.chars().collect();
        let sentences = sentences(&chars);
        let features =
            sentences.iter().map(|[start, end]| features(&chars[*start..*end].iter().collect::<String>())).collect();
        Self { chars, sentences, features, passage }
    }

    /// The shortest run of sentences that holds what is claimed and every number in it.
    fn find(&self, claim: &Claim, enough: f32) -> Option<Quote> {
        if claim.features.is_empty() || self.passage.text.is_empty() {
            return None;
        }
        let mut best: Option<(f32, Quote)> = None;
        for first in 0..self.sentences.len() {
            for last in first..self.sentences.len().min(first + WINDOW) {
                let span = self.trimmed([self.sentences[first][0], self.sentences[last][1]]);
                if last > first && span[1] - span[0] > LONGEST {
                    break;
                }
                let held = claim
                    .features
                    .iter()
                    .filter(|feature| self.features[first..=last].iter().any(|have| have.contains(*feature)));
                let share = held.count() as f32 / claim.features.len() as f32;
                // A longer quotation must earn its length.
                let worth = share - 0.06 * (last - first) as f32;
                if share < enough || best.as_ref().is_some_and(|(most, _)| worth <= *most) {
                    continue;
                }
                let quote: String = self.chars[span[0]..span[1]].iter().collect();
                if claim.numbers.is_subset(&numbers(&quote)) {
                    best = Some((worth, Quote { span, share }));
                }
            }
        }
        best.map(|(_, quote)| quote)
    }

    fn trimmed(&self, [mut start, mut end]: [usize; 2]) -> [usize; 2] {
        while start < end && self.chars[start].is_whitespace() {
            start += 1;
        }
        while end > start && self.chars[end - 1].is_whitespace() {
            end -= 1;
        }
        [start, end]
    }
}

fn features(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    let mut found = HashSet::new();
    let mut han: Vec<char> = Vec::new();
    let mut word = String::new();
    for c in lower.chars().chain([' ']) {
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

/// Numbers as written in digits, without the commas between thousands.
fn numbers(text: &str) -> HashSet<String> {
    static NUMBER: OnceLock<Regex> = OnceLock::new();
    let number =
        NUMBER.get_or_init(|| Regex::new(r"\d+(?:[.,]\d+)*").expect("a constant pattern compiles: this is a bug"));
    number.find_iter(text).map(|found| found.as_str().replace(',', "")).collect()
}

#[cfg(test)]
#[path = "cite_tests.rs"]
mod tests;
