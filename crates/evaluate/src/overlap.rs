//! How alike two texts are by the words they share: BLEU, GLEU, METEOR, ROUGE-N, and by their letters.
//!
//! Each character of Chinese and Japanese is a word. All are of one reference and one answer, 0 to 1.

use std::collections::HashMap;

use crate::stem::stem;
use crate::text::{common, tokens};

/// Longest n-grams that BLEU and GLEU count.
const ORDERS: usize = 4;

/// The geometric mean of the shares of 1- to 4-grams that the reference has, too, less for an answer that is shorter (Papineni et al. 2002).
///
/// Equals `sacrebleu`'s sentence-level BLEU with effective order and its usual smoothing, divided by 100; its tokenizer `13a` for texts without Chinese, else `zh`.
pub fn bleu(reference: &str, answer: &str) -> f64 {
    let (a, b) = (words(reference), words(answer));
    if a.is_empty() || b.is_empty() {
        return f64::from(a.is_empty() && b.is_empty());
    }
    let (mut logs, mut orders, mut smoothing, mut any) = (0.0, 0usize, 1.0, false);
    for order in 1..=ORDERS.min(b.len()) {
        let (shared, said) = (overlap(&a, &b, order), b.len() + 1 - order);
        any |= shared > 0;
        // Each order without a match counts half of the one before (Chen and Cherry 2014, NIST's way).
        let share = if shared > 0 {
            shared as f64 / said as f64
        } else {
            smoothing *= 2.0;
            1.0 / (smoothing * said as f64)
        };
        logs += share.ln();
        orders += 1;
    }
    if !any {
        return 0.0;
    }
    let brevity = (1.0 - a.len() as f64 / b.len() as f64).min(0.0).exp();
    brevity * (logs / orders as f64).exp()
}

/// The lesser of the shares of 1- to 4-grams that one has of the other (Wu et al. 2016).
///
/// Equals `nltk`'s `sentence_gleu` on the same words as [`bleu`]'s.
pub fn gleu(reference: &str, answer: &str) -> f64 {
    let (a, b) = (words(reference), words(answer));
    if a.is_empty() || b.is_empty() {
        return f64::from(a.is_empty() && b.is_empty());
    }
    let all = |words: &[String]| (1..=ORDERS).map(|order| (words.len() + 1).saturating_sub(order)).sum::<usize>();
    let shared: usize = (1..=ORDERS).map(|order| overlap(&a, &b, order)).sum();
    shared as f64 / all(&a).max(all(&b)) as f64
}

/// A mean of precision and recall of words, recall nine times as much, less for words out of order (Banerjee and Lavie 2005). Words are the same if
/// their stems are; synonyms are none.
///
/// Equals `nltk`'s `meteor_score` without WordNet and with Porter's original stemmer, on the words of [`rouge_l`](crate::rouge_l).
pub fn meteor(reference: &str, answer: &str) -> f64 {
    let (a, b) = (tokens(reference), tokens(answer));
    if a.is_empty() || b.is_empty() {
        return f64::from(a.is_empty() && b.is_empty());
    }
    let pairs = aligned(&a, &b);
    if pairs.is_empty() {
        return 0.0;
    }
    let matched = pairs.len() as f64;
    let (precision, recall) = (matched / b.len() as f64, matched / a.len() as f64);
    let mean = precision * recall / (0.9 * precision + 0.1 * recall);
    let follows = |pair: &&[(usize, usize)]| pair[1].0 == pair[0].0 + 1 && pair[1].1 == pair[0].1 + 1;
    let chunks = pairs.len() - pairs.windows(2).filter(follows).count();
    mean * (1.0 - 0.5 * (chunks as f64 / matched).powi(3))
}

/// F1 of n-grams of words (Lin 2004); 0 where a text has fewer than `order` words.
///
/// Equals `rouge-score`'s `rougeN` without stemming where texts are of ASCII letters and digits.
pub fn rouge_n(order: usize, reference: &str, answer: &str) -> f64 {
    let (a, b) = (tokens(reference), tokens(answer));
    let count = |words: &[String]| (words.len() + 1).saturating_sub(order);
    let both = count(&a) + count(&b);
    if both == 0 { 0.0 } else { 2.0 * overlap(&a, &b, order) as f64 / both as f64 }
}

/// Twice the longest common subsequence of characters over all characters.
///
/// Equals `rapidfuzz`'s `fuzz.ratio`, divided by 100.
pub fn fuzzy_match(reference: &str, answer: &str) -> f64 {
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    let (a, b) = (letters(reference), letters(answer));
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    2.0 * common(&a, &b) as f64 / (a.len() + b.len()) as f64
}

