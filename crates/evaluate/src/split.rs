//! Labelled examples in three parts: to learn from, to choose on, to judge by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The parts of a data set, by the places of its examples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Examples that routes may learn from or show.
    pub train: Vec<usize>,
    /// Examples candidates race on.
    pub development: Vec<usize>,
    /// Examples only finalists are measured on.
    pub test: Vec<usize>,
}

/// Shares of the parts; what is left is for training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Of the development part.
    pub development: f64,
    /// Of the test part.
    pub test: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { development: 0.3, test: 0.4 }
    }
}

/// Splits examples by chance, each stratum (a label) in the same shares, and examples of a group (twins) all into one part. The same seed
/// splits the same.
///
/// # Panics
/// If there are not as many strata as groups.
pub fn split(strata: &[String], groups: &[usize], shares: Shares, seed: u64) -> Split {
    assert_eq!(strata.len(), groups.len(), "a stratum and a group of each example");
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(at);
    }
    let mut by_stratum: BTreeMap<&str, Vec<Vec<usize>>> = BTreeMap::new();
    for group in members.into_values() {
        by_stratum.entry(&strata[group[0]]).or_default().push(group);
    }
    let mut draw = fastrand::Rng::with_seed(seed);
    let mut parts = Split::default();
    // What one stratum has too much of by rounding, the next one gets less of.
    let (mut wanted, mut total) = ([0.0f64; 2], [0usize; 2]);
    for mut groups in by_stratum.into_values() {
        draw.shuffle(&mut groups);
        let count: usize = groups.iter().map(Vec::len).sum();
        wanted[0] += shares.test * count as f64;
        wanted[1] += shares.development * count as f64;
        for group in groups {
            let lacks = |part: usize| (total[part] as f64) + 0.5 <= wanted[part];
            if lacks(0) {
                total[0] += group.len();
                parts.test.extend(group);
            } else if lacks(1) {
                total[1] += group.len();
                parts.development.extend(group);
            } else {
                parts.train.extend(group);
            }
        }
    }
    // Strata one after the other would make a race see one label first.
    for part in [&mut parts.train, &mut parts.development, &mut parts.test] {
        part.sort_unstable();
        draw.shuffle(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(counts: &[(&str, usize)]) -> Vec<String> {
        counts.iter().flat_map(|(label, count)| std::iter::repeat_n((*label).to_owned(), *count)).collect()
    }

    #[test]
    fn every_label_is_in_every_part_in_its_share() {
        let labels = labels(&[("a", 100), ("b", 50), ("c", 10)]);
        let groups: Vec<usize> = (0..labels.len()).collect();
        let parts = split(&labels, &groups, Shares::default(), 7);
        let of = |part: &[usize], label: &str| part.iter().filter(|at| labels[**at] == label).count();
        for (label, test, development) in [("a", 40, 30), ("b", 20, 15), ("c", 4, 3)] {
            assert_eq!((of(&parts.test, label), of(&parts.development, label)), (test, development), "{label}");
        }
        assert_eq!(parts, split(&labels, &groups, Shares::default(), 7));
        assert_ne!(parts, split(&labels, &groups, Shares::default(), 8));
    }

    proptest! {
        #[test]
        fn each_example_is_in_one_part_and_groups_stay_together(
            strata in prop::collection::vec("[abc]", 0..80), kinds in 1usize..40, seed in any::<u64>(),
        ) {
            let groups: Vec<usize> = (0..strata.len()).map(|at| at % kinds).collect();
            let parts = split(&strata, &groups, Shares::default(), seed);
            let mut all = [parts.train.clone(), parts.development.clone(), parts.test.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..strata.len()).collect::<Vec<_>>());
            for part in [&parts.train, &parts.development, &parts.test] {
                for at in part {
                    let whole = groups.iter().filter(|group| **group == groups[*at]).count();
                    let here = part.iter().filter(|other| groups[**other] == groups[*at]).count();
                    prop_assert_eq!(whole, here);
                }
            }
        }
    }
}
