//! What answers that are labels come to, label by label.

use serde::{Deserialize, Serialize};

/// How often each label was expected, and what was answered then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// The labels, in the task's order.
    pub labels: Vec<String>,
    /// A row for each expected label: how often each label was answered, and last how often none of them.
    pub counts: Vec<Vec<usize>>,
}

/// How well a label is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The label.
    pub label: String,
    /// Of answers with the label, those that are right.
    pub precision: f64,
    /// Of examples with the label, those that were found.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// Examples with the label.
    pub support: usize,
}

impl Confusion {
    /// Counts pairs of an expected label and the answer, if there was one.
    pub fn of<'a>(labels: &[&str], pairs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let place = |label: &str| labels.iter().position(|one| one.trim() == label.trim());
        let mut counts = vec![vec![0; labels.len() + 1]; labels.len()];
        for (expected, answer) in pairs {
            if let Some(row) = place(expected) {
                counts[row][answer.and_then(place).unwrap_or(labels.len())] += 1;
            }
        }
        Self { labels: labels.iter().map(|label| (*label).to_owned()).collect(), counts }
    }

    /// Precision, recall and F1 of each label; 0 where nothing can be said, as scikit-learn's `zero_division=0`.
    pub fn classes(&self) -> Vec<ClassScore> {
        let part = |of: usize, all: usize| if all == 0 { 0.0 } else { of as f64 / all as f64 };
        self.labels
            .iter()
            .enumerate()
            .map(|(at, label)| {
                let right = self.counts[at][at];
                let support: usize = self.counts[at].iter().sum();
                let answered: usize = self.counts.iter().map(|row| row[at]).sum();
                ClassScore {
                    label: label.clone(),
                    precision: part(right, answered),
                    recall: part(right, support),
                    f1: part(2 * right, support + answered),
                    support,
                }
            })
            .collect()
    }

    /// The mean F1 of the labels that were expected or answered.
    pub fn macro_f1(&self) -> f64 {
        let seen = |at: &usize| {
            self.counts[*at].iter().sum::<usize>() + self.counts.iter().map(|row| row[*at]).sum::<usize>() > 0
        };
        let classes = self.classes();
        let seen: Vec<f64> = (0..classes.len()).filter(seen).map(|at| classes[at].f1).collect();
        if seen.is_empty() { 0.0 } else { seen.iter().sum::<f64>() / seen.len() as f64 }
    }

    /// The share of answers that are right; with one label for each example this is the micro-F1 of those answered, rows without an answer counted as wrong.
    pub fn accuracy(&self) -> f64 {
        let all: usize = self.counts.iter().flatten().sum();
        let right: usize = (0..self.labels.len()).map(|at| self.counts[at][at]).sum();
        if all == 0 { 0.0 } else { right as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_scikit_learns() {
        // y_true = a a a b b c; y_pred = a a b b c c; f1_score(average=None, 'macro'), precision, recall.
        let pairs = ["aa", "aa", "ab", "bb", "bc", "cc"].map(|pair| pair.split_at(1)).map(|(a, b)| (a, Some(b)));
        let confusion = Confusion::of(&["a", "b", "c"], pairs);
        assert_eq!(confusion.counts, [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]]);
        let f1: Vec<f64> = confusion.classes().iter().map(|class| class.f1).collect();
        for (got, wanted) in f1.iter().zip([0.8, 0.5, 2.0 / 3.0]) {
            assert!((got - wanted).abs() < 1e-12, "{f1:?}");
        }
        assert!((confusion.macro_f1() - 0.655_555_555_555_555_5).abs() < 1e-12);
        assert!((confusion.accuracy() - 4.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn rows_without_an_answer_are_wrong_and_strange_labels_are_no_row() {
        let confusion = Confusion::of(&["a", "b"], [("a", None), ("a", Some("a")), ("z", Some("a")), ("b", Some("z"))]);
        assert_eq!(confusion.counts, [[1, 0, 1], [0, 0, 1]]);
        assert!((confusion.accuracy() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Confusion::of(&["a"], []).macro_f1(), 0.0);
    }
}