/// N-grams that both have, each as often as both do.
fn overlap(a: &[String], b: &[String], order: usize) -> usize {
    let mut there: HashMap<&[String], usize> = HashMap::new();
    for gram in a.windows(order) {
        *there.entry(gram).or_insert(0) += 1;
    }
    let mut shared = 0;
    for gram in b.windows(order) {
        if let Some(count) = there.get_mut(gram).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    shared
}

/// Which word of the answer is which of the reference, in the answer's order: the same words first, then those of one stem, each from the end.
fn aligned(reference: &[String], answer: &[String]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut left: (Vec<usize>, Vec<usize>) = ((0..answer.len()).collect(), (0..reference.len()).collect());
    let stems = |words: &[String]| words.iter().map(|word| stem(word)).collect::<Vec<String>>();
    for (answer, reference) in [(answer.to_vec(), reference.to_vec()), (stems(answer), stems(reference))] {
        // The later of two places is taken first.
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for &at in &left.1 {
            places.entry(&reference[at]).or_default().push(at);
        }
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for &at in left.0.iter().rev() {
            if let Some(place) = places.get_mut(answer[at].as_str()).and_then(Vec::pop) {
                taken.push((at, place));
            }
        }
        let (said, there): (std::collections::HashSet<usize>, std::collections::HashSet<usize>) =
            taken.iter().copied().unzip();
        left.0.retain(|at| !said.contains(at));
        left.1.retain(|at| !there.contains(at));
        pairs.extend(taken);
    }
    pairs.sort_unstable();
    pairs
}

/// Words as machine translation counts them (`mteval-v13a`): punctuation is a word, except within numbers; each Chinese character is one.
fn words(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.replace("-\n", "").chars().collect();
    let mut spaced = String::with_capacity(text.len() * 2);
    for (i, &c) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map_or(' ', |i| letters[i]);
        let after = letters.get(i + 1).copied().unwrap_or(' ');
        let apart = match c {
            '.' | ',' => !(before.is_ascii_digit() && after.is_ascii_digit()),
            '-' => before.is_ascii_digit(),
            '\'' => false,
            _ => c.is_ascii_punctuation() || is_chinese(c),
        };
        if apart {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Chinese and its punctuation, as `sacrebleu` has it, and Japanese.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x30ff | 0x31a0..=0x31bf | 0x31f0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xffef | 0x20000..=0x323af)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    include!("overlap_reference.rs");

    #[test]
    fn texts_are_as_alike_as_the_published_implementations_say() {
        for (reference, answer, expected) in OVERLAPS {
            let ours = [
                bleu(reference, answer),
                gleu(reference, answer),
                meteor(reference, answer),
                fuzzy_match(reference, answer),
                rouge_n(1, reference, answer),
                rouge_n(2, reference, answer),
                rouge_n(3, reference, answer),
            ];
            for ((name, ours), theirs) in
                ["BLEU", "GLEU", "METEOR", "fuzzy", "ROUGE-1", "ROUGE-2", "ROUGE-3"].iter().zip(ours).zip(expected)
            {
                if !theirs.is_nan() {
                    assert!((ours - theirs).abs() < 1e-6, "{name} of {reference:?} and {answer:?}: {ours}, {theirs}");
                }
            }
        }
    }

    #[test]
    fn long_texts_take_no_time() {
        let (a, b) = ("今天天气很好 abc".repeat(4000), "今天天气不错 acb".repeat(4000));
        let started = std::time::Instant::now();
        assert!(fuzzy_match(&a, &b) > 0.5);
        assert!(meteor(&a, &b) > 0.1 && bleu(&a, &b) > 0.1 && crate::rouge_l(&a, &b) > 0.5);
        assert!(started.elapsed().as_secs() < 5);
    }

    proptest! {
        #[test]
        fn likeness_is_between_0_and_1(a in ".{0,40}", b in ".{0,40}") {
            for of in [bleu, gleu, meteor, fuzzy_match, |a: &str, b: &str| rouge_n(2, a, b)] {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&of(&a, &b)));
            }
            prop_assert!((bleu(&a, &a) - 1.0).abs() < 1e-9 && (gleu(&a, &a) - 1.0).abs() < 1e-9);
            prop_assert!((fuzzy_match(&a, &a) - 1.0).abs() < 1e-9);
        }
    }
}
