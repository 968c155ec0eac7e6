//! What a task comes to without looking: one label for every row. A way that is no better has learned nothing from the text.

use domain::{Example, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bench::plain;
use super::{Decision, ReportLanguage};

/// The answer that is the same for every row and right most often, as scikit-learn's `DummyClassifier` gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The label that scores best on the examples to learn from.
    pub answer: String,
    /// Its mean score on the test examples.
    pub quality: f64,
    /// How likely the lead of the chosen one over it is if there is none; nothing if none was chosen.
    pub p: Option<f64>,
}

impl Baseline {
    /// The best of a task's labels, and what it scores on each test example; nothing for a task without labels, or whose metric needs a model.
    pub(super) fn of(task: &Task, train: &[Example], test: &[Example]) -> Option<(Self, Vec<f64>)> {
        let scores = |label: &str, examples: &[Example]| -> Option<Vec<f64>> {
            examples.iter().map(|example| plain(task, example, &Value::from(label))).collect()
        };
        let mut best: Option<(&str, f64)> = None;
        for label in task.labels()? {
            let total: f64 = scores(label, train)?.iter().sum();
            // Of equals the first, so that it is always the same.
            if best.is_none_or(|(_, most)| total > most) {
                best = Some((label, total));
            }
        }
        let (answer, _) = best?;
        let scores = scores(answer, test)?;
        let quality = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        Some((Self { answer: answer.to_owned(), quality, p: None }, scores))
    }
}

impl Decision {
    /// Holds the choice, whose scores are given if there is one, against the baseline.
    pub(super) fn hold_against(&mut self, (baseline, scores): (Baseline, Vec<f64>), chosen: Option<&[f64]>) {
        let difference = chosen
            .filter(|chosen| chosen.len() == scores.len())
            .and_then(|chosen| evaluate::difference(chosen, &scores, self.terms.confidence, self.seed));
        // Worse than it is no lead.
        let p = difference.map(|one| if one.interval.value > 0.0 { one.p } else { 1.0 });
        self.baseline = Some(Baseline { p, ..baseline });
        self.why = self.sentence(false);
    }

    /// The baseline, where the choice was not found to be better.
    pub(super) fn as_good_as_choice(&self) -> Option<&Baseline> {
        let level = 1.0 - self.terms.confidence;
        self.baseline.as_ref().filter(|one| one.p.is_some_and(|p| p > level))
    }

    /// What the baseline comes to, in a sentence; nothing if there is none.
    pub fn baseline_fact(&self, language: ReportLanguage) -> Option<String> {
        let Baseline { answer, quality, .. } = self.baseline.as_ref()?;
        Some(match language {
            ReportLanguage::English => format!("always answering '{answer}' would score {quality:.3}"),
            ReportLanguage::Chinese => format!("一律答“{answer}”可得 {quality:.3}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Metric;
    use serde_json::json;

    use super::*;

    fn examples(labels: &[&str]) -> Vec<Example> {
        labels.iter().map(|label| Example::new(serde_json::Map::new(), json!(label))).collect()
    }

    #[test]
    fn the_label_that_is_commonest_where_one_learns_is_measured_where_nothing_was_seen() {
        let task = |output, metric| Task { metric, ..Task::new("t", output) };
        let (train, test) = (examples(&["b", "b", "a"]), examples(&["a", "a", "a", "b"]));
        let labels = json!({"enum": ["a", "b"]});
        let (baseline, scores) = Baseline::of(&task(labels.clone(), Metric::Accuracy), &train, &test).expect("labels");
        assert_eq!((baseline.answer.as_str(), baseline.quality), ("b", 0.25));
        assert_eq!(scores, [0.0, 0.0, 0.0, 1.0]);
        // Equally common: the first of the task.
        let (even, _) =
            Baseline::of(&task(labels.clone(), Metric::Exact), &examples(&["b", "a"]), &test).expect("labels");
        assert_eq!(even.answer, "a");
        // What only a model can score, and what is no label, has none.
        assert_eq!(Baseline::of(&task(labels, Metric::Judge), &train, &test), None);
        assert_eq!(Baseline::of(&task(json!({"type": "string"}), Metric::Chrf), &train, &test), None);
    }

    #[test]
    fn mistakes_that_cost_more_weigh_more() {
        let mut task = Task { metric: Metric::Costs, ..Task::new("t", json!({"enum": ["fine", "ill"]})) };
        task.costs = Some(domain::Costs {
            of: vec![domain::Mistake { expected: "ill".to_owned(), answer: "fine".to_owned(), cost: 9.0 }],
            ..domain::Costs::default()
        });
        let train = examples(&["fine", "fine", "fine", "ill"]);
        let (baseline, _) = Baseline::of(&task, &train, &train).expect("labels");
        assert_eq!(baseline.answer, "ill");
    }
}
