//! Workbooks and delimited text: every row is written with its column names, so that it can be understood alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Cursor;
use std::sync::OnceLock;

use calamine::{Data, Dimensions, Reader, Xlsx, open_workbook_from_rs};
use regex::bytes::Regex;

use super::builder::{Builder, squeeze};
use super::cell::{Style, shown};
use super::table::{self, Names, Spare};
use super::xml::{Attributes, Step, walk};
use super::zipped::Zipped;
use super::{Kind, Limits, Outcome, Refusal};

/// Filled cells of a sheet that are read.
const CELLS: usize = 2_000_000;

/// Filled cells of a table, at most, and the bytes of their texts: one that all cells share costs each of them.
const TABLE_CELLS: usize = 10_000_000;
const TABLE_BYTES: usize = 512 << 20;

/// Columns that a repeated cell is written to.
const MOST_REPEATED: u32 = 64;

type Bytes<'a> = Cursor<&'a [u8]>;

/// A row's filled cells by their columns: an empty sheet with something in its last corner costs nothing.
type Row = Vec<(u32, String)>;

/// A cell that holds something.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text; a date or a time as it is shown.
    Text(String),
    /// A number, whatever its format.
    Number(f64),
    /// True or false.
    Truth(bool),
}

/// A row of a sheet that holds something.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetRow {
    /// From 0.
    pub number: u32,
    /// Its filled cells with their columns, from 0, in order.
    pub cells: Vec<(u32, Cell)>,
}

/// An Excel or OpenDocument workbook.
pub(super) fn workbook(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let mut zip = Zipped::open(bytes, "workbook", limits)?;
    if is_excel(&mut zip)? {
        return excel(bytes, limits, out);
    }
    let content = zip.require("content.xml")?;
    open_document(&content, limits, out)
}

/// The first sheet of an Excel workbook.
pub(super) fn first(bytes: &[u8], limits: &Limits) -> Result<Vec<SheetRow>, Refusal> {
    if !is_excel(&mut Zipped::open(bytes, "workbook", limits)?)? {
        return Err(Refusal::new("it is no Excel workbook", "save it as .xlsx and add that"));
    }
    let mut book: Xlsx<Bytes<'_>> = open_workbook_from_rs(Cursor::new(bytes)).map_err(refusal)?;
    let name = book.sheet_names().into_iter().next();
    let name = name.ok_or_else(|| Refusal::new("it has no sheet", "save one with a sheet"))?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(refusal)?;
    let mut rows: BTreeMap<u32, BTreeMap<u32, Cell>> = BTreeMap::new();
    let (mut count, mut room) = (0, TABLE_BYTES);
    while let Some(cell) = cells.next_cell().map_err(refusal)? {
        let (row, column) = cell.get_position();
        let Some(value) = Cell::of(&Data::from(cell.get_value().clone())) else { continue };
        let bytes = if let Cell::Text(text) = &value { text.len() } else { 0 };
        count += 1;
        if count > TABLE_CELLS || bytes > room {
            let why = format!(
                "its first sheet has more than {TABLE_CELLS} filled cells, or {} MB of text",
                TABLE_BYTES >> 20
            );
            return Err(Refusal::new(why, "split it, or save it as CSV"));
        }
        room -= bytes;
        rows.entry(row).or_default().insert(column, value);
    }
    Ok(rows.into_iter().map(|(number, cells)| SheetRow { number, cells: cells.into_iter().collect() }).collect())
}

impl Cell {
    /// What a cell holds; nothing if that is nothing.
    fn of(cell: &Data) -> Option<Self> {
        match cell {
            Data::Empty => None,
            Data::Int(value) => Some(Self::Number(*value as f64)),
            Data::Float(value) => Some(Self::Number(*value)),
            Data::Bool(value) => Some(Self::Truth(*value)),
            Data::String(text) => (!text.is_empty()).then(|| Self::Text(text.clone())),
            other => Some(Self::Text(shown(other, None))),
        }
    }
}

