//! Workbooks and delimited text: every row is written with its column names, so that it can be understood alone.

use std::io::Cursor;

use calamine::{Data, Reader, open_workbook_auto_from_rs};

use super::builder::{Builder, squeeze};
use super::zipped::Zipped;
use super::{Kind, Limits, Outcome, Refusal};

/// Rows of one block; a passage is cut from blocks.
const ROWS: usize = 50;
/// Cells of a sheet that are read.
const CELLS: usize = 2_000_000;

/// An Excel or OpenDocument workbook.
pub(super) fn workbook(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    if bytes.starts_with(b"PK") {
        // The reader below unpacks without bounds; each part is unpacked within them first.
        let mut zip = Zipped::open(bytes, "workbook", limits)?;
        for name in zip.names() {
            if name.ends_with(".xml") {
                zip.read(&name)?;
            }
        }
    }
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|error| {
        let why = error.to_string();
        if why.to_lowercase().contains("password") || why.to_lowercase().contains("encrypt") {
            return Refusal::new("it is encrypted", "remove its password and try again");
        }
        Refusal::damaged("workbook", why)
    })?;
    for name in book.sheet_names().into_iter().take(limits.pages) {
        let range = match book.worksheet_range(&name) {
            Ok(range) => range,
            Err(error) => {
                out.warn(format!("sheet '{name}' could not be read: {error}"));
                continue;
            }
        };
        out.enter(1, &name);
        if range.get_size().0.saturating_mul(range.get_size().1) > CELLS {
            out.warn(format!("sheet '{name}' has more than {CELLS} cells; only the first were read"));
        }
        let most = CELLS / range.get_size().1.max(1);
        rows(range.rows().take(most).map(|row| row.iter().map(shown).collect()).collect(), out);
    }
    Ok(())
}

/// A cell as people see it: whole numbers without a fraction, dates as dates.
fn shown(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Data::DateTime(date) if date.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
        other => squeeze(&other.to_string()),
    }
}

/// Delimited text: comma, semicolon or tab, whichever divides the first line most.
pub(super) fn csv(_name: &str, text: &str, out: &mut Builder) {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [',', ';', '\t', '|'].into_iter().max_by_key(|c| first.matches(*c).count()).unwrap_or(',');
    rows(fields(text, delimiter), out);
}

/// RFC 4180, forgiving: quotes double inside quotes, and may hold line ends.
fn fields(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c if c == delimiter && !quoted => row.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

fn rows(rows: Vec<Vec<String>>, out: &mut Builder) {
    let mut rows: Vec<Vec<String>> = rows.into_iter().filter(|row| row.iter().any(|cell| !cell.trim().is_empty())).collect();
    // Titles above a table stand alone in their row.
    while rows.len() > 2 && filled(&rows[0]) == 1 && filled(&rows[1]) >= 1 && rows[1..].iter().any(|row| filled(row) > 1) {
        let title = rows.remove(0).into_iter().find(|cell| !cell.trim().is_empty()).unwrap_or_default();
        out.push(Kind::Paragraph, &title);
    }
    let head = rows.first().filter(|head| rows.len() > 1 && is_head(head)).cloned();
    let body = if head.is_some() { &rows[1..] } else { &rows[..] };
    for rows in body.chunks(ROWS) {
        let lines: Vec<String> = rows.iter().map(|row| line(row, head.as_deref())).collect();
        out.push(Kind::Table, &lines.join("\n"));
    }
}

fn filled(row: &[String]) -> usize {
    row.iter().filter(|cell| !cell.trim().is_empty()).count()
}

/// Column names: mostly words, none a number.
fn is_head(row: &[String]) -> bool {
    filled(row) >= 2 && row.iter().all(|cell| cell.trim().parse::<f64>().is_err())
}

fn line(row: &[String], head: Option<&[String]>) -> String {
    let cells = row.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty()).map(|(column, cell)| {
        let name = head.and_then(|head| head.get(column)).map(|name| squeeze(name)).filter(|name| !name.is_empty());
        match name {
            Some(name) => format!("{name}: {}", squeeze(cell)),
            None => squeeze(cell),
        }
    });
    cells.collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_delimiters_and_lines() {
        let rows = fields("a,\"b,c\"\n\"d\"\"e\",\"f\ng\"", ',');
        assert_eq!(rows, [["a", "b,c"], ["d\"e", "f\ng"]]);
    }
}
