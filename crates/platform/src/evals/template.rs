//! What a text takes from an item and from what was said of it: `{{item.question}}`, `{{sample.output_text}}`, `{{sample.output_json.city}}`,
//! `{{item.tags[0]}}`. There is nothing else in a template: no filters, no conditions.

use serde_json::Value;

use super::Fault;
use crate::{Error, Result};

/// What templates can name.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The row's item.
    pub(super) item: &'a Value,
    /// What was said of it; none where nothing was.
    pub(super) sample: Option<&'a Value>,
}

/// A step into a value.
#[derive(Debug, PartialEq)]
enum Step {
    Name(String),
    Place(usize),
}

/// Checks that every `{{…}}` of a text can be read.
///
/// # Errors
/// [`Error::Invalid`] naming the first that cannot.
pub(super) fn check(param: &str, text: &str) -> Result<()> {
    for expression in pieces(text).into_iter().filter_map(|piece| piece.err()) {
        check_reference(param, expression)?;
    }
    Ok(())
}

/// Checks that a reference begins with `item` or `sample` and can be read.
///
/// # Errors
/// [`Error::Invalid`] if not.
pub(super) fn check_reference(param: &str, reference: &str) -> Result<()> {
    match steps(reference) {
        Some(steps) if matches!(&steps[0], Step::Name(name) if name == "item" || name == "sample") => Ok(()),
        _ => {
            let shown: String = reference.trim().chars().take(80).collect();
            let message = format!(
                "Invalid template in '{param}': '{shown}' cannot be read; templates name values, as item.question, item.tags[0], sample.output_text or sample.output_json.city, and do nothing else."
            );
            Err(Error::invalid(param, "invalid_template", message))
        }
    }
}

/// A text with the values it names. Texts stand as they are, other values as JSON.
///
/// # Errors
/// Which value is not there.
pub(super) fn fill(text: &str, scope: Scope<'_>) -> std::result::Result<String, Fault> {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Ok(plain) => filled.push_str(plain),
            Err(reference) => match find(reference, scope)? {
                Value::String(value) => filled.push_str(value),
                other => filled.push_str(&other.to_string()),
            },
        }
    }
    Ok(filled)
}

/// The value that a reference names.
///
/// # Errors
/// What is there instead.
pub(super) fn find<'a>(reference: &str, scope: Scope<'a>) -> std::result::Result<&'a Value, Fault> {
    let missing = |why: String| Fault::new("template_missing", format!("'{}' is not there: {why}", reference.trim()));
    let Some(steps) = steps(reference) else { return Err(missing("it cannot be read".to_owned())) };
    let mut way = String::new();
    let mut value: Option<&Value> = None;
    for step in &steps {
        let next = match (value, step) {
            (None, Step::Name(name)) if name == "item" => Some(scope.item),
            (None, Step::Name(name)) if name == "sample" => match scope.sample {
                Some(sample) => Some(sample),
                None => return Err(missing("the run asks no model, and the row has no 'sample'".to_owned())),
            },
            (None, _) => return Err(missing("only 'item' and 'sample' are known".to_owned())),
            (Some(Value::Array(values)), Step::Name(name)) => name.parse().ok().and_then(|at: usize| values.get(at)),
            (Some(Value::Array(values)), Step::Place(at)) => values.get(*at),
            (Some(Value::Object(fields)), Step::Name(name)) => fields.get(name),
            _ => None,
        };
        let Some(next) = next else { return Err(missing(instead(&way, value.unwrap_or(&Value::Null), step))) };
        match step {
            Step::Name(name) if way.is_empty() => way.push_str(name),
            Step::Name(name) => way = format!("{way}.{name}"),
            Step::Place(at) => way = format!("{way}[{at}]"),
        }
        value = Some(next);
    }
    value.ok_or_else(|| missing("it names nothing".to_owned()))
}

