//! Rows of a table: JSON lines, one JSON array of records, CSV, TSV or the first sheet of a workbook.

use std::fmt;
use std::path::Path;

use domain::Task;
use knowledge::parse::{Cell, Limits, SheetRow, first_sheet};
use serde::Serialize;
use serde::de::{SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::check_fields;
use crate::data::input_of;
use crate::{Error, Result};

/// Beside its input, what an example may hold and is still that.
const OF_AN_EXAMPLE: [&str; 4] = ["input", "output", "tags", "id"];

/// A row, or why it is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// From 1; of JSON lines the line, of an array the element, of tables the row below the head.
    pub number: usize,
    /// Fields and what is in them; a JSON line or an element that is no object has an error instead.
    pub fields: std::result::Result<Map<String, Value>, String>,
}

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A JSON object a line; or one array of objects, if `[` is the first character.
    JsonLines,
    /// Values between commas, names in the first line.
    Csv,
    /// The same between tabs.
    Tsv,
    /// An Excel workbook: its first sheet, names in the first row.
    Xlsx,
}

impl RowFormat {
    /// By a file's ending; JSON lines for none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an ending that is none of these.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "" | "jsonl" | "ndjson" | "json" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            "tsv" => Ok(Self::Tsv),
            "xlsx" => Ok(Self::Xlsx),
            other => {
                Err(invalid(format!("'.{other}' files are not read as rows; give .jsonl, .json, .csv, .tsv or .xlsx")))
            }
        }
    }
}

/// Reads rows; empty lines are passed over. Of an example (`input`, and no more than `output`, `tags` and `id` beside it) the input is the row.
///
/// # Errors
/// [`Error::Invalid`] if the whole is not what its format says, by line where there is one.
pub fn rows(bytes: &[u8], format: RowFormat) -> Result<Vec<Row>> {
    let mut rows = records(bytes, format)?;
    for fields in rows.iter_mut().filter_map(|row| row.fields.as_mut().ok()) {
        let example = fields.keys().all(|name| OF_AN_EXAMPLE.contains(&name.as_str()));
        if example && let Some(Value::Object(input)) = fields.get_mut("input") {
            *fields = std::mem::take(input);
        }
    }
    Ok(rows)
}

/// What a table holds for a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableRows {
    /// Rows it can be run on, in order: of each the fields that the task speaks of and that are not empty.
    pub rows: Vec<Map<String, Value>>,
    /// Rows that are none, and why.
    pub wrong: Vec<(usize, String)>,
}

impl TableRows {
    /// Reads a table for a task, as [`rows`].
    ///
    /// # Errors
    /// [`Error::Invalid`] if the whole is not what its format says, or if no row has a field that the task needs. A row that is wrong is no error:
    /// it is kept with the reason.
    pub fn of(task: &Task, bytes: &[u8], format: RowFormat) -> Result<Self> {
        let read = rows(bytes, format)?;
        check_fields(task, &read)?;
        let mut all = Self::default();
        for Row { number, fields } in read {
            match fields.and_then(|fields| input_of(task, fields)) {
                Ok(mut input) => {
                    input.retain(|_, value| !value.is_null() && *value != "");
                    all.rows.push(input);
                }
                Err(why) => all.wrong.push((number, why)),
            }
        }
        Ok(all)
    }
}

/// As [`rows`], labels and all.
pub(crate) fn records(bytes: &[u8], format: RowFormat) -> Result<Vec<Row>> {
    match format {
        RowFormat::JsonLines => json(&text(bytes)),
        RowFormat::Csv => separated(&text(bytes), b','),
        RowFormat::Tsv => separated(&text(bytes), b'\t'),
        RowFormat::Xlsx => workbook(bytes),
    }
}

/// So many of the rows, drawn by chance, in their order.
pub fn sample(mut rows: Vec<Row>, count: usize, seed: u64) -> Vec<Row> {
    let mut draw = fastrand::Rng::with_seed(seed);
    draw.shuffle(&mut rows);
    rows.truncate(count);
    rows.sort_by_key(|row| row.number);
    rows
}

