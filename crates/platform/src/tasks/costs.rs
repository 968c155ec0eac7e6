//! `[costs]`: what wrong labels cost, and what it costs to give none.

use domain::{Costs, Mistake};
use toml::de::DeValue;

use super::file::{At, Problems, json, kind, unknown};

const KEYS: [&str; 3] = ["wrong", "abstain", "of"];

/// The costs of a task that answers with one of these labels.
pub(super) fn read(value: At<'_, '_>, labels: Option<&[&str]>, problems: &mut Problems<'_>) -> Option<Costs> {
    let DeValue::Table(table) = value.get_ref() else {
        problems.say(value.span(), "costs", format!("it is {}, and must be a table", kind(value.get_ref())));
        return None;
    };
    let Some(labels) = labels else {
        problems.say(value.span(), "costs", "they are of wrong labels, and `output` is no list of labels");
        return None;
    };
    let mut costs = Costs::default();
    for (key, value) in table.iter() {
        let path = format!("costs.{}", key.get_ref());
        match key.get_ref().as_ref() {
            "wrong" => costs.wrong = amount(value, &path, problems).unwrap_or(costs.wrong),
            "abstain" => costs.abstain = amount(value, &path, problems),
            "of" => costs.of = mistakes(value, &path, labels, problems),
            other => problems.say(key.span(), &path, unknown(other, &KEYS)),
        }
    }
    Some(costs)
}

fn amount(value: At<'_, '_>, path: &str, problems: &mut Problems<'_>) -> Option<f64> {
    let amount = json(value.get_ref()).as_f64().filter(|amount| *amount >= 0.0 && amount.is_finite());
    if amount.is_none() {
        problems.say(value.span(), path, "it must be a number of at least 0: a right answer costs 0");
    }
    amount
}

fn mistakes(value: At<'_, '_>, path: &str, labels: &[&str], problems: &mut Problems<'_>) -> Vec<Mistake> {
    let DeValue::Array(array) = value.get_ref() else {
        problems.say(value.span(), path, "it must be a list of { expected = LABEL, answer = LABEL, cost = NUMBER }");
        return Vec::new();
    };
    let mut all: Vec<Mistake> = Vec::new();
    for (number, one) in array.iter().enumerate() {
        let path = format!("{path}[{number}]");
        let read: Result<Mistake, _> = serde_json::from_value(json(one.get_ref()));
        let wrong = match &read {
            Err(_) => Some("it must be { expected = LABEL, answer = LABEL, cost = NUMBER }".to_owned()),
            Ok(mistake) => [&mistake.expected, &mistake.answer]
                .into_iter()
                .find(|label| !labels.contains(&label.as_str()))
                .map(|label| format!("'{label}' is no label; there are {}", labels.join(", ")))
                .or_else(|| (mistake.cost < 0.0).then(|| "a cost is at least 0".to_owned()))
                .or_else(|| (mistake.expected == mistake.answer).then(|| "a right answer costs 0".to_owned()))
                .or_else(|| {
                    let same = |other: &Mistake| other.expected == mistake.expected && other.answer == mistake.answer;
                    all.iter().any(same).then(|| "it is there twice".to_owned())
                }),
        };
        match (wrong, read) {
            (None, Ok(mistake)) => all.push(mistake),
            (why, _) => problems.say(one.span(), &path, why.unwrap_or_default()),
        }
    }
    all
}
