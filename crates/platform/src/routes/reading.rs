//! What a model wrote, read: a label that is said in other words, JSON in a fence, an answer after thoughts. A local model is held to the form of its
//! answer while it writes; of a remote one that is not always to be had.

use serde_json::Value;

/// What comes after thoughts that are written out.
pub(super) fn without_thoughts(text: &str) -> &str {
    let text = text.trim();
    let after = text.strip_prefix("<think>").and_then(|rest| rest.split_once("</think>"));
    after.map_or(text, |(_, answer)| answer.trim())
}

/// The label that a text says: alone, as the value of a JSON object, on a line of its own, or as the only one that occurs.
pub(super) fn label_in<'a>(labels: &[&'a str], text: &str) -> Option<&'a str> {
    let exact = |said: &str| {
        let said = bare(said);
        let same = |label: &&&str| bare(label) == said;
        labels.iter().find(same).or_else(|| {
            let said = said.to_lowercase();
            let mut alike = labels.iter().filter(|label| bare(label).to_lowercase() == said);
            alike.next().filter(|_| alike.next().is_none())
        })
    };
    if let Some(label) = exact(text) {
        return Some(label);
    }
    if let Some(json) = json_in(text)
        && let Some(label) = only_string(&json).and_then(exact)
    {
        return Some(label);
    }
    let lines = || text.lines().filter(|line| !bare(line).is_empty());
    let (first, last) = (lines().next().and_then(exact), lines().next_back().and_then(exact));
    match (first, last) {
        (Some(one), Some(other)) if one != other => None,
        (Some(label), _) | (None, Some(label)) => Some(label),
        (None, None) => only_one(labels, text),
    }
}

/// A text without quotes, marks and stops around it.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || "\"'`*_“”‘’「」『』《》.。,，:：;；!！".contains(c))
}

/// The string of a value that holds one.
fn only_string(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(fields) if fields.len() == 1 => fields.values().next().and_then(Value::as_str),
        _ => None,
    }
}

/// The only label that occurs in a text, not as a part of a longer one and not as a part of a word.
fn only_one<'a>(labels: &[&'a str], text: &str) -> Option<&'a str> {
    let mut order: Vec<&&str> = labels.iter().filter(|label| !bare(label).is_empty()).collect();
    order.sort_by_key(|label| std::cmp::Reverse(label.len()));
    let (mut rest, mut found) = (text.to_lowercase(), None);
    for label in order {
        let wanted = bare(label).to_lowercase();
        let mut from = 0;
        while let Some(at) = rest[from..].find(&wanted).map(|at| from + at) {
            let end = at + wanted.len();
            if is_whole(&rest, at, end) {
                if found.is_some_and(|one: &str| one != *label) {
                    return None;
                }
                found = Some(*label);
                // So that no shorter label is found within.
                rest.replace_range(at..end, &" ".repeat(wanted.len()));
            }
            from = end;
        }
    }
    found
}

/// Whether a part of a text is no part of a word; Chinese has no spaces to tell words by.
pub(super) fn is_whole(text: &str, at: usize, end: usize) -> bool {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (first, last) = (text[at..].chars().next(), text[..end].chars().next_back());
    let joined = |a: Option<char>, b: Option<char>| inner(a) && inner(b);
    !joined(text[..at].chars().next_back(), first) && !joined(last, text[end..].chars().next())
}

/// The JSON of a text: all of it, what is in a fence, or the first object or list in it.
pub(super) fn json_in(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let start = text.find(['{', '['])?;
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
    values.next()?.ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_label_is_found_where_it_is_clear() {
        let english = ["good", "not good", "other"];
        let chinese = ["正面", "负面", "非正面"];
        for (labels, text, wanted) in [
            (english, "good", Some("good")),
            (english, " Good.\n", Some("good")),
            (english, "**Not good**", Some("not good")),
            (english, "{\"answer\": \"not good\"}", Some("not good")),
            (english, "```json\n{\"label\": \"good\"}\n```", Some("good")),
            (english, "Good\n\nThe review praises the price and says nothing other than that.", Some("good")),
            (english, "It praises this, and other things.\n\ngood", Some("good")),
            (english, "The answer is: not good, since it broke.", Some("not good")),
            (english, "It is good, or other.", None),
            (english, "goodness", None),
            (english, "good\nother", None),
            (english, "", None),
            (chinese, "“正面”。", Some("正面")),
            (chinese, "这条评论是负面的。", Some("负面")),
            (chinese, "情感：非正面", Some("非正面")),
            (chinese, "正面还是负面，很难说", None),
        ] {
            assert_eq!(label_in(&labels, text), wanted, "{text}");
        }
    }

    #[test]
    fn json_is_found_and_thoughts_are_left_out() {
        for (text, wanted) in [
            ("{\"a\": 1}", Some(json!({"a": 1}))),
            ("Here it is:\n```json\n{\"a\": [1]}\n```\nDone.", Some(json!({"a": [1]}))),
            ("[1, 2] and more", Some(json!([1, 2]))),
            ("{\"a\": ", None),
            ("none", None),
        ] {
            assert_eq!(json_in(text), wanted, "{text}");
        }
        assert_eq!(without_thoughts("<think>good or bad?</think>\n bad "), "bad");
        assert_eq!(without_thoughts(" bad "), "bad");
        assert_eq!(without_thoughts("<think>endless"), "<think>endless");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,60}", labels in proptest::collection::vec("[a-zA-Zİ正负 .]{0,4}", 0..4)) {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            if let Some(label) = label_in(&labels, &text) {
                prop_assert!(labels.contains(&label));
            }
            json_in(&text);
        }
    }
}
