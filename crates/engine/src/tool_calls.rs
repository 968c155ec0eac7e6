//! Tool calls in a model's text.
//!
//! Models trained on tools write `<tool_call>{"name": …, "arguments": …}</tool_call>`. Small ones often leave the tags out, or put a fence around
//! the object; an answer that is nothing but such an object, naming a tool that was offered, counts as well.

use domain::ToolCall;
use serde::Deserialize;

use crate::stops::overlap;

pub(crate) const OPEN: &str = "<tool_call>";
pub(crate) const CLOSE: &str = "</tool_call>";

/// Takes calls out of a text as it comes.
pub(crate) struct ToolCalls {
    names: Vec<String>,
    held: String,
    inside: bool,
    /// The answer began like an object: all of it is held until its end is known.
    object: Option<bool>,
    found: usize,
    id: u64,
}

#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default, alias = "parameters")]
    arguments: serde_json::Value,
}

impl ToolCalls {
    /// `names` are the tools offered; `id` makes call ids unique.
    pub(crate) fn new(names: Vec<String>, id: u64) -> Self {
        Self { names, held: String::new(), inside: false, object: None, found: 0, id }
    }

    /// Whether any call was found.
    pub(crate) fn any(&self) -> bool {
        self.found > 0
    }

    /// The text that is certainly no call, and calls that are complete.
    pub(crate) fn push(&mut self, text: &str) -> (String, Vec<ToolCall>) {
        if self.names.is_empty() {
            return (text.to_owned(), Vec::new());
        }
        self.held.push_str(text);
        if self.object.is_none() {
            let start = self.held.trim_start();
            if start.is_empty() || "```json".starts_with(start) {
                return Default::default(); // not enough to tell
            }
            self.object = Some(start.starts_with('{') || start.starts_with("```json"));
        }
        if self.object == Some(true) {
            return Default::default();
        }
        let (mut plain, mut calls) = (String::new(), Vec::new());
        loop {
            let (mark, at) = if self.inside { (CLOSE, self.held.find(CLOSE)) } else { (OPEN, self.held.find(OPEN)) };
            let Some(at) = at else { break };
            let before: String = self.held.drain(..at + mark.len()).collect();
            let before = &before[..at];
            if !self.inside {
                self.say(before, &mut plain);
            } else if let Some(call) = self.read(before) {
                calls.push(call);
            } else {
                plain.push_str(&format!("{OPEN}{before}{CLOSE}"));
            }
            self.inside = !self.inside;
        }
        if !self.inside {
            let keep = overlap(&self.held, OPEN);
            let rest = self.held.split_off(self.held.len() - keep);
            let text = std::mem::replace(&mut self.held, rest);
            self.say(&text, &mut plain);
        }
        (plain, calls)
    }

    /// Text that is no call; white space between calls is left out.
    fn say(&self, text: &str, plain: &mut String) {
        if !self.any() || !text.trim().is_empty() {
            plain.push_str(text);
        }
    }

    /// What is left when the model has ended.
    pub(crate) fn finish(&mut self) -> (String, Option<ToolCall>) {
        let held = std::mem::take(&mut self.held);
        let trimmed = held.trim().trim_start_matches("```json").trim_end_matches("```");
        if self.inside || self.object == Some(true) {
            if let Some(call) = self.read(trimmed) {
                return (String::new(), Some(call));
            }
            return (if self.inside { format!("{OPEN}{held}") } else { held }, None);
        }
        (held, None)
    }

    fn read(&mut self, text: &str) -> Option<ToolCall> {
        let written: Written = serde_json::from_str(text.trim()).ok()?;
        if !self.names.contains(&written.name) {
            return None;
        }
        let arguments = match written.arguments {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => "{}".to_owned(),
            other => other.to_string(),
        };
        self.found += 1;
        Some(ToolCall { id: format!("call_{:016x}{:02x}", self.id, self.found), name: written.name, arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_taken_out() {
        let call = r#"{"name": "weather", "arguments": {"city": "北京"}}"#;
        for (text, plain, calls) in [
            (format!("<tool_call>\n{call}\n</tool_call>"), "", 1),
            (format!("Let me see. <tool_call>{call}</tool_call>\n<tool_call>{call}</tool_call>"), "Let me see. ", 2),
            (call.to_owned(), "", 1),
            (format!("```json\n{call}\n```"), "", 1),
            (format!("<tool_call>{call}"), "", 1),
            ("It is sunny; {x} < y.".to_owned(), "It is sunny; {x} < y.", 0),
            (r#"{"name": "other", "arguments": {}}"#.to_owned(), r#"{"name": "other", "arguments": {}}"#, 0),
            ("<tool_call>not json</tool_call>".to_owned(), "<tool_call>not json</tool_call>", 0),
            ("  ".to_owned(), "  ", 0),
        ] {
            for size in [1, 3, 1000] {
                let mut watch = ToolCalls::new(vec!["weather".to_owned()], 7);
                let (mut got, mut found) = (String::new(), Vec::new());
                let characters: Vec<char> = text.chars().collect();
                for piece in characters.chunks(size) {
                    let (text, calls) = watch.push(&piece.iter().collect::<String>());
                    got.push_str(&text);
                    found.extend(calls);
                }
                let (rest, last) = watch.finish();
                got.push_str(&rest);
                found.extend(last);
                assert_eq!((got.as_str(), found.len()), (plain, calls), "{text} by {size}");
                assert!(found.iter().all(|call| call.name == "weather" && call.arguments.contains("北京")));
            }
        }
    }

    #[test]
    fn without_tools_text_passes() {
        let mut watch = ToolCalls::new(Vec::new(), 0);
        assert_eq!(watch.push("{\"a\": 1}").0, "{\"a\": 1}");
    }
}
