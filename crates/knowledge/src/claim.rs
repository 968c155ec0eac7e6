//! What a sentence claims, and where a passage says it.

use std::collections::{HashMap, HashSet};

use domain::Passage;

use crate::cut::{clauses, head_lines, sentences, trimmed, without_list_number};
use crate::fact::{Fact, Figure, Matter, features, holds, normal, tells};
use crate::figures::{self, Figures, Kind, Reading, figures};
use crate::foreign::Foreign;
use crate::polarity::Polarity;
use crate::text;

/// Sentences of a passage that may make one quotation, and its characters.
const WINDOW: usize = 3;
const LONGEST: usize = 500;
/// Sentences beside a quotation in another language that are looked at for the same claim, at most.
const RIVALS: usize = 3;

/// Says whether a quotation in another language speaks of what is claimed; see [`Foreign`].
pub type Judge<'a> = dyn Fn(&Foreign) -> bool + 'a;

/// How much of a claim a quotation must hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strictness {
    /// The model named the passage.
    Marked,
    /// The model named none: only what stands there nearly as it was said.
    Unmarked,
    /// It was said in another language: its figures, and what a [`Judge`] makes of its words.
    Foreign,
}

/// What a text says, as far as it can be compared: pairs of Han characters, stems of words, numbers, codes.
pub(crate) struct Claim {
    /// As it was written.
    raw: String,
    pub(crate) whole: Fact,
    /// Its clauses that hold figures.
    facts: Vec<Fact>,
    /// See [`Figures::apart`].
    apart: HashMap<String, String>,
    /// Its words, without those that say nothing and pieces of others.
    words: Vec<String>,
    /// Written in Han.
    han: bool,
    polarity: Polarity,
}

impl Claim {
    pub(crate) fn new(text: &str) -> Self {
        let text = without_list_number(text);
        let chars: Vec<char> = text.chars().collect();
        let facts = clauses(&chars, [0, chars.len()]).into_iter();
        let facts = facts.map(|[start, end]| Fact::new(&normal(&chars[start..end].iter().collect::<String>())));
        let facts = facts.filter(Fact::has_figures).collect();
        let raw = text.trim().to_owned();
        let text = normal(text);
        Self {
            raw,
            whole: Fact::new(&text),
            facts,
            apart: figures(&text, Reading::Claim).apart,
            words: text::whole_terms(&text).into_iter().map(|term| term.text).collect(),
            han: text::han_share(&text) >= 0.3,
            polarity: Polarity::of(&text),
        }
    }

    /// What it says beside figures.
    fn own_words(&self) -> impl Iterator<Item = &String> {
        let Fact { features, numbers, codes, .. } = &self.whole;
        features.iter().filter(|word| !numbers.contains_key(*word) && !codes.contains(*word))
    }

    /// Whether sentences can be compared with it word by word: they are in its language, or hold half its words as they are.
    fn is_told_in(&self, window: &[Sentence]) -> bool {
        let here = |word: &&String| window.iter().any(|sentence| sentence.fact.features.contains(*word));
        let held = self.own_words().filter(here).count();
        window.iter().any(|sentence| sentence.han == self.han) || held > 0 && held * 2 >= self.own_words().count()
    }

    /// Something that cannot be there by chance.
    fn striking(&self) -> bool {
        !self.whole.codes.is_empty() || self.counts()
    }

    /// Numbers that cannot be there by chance.
    fn counts(&self) -> bool {
        let numbers = &self.whole.numbers;
        numbers.len() > 1 || numbers.keys().any(|number| number.len() > 1)
    }
}

/// A sentence of a passage.
struct Sentence {
    span: [usize; 2],
    raw: String,
    /// As it is compared.
    text: String,
    fact: Fact,
    /// Its clauses or cells that hold figures.
    facts: Vec<Fact>,
    /// Codes it is about: its own, and those said before while no other of their family was.
    about: HashSet<String>,
    han: bool,
    /// A row of a table: it says nothing together with the next one.
    row: bool,
    /// A row that names columns, or may.
    head: bool,
}

