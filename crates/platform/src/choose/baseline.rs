//! What a task comes to without looking: one answer for every row. A way that is no better has learned nothing from the text.

use domain::{Example, Metric, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bench::plain;
use super::{Decision, ReportLanguage};

/// The answer that is the same for every row and right most often, as scikit-learn's `DummyClassifier` gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The label that scores best on the examples to learn from; of a record, the commonest label of each field that has labels.
    pub answer: String,
    /// Its mean score on the test examples.
    pub quality: f64,
    /// How likely the lead of the chosen one over it is if there is none; nothing if none was chosen.
    pub p: Option<f64>,
}

impl Baseline {
    /// The answer, and what it scores on each test example; nothing where nothing has labels, or a model grades.
    pub(super) fn of(task: &Task, train: &[Example], test: &[Example]) -> Option<(Self, Vec<f64>)> {
        let (answer, said) = match task.labels() {
            Some(labels) => {
                let label = best(task, &labels, train)?;
                (Value::from(label), label.to_owned())
            }
            // By another metric a record counts only whole.
            None if task.metric != Metric::Fields => return None,
            None => {
                let record = commonest(task, train)?;
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let said: Vec<String> = record.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
                (Value::Object(record), said.join(", "))
            }
        };
        let scores = scores(task, &answer, test)?;
        let quality = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        Some((Self { answer: said, quality, p: None }, scores))
    }
}

/// What an answer scores on each example.
fn scores(task: &Task, answer: &Value, examples: &[Example]) -> Option<Vec<f64>> {
    examples.iter().map(|example| plain(task, example, answer)).collect()
}

/// The label that scores best; of equals the first, so that it is always the same.
fn best<'a>(task: &Task, labels: &[&'a str], examples: &[Example]) -> Option<&'a str> {
    let mut best: Option<(&str, f64)> = None;
    for label in labels {
        let total: f64 = scores(task, &Value::from(*label), examples)?.iter().sum();
        if best.is_none_or(|(_, most)| total > most) {
            best = Some((label, total));
        }
    }
    best.map(|(label, _)| label)
}

/// A record of the commonest value of each field that has labels, or is true or false; nothing if no example has such a field.
fn commonest(task: &Task, examples: &[Example]) -> Option<Map<String, Value>> {
    let mut record = Map::new();
    for (name, form) in task.output.get("properties")?.as_object()? {
        let labels = match form.get("enum").and_then(Value::as_array) {
            Some(labels) => labels.clone(),
            None if form.get("type").is_some_and(|kind| kind == "boolean") => vec![true.into(), false.into()],
            None => continue,
        };
        let count = |label: &Value| examples.iter().filter(|one| one.output.get(name) == Some(label)).count();
        // A field that may be left out is, where that is commoner.
        let required = task.output.get("required").and_then(Value::as_array);
        let required = required.is_some_and(|names| names.iter().any(|one| one == name));
        let without = examples.iter().filter(|one| !required && one.output.get(name).is_none()).count();
        // The last of equals is taken, so the first is looked at last.
        if let Some(label) = labels.into_iter().rev().max_by_key(count).filter(|label| count(label) > without) {
            record.insert(name.clone(), label);
        }
    }
    (!record.is_empty()).then_some(record)
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
    fn of_a_record_the_fields_that_have_labels_are_answered() {
        let output = json!({"type": "object", "properties": {
            "mood": {"enum": ["good", "bad"]}, "urgent": {"type": "boolean"}, "who": {"type": "string"}, "where": {"enum": ["here"]}},
            "required": ["mood", "urgent", "who"]});
        let task = Task { metric: Metric::Fields, ..Task::new("t", output) };
        let records = |all: &[Value]| -> Vec<Example> {
            all.iter().map(|output| Example::new(Map::new(), output.clone())).collect()
        };
        let mood = |label: &str| json!({"mood": label});
        let (train, test) = (records(&[mood("bad"), mood("bad"), mood("good")]), records(&[mood("bad"), mood("good")]));
        let (baseline, scores) = Baseline::of(&task, &train, &test).expect("a field of labels");
        assert_eq!((baseline.answer.as_str(), baseline.quality, scores), ("mood: bad", 0.5, vec![1.0, 0.0]));
        let train = records(&[json!({"mood": "good", "urgent": false, "who": "Ann"}), json!({"where": "here"})]);
        assert_eq!(Baseline::of(&task, &train, &test).expect("two").0.answer, "mood: good, urgent: false");
        // Nothing to repeat.
        let train = records(&[json!({"who": "Ann"})]);
        assert_eq!(Baseline::of(&task, &train, &test), None);
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
