//! `[constraints]`: what a way of doing a task must keep to; `[policy]`: which models may see its rows.

use domain::{Constraints, Need, Policy};
use serde::de::DeserializeOwned;
use toml::de::DeValue;

use super::file::{At, Problems, json, kind, unknown};

const POLICY_KEYS: [&str; 4] = ["data", "market", "allow", "label"];
const KEYS: [&str; 4] = ["latency_p95", "cost_per_1000", "memory", "order"];

pub(super) fn read(value: At<'_, '_>, problems: &mut Problems<'_>) -> Constraints {
    let mut constraints = Constraints::default();
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("it is {}, and must be a table", kind(value.get_ref()));
        problems.say(value.span(), "constraints", message);
        return constraints;
    };
    for (key, value) in table.iter() {
        let path = format!("constraints.{}", key.get_ref());
        match key.get_ref().as_ref() {
            "latency_p95" => {
                const UNITS: [(&str, f64); 3] = [("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)];
                constraints.latency_p95_ms =
                    measure(value, &path, &UNITS, "a time such as \"800ms\" or \"2s\"", problems);
            }
            "memory" => {
                const UNITS: [(&str, f64); 4] =
                    [("MB", 1e6), ("GB", 1e9), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];
                let bytes = measure(value, &path, &UNITS, "a size such as \"2GB\"", problems);
                constraints.memory = bytes.map(|bytes| bytes as u64);
            }
            "cost_per_1000" => match number(value.get_ref()) {
                Some(cost) if cost >= 0.0 => constraints.cost_per_1000 = Some(cost),
                _ => {
                    problems.say(value.span(), &path, "it must be a number of at least 0: what 1,000 answers may cost")
                }
            },
            "order" => constraints.order = order(value, &path, problems),
            other => problems.say(key.span(), &path, unknown(other, &KEYS)),
        }
    }
    constraints
}

/// A policy, and the field of a row that says how sensitive it is.
pub(super) fn policy(value: At<'_, '_>, problems: &mut Problems<'_>) -> (Policy, Option<String>) {
    let (mut policy, mut field) = (Policy::default(), None);
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("it is {}, and must be a table", kind(value.get_ref()));
        problems.say(value.span(), "policy", message);
        return (policy, field);
    };
    for (key, value) in table.iter() {
        let path = format!("policy.{}", key.get_ref());
        match key.get_ref().as_ref() {
            "data" => {
                policy.data =
                    one_of(value, &path, "public, internal, personal or secret", problems).unwrap_or(policy.data)
            }
            "market" => policy.market = one_of(value, &path, "2c, 2b, government or abroad", problems),
            "allow" => policy.allow = one_of(value, &path, "a list of local, cn and other", problems),
            "label" => field = one_of(value, &path, "the name of a row's field", problems),
            other => problems.say(key.span(), &path, unknown(other, &POLICY_KEYS)),
        }
    }
    (policy, field)
}

fn one_of<T: DeserializeOwned>(value: At<'_, '_>, path: &str, what: &str, problems: &mut Problems<'_>) -> Option<T> {
    let read = serde_json::from_value(json(value.get_ref())).ok();
    if read.is_none() {
        problems.say(value.span(), path, format!("it must be {what}"));
    }
    read
}

/// A number with its unit.
fn measure(
    value: At<'_, '_>,
    path: &str,
    units: &[(&str, f64)],
    like: &str,
    problems: &mut Problems<'_>,
) -> Option<f64> {
    let read = || {
        let DeValue::String(text) = value.get_ref() else { return None };
        let text = text.trim();
        let letters = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (count, unit) = text.split_at(letters);
        let (_, scale) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
        let count: f64 = count.trim().parse().ok()?;
        (count > 0.0 && count.is_finite()).then_some(count * scale)
    };
    let measured = read();
    if measured.is_none() {
        problems.say(value.span(), path, format!("it must be {like}"));
    }
    measured
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(number) => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

fn order(value: At<'_, '_>, path: &str, problems: &mut Problems<'_>) -> Vec<Need> {
    let DeValue::Array(array) = value.get_ref() else {
        problems.say(value.span(), path, "it must be a list of `cost`, `latency` and `memory`, most important first");
        return Vec::new();
    };
    let mut all = Vec::new();
    for one in array.iter() {
        let need = match one.get_ref() {
            DeValue::String(text) if text == "cost" => Need::Cost,
            DeValue::String(text) if text == "latency" => Need::Latency,
            DeValue::String(text) if text == "memory" => Need::Memory,
            _ => {
                problems.say(one.span(), path, "there are `cost`, `latency` and `memory`");
                continue;
            }
        };
        if all.contains(&need) {
            problems.say(one.span(), path, "it is there twice");
        } else {
            all.push(need);
        }
    }
    all
}
