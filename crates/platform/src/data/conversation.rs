//! Conversations of fine-tuning as labelled rows: the last question is what is read, the answer to it the label.

use domain::{Example, Task};
use serde_json::{Map, Value};

use super::{only, typed};

/// Who says what, if it is a conversation.
pub(super) fn turns(fields: &Map<String, Value>) -> Option<Result<Vec<(String, String)>, String>> {
    let (list, who, what) = list(fields)?;
    let none = || format!("a turn of a conversation has `{who}` and `{what}`, both texts");
    let turn = |turn: &Value| -> Result<(String, String), String> {
        let (Some(Value::String(speaker)), Some(content)) = (turn.get(who), turn.get(what)) else {
            return Err(none());
        };
        Ok((speaker.clone(), said(content, none)?))
    };
    Some(list.as_array().ok_or_else(none).and_then(|all| all.iter().map(turn).collect()))
}

/// Whether it has turns besides the question that is read and its answer: earlier ones, or a system message.
pub(super) fn has_more_turns(fields: &Map<String, Value>) -> bool {
    list(fields).is_some_and(|(list, ..)| list.as_array().is_some_and(|turns| turns.len() > 2))
}

/// The example of turns.
pub(super) fn conversation(task: &Task, turns: &[(String, String)]) -> Result<Example, String> {
    let said = |who: &[&str]| turns.iter().rposition(|(one, _)| who.contains(&one.as_str()));
    let answer = said(&["assistant", "gpt"])
        .ok_or("nobody answers in this conversation: it has no turn of `assistant` or `gpt`")?;
    let asked = turns[..answer].iter().rposition(|(who, _)| ["user", "human"].contains(&who.as_str()));
    let asked = asked.ok_or("nobody asks before the answer: there is no turn of `user` or `human`")?;
    Ok(Example::new(only(task, &turns[asked].1)?, typed(task, Value::from(turns[answer].1.as_str()))?))
}

/// The turns, and the keys of who speaks and of what is said: OpenAI's, or ShareGPT's.
fn list(fields: &Map<String, Value>) -> Option<(&Value, &'static str, &'static str)> {
    match (fields.get("messages"), fields.get("conversations")) {
        (Some(list), _) => Some((list, "role", "content")),
        (None, Some(list)) => Some((list, "from", "value")),
        (None, None) => None,
    }
}

/// A text, or a list of parts that are texts, as a server reads it, too: one directly after the other.
fn said(content: &Value, none: impl FnOnce() -> String) -> Result<String, String> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => parts.iter().map(part).collect(),
        _ => Err(none()),
    }
}

fn part(part: &Value) -> Result<&str, String> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => {
            part.get("text").and_then(Value::as_str).ok_or_else(|| "a part of type `text` has no `text`".to_owned())
        }
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            Err(format!("a turn has a part of type `{other}`, and only text is read"))
        }
        None => Err("a part of a turn has no `type`, and only text is read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(row: Value) -> Result<Example, String> {
        let fields = row.as_object().expect("an object").clone();
        conversation(&Task::new("sort", json!({"type": "string"})), &turns(&fields).expect("a conversation")?)
    }

    #[test]
    fn parts_that_are_texts_are_one_text() {
        let parts = json!([{"type": "text", "text": "Where is "}, {"type": "text", "text": "my parcel?"}]);
        for row in [
            json!({"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "late"}]}),
            json!({"messages": [
                {"role": "user", "content": "Where is my parcel?"},
                {"role": "assistant", "content": [{"type": "text", "text": "late"}]},
            ]}),
        ] {
            let example = read(row.clone()).expect("an example");
            assert_eq!(
                (&example.input["text"], &example.output),
                (&json!("Where is my parcel?"), &json!("late")),
                "{row}"
            );
        }
        for (content, why) in [
            (
                json!([{"type": "image_url", "image_url": {"url": "x"}}]),
                "part of type `image_url`, and only text is read",
            ),
            (json!([{"type": "text", "text": "x"}, {"type": "input_audio"}]), "`input_audio`, and only text is read"),
            (json!([{"type": "text"}]), "has no `text`"),
            (json!(["x"]), "has no `type`"),
            (json!(null), "a turn of a conversation has `role` and `content`"),
            (json!({"text": "x"}), "a turn of a conversation has `role` and `content`"),
        ] {
            let row =
                json!({"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "a"}]});
            let error = read(row.clone()).expect_err("no text");
            assert!(error.contains(why), "{row}: {error}");
        }
    }

    #[test]
    fn turns_that_are_not_read_are_seen() {
        let turn = |who: &str| json!({"role": who, "content": "x"});
        for (who, more) in [
            (&["user", "assistant"][..], false),
            (&["system", "user", "assistant"], true),
            (&["user", "assistant", "user", "assistant"], true),
            (&["user", "assistant", "user"], true),
        ] {
            let turns: Vec<Value> = who.iter().map(|one| turn(one)).collect();
            for key in ["messages", "conversations"] {
                let fields = Map::from_iter([(key.to_owned(), Value::from(turns.clone()))]);
                assert_eq!(has_more_turns(&fields), more, "{key}: {who:?}");
            }
        }
        assert!(!has_more_turns(&Map::from_iter([("text".to_owned(), json!(["a", "b", "c"]))])));
    }
}