/// Spreadsheets save in the encoding of their country.
fn text(bytes: &[u8]) -> String {
    knowledge::decode(bytes)
}

/// Data sets are often published as one array.
fn json(text: &str) -> Result<Vec<Row>> {
    if text.trim_ascii_start().starts_with('[') { array(text) } else { Ok(Row::of_lines(text)) }
}

impl Row {
    /// The rows of JSON lines, whatever the first of them begins with.
    pub(crate) fn of_lines(text: &str) -> Vec<Self> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(at, line)| {
                let fields = match serde_json::from_str(line) {
                    Ok(Value::Object(map)) => Ok(map),
                    Ok(other) => Err(format!("a line is a JSON object, and this is {other}")),
                    Err(error) => Err(format!("this line is no JSON: {error}")),
                };
                Self { number: at + 1, fields }
            })
            .collect()
    }

    fn of_element(at: usize, element: Value) -> Self {
        let fields = match element {
            Value::Object(map) => Ok(map),
            other => Err(format!("an element of the array is a JSON object, and this is {}", kind(&other))),
        };
        Self { number: at + 1, fields }
    }
}

fn array(text: &str) -> Result<Vec<Row>> {
    let mut elements = Elements(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde::Deserializer::deserialize_seq(&mut reader, &mut elements);
    let Elements(elements) = elements;
    let next = elements.len() + 1;
    read.map_err(|error| {
        invalid(if error.is_eof() {
            format!(
                "the array breaks off before the end of element {next} ({error}); the file seems to be cut: get all of it, or close the array with ]"
            )
        } else {
            format!("element {next} of the array is no JSON: {error}; a file that begins with [ is read as one JSON array")
        })
    })?;
    reader.end().map_err(|error| {
        invalid(format!("the file goes on after its array: {error}; give one array of records, or a record a line"))
    })?;
    Ok(elements.into_iter().enumerate().map(|(at, element)| Row::of_element(at, element)).collect())
}

/// The elements of an array as far as they are whole, so that it can be said which is not.
struct Elements(Vec<Value>);

impl<'de> Visitor<'de> for &mut Elements {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> std::result::Result<(), A::Error> {
        while let Some(element) = all.next_element()? {
            self.0.push(element);
        }
        Ok(())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn separated(text: &str, delimiter: u8) -> Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| invalid(format!("the first line is no head: {error}")))?.clone();
    let names = names(head.iter().map(str::to_owned).collect())?;
    let mut rows = Vec::new();
    let mut last = 0;
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| invalid(error.to_string()))?;
        last = record.position().map_or(0, |position| position.byte() as usize);
        let cells = record.iter().map(Value::from).collect();
        rows.push(Row { number: at + 1, fields: row(&names, cells) });
    }
    // Whatever follows a mark that is never closed is read as one cell: that is no row.
    if let Some(row) = rows.last_mut()
        && let Some(opened) = text.as_bytes().get(last..).and_then(|rest| unclosed(rest, delimiter))
    {
        let line = text.as_bytes()[..last + opened].iter().filter(|byte| **byte == b'\n').count() + 1;
        row.fields =
            Err(format!("the quotation mark in line {line} of the file is never closed; all after it is one cell"));
    }
    Ok(rows)
}

/// Where a quoted cell begins that has no end.
fn unclosed(text: &[u8], delimiter: u8) -> Option<usize> {
    let (mut opened, mut begins) = (None, true);
    let mut bytes = text.iter().copied().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match (opened, byte) {
            (None, b'"') if begins => opened = Some(at),
            (None, _) => begins = byte == delimiter || byte == b'\n' || byte == b'\r',
            (Some(_), b'"') if bytes.next_if(|next| next.1 == b'"').is_none() => (opened, begins) = (None, false),
            (Some(_), _) => {}
        }
    }
    opened
}

