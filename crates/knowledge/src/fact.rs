//! What one fact is: figures and the words they stand with, and which of two facts a claim is nearer to.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

use crate::claim::Claim;
use crate::figures::{self, Figures, Kind, Numbers, Reading, figures};
use crate::text;

/// Figures and the words they stand with.
pub(crate) struct Fact {
    pub(crate) features: HashSet<String>,
    pub(crate) numbers: Numbers,
    pub(crate) codes: HashSet<String>,
    /// Numbers it may be quoted for.
    pub(crate) holds: Numbers,
}

impl Fact {
    pub(crate) fn new(normal: &str) -> Self {
        let Figures { numbers, codes, .. } = figures(normal, Reading::Claim);
        let holds = figures(normal, Reading::Source).numbers;
        // Numbers are compared in their one form, not as they are written.
        let words = features(&figures::without_han(normal)).into_iter();
        let words = words.filter(|word| !word.contains(char::is_numeric) || codes.contains(word));
        // What a number counts is compared with it: 天 alone need not stand where 天全薪 does.
        let of_number = |word: &str| figures::is_number_word(word) || word.chars().count() == 1 && !tells(word);
        let words = words.filter(|word| numbers.is_empty() || !of_number(word));
        let features = words.chain(numbers.keys().cloned()).collect();
        Self { features, numbers, codes, holds }
    }

    pub(crate) fn has_figures(&self) -> bool {
        !self.numbers.is_empty() || !self.codes.is_empty()
    }

    pub(crate) fn has(&self, figure: &Figure<'_>) -> bool {
        match figure {
            Figure::Number(number, kind) => holds(&self.holds, number, *kind),
            Figure::Code(code) => self.codes.contains(*code),
        }
    }

    /// Each number once for everything it counts.
    pub(crate) fn each_number(&self) -> impl Iterator<Item = (&String, Kind)> {
        self.numbers.iter().flat_map(|(number, kinds)| kinds.iter().map(move |kind| (number, *kind)))
    }

    /// Whether it says something else where a claimed figure could stand.
    pub(crate) fn rivals(&self, figure: &Figure<'_>, said: &Fact) -> bool {
        !self.has(figure)
            && match figure {
                Figure::Number(_, kind) => {
                    let other = |others: &Vec<Kind>| others.iter().any(|other| kind.rivals(*other));
                    self.numbers.iter().any(|(number, kinds)| !said.numbers.contains_key(number) && other(kinds))
                }
                Figure::Code(code) => {
                    let alike = |other: &&String| figures::family(other) == figures::family(code);
                    self.codes.iter().filter(alike).any(|other| !said.codes.contains(other))
                }
            }
    }
}

/// Whether a number is there, counting the same as far as that is known.
pub(crate) fn holds(numbers: &Numbers, number: &str, kind: Kind) -> bool {
    numbers.get(number).is_some_and(|kinds| kinds.iter().any(|other| kind.fits(*other)))
}

pub(crate) enum Figure<'a> {
    Number(&'a String, Kind),
    Code(&'a String),
}

/// What one figure is claimed of.
pub(crate) struct Matter<'a> {
    pub(crate) said: &'a Fact,
    pub(crate) asked: Option<&'a Claim>,
    pub(crate) context: &'a HashSet<String>,
    pub(crate) figure: Option<&'a Figure<'a>>,
}

