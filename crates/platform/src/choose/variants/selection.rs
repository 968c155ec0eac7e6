//! Examples to show, picked from those there are: unlike each other, of every label, or hard.

use domain::Example;

/// The places of so many examples that lie far from each other (greedy k-centre, Gonzalez 1985), the most central one first.
pub(super) fn diverse(vectors: &[Vec<f64>], among: &[usize], count: usize) -> Vec<usize> {
    let Some(width) = among.first().map(|at| vectors[*at].len()) else { return Vec::new() };
    let mut mean = vec![0.0; width];
    for at in among {
        mean.iter_mut().zip(&vectors[*at]).for_each(|(sum, one)| *sum += one);
    }
    let alike = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // The most central one is no outlier, whatever the others are.
    let centre =
        among.iter().copied().reduce(|a, b| if alike(&vectors[b], &mean) > alike(&vectors[a], &mean) { b } else { a });
    let mut picked: Vec<usize> = centre.into_iter().collect();
    let mut nearest = vec![f64::NEG_INFINITY; among.len()];
    while picked.len() < count.min(among.len()) {
        let last = picked[picked.len() - 1];
        for (near, at) in nearest.iter_mut().zip(among) {
            *near = near.max(alike(&vectors[*at], &vectors[last]));
        }
        let left = (0..among.len()).filter(|place| !picked.contains(&among[*place]));
        match left.reduce(|a, b| if nearest[b] < nearest[a] { b } else { a }) {
            Some(farthest) => picked.push(among[farthest]),
            None => break,
        }
    }
    picked
}

/// As many of each label as of any other, in turn; within a label those unlike each other, if there are vectors, or the first. Nothing where there
/// are not two labels.
pub(super) fn balanced(examples: &[Example], vectors: Option<&[Vec<f64>]>, count: usize) -> Vec<usize> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (at, example) in examples.iter().enumerate() {
        let Some(label) = example.output.as_str() else { return Vec::new() };
        match groups.iter_mut().find(|(one, _)| *one == label) {
            Some((_, group)) => group.push(at),
            None => groups.push((label, vec![at])),
        }
    }
    if groups.len() < 2 || groups.len() > count {
        return Vec::new();
    }
    // The labels in an order of their own, so that it does not hang on which row came first.
    groups.sort_unstable();
    let each = count.div_ceil(groups.len());
    let picked: Vec<Vec<usize>> = groups
        .into_iter()
        .map(|(_, group)| match vectors {
            Some(vectors) => diverse(vectors, &group, each),
            None => group.into_iter().take(each).collect(),
        })
        .collect();
    let turns = (0..each).flat_map(|turn| picked.iter().filter_map(move |group| group.get(turn).copied()));
    turns.take(count).collect()
}

/// Those a plain prompt got wrong, label after label in turn, then others to fill up.
pub(super) fn hard(examples: &[Example], wrong: &[usize], fill: &[usize], count: usize) -> Vec<usize> {
    let of_wrong: Vec<Example> = wrong.iter().map(|at| examples[*at].clone()).collect();
    let mut picked: Vec<usize> =
        balanced(&of_wrong, None, count.min(wrong.len())).into_iter().map(|at| wrong[at]).collect();
    for at in wrong.iter().chain(fill) {
        if picked.len() < count && !picked.contains(at) {
            picked.push(*at);
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn example(label: &str) -> Example {
        Example::new(Map::from_iter([("text".to_owned(), json!("t"))]), json!(label))
    }

    /// Unit vectors at angles.
    fn at(degrees: &[f64]) -> Vec<Vec<f64>> {
        degrees.iter().map(|angle| vec![angle.to_radians().cos(), angle.to_radians().sin()]).collect()
    }

    #[test]
    fn the_picked_lie_apart_and_are_the_same_each_time() {
        let vectors = at(&[0.0, 1.0, 2.0, 3.0, 60.0, 61.0, 120.0]);
        let all: Vec<usize> = (0..7).collect();
        let picked = diverse(&vectors, &all, 3);
        assert_eq!(picked, diverse(&vectors, &all, 3));
        assert_eq!(picked.len(), 3);
        // One near the middle, then the far ends.
        assert!(picked.contains(&6) && picked.iter().any(|at| *at < 4) && !picked[1..].contains(&1), "{picked:?}");
        // Fewer are the first of more.
        assert_eq!(diverse(&vectors, &all, 2), picked[..2]);
        assert_eq!(diverse(&vectors, &all, 99).len(), 7);
        assert!(diverse(&[], &[], 3).is_empty());
    }

    #[test]
    fn every_label_is_there_as_often() {
        let examples: Vec<Example> = ["a", "a", "a", "a", "b", "a", "b", "c"].into_iter().map(example).collect();
        let picked = balanced(&examples, None, 6);
        let of = |label: &str| picked.iter().filter(|at| examples[**at].output == label).count();
        assert_eq!((of("a"), of("b"), of("c")), (2, 2, 1), "{picked:?}");
        assert_eq!(picked[..3], [0, 4, 7]);
        assert!(balanced(&examples[..4], None, 6).is_empty(), "one label is no balance");
        assert!(balanced(&examples, None, 2).is_empty(), "three labels do not fit into two");
        let record = [Example { output: json!({"n": 1}), ..example("x") }];
        assert!(balanced(&record, None, 2).is_empty());
    }

    #[test]
    fn the_hard_come_first() {
        let examples: Vec<Example> = ["a", "b", "a", "b", "a"].into_iter().map(example).collect();
        assert_eq!(hard(&examples, &[2, 4, 3], &[0, 1, 2], 4), [2, 3, 4, 0]);
        assert_eq!(hard(&examples, &[2, 4], &[], 1), [2]);
        assert_eq!(hard(&examples, &[], &[1], 2), [1]);
    }
}
