//! Proving an answer: every marker must lead to words that stand in the passage it names.

use std::collections::HashSet;
use std::sync::OnceLock;

use domain::{Citation, Passage};
use regex::Regex;

use crate::answer::{Language, no_answer_text};
use crate::claim::{Claim, Judge, Quote, Source, Strictness};
use crate::cut::{clauses, sentences};
use crate::extract;

/// An answer with the citations that hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Cited {
    /// The answer: markers that do not hold are gone, missing ones put in, sentences said twice said once. An answer
    /// that begins by saying that the documents hold none says nothing else.
    pub answer: String,
    /// In the order of their markers.
    pub citations: Vec<Citation>,
    /// Markers that did not hold.
    pub dropped: usize,
    /// Whether any sentence is supported by a quotation.
    pub supported: bool,
}

/// Checks an answer against its passages, numbered from 1 in their order. The question helps to find the quotation for a
/// short answer; the judge is asked where claim and quotation are in two languages.
pub fn resolve(question: &str, answer: &str, passages: &[Passage], judge: &Judge<'_>) -> Cited {
    let Marked { text, anchors } = unmark(answer, passages.len());
    let proof = Proof { asked: Claim::new(question), sources: passages.iter().map(Source::new).collect(), judge };
    let sentences = sentences(&text);
    let mut said = HashSet::new();
    let mut found = Found::default();
    for (index, &[start, end]) in sentences.iter().enumerate() {
        let own: Vec<&Anchor> = anchors.iter().filter(|anchor| anchor.sentence(&text, &sentences) == index).collect();
        let words: String = text[start..end].iter().collect();
        let (before, dropped) = (found.marks.len(), found.dropped);
        if index == 0 && same_words(&words, question) {
            found.cut.push([start, end]);
            continue;
        }
        // A small model at a loss says the same again and again.
        if words.chars().count() >= 8 && !said.insert(words.trim().to_owned()) {
            found.cut.push([start, end]);
            continue;
        }
        if !says_no_answer(&words) || !words.contains(no_answer_text(Language::of(&words))) {
            found.prove(&text, [start, end], &own, &proof);
        }
        if found.marks.len() == before && says_no_answer(&words) {
            found.dropped = dropped + own.iter().map(|anchor| anchor.numbers.len()).sum::<usize>();
            if index == 0 {
                let answer = no_answer_text(Language::of(answer)).to_owned();
                return Cited { answer, citations: Vec::new(), dropped: found.dropped, supported: false };
            }
            if before > 0 {
                found.cut.push([start, end]);
            }
        }
    }
    if sentences.is_empty() {
        found.dropped = anchors.iter().map(|anchor| anchor.numbers.len()).sum();
    }
    write(&text, found, passages)
}

/// The share of an answer's sentences that stand in the passages, numbered from 1 in their order: of a sentence with markers the share of them that
/// lead to a quotation, of one without whether any passage says it. Nothing for an answer that states nothing.
pub fn support(question: &str, answer: &str, passages: &[Passage], judge: &Judge<'_>) -> Option<f64> {
    let Marked { text, anchors } = unmark(answer, passages.len());
    let proof = Proof { asked: Claim::new(question), sources: passages.iter().map(Source::new).collect(), judge };
    let sentences = sentences(&text);
    let (mut stated, mut held) = (0usize, 0.0);
    for (index, &[start, end]) in sentences.iter().enumerate() {
        let words: String = text[start..end].iter().collect();
        if says_no_answer(&words) || index == 0 && same_words(&words, question) {
            continue;
        }
        let own: Vec<&Anchor> = anchors.iter().filter(|anchor| anchor.sentence(&text, &sentences) == index).collect();
        let named: HashSet<usize> = own.iter().flat_map(|anchor| anchor.numbers.iter().copied()).collect();
        if named.is_empty() && Claim::new(&words).whole.features.is_empty() {
            continue;
        }
        stated += 1;
        let mut found = Found::default();
        found.prove(&text, [start, end], &own, &proof);
        // To be believed takes less than to be given a marker that nobody set.
        let said = |source: &Source| proof.find(source, &Claim::new(&words), Strictness::Marked).is_some();
        held += match named.len() {
            0 => f64::from(!found.marks.is_empty() || proof.sources.iter().any(said)),
            count => (count - found.dropped.min(count)) as f64 / count as f64,
        };
    }
    (stated > 0).then(|| held / stated as f64)
}

