//! Server-sent events, as text (WHATWG HTML, section 9.2): written by the functions, read by [`Reader`].

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

/// Reads what events hold out of a stream's bytes, however these are cut. Names, ids and comments are passed over.
#[derive(Debug, Default)]
pub struct Reader {
    /// The line that has begun.
    line: Vec<u8>,
    /// The data of the event that has begun.
    data: Option<String>,
}

impl Reader {
    /// The data of each event that these bytes complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                events.extend(self.read(&String::from_utf8_lossy(&line)));
            }
        }
        events
    }

    /// The data of a last event that no blank line ended: some servers close at once. A line without an end was cut, and is not read.
    pub fn end(&mut self) -> Option<String> {
        self.data.take()
    }

    /// Bytes kept for an event that is not complete.
    pub fn pending(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }

    fn read(&mut self, line: &str) -> Option<String> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return self.data.take();
        }
        let value = line.strip_prefix("data:")?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Reader;

    #[test]
    fn events_are_read_however_their_bytes_are_cut() {
        for (stream, events, rest) in [
            ("", vec![], None),
            ("data: {\"a\":1}\n\ndata: [DONE]\n\n", vec!["{\"a\":1}", "[DONE]"], None),
            ("data:{}\r\n\r\n: keep-alive\r\n\r\ndata: 好\r\n\r\n", vec!["{}", "好"], None),
            ("event: error\nid: 3\nretry: 5\ndata:  x\n\n\n\n", vec![" x"], None),
            ("data: a\ndata: b\n\ndata\n\n", vec!["a\nb"], None),
            ("data: a\n\ndata: [DONE]\n", vec!["a"], Some("[DONE]")),
            ("data: a\n\ndata: {\"cut", vec!["a"], None),
        ] {
            for size in 1..=stream.len().max(1) {
                let mut reader = Reader::default();
                let got: Vec<String> = stream.as_bytes().chunks(size).flat_map(|bytes| reader.feed(bytes)).collect();
                assert_eq!(got, events, "{stream:?} by {size}");
                assert_eq!(reader.end().as_deref(), rest, "{stream:?} by {size}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_counted() {
        let mut reader = Reader::default();
        reader.feed(b"data: abc\ndata: de");
        assert_eq!(reader.pending(), 3 + 8);
        reader.feed(b"\n\n");
        assert_eq!(reader.pending(), 0);
    }

    #[test]
    fn frames_are_single_lines_ended_by_a_blank_one() {
        assert_eq!(super::data(&json!({"a": "x\ny"})), "data: {\"a\":\"x\\ny\"}\n\n");
        assert_eq!(super::event("text", &json!("好")), "event: text\ndata: \"好\"\n\n");
    }
}
