//! What wrong answers cost, where some are worse than others, and no answer may be better than a wrong one.

use serde::{Deserialize, Serialize};

/// What it costs to answer a row with a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Of a wrong label of which `of` says nothing.
    pub wrong: f64,
    /// Of no answer; `None`: there is always one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstain: Option<f64>,
    /// Of certain errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Mistake>,
}

/// An error and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The label that is right.
    pub expected: String,
    /// The label that was given.
    pub answer: String,
    /// What that costs.
    pub cost: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self { wrong: 1.0, abstain: None, of: Vec::new() }
    }
}

impl Costs {
    /// What an answer costs; nothing where it is right.
    pub fn cost(&self, expected: &str, answer: &str) -> f64 {
        if expected == answer {
            return 0.0;
        }
        let of = self.of.iter().find(|mistake| mistake.expected == expected && mistake.answer == answer);
        of.map_or(self.wrong, |mistake| mistake.cost)
    }

    /// What the dearest answer costs: the measure of the others. Not 0.
    pub fn dearest(&self) -> f64 {
        let all = self.of.iter().map(|mistake| mistake.cost).chain(self.abstain).chain([self.wrong]);
        all.fold(f64::MIN_POSITIVE, f64::max)
    }

    /// How good an answer is: 1 for a right one, 0 for the dearest, and in between by what it costs. `None`: there is none.
    pub fn score(&self, expected: &str, answer: Option<&str>) -> f64 {
        let cost = match answer {
            Some(answer) => self.cost(expected, answer),
            None => self.abstain.unwrap_or_else(|| self.dearest()),
        };
        1.0 - cost / self.dearest()
    }

    /// The label that is expected to cost least, by how likely each is right, and what it is expected to cost; `None` for the label if no answer
    /// costs less (Chow 1970).
    pub fn decide(&self, labels: &[String], probabilities: &[f64]) -> (Option<usize>, f64) {
        let expected = |answer: usize| -> f64 {
            labels.iter().zip(probabilities).map(|(right, p)| p * self.cost(right, &labels[answer])).sum()
        };
        let best = (0..labels.len()).map(|at| (at, expected(at))).min_by(|a, b| a.1.total_cmp(&b.1));
        match (best, self.abstain) {
            (Some((at, cost)), abstain) if abstain.is_none_or(|none| cost <= none) => (Some(at), cost),
            (Some((_, cost)), _) => (None, cost),
            (None, _) => (None, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(abstain: Option<f64>) -> Costs {
        let mistake = |expected: &str, answer: &str, cost| Mistake {
            expected: expected.to_owned(),
            answer: answer.to_owned(),
            cost,
        };
        Costs { wrong: 1.0, abstain, of: vec![mistake("fraud", "fine", 10.0)] }
    }

    #[test]
    fn the_cheapest_answer_is_given_or_none() {
        let labels = ["fine".to_owned(), "fraud".to_owned()];
        for (abstain, probabilities, wanted) in [
            // 0.2 of fraud: calling it fine would cost 2, calling it fraud 0.8.
            (None, [0.8, 0.2], Some(1)),
            (None, [0.95, 0.05], Some(0)),
            (Some(0.5), [0.8, 0.2], None),
            (Some(0.5), [0.99, 0.01], Some(0)),
            (Some(0.5), [0.3, 0.7], Some(1)),
        ] {
            assert_eq!(costs(abstain).decide(&labels, &probabilities).0, wanted, "{abstain:?} {probabilities:?}");
        }
        assert_eq!(Costs::default().decide(&labels, &[0.4, 0.6]), (Some(1), 0.4));
        assert_eq!(Costs::default().decide(&[], &[]), (None, 0.0));
    }

    #[test]
    fn answers_are_scored_by_what_they_cost() {
        let costs = costs(Some(0.5));
        for (expected, answer, wanted) in [
            ("fine", Some("fine"), 1.0),
            ("fraud", Some("fine"), 0.0),
            ("fine", Some("fraud"), 0.9),
            ("fine", None, 0.95),
        ] {
            assert!((costs.score(expected, answer) - wanted).abs() < 1e-12, "{expected} {answer:?}");
        }
        assert_eq!(Costs::default().score("a", None), 0.0);
    }
}