/// Whether an answer begins by saying, in whatever words, that the documents hold none.
pub fn declines(answer: &str) -> bool {
    let text: Vec<char> = answer.chars().collect();
    sentences(&text).first().is_some_and(|[start, end]| says_no_answer(&text[*start..*end].iter().collect::<String>()))
}

/// What a checked answer comes to when it is whole: one of a single sentence that no passage supports, though it is
/// written in the passages' language, is taken for invented. The answer is then what the documents themselves say, word for
/// word, where one place speaks plainly of the question; else that they hold none, with the closest place if there is one.
pub fn settle(question: &str, cited: Cited, passages: &[Passage]) -> Cited {
    let chars: Vec<char> = cited.answer.chars().collect();
    let says = sentences(&chars).len();
    let language = Language::of(if says == 0 { question } else { &cited.answer });
    // Of what is said in another language than theirs, only figures tell that it is invented.
    let comparable = passages.iter().any(|passage| Language::of(&passage.text) == language)
        || Claim::new(&cited.answer).whole.has_figures();
    if cited.supported || question.is_empty() || says > 1 || !comparable && says > 0 {
        return cited;
    }
    let dropped = cited.dropped;
    let asked = Language::of(question);
    if let Some(place) = extract::plainest(question, passages) {
        let lead = match asked {
            Language::Chinese => "文档中写道：",
            Language::English => "The documents say: ",
        };
        return Cited { dropped, ..quoted(lead, asked, passages, place) };
    }
    if let Some(place) = extract::closest(question, passages) {
        let lead = match asked {
            Language::Chinese => "文档没有直接回答这个问题，最接近的一处是：",
            Language::English => "The documents do not answer this directly. The closest place: ",
        };
        return Cited { dropped, ..quoted(lead, asked, passages, place) };
    }
    Cited { answer: no_answer_text(asked).to_owned(), ..cited }
}

/// A passage's own words.
fn quoted(lead: &str, language: Language, passages: &[Passage], (at, quote): (usize, [usize; 2])) -> Cited {
    let spaced = language == Language::English;
    let [from, to] = quote;
    let words: String = passages[at].text.chars().skip(from).take(to - from).collect();
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text: Vec<char> = format!("{lead}“{}”", lines.join(" / ")).chars().collect();
    let marks = vec![Mark { at: text.len(), spaced, number: at + 1, quote }];
    write(&text, Found { marks, ..Found::default() }, passages)
}

/// Bytes of a text, still growing, that hold whole sentences with their markers. Markers belong to the sentence before
/// them, so the last sentence that ended waits for the next to begin.
pub fn complete(text: &str) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let begun = |end: &usize| chars[*end..].iter().find(|c| !c.is_whitespace()).is_some_and(|c| !opens(*c));
    let end = sentences(&chars).into_iter().rev().map(|[_, end]| after_markers(&chars, end)).find(begun);
    chars[..end.unwrap_or(0)].iter().map(|c| c.len_utf8()).sum()
}

/// The place after the markers that follow a place.
fn after_markers(text: &[char], mut at: usize) -> usize {
    loop {
        let next = at + text[at..].iter().take_while(|c| c.is_whitespace()).count();
        let opened = text.get(next).is_some_and(|c| opens(*c));
        let close = text[next..].iter().position(|c| matches!(c, ']' | '】' | '］'));
        let Some(length) = close.filter(|_| opened) else { return at };
        at = next + length + 1;
    }
}

fn opens(c: char) -> bool {
    matches!(c, '[' | '【' | '［')
}

fn same_words(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    letters(one) == letters(other)
}

/// Whether a sentence says, in whatever words, that the documents hold no answer.
fn says_no_answer(sentence: &str) -> bool {
    static CHINESE: OnceLock<Regex> = OnceLock::new();
    static ENGLISH: OnceLock<Regex> = OnceLock::new();
    let compile = |pattern| Regex::new(pattern).expect("a constant pattern compiles: this is a bug");
    let chinese = CHINESE.get_or_init(|| {
        compile(
            r"(?:资料|文档|文件|段落|上下文|文本|信息|答案|内容|问题)[^。]{0,24}(?:没有|未|无法|不包含|不含|不包括|并无)|(?:没有|未|无法|不包含|不含|并无|不能)[^。]{0,24}(?:资料|文档|答案|信息|内容|回答|问题)",
        )
    });
    let english = ENGLISH.get_or_init(|| {
        compile(
            r"(?i)\b(?:documents?|passages?|context|texts?|sources?|information|answers?|answered)\b.{0,60}\b(?:no|not|cannot|unable|don't|doesn't|didn't|isn't)\b|\b(?:no|not|cannot|unable|don't|doesn't|didn't|isn't)\b.{0,60}\b(?:documents?|passages?|context|texts?|sources?|information|answers?|answered)\b",
        )
    });
    chinese.is_match(sentence) || english.is_match(sentence)
}