/// Whether it is a workbook of Excel's, whose parts its reader may be given: that unpacks without bounds, so that each is unpacked within them first.
fn is_excel(zip: &mut Zipped<'_>) -> Result<bool, Refusal> {
    let names = zip.names();
    for name in &names {
        let lower = name.to_ascii_lowercase();
        if (lower.ends_with(".xml") || lower.ends_with(".rels"))
            && let Some(part) = zip.read(name)?
        {
            check_count(name, &part)?;
        }
    }
    if names.iter().any(|name| name.eq_ignore_ascii_case("xl/workbook.bin")) {
        return Err(Refusal::new("it is in Excel's binary format", "save it as .xlsx and add that"));
    }
    Ok(names.iter().any(|name| name.starts_with("xl/")))
}

/// The reader makes room for as many strings as a part says it has: found by fuzzing, four billion.
fn check_count(name: &str, part: &[u8]) -> Outcome {
    static COUNT: OnceLock<Regex> = OnceLock::new();
    let count = COUNT.get_or_init(|| {
        Regex::new(r#"(?-u)uniqueCount\s*=\s*["']\s*(\d+)"#).expect("a constant pattern compiles: this is a bug")
    });
    for found in count.captures_iter(part) {
        let digits = String::from_utf8_lossy(&found[1]).into_owned();
        // A string takes at least `<si/>`.
        if !digits.parse::<usize>().is_ok_and(|count| count <= part.len()) {
            return Err(Refusal::damaged(
                "workbook",
                format!("`{name}` says it has {digits} strings and is too short"),
            ));
        }
    }
    Ok(())
}

fn refusal(error: impl std::fmt::Display) -> Refusal {
    let why = error.to_string();
    if ["password", "encrypt"].iter().any(|word| why.to_lowercase().contains(word)) {
        return Refusal::new("it is encrypted", "remove its password and try again");
    }
    Refusal::damaged("workbook", why)
}

fn excel(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let mut book: Xlsx<Bytes<'_>> = open_workbook_from_rs(Cursor::new(bytes)).map_err(refusal)?;
    for name in book.sheet_names().into_iter().take(limits.pages) {
        let mut sheet = Sheet::new(limits);
        let outcome = book.worksheet_cells_reader(&name).and_then(|mut cells| {
            let styles: Vec<Style> = cells.styles().iter().map(Style::of).collect();
            while let Some((cell, style)) = cells.next_cell_with_style_id()? {
                let value = Data::from(cell.get_value().clone());
                if !sheet.put(cell.get_position(), shown(&value, styles.get(style))) {
                    break;
                }
            }
            Ok(())
        });
        let merged = book.merge_cells_by_sheet_name(&name).unwrap_or_default();
        sheet.write(&name, outcome.err().map(|error| error.to_string()), &merged, out);
    }
    Ok(())
}

/// An OpenDocument workbook: cells as they are shown.
fn open_document(content: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let (mut sheet, mut name, mut merged) = (Sheet::new(limits), String::new(), Vec::new());
    let (mut row, mut column, mut cell, mut sheets) = (0u32, 0u32, None::<String>, 0);
    let (mut rows, mut columns) = (1, 1);
    let times = |attributes: &Attributes, what: &str| attributes.get(what).and_then(|n| n.parse().ok()).unwrap_or(1u32);
    let walked = walk(content, limits, &mut |step| match step {
        Step::Open("table", attributes) => {
            name = attributes.get("name").unwrap_or_default().to_owned();
            (row, column) = (0, 0);
        }
        Step::Close("table") => {
            if sheets < limits.pages {
                std::mem::replace(&mut sheet, Sheet::new(limits)).write(&name, None, &merged, out);
            }
            merged.clear();
            sheets += 1;
        }
        Step::Open("table-row", attributes) => (rows, column) = (times(&attributes, "number-rows-repeated"), 0),
        // A row that is repeated says nothing new.
        Step::Close("table-row") => row = row.saturating_add(rows),
        Step::Open("table-cell" | "covered-table-cell", attributes) => {
            columns = times(&attributes, "number-columns-repeated");
            let (down, right) =
                (times(&attributes, "number-rows-spanned"), times(&attributes, "number-columns-spanned"));
            if down > 1 || right > 1 {
                let end = (row.saturating_add(down - 1), column.saturating_add(right - 1));
                merged.push(Dimensions { start: (row, column), end });
            }
            cell = Some(String::new());
        }
        Step::Close("table-cell" | "covered-table-cell") => {
            let text = squeeze(&cell.take().unwrap_or_default());
            for at in column..column.saturating_add(columns.min(MOST_REPEATED)) {
                sheet.put((row, at), text.clone());
            }
            column = column.saturating_add(columns);
        }
        Step::Close("p") => cell.iter_mut().for_each(|cell| cell.push(' ')),
        Step::Open("s" | "tab", _) => cell.iter_mut().for_each(|cell| cell.push(' ')),
        Step::Text(text) => cell.iter_mut().for_each(|cell| cell.push_str(text)),
        _ => {}
    });
    if let Err(refusal) = walked {
        sheet.write(&name, Some(refusal.reason), &merged, out);
    }
    Ok(())
}

/// The filled cells of one sheet, as they are met.
struct Sheet {
    cells: Vec<(u32, u32, String)>,
    /// Characters that may still be kept: a text that all cells share costs each of them.
    room: usize,
    full: bool,
}

impl Sheet {
    fn new(limits: &Limits) -> Self {
        Self { cells: Vec::new(), room: limits.chars, full: false }
    }

    /// Keeps a cell; false when there is no room for more.
    fn put(&mut self, (row, column): (u32, u32), text: String) -> bool {
        if text.is_empty() {
            return true;
        }
        self.full = self.cells.len() >= CELLS || text.len() > self.room;
        if !self.full {
            self.room -= text.len();
            self.cells.push((row, column, text));
        }
        !self.full
    }

    fn write(mut self, name: &str, flaw: Option<String>, merged: &[Dimensions], out: &mut Builder) {
        if let Some(flaw) = flaw {
            out.warn(format!("sheet '{name}' could not be read to its end: {flaw}"));
        }
        if self.full {
            let cells = self.cells.len();
            out.warn(format!(
                "only the first {cells} filled cells of sheet '{name}' were read; split it into smaller ones"
            ));
        }
        out.enter(1, name);
        self.cells.sort_by_key(|(row, column, _)| (*row, *column));
        let mut rows: Vec<Row> = Vec::new();
        let mut numbers: Vec<u32> = Vec::new();
        for (row, column, text) in self.cells {
            if numbers.last() != Some(&row) {
                numbers.push(row);
                rows.push(Row::new());
            }
            if let Some(last) = rows.last_mut() {
                last.push((column, text));
            }
        }
        let spread = unmerge(&mut rows, &numbers, merged);
        write_rows(rows, &spread, out);
    }
}

/// Gives a text that stands once for several rows to each of them. Returns, by place in `rows`, the columns to which
/// a text was given that stands once for several columns: of use in a head only.
fn unmerge(rows: &mut [Row], numbers: &[u32], merged: &[Dimensions]) -> HashMap<usize, HashSet<u32>> {
    let mut spread: HashMap<usize, HashSet<u32>> = HashMap::new();
    let mut spare = Spare::default();
    let mut steps = 0;
    for area in merged {
        let ((top, left), (bottom, right)) = (area.start, area.end);
        let Ok(first) = numbers.binary_search(&top) else { continue };
        let Ok(place) = rows[first].binary_search_by_key(&left, |(column, _)| *column) else { continue };
        let text = rows[first][place].1.clone();
        for at in (first..numbers.len()).take_while(|at| numbers[*at] <= bottom) {
            steps += 1;
            for column in left..=right {
                steps += 1;
                if column > left && at > first + 3 || steps > CELLS {
                    break;
                }
                let Err(place) = rows[at].binary_search_by_key(&column, |(column, _)| *column) else { continue };
                if !spare.take(&text) {
                    return spread;
                }
                rows[at].insert(place, (column, text.clone()));
                if column > left {
                    spread.entry(at).or_default().insert(column);
                }
            }
            if steps > CELLS {
                return spread;
            }
        }
    }
    spread
}

/// Delimited text: comma, semicolon, tab or bar, whichever divides the first line most.
pub(super) fn csv(_name: &str, text: &str, out: &mut Builder) {
    let first = text.lines().next().unwrap_or_default();
    // The last of equals wins, so the comma stands last.
    let delimiter = ['|', '\t', ';', ','].into_iter().max_by_key(|c| first.matches(*c).count()).unwrap_or(',');
    write_rows(fields(text, delimiter), &HashMap::new(), out);
}

/// RFC 4180, forgiving: quotes double inside quotes, and may hold line ends.
fn fields(text: &str, delimiter: char) -> Vec<Row> {
    let (mut rows, mut row, mut field) = (Vec::new(), Row::new(), String::new());
    let (mut column, mut quoted) = (0, false);
    let end_field = |field: &mut String, row: &mut Row, column: &mut u32| {
        let field = std::mem::take(field);
        if !field.trim().is_empty() {
            row.push((*column, field));
        }
        *column += 1;
    };
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            '\n' if !quoted => {
                end_field(&mut field, &mut row, &mut column);
                rows.push(std::mem::take(&mut row));
                column = 0;
            }
            c if c == delimiter && !quoted => end_field(&mut field, &mut row, &mut column),
            c => field.push(c),
        }
    }
    end_field(&mut field, &mut row, &mut column);
    rows.push(row);
    rows.retain(|row| !row.is_empty());
    rows
}

