//! Server-sent events, as text (WHATWG HTML, section 9.2).

use serde::Serialize;

/// What OpenAI's streams end with.
pub const DONE: &str = "data: [DONE]\n\n";

/// A comment: keeps idle connections open, ignored by every client.
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// One unnamed event holding JSON.
pub fn data(value: &impl Serialize) -> String {
    format!("data: {}\n\n", json(value))
}

/// One named event holding JSON.
pub fn event(name: &str, value: &impl Serialize) -> String {
    format!("event: {name}\ndata: {}\n\n", json(value))
}

/// JSON holds no raw line break, so it always fits one `data:` line.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("wire types have string keys only: this is a bug")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn frames_are_single_lines_ended_by_a_blank_one() {
        assert_eq!(super::data(&json!({"a": "x\ny"})), "data: {\"a\":\"x\\ny\"}\n\n");
        assert_eq!(super::event("text", &json!("好")), "event: text\ndata: \"好\"\n\n");
    }
}