/// A passage cut into sentences.
pub(crate) struct Source {
    sentences: Vec<Sentence>,
    /// Of the headings above the passage and its tables' heads: they say what its sentences are about.
    context: HashSet<String>,
    context_figures: Figures,
    /// The heading right above.
    heading: String,
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
        let context = normal(&format!("{} {} {}", passage.title, passage.section, passage.document));
        let mut above = features(&context);
        let heads = head_lines(&passage.text);
        above.extend(heads.iter().flat_map(|line| features(&normal(line))));
        let mut found: Vec<Sentence> = Vec::new();
        let mut about = HashSet::new();
        for span in sentences(&chars).into_iter().map(|span| trimmed(&chars, span)) {
            let raw: String = chars[span[0]..span[1]].iter().collect();
            let after_row = found.last().is_some_and(|before| before.row);
            let mut sentence = Sentence::new(&raw, span, &mut about);
            let named = heads.contains(raw.as_str());
            sentence.head = sentence.row && (named || !after_row && !sentence.fact.has_figures());
            found.push(sentence);
        }
        let heading = passage.section.rsplit(" > ").next().unwrap_or_default().to_owned();
        Self { sentences: found, context: above, context_figures: figures(&context, Reading::Claim), heading }
    }

    /// The shortest run of sentences that holds what is claimed, every number in it, and most of what was asked.
    pub(crate) fn find(
        &self,
        claim: &Claim,
        asked: &Claim,
        strictness: Strictness,
        judge: &Judge<'_>,
    ) -> Option<Quote> {
        if claim.whole.features.is_empty() {
            return None;
        }
        let mut best: Option<(Quote, [usize; 2])> = None;
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
                let better = best.as_ref().is_none_or(|(best, _)| worth > best.worth);
                if better && !self.swapped(claim, asked, first, last) {
                    best = Some((Quote { span, worth }, [first, last]));
                }
            }
        }
        let (quote, [first, last]) = best?;
        let window = &self.sentences[first..=last];
        let denied = self.denied(claim, window);
        let told = || claim.is_told_in(window) || judge(&self.foreign(claim, asked, [first, last]));
        (!denied && told()).then_some(quote)
    }

    /// What is to be judged where only figures could be compared.
    fn foreign(&self, claim: &Claim, asked: &Claim, [first, last]: [usize; 2]) -> Foreign {
        let window = &self.sentences[first..=last];
        let raw = |sentence: &Sentence| sentence.raw.trim().to_owned();
        let heads = self.sentences[..first].iter().rev().skip_while(|sentence| !sentence.head && sentence.row);
        let head = heads.take(1).filter(|sentence| sentence.head).map(raw);
        let above = [self.heading.clone()].into_iter().chain(head).filter(|line| !line.is_empty());
        let above = if window[0].row { above.map(|line| line + "\n").collect() } else { String::new() };
        let figures = claim.whole.each_number().map(|(number, kind)| Figure::Number(number, kind));
        let figures: Vec<Figure<'_>> = figures.chain(claim.whole.codes.iter().map(Figure::Code)).collect();
        let rivals = |at: &usize| {
            let fact = &self.sentences[*at].fact;
            !self.sentences[*at].head && figures.iter().any(|figure| fact.rivals(figure, &claim.whole))
        };
        let mut others: Vec<usize> =
            (0..self.sentences.len()).filter(|at| !(first..=last).contains(at)).filter(rivals).collect();
        others.sort_by_key(|at| first.abs_diff(*at).min(last.abs_diff(*at)));
        // An answer of few words turns on those of the question.
        let bare = claim.own_words().count() < 3 && asked.han == claim.han;
        Foreign {
            claim: if bare { format!("{} {}", asked.raw, claim.raw).trim().to_owned() } else { claim.raw.clone() },
            quote: window.iter().map(raw).collect::<Vec<_>>().join(if window[0].han { "" } else { " " }),
            above,
            rivals: others.into_iter().take(RIVALS).map(|at| raw(&self.sentences[at])).collect(),
        }
    }

    /// Whether the sentence nearest to a claim says the opposite, or another one does that speaks of what that one does
    /// not. The next best quotation would only be one that says less of the matter.
    fn denied(&self, claim: &Claim, window: &[Sentence]) -> bool {
        let said = |sentence: &Sentence| sentence.fact.features.intersection(&claim.whole.features).count();
        let Some(nearest) = window.iter().rev().max_by_key(|sentence| said(sentence)) else { return false };
        let speaks = |sentence: &Sentence| {
            let mut words = sentence.fact.features.intersection(&claim.whole.features);
            said(sentence) * 2 >= claim.whole.features.len() && words.any(|word| !nearest.fact.features.contains(word))
        };
        let opposite = |sentence: &Sentence| Polarity::of(&sentence.text).contradicts(&claim.polarity);
        opposite(nearest) || self.sentences.iter().any(|sentence| speaks(sentence) && opposite(sentence))
    }

    /// How much of a claim the sentences hold; nothing if it is not enough.
    fn share(&self, claim: &Claim, asked: &Claim, window: &[Sentence], strictness: Strictness) -> Option<f32> {
        let holds = |feature: &String| {
            let facts = || window.iter().map(|sentence| &sentence.fact);
            facts().any(|fact| fact.features.contains(feature) || fact.holds.contains_key(feature))
        };
        if !self.has_figures(claim, window) || !self.is_about(claim, asked, window) {
            return None;
        }
        let held = claim.whole.features.iter().filter(|feature| holds(feature)).count();
        let above =
            claim.whole.features.iter().filter(|feature| !holds(feature) && self.context.contains(*feature)).count();
        let answers = if asked.whole.features.is_empty() {
            0.0
        } else {
            let known = asked.whole.features.iter().filter(|feature| holds(feature) || self.context.contains(*feature));
            known.count() as f32 / asked.whole.features.len() as f32
        };
        // Where the code stands that was asked about, the answer does.
        let codes = &asked.whole.codes;
        let named = !codes.is_empty()
            && codes.iter().all(|code| window.iter().any(|sentence| sentence.fact.codes.contains(code)));
        let answers = if named { answers.max(0.5) } else { answers };
        let striking = named || claim.striking();
        // What the headings say need not be repeated, but they alone prove nothing.
        let share = held as f32 / (claim.whole.features.len() - above).max(1) as f32;
        let same_language = window.iter().any(|sentence| sentence.han == claim.han);
        let enough = match strictness {
            _ if held == 0 => false,
            Strictness::Foreign => !same_language && claim.whole.has_figures(),
            // Between languages only figures can be compared.
            Strictness::Marked if !same_language => share >= 0.5 || striking,
            // A few letters are found anywhere: they must stand where the question is answered.
            Strictness::Marked if claim.whole.features.len() < 3 && !asked.whole.features.is_empty() => {
                share >= 0.5 && answers >= 0.3
            }
            Strictness::Marked => share >= 0.5 || share >= 0.2 && self.fits_row(claim, window),
            // What only says the question back turns on each of its words.
            Strictness::Unmarked if claim.whole.features.is_subset(&asked.whole.features) => {
                share >= 0.5 && self.has_words(claim, window)
            }
            Strictness::Unmarked if claim.whole.features.len() < 4 => {
                share >= 1.0 && (answers >= 0.5 || answers >= 0.2 && striking)
                    || share >= 0.6 && answers >= 0.25 && striking
            }
            Strictness::Unmarked => {
                share >= 0.75
                    || share >= 0.5 && answers >= 0.25 && striking
                    || share >= 0.6 && answers >= 0.1 && striking
                    || share >= 0.2 && answers >= 0.2 && self.fits_row(claim, window)
            }
        };
        enough.then_some(share + 0.1 * answers)
    }

    /// Whether every word of a claim stands in the sentences or above them.
    fn has_words(&self, claim: &Claim, window: &[Sentence]) -> bool {
        let here: HashSet<String> =
            window.iter().flat_map(|sentence| text::terms(&sentence.text)).map(|term| term.text).collect();
        let mut words = claim.words.iter();
        words.all(|word| here.contains(word) || self.context.contains(word))
    }

    /// Whether the headings hold a number that counts the same; that of a chapter counts nothing.
    fn is_above(&self, number: &str, kind: Kind) -> bool {
        self.context_figures.numbers.get(number).is_some_and(|kinds| kinds.contains(&kind))
    }

    /// Whether one row holds two numbers of a claim: a table says little else.
    fn fits_row(&self, claim: &Claim, window: &[Sentence]) -> bool {
        let [row] = window else { return false };
        row.row && claim.whole.each_number().filter(|(number, kind)| holds(&row.fact.holds, number, *kind)).count() > 1
    }

    /// Whether every number and code of a claim stands in the sentences or above them.
    fn has_figures(&self, claim: &Claim, window: &[Sentence]) -> bool {
        let about = |code: &String| {
            window.iter().any(|sentence| sentence.about.contains(code))
                || self.context_figures.codes.contains(code)
                || self.context_figures.apart.contains_key(code)
        };
        let counts = |(number, kind): (&String, Kind)| {
            let apart = || claim.apart.iter().any(|(code, digits)| digits == number && about(code));
            window.iter().any(|sentence| holds(&sentence.fact.holds, number, kind))
                || self.is_above(number, kind)
                || apart()
        };
        claim.whole.each_number().all(counts) && claim.whole.codes.iter().all(about)
    }

    /// Whether no sentence is about another code than the one claimed or asked about.
    fn is_about(&self, claim: &Claim, asked: &Claim, window: &[Sentence]) -> bool {
        let above = &self.context_figures;
        let wanted: HashSet<&String> = claim.whole.codes.union(&asked.whole.codes).collect();
        let apart = |code: &String| claim.apart.contains_key(code) || asked.apart.contains_key(code);
        // One that the headings name is the matter of all sentences, and their other codes are its parts.
        let pinned = wanted.iter().any(|code| !above.codes.contains(*code) && !above.apart.contains_key(*code));
        let alike = |code: &String| wanted.iter().any(|one| figures::family(one) == figures::family(code));
        window.iter().all(|sentence| {
            let own = &sentence.fact.codes;
            let codes = if own.is_empty() { &sentence.about } else { own };
            wanted.is_empty()
                || codes.iter().any(|code| wanted.contains(code) || apart(code))
                || !(codes.iter().any(alike) && (pinned || !own.is_empty()))
                    && (own.is_empty() || !pinned || sentence.about.iter().any(|code| wanted.contains(code)))
        })
    }

    /// Whether a figure of the claim stands with other words than it is claimed with: the figures of one fact with the
    /// names of another make no fact.
    fn swapped(&self, claim: &Claim, asked: &Claim, first: usize, last: usize) -> bool {
        let above = &self.context_figures;
        let window = first..=last;
        if let [row] = &self.sentences[first..=last]
            && row.row
            && claim.whole.numbers.keys().all(|number| above.numbers.contains_key(number))
        {
            let matter = Matter { said: &claim.whole, asked: Some(asked), context: &self.context, figure: None };
            let known = |word: &String| {
                let facts = [&row.fact.features, &asked.whole.features, &self.context];
                facts.iter().any(|features| features.contains(word))
            };
            let foreign: Vec<&String> =
                claim.whole.features.iter().filter(|word| tells(word) && !known(word)).collect();
            let mut others = self.sentences.iter().filter(|other| other.row && !other.head);
            return others.any(|other| {
                // Another row's word is no more this one's than its figure is.
                foreign.iter().any(|word| other.fact.features.contains(*word))
                    || matter.closer(&other.fact, &row.fact) > 1.0
            });
        }
        let single = claim.facts.len() == 1;
        claim.facts.iter().any(|said| {
            let numbers = said.each_number().filter(|(number, kind)| !self.is_above(number, *kind));
            let numbers = numbers.map(|(number, kind)| Figure::Number(number, kind));
            let codes = said.codes.iter().filter(|code| !above.codes.contains(*code)).map(Figure::Code);
            numbers.chain(codes).any(|figure| {
                let matter =
                    Matter { said, asked: single.then_some(asked), context: &self.context, figure: Some(&figure) };
                let mut carriers = window.clone().filter(|at| self.sentences[*at].fact.has(&figure)).peekable();
                carriers.peek().is_some() && !carriers.any(|at| self.stands(at, &matter, &figure))
            })
        })
    }

    /// Whether no other sentence, and no other part of this one, speaks more of the matter and has another figure.
    fn stands(&self, at: usize, matter: &Matter<'_>, figure: &Figure<'_>) -> bool {
        let own = &self.sentences[at];
        let others = self.sentences.iter().enumerate().filter(|(other, sentence)| *other != at && !sentence.head);
        let mut closer = others.filter(|(_, other)| {
            if own.row && other.row { !other.fact.has(figure) } else { other.fact.rivals(figure, matter.said) }
        });
        let others = |number: &&String| !matches!(figure, Figure::Number(own, _) if own == number);
        let outdone = closer.any(|(other, sentence)| {
            let (here, there) = (&own.fact.holds, &sentence.fact.holds);
            let agrees = |number: &String| here.contains_key(number) && !there.contains_key(number);
            // What follows goes on about the same without naming it again, and so do the rows below a text.
            let follows = at == other + 1 || own.row;
            let allowed = match (sentence.row, follows) {
                (true, _) if own.row => 1.0,
                (false, true) if matter.said.numbers.keys().filter(others).any(agrees) => 6.0,
                (false, true) => 3.0,
                _ => 1.5,
            };
            matter.closer(&sentence.fact, &own.fact) > allowed
        });
        let (parts, rivals): (Vec<&Fact>, Vec<&Fact>) = own.facts.iter().partition(|fact| fact.has(figure));
        let rivals: Vec<&Fact> = rivals.into_iter().filter(|fact| fact.rivals(figure, matter.said)).collect();
        let alone = |part: &&Fact| rivals.iter().all(|rival| matter.closer(rival, part).is_finite());
        !outdone && (parts.is_empty() || parts.iter().any(alone))
    }
}

