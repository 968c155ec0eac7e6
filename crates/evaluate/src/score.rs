//! How good one answer is.

use std::collections::BTreeMap;

use domain::Metric;
use regex::Regex;
use serde_json::{Map, Value};

use crate::text::{chrf, rouge_l};

/// Strings that say nearly the same count by degrees from here.
const NEAR: f64 = 0.5;

/// What an answer scores against the expected one, 0 to 1; nothing for metrics that need more than the two. `schema` is of the task's answers:
/// it tells labels, which are right or wrong, from texts.
pub fn score(metric: &Metric, schema: &Value, expected: &Value, answer: &Value) -> Option<f64> {
    Some(match metric {
        // What a wrong label costs is for those to say who know the costs.
        Metric::Exact | Metric::Accuracy | Metric::Costs => f64::from(same(expected, answer)),
        Metric::Fields => fields(schema, expected, answer),
        Metric::Number(tolerance) => f64::from(near(expected, answer, *tolerance)),
        Metric::Contains => f64::from(tidy(&words(answer)).contains(&tidy(&words(expected)))),
        Metric::RougeL => rouge_l(&words(expected), &words(answer)),
        Metric::Chrf => chrf(&words(expected), &words(answer)),
        Metric::Regex(text) => f64::from(pattern(text).is_ok_and(|pattern| pattern.is_match(&words(answer)))),
        Metric::Similarity | Metric::Citations | Metric::Judge | Metric::JudgePairwise => return None,
    })
}

/// F1 of each field of records, or of lists of records, over all rows: twice what agrees, over what is there on both sides. A row without an answer
/// has nothing there. Fields that no row has are left out; other answers have none.
pub fn by_field<'a>(
    schema: &Value,
    rows: impl Iterator<Item = (&'a Value, Option<&'a Value>)> + Clone,
) -> BTreeMap<String, f64> {
    let properties = schema.get("properties").or_else(|| schema.get("items")?.get("properties"));
    let names = properties.and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let one = |name: &String| {
        let (mut agree, mut all) = (0.0, 0);
        for (expected, answer) in rows.clone() {
            let answer = answer.map_or(Value::Null, |answer| labelled(schema, expected, answer));
            let (expected, answer) = (only(name, expected), only(name, &answer));
            agree += agreed(schema, &expected, &answer);
            all += leaves(&expected) + leaves(&answer);
        }
        (all > 0).then(|| (name.clone(), 2.0 * agree / all as f64))
    };
    names.filter_map(one).collect()
}

/// A record, or each of a list, with one field of it alone.
fn only(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(all) => {
            all.iter().filter(|(key, _)| *key == name).map(|(key, one)| (key.clone(), one.clone())).collect()
        }
        Value::Array(all) => all.iter().map(|one| only(name, one)).collect(),
        _ => Value::Null,
    }
}

/// The regular expression of a metric.
///
/// # Errors
/// Why it is none.
pub fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("'{text}' is no regular expression: {error}"))
}

/// A value as text.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Without what people do not see: spaces around and doubled, the width of letters.
fn tidy(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    };
    let text: String = text.chars().map(narrow).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn same(expected: &Value, answer: &Value) -> bool {
    match (expected, answer) {
        (Value::String(a), Value::String(b)) => tidy(a) == tidy(b),
        (Value::Number(_), Value::Number(_)) => near(expected, answer, 0.0),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn near(expected: &Value, answer: &Value, tolerance: f64) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().replace(',', "").parse().ok(),
        _ => None,
    };
    match (number(expected), number(answer)) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs() + 1e-9 * a.abs().max(1.0),
        _ => false,
    }
}

/// F1 of fields: twice what agrees, over what is there on both sides. A field that every answer has and the expected one has not was not
/// labelled, and does not count.
fn fields(schema: &Value, expected: &Value, answer: &Value) -> f64 {
    let answer = &labelled(schema, expected, answer);
    let all = leaves(expected) + leaves(answer);
    if all == 0 { 1.0 } else { 2.0 * agreed(schema, expected, answer) / all as f64 }
}

fn labelled(schema: &Value, expected: &Value, answer: &Value) -> Value {
    let required = |key: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == key));
    match (expected, answer) {
        (Value::Object(expected), Value::Object(answer)) => {
            let counts = |key: &String| expected.contains_key(key) || !required(key);
            Value::Object(
                answer.iter().filter(|(key, _)| counts(key)).map(|(key, one)| (key.clone(), one.clone())).collect(),
            )
        }
        _ => answer.clone(),
    }
}

