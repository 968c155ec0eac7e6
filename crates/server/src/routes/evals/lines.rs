//! The rows of a file: JSON lines, each an item and, where it comes with its answer, a sample.

use domain::Error;
use platform::evals::EvalRow;
use serde_json::{Map, Value};
use wire::fields::wrong_value;

/// The rows of a run.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rows: Vec<EvalRow>,
    /// Of rows that come from a file: the lines they stand in, from 1.
    pub(super) lines: Option<Vec<usize>>,
}

/// Reads a file's rows; empty lines are passed over. `param` is what the file was named by.
///
/// # Errors
/// Naming the first line that is no row.
pub(super) fn read(param: &str, bytes: &[u8]) -> Result<Rows, Error> {
    let wrong = |line: usize, why: &str| wrong_value(param, &format!("in line {line} of the file {why}"));
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // a byte order mark
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        wrong(before + 1, "there is a byte that is not UTF-8; save the file as UTF-8")
    })?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        rows.push(row(line).map_err(|why| wrong(at + 1, &why))?);
        lines.push(at + 1);
    }
    if rows.is_empty() {
        return Err(wrong_value(param, "the file has no rows; give it at least one line such as {\"item\": {…}}"));
    }
    Ok(Rows { rows, lines: Some(lines) })
}

/// A row, or why a line is none.
fn row(line: &str) -> Result<EvalRow, String> {
    let mut fields = match serde_json::from_str(line) {
        Ok(Value::Object(fields)) => fields,
        Ok(other) => {
            return Err(format!("there is no JSON object, but {}; write a line as {{\"item\": {{…}}}}", short(&other)));
        }
        Err(error) => return Err(no_json(&error)),
    };
    let item = object(&mut fields, "item")?.ok_or_else(|| flat(&fields))?;
    let sample = object(&mut fields, "sample")?;
    match fields.keys().next() {
        Some(other) => {
            let other = cut(other);
            Err(format!("'{other}' stands beside 'item' and 'sample'; move it into 'item', where graders find it"))
        }
        None => Ok(EvalRow { item, sample }),
    }
}

/// Takes an object out, if it is there. `null` reads as absent.
fn object(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, String> {
    match fields.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(other) => Err(format!("'{name}' is {}, and not an object", short(&other))),
    }
}

/// What to do with a line whose fields stand where its item should.
fn flat(fields: &Map<String, Value>) -> String {
    let own = fields.keys().filter(|name| *name != "sample").take(3);
    let own: Vec<String> = own.map(|name| format!("\"{}\": …", cut(name))).collect();
    let own = own.join(", ");
    format!(
        "there is no 'item'; write it as {{\"item\": {{{own}}}}}, and an answer that it comes with beside it as \"sample\": {{\"output_text\": …}}"
    )
}

/// Why a line is no JSON, without the line of the line.
fn no_json(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let why = said.rsplit_once(" at line ").map_or(said.as_str(), |(why, _)| why);
    format!("there is no JSON: {why} at column {}; write one object a line", error.column())
}

fn short(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_read_with_their_lines() {
        let file = "\u{feff}{\"item\": {\"q\": \"年假几天？\"}, \"sample\": {\"output_text\": \"15 天\"}}\r\n\n  \n{\"sample\": null, \"item\": {}}";
        let Rows { rows, lines } = read("id", file.as_bytes()).unwrap();
        assert_eq!(lines, Some(vec![1, 4]));
        let expected = json!([{"item": {"q": "年假几天？"}, "sample": {"output_text": "15 天"}}, {"item": {}}]);
        assert_eq!(json!(rows), expected);
    }

    #[test]
    fn the_first_wrong_line_is_named() {
        let good = "{\"item\": {}}\n\n";
        for (line, parts) in [
            ("{\"item\": {}", &["no JSON: EOF while parsing", "column 11;"][..]),
            ("[{\"item\": {}}]", &["no JSON object, but [{\"item\":{}}]"]),
            ("[", &["no JSON: EOF while parsing a list"]),
            (
                "{\"q\": 1, \"a\": 2, \"b\": 3, \"c\": 4}",
                &["no 'item'; write it as {\"item\": {\"q\": …, \"a\": …, \"b\": …}}", "\"output_text\""],
            ),
            ("{\"item\": null, \"sample\": {}}", &["no 'item'; write it as {\"item\": {}}"]),
            ("{\"item\": \"x\"}", &["'item' is \"x\", and not an object"]),
            ("{\"item\": {}, \"sample\": \"x\"}", &["'sample' is \"x\""]),
            ("{\"item\": {}, \"expected\": 1}", &["'expected' stands beside 'item' and 'sample'"]),
        ] {
            let error = read("data_source.source.id", format!("{good}{line}\n{good}").as_bytes()).unwrap_err();
            let Error::Invalid { param, code, message } = error else { panic!("{line}: {error:?}") };
            assert_eq!((param.as_deref(), code), (Some("data_source.source.id"), "invalid_value"), "{line}");
            assert!(message.contains("in line 3 of the file"), "{line}: {message}");
            for part in parts {
                assert!(message.contains(part), "{line}: {part} is not in {message}");
            }
        }
        let error = read("id", b"{\"item\": {}}\n{\"item\": {\"q\": \"\xc4\xea\"}}").unwrap_err().to_string();
        assert!(error.contains("in line 2 of the file") && error.contains("UTF-8"), "{error}");
        for file in ["", "\n \n", "\u{feff}"] {
            assert!(read("id", file.as_bytes()).unwrap_err().to_string().contains("no rows"), "{file:?}");
        }
    }
}