/// What is at a place where something was looked for in vain.
fn instead(way: &str, value: &Value, step: &Step) -> String {
    if way == "sample" && *step == Step::Name("output_json".to_owned()) {
        let text: String = value["output_text"].as_str().unwrap_or_default().chars().take(80).collect();
        return format!("the answer is no JSON: {text}");
    }
    match value {
        Value::Object(fields) if fields.is_empty() => format!("'{way}' is empty"),
        Value::Object(fields) => {
            format!("'{way}' has {}", fields.keys().take(20).map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => format!("'{way}' has {} entries, counted from 0", values.len()),
        other => {
            let shown: String = other.to_string().chars().take(40).collect();
            format!("'{way}' is {shown}")
        }
    }
}

/// A text in order: what is between braces is an `Err`. Braces that are not closed are text.
fn pieces(text: &str) -> Vec<std::result::Result<&str, &str>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(length) = rest[open + 2..].find("}}") else { break };
        pieces.push(Ok(&rest[..open]));
        pieces.push(Err(&rest[open + 2..open + 2 + length]));
        rest = &rest[open + 2 + length + 2..];
    }
    pieces.push(Ok(rest));
    pieces
}

/// `item.a[0]["b c"]` as steps; at least one, the first of which is a name.
fn steps(reference: &str) -> Option<Vec<Step>> {
    let mut rest = reference.trim();
    let mut steps = Vec::new();
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            let quoted = ['"', '\''].iter().find_map(|quote| inside.strip_prefix(*quote)?.strip_suffix(*quote));
            steps.push(match quoted {
                Some(name) => Step::Name(name.to_owned()),
                None => Step::Place(inside.trim().parse().ok()?),
            });
            rest = after;
        } else {
            let rested = if steps.is_empty() { rest } else { rest.strip_prefix('.')? };
            let end = rested.find(['.', '[']).unwrap_or(rested.len());
            let name = &rested[..end];
            let odd = |c: char| c.is_whitespace() || "{}|()\"'+*/,:%!<>=]".contains(c);
            if name.is_empty() || name.contains(odd) {
                return None;
            }
            steps.push(Step::Name(name.to_owned()));
            rest = &rested[end..];
        }
        if rest.is_empty() {
            return matches!(steps[0], Step::Name(_)).then_some(steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_filled_in_and_what_is_missing_is_named() {
        let item = json!({"问题": "年假几天？", "n": 3, "tags": ["a", {"b c": true}], "none": null});
        let sample = json!({"output_text": "15 天", "output_tools": [{"function": {"name": "f"}}]});
        let scope = Scope { item: &item, sample: Some(&sample) };
        for (text, expected) in [
            ("{{item.问题}} {{ item.n }}", "年假几天？ 3"),
            ("{{item.tags[0]}}{{item.tags.0}}{{item.tags[1][\"b c\"]}}", "aatrue"),
            ("{{ sample.output_text }}, {{sample.output_tools[0].function.name}}", "15 天, f"),
            ("{{item.none}} and {\"a\": {\"b\": {}}} and {{ open", "null and {\"a\": {\"b\": {}}} and {{ open"),
            ("{{item.tags}}", r#"["a",{"b c":true}]"#),
        ] {
            check("x", text).unwrap();
            assert_eq!(fill(text, scope).unwrap(), expected);
        }
        for (text, expected) in [
            ("{{item.m}}", "'item.m' is not there: 'item' has 问题, n, tags, none"),
            ("{{item.n.x}}", "'item.n.x' is not there: 'item.n' is 3"),
            ("{{item.tags[2]}}", "'item.tags[2]' is not there: 'item.tags' has 2 entries, counted from 0"),
            ("{{sample.output_json.x}}", "'sample.output_json.x' is not there: the answer is no JSON: 15 天"),
        ] {
            assert_eq!(fill(text, scope).unwrap_err().message, expected);
        }
        let alone = Scope { item: &item, sample: None };
        assert!(fill("{{sample.output_text}}", alone).unwrap_err().message.contains("asks no model"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in
            ["{{}}", "{{ other.x }}", "{{item.x | upper}}", "{{item..x}}", "{{item[x]}}", "{{[0]}}", "{{item x}}"]
        {
            let error = check("input", text).unwrap_err().to_string();
            assert!(error.contains("cannot be read"), "{text}: {error}");
        }
    }
}
