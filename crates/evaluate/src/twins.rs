//! Texts that are the same, or nearly: what must not stand on both sides of a split.
//!
//! Near ones are found by MinHash (Broder 1997) over runs of characters, in bands, so that a hundred thousand texts take seconds; each pair that
//! falls into the same band is then compared in full.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Characters of a run.
const RUN: usize = 5;
/// Hashes of a text, in bands of so many.
const HASHES: usize = 32;
const BAND: usize = 4;
/// Texts of a band that are compared with each other, at most: a sentence everyone writes would cost the square.
const CROWD: usize = 64;

/// Two texts that are nearly the same, by their places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twins {
    /// The earlier.
    pub first: usize,
    /// The later.
    pub second: usize,
    /// The share of runs of characters both have (Jaccard); 1 if they are the same but for case, width, spaces and punctuation.
    pub alike: f64,
}

/// Pairs whose likeness is at least so much (`0.8`), in order. Of texts that are the same each is paired with the first of them.
pub fn twins(texts: &[String], alike: f64) -> Vec<Twins> {
    let bare: Vec<Vec<char>> = texts.iter().map(|text| letters(text)).collect();
    let mut first: HashMap<&[char], usize> = HashMap::new();
    let (mut found, mut distinct) = (Vec::new(), Vec::new());
    for (at, letters) in bare.iter().enumerate() {
        if letters.is_empty() {
            continue;
        }
        match first.get(letters.as_slice()) {
            Some(earlier) => found.push(Twins { first: *earlier, second: at, alike: 1.0 }),
            None => {
                first.insert(letters, at);
                distinct.push(at);
            }
        }
    }
    let runs: HashMap<usize, HashSet<u64>> = distinct.iter().map(|at| (*at, runs(&bare[*at]))).collect();
    let mut bands: HashMap<(usize, [u64; BAND]), Vec<usize>> = HashMap::new();
    for at in &distinct {
        let hashes = min_hashes(&runs[at]);
        for (band, part) in hashes.chunks_exact(BAND).enumerate() {
            let part = part.try_into().expect("chunks of this size: this is a bug");
            bands.entry((band, part)).or_default().push(*at);
        }
    }
    let mut compared = HashSet::new();
    for together in bands.into_values() {
        for (place, a) in together.iter().take(CROWD).enumerate() {
            for b in together.iter().take(CROWD).skip(place + 1) {
                if compared.insert((*a, *b)) {
                    let alike_as = jaccard(&runs[a], &runs[b]);
                    if alike_as >= alike {
                        found.push(Twins { first: *a, second: *b, alike: alike_as });
                    }
                }
            }
        }
    }
    found.sort_by_key(|twins| (twins.first, twins.second));
    found
}

/// Without case, width, spaces and punctuation.
fn letters(text: &str) -> Vec<char> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(narrow).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn runs(letters: &[char]) -> HashSet<u64> {
    let hash = |run: &[char]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    if letters.len() < RUN { HashSet::from([hash(letters)]) } else { letters.windows(RUN).map(hash).collect() }
}

fn min_hashes(runs: &HashSet<u64>) -> [u64; HASHES] {
    let mut least = [u64::MAX; HASHES];
    for run in runs {
        for (at, least) in least.iter_mut().enumerate() {
            *least = (*least).min(mixed(run ^ (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
    }
    least
}

/// The finaliser of SplitMix64 (Steele et al. 2014).
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn jaccard(a: &HashSet<u64>, b: &HashSet<u64>) -> f64 {
    let both = a.intersection(b).count();
    both as f64 / (a.len() + b.len() - both) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Vec<(usize, usize)> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        twins(&texts, 0.8).iter().map(|twins| (twins.first, twins.second)).collect()
    }

    #[test]
    fn the_same_and_the_nearly_same_are_found() {
        let long = "the parcel that was promised for tuesday has still not come and nobody answers the phone at all";
        let near = "the parcel that was promised for tuesday has still not come and nobody answers the phone at al1";
        assert_eq!(
            of(&["Hello, World!", "hello world", "other words here", "ｈｅｌｌｏ ｗｏｒｌｄ"]),
            [(0, 1), (0, 3)]
        );
        assert_eq!(of(&[long, "nothing like it", near]), [(0, 2)]);
        assert_eq!(
            of(&[
                "收到的水壶盖子裂了，客服一直不回复，请尽快处理退款",
                "收到的水壶盖子裂了，客服一直不回复，请尽快处理退款！！"
            ]),
            [(0, 1)]
        );
        assert_eq!(of(&["", "", "?!"]), []);
        assert_eq!(of(&["a short one", "a short two"]), []);
    }

    #[test]
    fn many_are_compared_quickly() {
        let mut draw = fastrand::Rng::with_seed(1);
        let mut texts: Vec<String> =
            (0..20_000).map(|_| (0..60).map(|_| draw.lowercase()).collect::<String>()).collect();
        texts.push(texts[777].clone());
        let found = twins(&texts, 0.8);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first, found[0].second), (777, 20_000));
    }
}