impl Matter<'_> {
    /// How many times more words of the matter one holds, of those that only one of the two holds: zero if it holds
    /// none that the other does not, without end if the other holds none. Where the words of the claim make no
    /// difference, those of the question do.
    pub(crate) fn closer(&self, one: &Fact, other: &Fact) -> f32 {
        let none = HashSet::new();
        let asked = self.asked.map_or(&none, |asked| &asked.whole.features);
        let told = |features: &HashSet<String>, without: &HashSet<String>| {
            let (mut ones, mut others) = (0.0, 0.0);
            for feature in features.difference(without).filter(|feature| tells(feature)) {
                let weight = if asked.contains(feature) { 5.0 } else { 2.0 };
                let weight = if self.context.contains(feature) { weight / 2.0 } else { weight };
                let (in_one, in_other) = (one.features.contains(feature), other.features.contains(feature));
                ones += if in_one && !in_other { weight } else { 0.0 };
                others += if in_other && !in_one { weight } else { 0.0 };
            }
            (ones, others)
        };
        let (mut ones, mut others) = told(&self.said.features, &none);
        for (in_one, in_other, weight) in self.figures(one, other) {
            ones += if in_one && !in_other { weight } else { 0.0 };
            others += if in_other && !in_one { weight } else { 0.0 };
        }
        if ones == 0.0 && others == 0.0 {
            (ones, others) = told(asked, &self.said.features);
        }
        if ones == 0.0 { 0.0 } else { ones / others }
    }

    /// Whether one and another hold the other figures of the matter, and what each weighs.
    fn figures(&self, one: &Fact, other: &Fact) -> Vec<(bool, bool, f32)> {
        let asked = self.asked.map(|asked| &asked.whole.numbers);
        let numbers = self.said.numbers.keys().chain(asked.into_iter().flat_map(Numbers::keys));
        let numbers = numbers.filter(|number| !matches!(self.figure, Some(Figure::Number(own, _)) if own == number));
        let numbers = numbers.map(|number| (one.holds.contains_key(number), other.holds.contains_key(number), 3.0));
        let codes = self.said.codes.iter().chain(self.asked.iter().flat_map(|asked| &asked.whole.codes));
        let codes = codes.filter(|code| !matches!(self.figure, Some(Figure::Code(own)) if own == code));
        let codes = codes.map(|code| (one.codes.contains(code), other.codes.contains(code), 3.0));
        numbers.chain(codes).collect()
    }
}

/// Whether a feature says what a fact is of: numbers and measures do not.
pub(crate) fn tells(feature: &str) -> bool {
    const MEASURES: [&str; 18] = [
        "year", "month", "week", "day", "hour", "minut", "second", "time", "per", "each", "everi", "yuan", "cny",
        "rmb", "usd", "percent", "up", "than",
    ];
    const OF_HAN: &str = "每年月日天周时分秒元次人个的为是在了有和与或须应共约";
    let empty = |c: char| OF_HAN.contains(c) || figures::HAN_DIGITS.contains(c);
    !feature.contains(char::is_numeric)
        && !feature.chars().all(empty)
        && !feature.chars().any(|c| figures::HAN_DIGITS.contains(c))
        && !MEASURES.contains(&feature)
        && !figures::is_number_word(feature)
}

/// As texts are compared: full-width and traditional forms folded, lower case.
pub(crate) fn normal(text: &str) -> String {
    let wide = |c: Option<char>| c.is_some_and(|c| ('０'..='９').contains(&c));
    let mut before = None;
    let mut chars = text.chars().peekable();
    let mut plain = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        // A Chinese comma between numbers is none within a number.
        plain.push(if c == '，' && !(wide(before) && wide(chars.peek().copied())) { '、' } else { c });
        before = Some(c);
    }
    plain.nfkc().flat_map(char::to_lowercase).map(text::simplified).collect()
}

pub(crate) fn features(normal: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut han: Vec<char> = Vec::new();
    let mut word = String::new();
    for c in normal.chars().chain([' ']) {
        let is_han = text::is_han(c);
        if !is_han && !han.is_empty() {
            if han.len() == 1 {
                found.insert(han.iter().collect());
            }
            // Pairs with what only joins words differ between any two ways to say a thing.
            let pairs = han.windows(2).filter(|pair| !pair.iter().any(|c| matches!(c, '的' | '是' | '为' | '了')));
            found.extend(pairs.map(|pair| pair.iter().collect()));
            han.clear();
        }
        let of_word = !is_han && c.is_alphanumeric();
        if !of_word && !word.is_empty() {
            let whole = std::mem::take(&mut word);
            // `10mb` is `10 mb`.
            let letters = whole.trim_start_matches(|c: char| c.is_numeric());
            for part in [&whole[..whole.len() - letters.len()], letters] {
                if !part.is_empty() && !text::is_stop_word(part) {
                    found.insert(text::stem(part));
                }
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