/// Names are in the first row that holds something; columns without one are passed over.
fn workbook(bytes: &[u8]) -> Result<Vec<Row>> {
    let read = first_sheet("the workbook", bytes, &Limits::default());
    let read = read.map_err(|error| {
        invalid(format!("this is no workbook that can be read: {}; {}", error.reason, error.remedy))
    })?;
    let Some((head, rows)) = read.split_first() else {
        return Err(invalid("the first sheet is empty; its first row names the columns"));
    };
    let last = head.cells.last().map_or(0, |(column, _)| *column);
    let name = |column: u32| match value_at(head, column) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let names = names((0..=last).map(name).collect())?;
    let of = |line: &SheetRow| {
        let named = (0..).zip(&names).filter(|(_, name)| !name.is_empty());
        named.map(|(column, name)| (name.clone(), value_at(line, column))).collect()
    };
    Ok(rows.iter().map(|line| Row { number: (line.number - head.number) as usize, fields: Ok(of(line)) }).collect())
}

/// What stands in a column of a row: empty text where nothing does.
fn value_at(line: &SheetRow, column: u32) -> Value {
    let cell = line.cells.binary_search_by_key(&column, |(column, _)| *column).map(|at| &line.cells[at].1);
    match cell {
        Err(_) => Value::from(""),
        Ok(Cell::Text(text)) => Value::from(text.as_str()),
        Ok(Cell::Truth(is)) => Value::from(*is),
        Ok(Cell::Number(number)) if number.fract() == 0.0 && number.abs() < 1e15 => Value::from(*number as i64),
        Ok(Cell::Number(number)) => Value::from(*number),
    }
}

fn names(head: Vec<String>) -> Result<Vec<String>> {
    let head: Vec<String> = head.into_iter().map(|name| name.trim().to_owned()).collect();
    if head.iter().all(String::is_empty) {
        return Err(invalid("the first row is empty; it names the columns"));
    }
    match head.iter().enumerate().find(|(at, name)| !name.is_empty() && head[..*at].contains(name)) {
        Some((_, twice)) => Err(invalid(format!("two columns have the name '{twice}'; give each its own"))),
        None => Ok(head),
    }
}

