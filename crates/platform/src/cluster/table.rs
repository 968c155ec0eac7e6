//! Texts from rows, and rows with their groups.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Clustering, Placed};
use crate::run::{Row, RowFormat, rows};
use crate::{Error, Result};

/// Columns that a text is looked for in, where nobody says.
const USUAL: [&str; 10] =
    ["text", "content", "message", "body", "review", "comment", "question", "文本", "内容", "评论"];
/// What is added to a row.
const ADDED: [&str; 4] = ["cluster", "cluster_name", "map_x", "map_y"];

/// Rows and the text of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// All that are rows.
    pub rows: Vec<Row>,
    /// The number of each, and its text.
    pub texts: Vec<(usize, String)>,
    /// Columns that the texts are of.
    pub fields: Vec<String>,
    /// What is no row, by number, and why.
    pub broken: Vec<(usize, String)>,
}

/// Reads rows, or lines where there is no format. A row's text is what `fields` hold, a line each; where none is named, the column of a
/// usual name, or the only one.
///
/// # Errors
/// [`Error::Invalid`] for a column that is not there, or if it is not clear which holds the text; as [`rows`].
pub fn read_texts(bytes: &[u8], format: Option<RowFormat>, fields: &[String]) -> Result<Input> {
    let all = match format {
        Some(format) => rows(bytes, format)?,
        None => lines(bytes),
    };
    let mut input = Input { rows: Vec::new(), texts: Vec::new(), fields: Vec::new(), broken: Vec::new() };
    for row in all {
        match &row.fields {
            Err(why) => input.broken.push((row.number, why.clone())),
            Ok(_) => input.rows.push(row),
        }
    }
    input.fields = columns(&input.rows, fields)?;
    for row in &input.rows {
        let Ok(held) = &row.fields else { continue };
        let texts: Vec<String> = input.fields.iter().filter_map(|name| held.get(name)).filter_map(said).collect();
        input.texts.push((row.number, texts.join("\n")));
    }
    Ok(input)
}

/// A line is a row of one column.
fn lines(bytes: &[u8]) -> Vec<Row> {
    let text = knowledge::decode(bytes);
    let full = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    full.map(|(at, line)| Row {
        number: at + 1,
        fields: Ok(Map::from_iter([("text".to_owned(), Value::from(line.trim()))])),
    })
    .collect()
}