/// Values that are not made of others; nothing is none.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Array(all) => all.iter().map(leaves).sum(),
        Value::Object(all) => all.values().map(leaves).sum(),
        _ => 1,
    }
}

/// How many leaves agree, each by up to 1.
fn agreed(schema: &Value, expected: &Value, answer: &Value) -> f64 {
    match (expected, answer) {
        (Value::Object(a), Value::Object(b)) => record(schema, a, b),
        (Value::Array(a), Value::Array(b)) => list(&schema["items"], a, b),
        (Value::String(a), Value::String(b)) if schema.get("enum").is_none() => alike(a, b),
        (Value::Null, _) | (_, Value::Null) => 0.0,
        (a, b) => f64::from(same(a, b)),
    }
}

fn record(schema: &Value, a: &Map<String, Value>, b: &Map<String, Value>) -> f64 {
    let of = |key: &str| &schema["properties"][key];
    a.iter().filter_map(|(key, a)| Some(agreed(of(key), a, b.get(key)?))).sum()
}

/// The order of a list does not count: the pairs that agree most are put together first.
fn list(schema: &Value, a: &[Value], b: &[Value]) -> f64 {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, x) in a.iter().enumerate() {
        pairs.extend(b.iter().enumerate().map(|(j, y)| (agreed(schema, x, y), i, j)));
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let (mut left, mut right) = (vec![true; a.len()], vec![true; b.len()]);
    let mut sum = 0.0;
    for (agreed, i, j) in pairs {
        if left[i] && right[j] {
            (left[i], right[j]) = (false, false);
            sum += agreed;
        }
    }
    sum
}

