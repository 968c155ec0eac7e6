//! How alike two texts are.

use std::collections::HashMap;
use std::hash::Hash;

/// N-grams of characters that [`chrf`] counts: 1 to this many.
const ORDERS: usize = 6;

/// F1 of the longest common subsequence of words (Lin 2004); characters are the words of scripts written without spaces.
///
/// Equals `rouge-score`'s `rougeL` without stemming where texts are of ASCII letters and digits.
pub fn rouge_l(reference: &str, answer: &str) -> f64 {
    let (a, b) = (tokens(reference), tokens(answer));
    if a.is_empty() || b.is_empty() {
        return f64::from(a.is_empty() && b.is_empty());
    }
    2.0 * common(&a, &b) as f64 / (a.len() + b.len()) as f64
}

/// F2 of character n-grams up to 6, spaces aside (Popović 2015).
///
/// Equals `sacrebleu`'s sentence-level `chrF2`, divided by 100.
pub fn chrf(reference: &str, answer: &str) -> f64 {
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
    let (a, b) = (letters(reference), letters(answer));
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0usize);
    for order in 1..=ORDERS {
        let (there, said) = (grams(&a, order), grams(&b, order));
        let (of_there, of_said) = (a.len().saturating_sub(order - 1), b.len().saturating_sub(order - 1));
        if of_there == 0 || of_said == 0 {
            continue;
        }
        let matched: usize = said.iter().map(|(gram, count)| there.get(gram).map_or(0, |its| *its.min(count))).sum();
        precision += matched as f64 / of_said as f64;
        recall += matched as f64 / of_there as f64;
        orders += 1;
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / orders as f64, recall / orders as f64);
    5.0 * precision * recall / (4.0 * precision + recall)
}

fn grams(letters: &[char], order: usize) -> HashMap<&[char], usize> {
    let mut counts = HashMap::new();
    for gram in letters.windows(order) {
        *counts.entry(gram).or_insert(0) += 1;
    }
    counts
}

/// Words in lower case, punctuation aside; each character of Chinese, Japanese and Korean is one.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        let alone = matches!(u32::from(c), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af | 0x20000..=0x323af);
        if c.is_alphanumeric() && !alone {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            all.push(std::mem::take(&mut word));
        }
        if alone {
            all.push(c.to_string());
        }
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}

/// The length of the longest common subsequence, 64 places at a time (Hyyrö 2004): texts of 100,000 characters take a second.
pub(crate) fn common<T: Eq + Hash>(a: &[T], b: &[T]) -> usize {
    let blocks = a.len().div_ceil(64);
    let mut places: HashMap<&T, Vec<usize>> = HashMap::new();
    for (place, thing) in a.iter().enumerate() {
        places.entry(thing).or_default().push(place);
    }
    let bits =
        |row: &mut Vec<u64>, places: &[usize]| places.iter().for_each(|place| row[place / 64] |= 1 << (place % 64));
    // What is frequent has its bits made once: that is so for 64 things at most. Those of others are made each time, for each would take as much memory.
    let frequent: HashMap<&T, Vec<u64>> = places
        .iter()
        .filter(|(_, places)| places.len() > blocks)
        .map(|(thing, places)| {
            let mut row = vec![0; blocks];
            bits(&mut row, places);
            (*thing, row)
        })
        .collect();
    // A bit that is not set is a place where the subsequence grows.
    let (mut row, mut made) = (vec![u64::MAX; blocks], vec![0u64; blocks]);
    for thing in b {
        if let Some(here) = frequent.get(thing) {
            step(&mut row, here);
        } else if let Some(places) = places.get(thing) {
            bits(&mut made, places);
            step(&mut row, &made);
            places.iter().for_each(|place| made[place / 64] = 0);
        }
    }
    row.iter().map(|word| word.count_zeros() as usize).sum()
}

fn step(row: &mut [u64], here: &[u64]) {
    let mut carry = false;
    for (word, here) in row.iter_mut().zip(here) {
        let (sum, one) = word.overflowing_add(*word & here);
        let (sum, two) = sum.overflowing_add(u64::from(carry));
        carry = one || two;
        *word = sum | (*word & !here);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    include!("text_reference.rs");

    #[test]
    fn texts_are_as_alike_as_the_published_implementations_say() {
        for (reference, answer, rouge, f2) in REFERENCE {
            let (ours, theirs) = (rouge_l(reference, answer), *rouge);
            if !theirs.is_nan() {
                assert!((ours - theirs).abs() < 1e-6, "ROUGE-L of {reference:?} and {answer:?}: {ours}, {theirs}");
            }
            let ours = chrf(reference, answer);
            assert!((ours - f2).abs() < 1e-6, "chrF of {reference:?} and {answer:?}: {ours}, {f2}");
        }
    }

    #[test]
    fn chinese_is_compared_by_characters() {
        assert!((rouge_l("今天天气很好", "今天天气不好") - 10.0 / 12.0).abs() < 1e-9);
        assert_eq!(rouge_l("", ""), 1.0);
        assert_eq!(rouge_l("", "好"), 0.0);
    }

    /// The plain way.
    fn common_of(a: &[char], b: &[char]) -> usize {
        let mut row = vec![0usize; b.len() + 1];
        for x in a {
            let mut before = 0;
            for (j, y) in b.iter().enumerate() {
                let above = row[j + 1];
                row[j + 1] = if x == y { before + 1 } else { above.max(row[j]) };
                before = above;
            }
        }
        row[b.len()]
    }

    proptest! {
        #[test]
        fn subsequences_are_as_long_as_the_plain_way_finds(a in "[abc]{0,200}", b in "[abc]{0,200}") {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(common(&a, &b), common_of(&a, &b));
        }

        #[test]
        fn likeness_is_between_0_and_1_and_whole_with_itself(a in ".{0,40}", b in ".{0,40}") {
            for of in [rouge_l, chrf] {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&of(&a, &b)));
                prop_assert!((of(&a, &a) - 1.0).abs() < 1e-9);
            }
        }
    }
}