fn said(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn columns(rows: &[Row], wanted: &[String]) -> Result<Vec<String>> {
    let mut there: Vec<&str> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for name in rows.iter().filter_map(|row| row.fields.as_ref().ok()).flat_map(Map::keys) {
        if known.insert(name.as_str()) {
            there.push(name);
        }
    }
    let unclear = |message: String| Error::invalid("field", "missing_field", message);
    if let Some(missing) = wanted.iter().find(|name| !known.contains(name.as_str()) && !rows.is_empty()) {
        return Err(unclear(format!("no row has the field '{missing}'; there are {}", there.join(", "))));
    }
    if !wanted.is_empty() || rows.is_empty() {
        return Ok(wanted.to_vec());
    }
    // What an earlier run added holds no text.
    there.retain(|name| !ADDED.contains(name));
    if let Some(usual) = USUAL.iter().find(|usual| there.iter().any(|name| name.eq_ignore_ascii_case(usual))) {
        return Ok(there
            .into_iter()
            .filter(|name| name.eq_ignore_ascii_case(usual))
            .map(str::to_owned)
            .take(1)
            .collect());
    }
    match there.as_slice() {
        [only] => Ok(vec![(*only).to_owned()]),
        _ => Err(unclear(format!("which column holds the text? Name it with --field; there are {}", there.join(", ")))),
    }
}

impl Clustering {
    /// The rows with the columns `cluster`, `cluster_name`, `map_x` and `map_y`, as JSON lines, CSV or TSV.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a format that is only read.
    pub fn table(&self, rows: &[Row], format: RowFormat) -> Result<Vec<u8>> {
        let placed: HashMap<usize, &Placed> = self.rows.iter().map(|placed| (placed.row, placed)).collect();
        let full = rows.iter().filter_map(|row| Some((row.fields.as_ref().ok()?, placed.get(&row.number))));
        let full: Vec<Map<String, Value>> =
            full.map(|(fields, placed)| self.with_group(fields, placed.copied())).collect();
        match format {
            RowFormat::JsonLines => {
                let lines: Vec<String> = full.into_iter().map(|row| format!("{}\n", Value::Object(row))).collect();
                Ok(lines.concat().into_bytes())
            }
            RowFormat::Csv => separated(&full, b','),
            RowFormat::Tsv => separated(&full, b'\t'),
            RowFormat::Xlsx => Err(Error::invalid(
                "out",
                "invalid_value",
                "workbooks are read, not written; name the output .csv, .tsv or .jsonl",
            )),
        }
    }

    fn with_group(&self, fields: &Map<String, Value>, placed: Option<&Placed>) -> Map<String, Value> {
        let mut fields = fields.clone();
        ADDED.iter().for_each(|name| drop(fields.shift_remove(*name)));
        let number = placed.and_then(|placed| placed.cluster);
        let name = number.map(|number| self.clusters[number - 1].name.clone());
        let place = |value: Option<f32>| value.map(|value| (f64::from(value) * 1e4).round() / 1e4);
        let values = [
            Value::from(number),
            Value::from(name),
            Value::from(place(placed.map(|placed| placed.x))),
            Value::from(place(placed.map(|placed| placed.y))),
        ];
        fields.extend(ADDED.into_iter().map(str::to_owned).zip(values));
        fields
    }
}

fn separated(rows: &[Map<String, Value>], delimiter: u8) -> Result<Vec<u8>> {
    let failed = |why: String| Error::failed(format!("the rows cannot be written as a table: {why}"));
    let mut names: Vec<&str> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for name in rows.iter().flat_map(Map::keys).map(String::as_str).filter(|name| !ADDED.contains(name)).chain(ADDED) {
        if known.insert(name) {
            names.push(name);
        }
    }
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(&names).map_err(|error| failed(error.to_string()))?;
    for row in rows {
        let cells = names.iter().map(|name| row.get(*name).and_then(said).unwrap_or_default());
        writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_the_text_is_found_or_asked_for() {
        let read = |text: &str, format, fields: &[&str]| {
            let fields: Vec<String> = fields.iter().map(|name| (*name).to_owned()).collect();
            read_texts(text.as_bytes(), format, &fields)
        };
        for (text, fields, wanted) in [
            ("id,text\n1,a\n2,b\n", &[][..], Ok(vec!["a", "b"])),
            ("编号,内容\n1,甲\n", &[], Ok(vec!["甲"])),
            ("note\na\n", &[], Ok(vec!["a"])),
            ("title,text\na,b\n", &["title", "text"], Ok(vec!["a\nb"])),
            ("id,note\n1,a\n", &[], Err("id, note")),
            ("id,note\n1,a\n", &["text"], Err("'text'; there are id, note")),
            ("text,cluster,cluster_name,map_x,map_y\na,1,n,0,0\n", &[], Ok(vec!["a"])),
        ] {
            match (read(text, Some(RowFormat::Csv), fields), wanted) {
                (Ok(input), Ok(wanted)) => {
                    assert_eq!(input.texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), wanted);
                }
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, wanted) => panic!("{text}: {got:?}, {wanted:?}"),
            }
        }
        let lines = read("甲\n\n b \n", None, &[]).unwrap();
        assert_eq!(lines.texts, [(1, "甲".to_owned()), (3, "b".to_owned())]);
        let some = read("{\"text\": \"a\"}\nno row\n{\"text\": null}\n", Some(RowFormat::JsonLines), &[]).unwrap();
        assert_eq!((some.texts.len(), some.broken.len(), some.broken[0].0), (2, 1, 2));
        assert!(read("", None, &[]).unwrap().texts.is_empty());
    }
}