fn write_rows(rows: Vec<Row>, spread: &HashMap<usize, HashSet<u32>>, out: &mut Builder) {
    let own =
        |at: usize| rows[at].iter().filter(move |(column, _)| !spread.get(&at).is_some_and(|s| s.contains(column)));
    let mut at = 0;
    let last_wide = rows.iter().rposition(|row| row.len() > 1);
    // Titles above a table stand alone in their row.
    while at + 2 < rows.len() && own(at).count() == 1 && last_wide.is_some_and(|last| last > at) {
        let title = own(at).map(|(_, text)| text.as_str()).next().unwrap_or_default();
        out.push(Kind::Paragraph, title);
        at += 1;
    }
    let mut names = Names::default();
    if at + 1 < rows.len() && is_head(&rows[at]) {
        names.add(cells(rows[at].iter()));
        // A name over several columns, and the columns' own names below it.
        if spread.contains_key(&at) && at + 2 < rows.len() && is_head(&rows[at + 1]) {
            at += 1;
            names.add(cells(rows[at].iter()));
        }
        at += 1;
    }
    table::write_lines((at..rows.len()).map(|at| names.line(cells(own(at)))), out);
}

fn cells<'a>(row: impl Iterator<Item = &'a (u32, String)>) -> impl Iterator<Item = (u32, &'a str)> {
    row.map(|(column, text)| (*column, text.as_str()))
}