impl Sentence {
    fn new(raw: &str, span: [usize; 2], before: &mut HashSet<String>) -> Self {
        let row = raw.contains(" | ");
        let whole = normal(raw);
        // The number of a list's item is one to ask for, but none that its sentence speaks of.
        let said = without_list_number(raw);
        let mut fact = Fact::new(&normal(said));
        let chars: Vec<char> = said.chars().collect();
        let parts: Vec<String> = if row {
            said.split(" | ").map(str::to_owned).collect()
        } else {
            clauses(&chars, [0, chars.len()]).into_iter().map(|[from, to]| chars[from..to].iter().collect()).collect()
        };
        let mut facts: Vec<Fact> =
            parts.iter().map(|part| Fact::new(&normal(part))).filter(Fact::has_figures).collect();
        let begins = |part: &String| part.trim_start().starts_with(|c: char| c.is_ascii_digit());
        if let [first, rest @ ..] = &parts[..]
            && let Some(digits) = first.find(|c: char| c.is_ascii_digit())
            && !row
            && !rest.is_empty()
            && rest.iter().all(begins)
        {
            // Paid at 150 % on weekdays and 200 % on weekends: what stands before the first figure is said of all.
            facts[0].features = Fact::new(&normal(&first[digits..])).features;
        }
        let Figures { numbers, apart, .. } = figures(&whole, Reading::Source);
        let named = |code: &String| {
            let start: String = whole.chars().filter(|c| c.is_ascii_alphanumeric()).take(code.len()).collect();
            start == *code
        };
        // A sentence that begins with a code is about that one.
        let mut about: HashSet<String> = if fact.codes.iter().any(named) { HashSet::new() } else { before.clone() };
        about.retain(|code| !fact.codes.iter().any(|own| figures::family(own) == figures::family(code)));
        about.extend(fact.codes.iter().cloned());
        if !row {
            before.clone_from(&about);
        }
        about.extend(apart.into_keys());
        fact.holds.extend(numbers);
        let (han, raw) = (text::han_share(&whole) >= 0.3, raw.to_owned());
        Self { span, raw, han, text: whole, fact, facts, about, row, head: false }
    }
}