fn row(names: &[String], cells: Vec<Value>) -> std::result::Result<Map<String, Value>, String> {
    if cells.len() > names.len() {
        return Err(format!(
            "it has {} cells, and the head names {}; is a quotation mark missing?",
            cells.len(),
            names.len()
        ));
    }
    Ok(names.iter().cloned().zip(cells).filter(|(name, _)| !name.is_empty()).collect())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("rows", "invalid_rows", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_quotation_that_never_ends_is_no_row() {
        let wrong = |text: &str| {
            let rows = records(text.as_bytes(), RowFormat::Csv).unwrap();
            rows.into_iter().filter_map(|row| row.fields.err().map(|why| (row.number, why))).collect::<Vec<_>>()
        };
        let found = wrong("text,label\nfine,a\n\"open,b\nmore,c\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == 2 && found[0].1.contains("in line 3 of the file is never closed"), "{found:?}");
        for sound in [
            "text,label\n\"two\nlines\",a\n",
            "text,label\n5\" screen,a\n",
            "text,label\nx,\"say \"\"yes\"\"\"",
            "text,label\nx,\"\"",
            "text,label\n\"a\"b,c",
            "text,label\n",
        ] {
            assert!(wrong(sound).is_empty(), "{sound:?}: {:?}", wrong(sound));
        }
    }

    #[test]
    fn rows_of_every_format_are_read() {
        let wanted = [json!({"text": "你好, 世界", "n": "1"}), json!({"text": "two\nlines", "n": ""})];
        let gbk =
            [b"text,n\n\"".as_slice(), b"\xc4\xe3\xba\xc3, \xca\xc0\xbd\xe7", b"\",1\n\"two\nlines\",\n"].concat();
        for (bytes, format) in [
            ("text,n\n\"你好, 世界\",1\n\"two\nlines\",\n".as_bytes().to_vec(), RowFormat::Csv),
            ("\u{feff}text\tn\r\n你好, 世界\t1\r\n\"two\nlines\"\t\r\n".as_bytes().to_vec(), RowFormat::Tsv),
            (gbk, RowFormat::Csv),
            (b"{\"text\": \"\\u4f60\\u597d, \\u4e16\\u754c\", \"n\": \"1\"}\n\n{\"text\": \"two\\nlines\", \"n\": \"\"}".to_vec(), RowFormat::JsonLines),
        ] {
            let got = rows(&bytes, format).expect("rows");
            let got: Vec<Value> = got.into_iter().map(|row| Value::Object(row.fields.expect("fields"))).collect();
            assert_eq!(got, wanted, "{format:?}");
        }
    }

    #[test]
    fn one_array_is_a_row_for_each_element() {
        let wanted = [json!({"text": "你好"}), json!({"text": "two\nlines", "n": 1})];
        let text = r#"[{"text": "你好"}, {"text": "two\nlines", "n": 1}]"#;
        let pretty = serde_json::to_string_pretty(&wanted).expect("JSON");
        let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}\r\n  {text}\n").into_bytes(),
            pretty.into_bytes(),
            wide,
            r#"[{"input": {"text": "你好"}, "output": "a"}, {"text": "two\nlines", "n": 1}]"#.as_bytes().to_vec(),
        ] {
            let got = rows(&bytes, RowFormat::JsonLines).expect("rows");
            assert_eq!(got.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2]);
            let got: Vec<Value> = got.into_iter().map(|row| Value::Object(row.fields.expect("fields"))).collect();
            assert_eq!(got, wanted);
        }
        assert_eq!(rows(b" [] ", RowFormat::JsonLines), Ok(Vec::new()));
        for ending in ["a.json", "a.JSON", "a.jsonl", "a"] {
            assert_eq!(RowFormat::of(Path::new(ending)), Ok(RowFormat::JsonLines), "{ending}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_array_is_said_by_element() {
        let got = rows(br#"["x", {"a": 1}, null, [{"a": 2}], 3]"#, RowFormat::JsonLines).expect("rows");
        let wrong: Vec<(usize, String)> =
            got.into_iter().filter_map(|row| Some((row.number, row.fields.err()?))).collect();
        for ((number, why), expected) in wrong.iter().zip([
            (1, "this is a string"),
            (3, "this is null"),
            (4, "this is a list"),
            (5, "this is a number"),
        ]) {
            assert!(*number == expected.0 && why.ends_with(expected.1), "{number}: {why}");
        }
        assert_eq!(wrong.len(), 4);
        for (text, parts) in [
            ("[{\"a\": 1},\n{\"a\": ", &["end of element 2", "line 2", "seems to be cut"][..]),
            ("[{\"a\": 1},\n{\"a\": \"long te", &["end of element 2", "line 2", "seems to be cut"]),
            ("[{\"a\": 1}", &["end of element 2", "line 1", "seems to be cut"]),
            ("[", &["end of element 1", "seems to be cut"]),
            ("[{\"a\": 1},\n{\"a\" 2}]", &["element 2 of the array is no JSON", "line 2"]),
            ("[{\"a\": 1},\n]", &["element 2 of the array", "trailing comma", "line 2"]),
            ("[a, b]", &["element 1 of the array", "begins with ["]),
            ("[{\"a\": 1}]\n[{\"a\": 1}]", &["goes on after its array", "line 2 column 1", "a record a line"]),
        ] {
            let error = rows(text.as_bytes(), RowFormat::JsonLines).expect_err(text).to_string();
            for part in parts {
                assert!(error.contains(part), "{text}: '{part}' in {error}");
            }
        }
    }

    #[test]
    fn a_table_is_read_for_a_task() {
        let mut task = Task::new("sort", json!({"type": "string"}));
        task.sensitivity_field = Some("how".to_owned());
        task.input.push(domain::Field { name: "shop".to_owned(), description: String::new(), optional: true });
        let gbk = [
            b"id,text,how,shop\n1,\"".as_slice(),
            b"\xc4\xe3\xba\xc3, \xca\xc0\xbd\xe7",
            b"\",secret,\n2,,,x\n3,b,,x\n4,c,,,,\n",
        ]
        .concat();
        let read = TableRows::of(&task, &gbk, RowFormat::Csv).expect("a table");
        assert_eq!(json!(read.rows), json!([{"text": "你好, 世界", "how": "secret"}, {"text": "b", "shop": "x"}]));
        let wrong: Vec<(usize, &str)> = read.wrong.iter().map(|(row, why)| (*row, &why[..14])).collect();
        assert_eq!(wrong, [(2, "the field `tex"), (4, "it has 6 cells")]);

        let lines = r#"{"input": {"text": "a", "how": null}, "output": "x", "tags": ["t"], "id": "7"}
            {"input": {"text": "b"}}
            [1]"#;
        let read = TableRows::of(&task, lines.as_bytes(), RowFormat::JsonLines).expect("lines");
        assert_eq!((json!(read.rows), read.wrong[0].0), (json!([{"text": "a"}, {"text": "b"}]), 3));
        let other = TableRows::of(&task, b"review\tid\nx\t1\n", RowFormat::Tsv).expect_err("another table");
        assert!(
            other.to_string().contains("the field `text` that the task 'sort' needs; there are review, id"),
            "{other}"
        );
        assert_eq!(TableRows::of(&task, b"text\n", RowFormat::Csv), Ok(TableRows::default()), "no row");
    }

    #[test]
    fn a_sample_is_the_same_for_the_same_seed() {
        let all = rows("a\n".repeat(101).as_bytes(), RowFormat::Csv).expect("rows");
        let drawn = sample(all.clone(), 10, 7);
        assert_eq!(drawn, sample(all.clone(), 10, 7));
        assert_ne!(drawn, sample(all.clone(), 10, 8));
        assert!(drawn.len() == 10 && drawn.is_sorted_by_key(|row| row.number));
        assert_eq!(sample(all.clone(), 1000, 7), all);
    }

    #[test]
    fn rows_that_are_none_are_named_and_the_others_stay() {
        let got = rows(
            b"{\"a\": 1}\nno json\n[1]\n{\"input\": {\"a\": 2}, \"output\": \"x\"}\n{\"input\": \"b\"}\n",
            RowFormat::JsonLines,
        );
        let got = got.expect("rows");
        assert_eq!(got.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(got[1].fields.is_err() && got[2].fields.is_err());
        assert_eq!(got[3].fields.as_ref().map(|fields| fields["a"].clone()), Ok(json!(2)));
        assert_eq!(got[4].fields.as_ref().map(|fields| fields["input"].clone()), Ok(json!("b")));
        let got = rows(b"a,b\n1,2,3\n4\n", RowFormat::Csv).expect("rows");
        assert!(got[0].fields.as_ref().is_err_and(|why| why.contains("3 cells")));
        assert_eq!(got[1].fields, Ok(Map::from_iter([("a".to_owned(), json!("4"))])));
        for (bytes, part) in [("a,a\n1,2", "'a'"), (" , \n1,2", "empty"), ("", "empty")] {
            let error = rows(bytes.as_bytes(), RowFormat::Csv).expect_err(bytes);
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(rows(b"no workbook", RowFormat::Xlsx).is_err());
        assert!(RowFormat::of(Path::new("a.pdf")).is_err());
    }

    #[test]
    fn workbooks_are_read_by_their_first_sheet() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/sample-kb/price-table-2026.xlsx");
        let got = rows(&std::fs::read(sample).expect("the sample"), RowFormat::Xlsx).expect("rows");
        assert!(got.len() > 3 && got.iter().all(|row| row.fields.is_ok()), "{got:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            for format in [RowFormat::JsonLines, RowFormat::Csv, RowFormat::Tsv, RowFormat::Xlsx] {
                let _ = rows(&bytes, format);
            }
        }
    }
}
