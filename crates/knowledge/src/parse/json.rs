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
            if out.full() {
                break;
            }
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
            Some(_) if out.full() => break,
            Some(record) => push(record, limits, out),
            None => broken += 1,
        }
    }
    if broken > 0 {
        out.warn(format!("{broken} lines are not sound JSON and were left out"));
    }
}

fn push(record: &Value, limits: &Limits, out: &mut Builder) {
    // No character takes more than four bytes: what is beyond is not kept anyway.
    let mut lines = Lines { path: String::new(), text: String::new(), most: limits.chars.saturating_mul(4) };
    if !lines.flatten(record, limits.depth) {
        out.warn("a record of it is too long and was read in part; split it into smaller ones");
    }
    out.push(Kind::Paragraph, &lines.text);
}

/// A record's lines as they grow.
struct Lines {
    /// Keys that lead to the value under way.
    path: String,
    text: String,
    /// Bytes from which on no line is added: a long path is repeated for each item of a long list.
    most: usize,
}

impl Lines {
    /// Adds a value; false once there is no room.
    fn flatten(&mut self, value: &Value, depth: usize) -> bool {
        match value {
            Value::Null => true,
            _ if depth == 0 => true,
            Value::Object(map) => map.iter().all(|(key, value)| {
                let end = self.path.len();
                if end > 0 {
                    self.path.push('.');
                }
                self.path.push_str(key);
                let whole = self.flatten(value, depth - 1);
                self.path.truncate(end);
                whole
            }),
            Value::Array(items) => items.iter().all(|item| self.flatten(item, depth - 1)),
            Value::String(text) => self.line(text),
            other => self.line(&other.to_string()),
        }
    }

    fn line(&mut self, text: &str) -> bool {
        if self.text.len() >= self.most {
            return false;
        }
        if !self.path.is_empty() {
            self.text.push_str(&self.path);
            self.text.push_str(": ");
        }
        self.text.push_str(text);
        self.text.push('\n');
        true
    }
}
