//! Tool calls in a model's text.
//!
//! Models trained on tools write `<tool_call>{"name": …, "arguments": …}</tool_call>`. Small ones often leave the tags out, or put a fence around
//! the object; an answer that is nothing but such an object, naming a tool that was offered, counts as well.

use domain::{Event, ToolCall};
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
    /// Calls are held to their grammar, so that one that is begun is a call.
    certain: bool,
    /// Inside a call whose beginning was told: how much of its arguments has come.
    arguments: Option<Arguments>,
}

/// Where in a JSON value a text stands.
#[derive(Default)]
struct Arguments {
    depth: usize,
    in_text: bool,
    escaped: bool,
    whole: bool,
}

impl Arguments {
    /// The part of `text` that is of the value; once it is whole, nothing more is.
    fn take(&mut self, text: &str) -> usize {
        for (at, c) in text.char_indices() {
            if self.whole {
                return at;
            }
            let end = at + c.len_utf8();
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' if self.in_text => self.escaped = true,
                '"' => {
                    self.in_text = !self.in_text;
                    self.whole = !self.in_text && self.depth == 0;
                }
                _ if self.in_text => {}
                '{' | '[' => self.depth += 1,
                '}' | ']' if self.depth == 0 => {
                    self.whole = true; // of the object around a number
                    return at;
                }
                '}' | ']' => {
                    self.depth -= 1;
                    self.whole = self.depth == 0;
                }
                _ => {}
            }
            if self.whole {
                return end;
            }
        }
        text.len()
    }
}

#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default, alias = "parameters")]
    arguments: serde_json::Value,
}

impl ToolCalls {
    /// `names` are the tools offered; `id` makes call ids unique; `certain` if calls are held to a grammar.
    pub(crate) fn new(names: Vec<String>, id: u64, certain: bool) -> Self {
        Self { names, held: String::new(), inside: false, object: None, found: 0, id, certain, arguments: None }
    }

    /// Whether any call was found.
    pub(crate) fn any(&self) -> bool {
        self.found > 0
    }

    /// The text that is certainly no call, and what came of calls.
    pub(crate) fn push(&mut self, text: &str) -> (String, Vec<Event>) {
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
            if self.inside {
                self.tell(&mut calls);
            }
            let (mark, at) = if self.inside { (CLOSE, self.held.find(CLOSE)) } else { (OPEN, self.held.find(OPEN)) };
            let Some(at) = at else { break };
            let before: String = self.held.drain(..at + mark.len()).collect();
            let before = &before[..at];
            if !self.inside {
                self.say(before, &mut plain);
            } else if self.arguments.take().is_some() {
                // It was told as it came.
            } else if let Some(call) = self.read(before) {
                calls.push(Event::ToolCall(call));
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

    /// Tells a call that is certain as it comes: its beginning once it is known, then its arguments.
    fn tell(&mut self, calls: &mut Vec<Event>) {
        if self.arguments.is_none() && self.certain {
            let Some((name, arguments)) = beginning(&self.held).filter(|(name, _)| self.names.contains(name)) else {
                return;
            };
            let call = ToolCall { id: self.next_id(), name, arguments: String::new() };
            self.held.drain(..arguments);
            calls.push(Event::ToolCall(call));
            self.arguments = Some(Arguments::default());
        }
        let Some(arguments) = &mut self.arguments else { return };
        let own = if arguments.whole { 0 } else { arguments.take(&self.held) };
        if own > 0 {
            calls.push(Event::ToolArguments(self.held.drain(..own).collect()));
        }
    }

    fn next_id(&mut self) -> String {
        self.found += 1;
        format!("call_{:016x}{:02x}", self.id, self.found)
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
        if self.arguments.take().is_some() {
            return Default::default(); // what there is of it was told
        }
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
        Some(ToolCall { id: self.next_id(), name: written.name, arguments })
    }
}

/// The name in the beginning of a call as grammars write it, and where its arguments begin.
fn beginning(text: &str) -> Option<(String, usize)> {
    let after = text.trim_start().strip_prefix("{\"name\": ")?;
    let mut names = serde_json::Deserializer::from_str(after).into_iter::<String>();
    let name = names.next()?.ok()?;
    let after = after[names.byte_offset()..].strip_prefix(", \"arguments\": ")?;
    Some((name, text.len() - after.len()))
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
                let mut watch = ToolCalls::new(vec!["weather".to_owned()], 7, false);
                let (mut got, mut found) = (String::new(), Vec::new());
                let characters: Vec<char> = text.chars().collect();
                for piece in characters.chunks(size) {
                    let (text, calls) = watch.push(&piece.iter().collect::<String>());
                    got.push_str(&text);
                    found.extend(calls);
                }
                let (rest, last) = watch.finish();
                got.push_str(&rest);
                found.extend(last.map(Event::ToolCall));
                assert_eq!((got.as_str(), found.len()), (plain, calls), "{text} by {size}");
                assert!(found.iter().all(|call| {
                    matches!(call, Event::ToolCall(call) if call.name == "weather" && call.arguments.contains("北京"))
                }));
            }
        }
    }

    #[test]
    fn without_tools_text_passes() {
        let mut watch = ToolCalls::new(Vec::new(), 0, false);
        assert_eq!(watch.push("{\"a\": 1}").0, "{\"a\": 1}");
    }

    #[test]
    fn calls_that_are_certain_are_told_as_they_come() {
        for arguments in [r#"{"city": "北\"}京", "days": [1, {"a": "]"}]}"#, r#""whole \" text""#, "12.5", "{}", "[[]]"]
        {
            let one = format!(r#"<tool_call>\n{{"name": "weather", "arguments": {arguments}}}\n</tool_call>"#)
                .replace("\\n", "\n");
            let text = format!("Well: {one}\n{one}");
            for size in [1, 4, 1000] {
                let mut watch = ToolCalls::new(vec!["weather".to_owned()], 7, true);
                let (mut plain, mut events) = (String::new(), Vec::new());
                let characters: Vec<char> = text.chars().collect();
                for piece in characters.chunks(size) {
                    let (text, more) = watch.push(&piece.iter().collect::<String>());
                    plain.push_str(&text);
                    events.extend(more);
                }
                assert_eq!(watch.finish(), (String::new(), None));
                let mut calls: Vec<ToolCall> = Vec::new();
                for event in &events {
                    match event {
                        Event::ToolCall(call) => calls.push(call.clone()),
                        Event::ToolArguments(more) => calls.last_mut().unwrap().arguments.push_str(more),
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(plain, "Well: ", "{arguments} by {size}");
                assert_eq!(calls.len(), 2);
                assert!(calls.iter().all(|call| call.name == "weather" && call.arguments == arguments), "{calls:?}");
                assert!(calls[0].id != calls[1].id && (size > 1 || events.len() > 6 || arguments.len() < 5));
            }
        }
        // One that is cut off was told as far as it came.
        let mut watch = ToolCalls::new(vec!["weather".to_owned()], 7, true);
        let (_, events) = watch.push(r#"<tool_call>{"name": "weather", "arguments": {"city": "Par"#);
        assert_eq!(events[1..], [Event::ToolArguments(r#"{"city": "Par"#.to_owned())]);
        assert_eq!(watch.finish(), (String::new(), None));
    }
}