fn is_head(row: &Row) -> bool {
    row.len() >= 2 && Names::likely(row.iter().map(|(_, text)| text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_delimiters_and_lines() {
        let rows = fields("a,\"b,c\"\n\"d\"\"e\",,\"f\ng\"", ',');
        let texts: Vec<Vec<(u32, &str)>> =
            rows.iter().map(|row| row.iter().map(|(column, text)| (*column, text.as_str())).collect()).collect();
        assert_eq!(texts, [[(0, "a"), (1, "b,c")], [(0, "d\"e"), (2, "f\ng")]]);
    }

    #[test]
    fn rows_carry_their_heads() {
        for (text, wanted) in [
            ("name,2024,2025\nA,1,2\nB,,3\n", "name: A | 2024: 1 | 2025: 2\nname: B | 2025: 3"),
            ("1,2\n3,4\n", "1 | 2\n3 | 4"),
            ("Prices\na;b\n1;2\n", "Prices\n\na: 1 | b: 2"),
        ] {
            let mut out = Builder::new(&Limits::default());
            let delimiter = if text.contains(';') { ';' } else { ',' };
            write_rows(fields(text, delimiter), &HashMap::new(), &mut out);
            assert_eq!(out.finish("a.csv", super::super::Format::Csv).text, wanted);
        }
    }
}