/// Where markers stood, and which passages they named.
struct Anchor {
    at: usize,
    spaced: bool,
    numbers: Vec<usize>,
}

impl Anchor {
    /// The sentence it speaks for: the one before it; at the beginning of a line, the one after.
    fn sentence(&self, text: &[char], sentences: &[[usize; 2]]) -> usize {
        let line = text[..self.at].iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1);
        let leads = !text[line..self.at].iter().any(|c| c.is_alphanumeric());
        let after = sentences.iter().position(|[start, end]| *end > self.at && *start >= line);
        let before = sentences.iter().rposition(|[start, _]| *start < self.at);
        let chosen = if leads { after.or(before) } else { before.or(after) };
        chosen.unwrap_or(0)
    }
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

/// Takes the markers out of an answer and remembers where they stood. Code between backticks is left alone, and so are
/// brackets that hold values: `[0, 100]`.
fn unmark(answer: &str, passages: usize) -> Marked {
    static MARKER: OnceLock<Regex> = OnceLock::new();
    let marker = MARKER.get_or_init(|| {
        Regex::new(
            r"(?i)[\[【［]\s*\^?(?:passages?|sources?|documents?|references?|资料编号|资料|段落|文档|来源|编号|参考)?\s*[:：#]?\s*\d{1,3}(?:\s*[,，、;；]\s*\d{1,3})*\s*(?:†[^\]】］\n]{0,40})?[\]】］]",
        )
        .expect("a constant pattern compiles: this is a bug")
    });
    let (mut text, mut anchors, mut last) = (Vec::new(), Vec::<Anchor>::new(), 0);
    let (mut ticks, mut counted) = (0, 0);
    for found in marker.find_iter(answer) {
        ticks += answer[counted..found.start()].matches('`').count();
        counted = found.start();
        let named = found.as_str().split('†').next().unwrap_or_default();
        let numbers = named.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        let numbers: Vec<usize> = numbers.collect();
        let labelled = named.contains(char::is_alphabetic);
        let values = numbers.contains(&0) || numbers.len() > 1 && numbers.iter().any(|number| *number > passages);
        if ticks % 2 == 1 || answer[found.end()..].starts_with('(') || values && !labelled {
            continue;
        }
        text.extend(answer[last..found.start()].chars());
        last = found.end();
        let mut spaced = false;
        while text.last() == Some(&' ') {
            text.pop();
            spaced = true;
        }
        match anchors.last_mut().filter(|anchor| anchor.at == text.len()) {
            Some(anchor) => anchor.numbers.extend(numbers),
            None => anchors.push(Anchor { at: text.len(), spaced, numbers }),
        }
    }
    text.extend(answer[last..].chars());
    Marked { text, anchors }
}

/// What was proved so far.
#[derive(Default)]
struct Found {
    marks: Vec<Mark>,
    dropped: usize,
    /// Ranges of the text that are left out.
    cut: Vec<[usize; 2]>,
}

impl Found {
    /// Keeps those of a sentence's markers that lead to a quotation; if none does, looks for one in all passages; if
    /// there is none, proves each clause that states something by itself.
    fn prove(&mut self, text: &[char], span: [usize; 2], own: &[&Anchor], proof: &Proof<'_>) {
        let named: HashSet<usize> = own.iter().flat_map(|anchor| anchor.numbers.iter().copied()).collect();
        let claimed = |[start, end]: [usize; 2]| Claim::new(&text[start..end].iter().collect::<String>());
        let claim = claimed(span);
        let mut marks = proof.marked(text, span, own, &claim);
        if marks.is_empty() {
            marks.extend(proof.unmarked(text, span, &claim));
        }
        let clauses = clauses(text, span);
        if marks.is_empty() && clauses.len() > 1 {
            for clause in clauses {
                let claim = claimed(clause);
                let within = |anchor: &&&Anchor| (clause[0] + 1..=clause[1]).contains(&anchor.at);
                let mut anchors: Vec<&Anchor> = own.iter().filter(within).copied().collect();
                // Those at its end speak for the whole sentence.
                if anchors.is_empty() {
                    anchors = own.to_vec();
                }
                let before = marks.len();
                marks.extend(proof.marked(text, clause, &anchors, &claim));
                if marks.len() == before {
                    marks.extend(proof.unmarked(text, clause, &claim));
                }
            }
        }
        let kept: HashSet<usize> =
            marks.iter().map(|mark| mark.number).filter(|number| named.contains(number)).collect();
        self.dropped += named.len() - kept.len();
        self.marks.extend(marks);
    }
}