fn alike(a: &str, b: &str) -> f64 {
    let (a, b) = (tidy(a), tidy(b));
    if a == b {
        return 1.0;
    }
    let alike = rouge_l(&a, &b);
    if alike >= NEAR { alike } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_metric_scores_as_it_says() {
        let (text, any) = (json!({"type": "string"}), json!({}));
        for (metric, expected, answer, wanted) in [
            (Metric::Exact, json!("a b"), json!(" a  b\n"), 1.0),
            (Metric::Exact, json!("a b"), json!("a B"), 0.0),
            (Metric::Accuracy, json!("正面"), json!("负面"), 0.0),
            (Metric::Accuracy, json!("ＡＢ１"), json!("AB1"), 1.0),
            (Metric::Exact, json!({"a": 1, "b": [2]}), json!({"b": [2.0], "a": 1}), 1.0),
            (Metric::Number(0.0), json!(1200), json!("1,200"), 1.0),
            (Metric::Number(0.1), json!(100), json!(109), 1.0),
            (Metric::Number(0.1), json!(100), json!(111), 0.0),
            (Metric::Number(0.0), json!("x"), json!("x"), 0.0),
            (Metric::Contains, json!("15 days"), json!("You have 15  days."), 1.0),
            (Metric::Contains, json!("15 days"), json!("You have 16 days."), 0.0),
            (Metric::RougeL, json!("the cat sat"), json!("the cat sat"), 1.0),
            (Metric::Chrf, json!("abc"), json!("xyz"), 0.0),
            (Metric::Regex("^工单[0-9]{4}$".to_owned()), json!(""), json!("工单2026"), 1.0),
            (Metric::Regex("^工单[0-9]{4}$".to_owned()), json!(""), json!("工单206"), 0.0),
            (Metric::Regex("(?i)sorry".to_owned()), json!(""), json!({"text": "We are Sorry."}), 1.0),
        ] {
            let got = score(&metric, &text, &expected, &answer).expect("a score");
            assert!((got - wanted).abs() < 1e-9, "{metric}: {expected} {answer}: {got}");
        }
        assert_eq!(score(&Metric::Fields, &any, &json!([]), &json!([])), Some(1.0));
    }

    #[test]
    fn fields_count_each_for_itself_and_lists_in_any_order() {
        let schema = json!({"type": "array", "items": {"type": "object", "properties": {
            "what": {"type": "string"}, "how": {"enum": ["good", "bad"]}}}});
        let expected = json!([{"what": "price", "how": "good"}, {"what": "colour", "how": "bad"}]);
        let of = |answer: Value| score(&Metric::Fields, &schema, &expected, &answer).expect("a score");
        assert_eq!(of(json!([{"what": "colour", "how": "bad"}, {"what": "price", "how": "good"}])), 1.0);
        assert_eq!(of(json!([{"what": "price", "how": "bad"}])), 2.0 / 6.0);
        assert_eq!(of(json!([])), 0.0);
        // Once found is enough: saying it again does not help.
        let twice = json!([{"what": "price", "how": "good"}, {"what": "price", "how": "good"}]);
        assert_eq!(of(twice), 2.0 * 2.0 / 8.0);
        // A label that shares a letter is another label; a text that shares most words is nearly right.
        let schema = json!({"properties": {"how": {"enum": ["正面", "负面"]}, "why": {"type": "string"}}});
        let expected = json!({"how": "正面", "why": "it lasts a whole day"});
        let got = score(&Metric::Fields, &schema, &expected, &json!({"how": "负面", "why": "lasts a whole day"}))
            .expect("a score");
        assert!((got - 8.0 / 9.0 / 2.0).abs() < 1e-9, "{got}");
    }

    #[test]
    fn each_field_has_a_score_of_its_own() {
        let schema = json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"enum": ["x", "y"]}, "b": {"type": "integer"}, "c": {}}});
        let rows = [
            (json!({"a": "x", "b": 1}), Some(json!({"a": "x", "b": 2}))),
            (json!({"a": "y", "b": 3}), Some(json!({"a": "y", "b": 3}))),
            // Not labelled, and not answered.
            (json!({"a": "y"}), Some(json!({"a": "x", "b": 9}))),
            (json!({"a": "y", "b": 5}), None),
        ];
        let got = by_field(&schema, rows.iter().map(|(expected, answer)| (expected, answer.as_ref())));
        let wanted = [("a", 4.0 / 7.0), ("b", 2.0 / 5.0)].map(|(name, score)| (name.to_owned(), score));
        assert_eq!(got, BTreeMap::from(wanted));
        let list = json!({"type": "array", "items": {"properties": {"what": {"enum": ["p", "q"]}, "how": {"enum": ["good", "bad"]}}}});
        let expected = json!([{"what": "p", "how": "good"}, {"what": "q", "how": "bad"}]);
        let answer = json!([{"what": "q", "how": "good"}, {"what": "p", "how": "good"}]);
        let got = by_field(&list, [(&expected, Some(&answer))].into_iter());
        assert_eq!(got, BTreeMap::from([("how".to_owned(), 0.5), ("what".to_owned(), 1.0)]));
        assert!(by_field(&json!({"type": "string"}), [(&json!("a"), None)].into_iter()).is_empty());
    }

    #[test]
    fn what_was_not_labelled_does_not_count() {
        let schema = json!({"properties": {"a": {"enum": ["x", "y"]}}, "required": ["a", "b"]});
        let of = |expected: Value, answer: Value| score(&Metric::Fields, &schema, &expected, &answer).expect("a score");
        assert_eq!(of(json!({"a": "x"}), json!({"a": "x", "b": [1, 2]})), 1.0);
        assert_eq!(of(json!({"a": "x"}), json!({"a": "y", "b": [1, 2]})), 0.0);
        // What may be left out was left out on purpose.
        assert_eq!(of(json!({"a": "x"}), json!({"a": "x", "c": 1})), 2.0 / 3.0);
    }

    #[test]
    fn scores_stay_between_0_and_1() {
        let values = [json!(null), json!(1), json!("a"), json!([1, "a"]), json!({"a": [null]}), json!({}), json!(true)];
        for metric in ["exact", "accuracy", "fields", "number:0.5", "contains", "rouge-l", "chrf", "regex:a"] {
            for a in &values {
                for b in &values {
                    let got = score(&metric.parse().expect(metric), &json!({}), a, b).expect("a score");
                    assert!((0.0..=1.0).contains(&got), "{metric}: {a} {b}: {got}");
                }
            }
        }
    }

    #[test]
    fn what_needs_more_than_the_answers_has_no_score_here() {
        for metric in ["similarity", "citations", "judge", "judge-pairwise"] {
            assert_eq!(score(&metric.parse().expect(metric), &json!({}), &json!("a"), &json!("a")), None);
        }
        assert!(pattern("a(").is_err_and(|why| why.contains("'a('")));
    }
}
