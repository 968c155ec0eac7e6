//! JSON and JSON lines: a record becomes `key: value` lines.

use serde_json::Value;

use super::builder::Builder;
use super::{Kind, Limits, text};

pub(super) fn read(source: &str, limits: &Limits, out: &mut Builder) {
    if let Ok(value) = serde_json::from_str::<Value>(source) {
        let records = match value {
            Value::Array(items) => items,
            other => vec![other],
        };
        for record in &records {
            push(record, limits, out);
        }
        return;
    }
    let mut broken = 0;
    let lines: Vec<&str> = source.lines().filter(|line| !line.trim().is_empty()).collect();
    let parsed: Vec<Option<Value>> = lines.iter().map(|l| serde_json::from_str(l).ok()).collect();
    if parsed.iter().flatten().next().is_none() {
        out.warn("it is not sound JSON; it was read as plain text");
        return text::read(source, out);
    }
    for record in &parsed {
        match record {
            Some(record) => push(record, limits, out),
            None => broken += 1,
        }
    }
    if broken > 0 {
        out.warn(format!("{broken} lines are not sound JSON and were left out"));
    }
}

fn push(record: &Value, limits: &Limits, out: &mut Builder) {
    let mut lines = String::new();
    flatten("", record, limits.depth, &mut lines);
    out.push(Kind::Paragraph, &lines);
}

fn flatten(path: &str, value: &Value, depth: usize, lines: &mut String) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null => {}
        _ if depth == 0 => {}
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&under(key), value, depth - 1, lines);
            }
        }
        Value::Array(items) => {
            for item in items {
                flatten(path, item, depth - 1, lines);
            }
        }
        Value::String(text) => line(path, text, lines),
        other => line(path, &other.to_string(), lines),
    }
}

fn line(path: &str, text: &str, lines: &mut String) {
    if !path.is_empty() {
        lines.push_str(path);
        lines.push_str(": ");
    }
    lines.push_str(text);
    lines.push('\n');
}