/// What an answer is proved with.
struct Proof<'a> {
    asked: Claim,
    sources: Vec<Source>,
    judge: &'a Judge<'a>,
}

impl Proof<'_> {
    fn find(&self, source: &Source, claim: &Claim, strictness: Strictness) -> Option<Quote> {
        source.find(claim, &self.asked, strictness, self.judge)
    }

    /// Those of the markers of a sentence or clause that lead to a quotation.
    fn marked(&self, text: &[char], span: [usize; 2], own: &[&Anchor], claim: &Claim) -> Vec<Mark> {
        let mut numbers = HashSet::new();
        let all = own.iter().flat_map(|anchor| anchor.numbers.iter().map(move |number| (*anchor, *number)));
        let new = all.filter(|(_, number)| numbers.insert(*number));
        new.filter_map(|(anchor, number)| {
            let quote = self.find(self.sources.get(number.checked_sub(1)?)?, claim, Strictness::Marked)?;
            // A marker before its sentence is set after it, one that speaks for several clauses after each.
            let beside =
                anchor.at > span[0] && text[span[1].min(anchor.at)..anchor.at].iter().all(|c| !c.is_alphanumeric());
            let at = if beside { anchor.at } else { end_of_words(text, span) };
            Some(Mark { at, spaced: anchor.spaced, number, quote: quote.span })
        })
        .collect()
    }

    /// A marker for a sentence without one, where what it says stands in a passage nearly word for word.
    fn unmarked(&self, text: &[char], span: [usize; 2], claim: &Claim) -> Option<Mark> {
        let quoted = |strictness| {
            let all = self.sources.iter().enumerate();
            all.filter_map(move |(at, source)| Some((at, self.find(source, claim, strictness)?)))
        };
        // The earlier passage wins a draw: it is the better hit.
        let best: Option<(usize, Quote)> = quoted(Strictness::Unmarked)
            .reduce(|best, next| if next.1.worth > best.1.worth + 0.01 { next } else { best });
        let (source, quote) = best.or_else(|| quoted(Strictness::Foreign).next())?;
        let at = end_of_words(text, span);
        Some(Mark { at, spaced: at > span[0] && text[at - 1].is_ascii(), number: source + 1, quote: quote.span })
    }
}

/// Where a marker is set: after a sentence's last word, before what ends it.
fn end_of_words(text: &[char], [start, end]: [usize; 2]) -> usize {
    let of_words = |c: char| c.is_alphanumeric() || matches!(c, ')' | '）' | '`' | '"' | '”' | '」' | '%' | '℃' | '°');
    text[start..end].iter().rposition(|c| of_words(*c)).map_or(end, |at| start + at + 1)
}

fn write(text: &[char], mut found: Found, passages: &[Passage]) -> Cited {
    found.marks.sort_by_key(|mark| mark.at);
    let mut answer: Vec<char> = Vec::with_capacity(text.len() + found.marks.len() * 4);
    let mut citations = Vec::with_capacity(found.marks.len());
    let mut next = 0;
    let copy = |answer: &mut Vec<char>, from: usize, to: usize| {
        let kept = |at: &usize| !found.cut.iter().any(|[start, end]| (*start..*end).contains(at));
        answer.extend((from..to).filter(kept).map(|at| text[at]));
    };
    for mark in &found.marks {
        copy(&mut answer, next, mark.at);
        if mark.spaced && mark.at > next {
            answer.push(' ');
        }
        next = next.max(mark.at);
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
    copy(&mut answer, next, text.len());
    let mut answer: String = answer.into_iter().collect();
    if !found.cut.is_empty() {
        answer.truncate(answer.trim_end().len());
    }
    Cited { answer, supported: !citations.is_empty(), citations, dropped: found.dropped }
}

#[cfg(test)]
#[path = "cite_tests.rs"]
mod tests;
