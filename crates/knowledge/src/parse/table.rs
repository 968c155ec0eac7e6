//! Rows of cells to text: every row is written with its columns' names, so that it can be understood alone.

use std::collections::HashMap;

use super::Kind;
use super::builder::{Builder, squeeze};

/// Rows of one block; a passage is cut from blocks.
const ROWS: usize = 50;
/// Bytes of one block.
const BLOCK: usize = 64 << 10;
/// Rows at the top of a table that name its columns.
const HEADS: usize = 3;
/// Characters of a column's name; a longer text says something of its own.
const LONGEST_NAME: usize = 100;
/// Bytes that a table's cells may take beyond those of its document.
const MOST_REPEATED: usize = 1 << 20;
/// Bytes of a cell without text.
const CELL: usize = 24;

/// Bytes left for the cells of a table that its document holds once or not at all: those that span rows and columns.
pub(super) struct Spare(usize);

impl Default for Spare {
    fn default() -> Self {
        Self(MOST_REPEATED)
    }
}

impl Spare {
    /// Whether there is room for one more such cell; takes it.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.0.checked_sub(CELL + text.len()) {
            Some(left) => self.0 = left,
            None => self.0 = 0,
        }
        self.0 > 0
    }
}

/// The names of columns, where a table has them.
#[derive(Default)]
pub(super) struct Names(HashMap<u32, String>);

impl Names {
    /// Whether a row's cells are short enough to be names.
    fn fit<'a>(mut cells: impl Iterator<Item = &'a str>) -> bool {
        cells.all(|cell| cell.chars().nth(LONGEST_NAME).is_none())
    }

    /// Whether a row's cells read like names, where nothing says that they are: words or years, no other number.
    pub(super) fn likely<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> bool {
        let year = |text: &str| text.len() == 4 && (text.starts_with("19") || text.starts_with("20"));
        let number = |text: &str| text.parse::<f64>().is_ok();
        let mut all = cells.clone().map(str::trim);
        Self::fit(cells.clone())
            && all.all(|text| !number(text) || year(text))
            && cells.map(str::trim).any(|text| !number(text))
    }

    /// Adds a row of names below those that are there: a name over several columns, and the columns' own.
    pub(super) fn add<'a>(&mut self, cells: impl Iterator<Item = (u32, &'a str)>) {
        for (column, text) in cells {
            let text = squeeze(text);
            let text = text.trim_end_matches([':', '：', ' ']);
            let name = self.0.entry(column).or_default();
            if *name != text {
                *name = format!("{name} {text}").trim().to_owned();
            }
        }
    }

    /// A row's cells, each with its column's name.
    pub(super) fn line<'a>(&self, cells: impl Iterator<Item = (u32, &'a str)>) -> String {
        let named = cells.map(|(column, cell)| {
            let cell = squeeze(cell);
            match self.0.get(&column).filter(|name| !name.is_empty() && !cell.is_empty()) {
                Some(name) => format!("{name}: {cell}"),
                None => cell,
            }
        });
        // Where columns have no names, an empty cell keeps the others in their places.
        let shown: Vec<String> = named.filter(|cell| self.0.is_empty() || !cell.is_empty()).collect();
        shown.join(" | ").trim_end_matches([' ', '|']).to_owned()
    }
}

/// Writes lines as blocks.
pub(super) fn write_lines(lines: impl Iterator<Item = String>, out: &mut Builder) {
    let (mut block, mut rows) = (String::new(), 0);
    for line in lines.filter(|line| !line.is_empty()) {
        if out.full() {
            return;
        }
        if rows > 0 {
            block.push('\n');
        }
        block.push_str(&line);
        rows += 1;
        if rows == ROWS || block.len() >= BLOCK {
            out.push(Kind::Table, &block);
            (block, rows) = (String::new(), 0);
        }
    }
    out.push(Kind::Table, &block);
}

/// Writes a table whose first `heads` rows are said to name its columns.
pub(super) fn write(rows: &[Vec<String>], heads: usize, out: &mut Builder) {
    write_lines(lines(rows, heads), out);
}

/// A table's rows, one line each, for a cell that holds it.
pub(super) fn text(rows: &[Vec<String>]) -> String {
    lines(rows, 0).filter(|line| !line.is_empty()).map(|line| line + "\n").collect()
}

fn lines(rows: &[Vec<String>], heads: usize) -> impl Iterator<Item = String> + '_ {
    let mut names = Names::default();
    let heads = heads.min(HEADS);
    let titles = rows.iter().take(heads).take_while(|row| is_title(row)).count();
    let (above, rest) = rows.split_at(titles);
    let (head, body) = rest.split_at((heads - titles).min(rest.len()));
    let (head, body) = match names_columns(head, body) {
        true => (head, body),
        false => (&rest[..0], rest),
    };
    for row in head {
        names.add(numbered(row));
    }
    let above = above.iter().map(|row| row.first().map(|title| squeeze(title)).unwrap_or_default());
    // A text over a whole row is said of no column.
    let alone = |row: &[String]| row.len() > 1 && row[1..].iter().all(|cell| cell.trim().is_empty());
    let body = body.iter().map(move |row| if alone(row) { squeeze(&row[0]) } else { names.line(numbered(row)) });
    above.chain(body)
}

/// One text over the whole table.
fn is_title(row: &[String]) -> bool {
    row.iter().all(|cell| *cell == row[0])
}

/// Rows that name columns stand above others, and their cells are short.
fn names_columns(head: &[Vec<String>], body: &[Vec<String>]) -> bool {
    let filled = |rows: &[Vec<String>]| rows.iter().flatten().any(|cell| !cell.trim().is_empty());
    filled(head) && filled(body) && head.iter().all(|row| Names::fit(row.iter().map(String::as_str)))
}

fn numbered(row: &[String]) -> impl Iterator<Item = (u32, &str)> {
    (0..).zip(row.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::parse::{Format, Limits};

    #[test]
    fn rows_say_what_their_cells_are() {
        for (heads, rows, wanted) in [
            (1, "a|b/1|2/3|", "a: 1 | b: 2\n3"),
            (1, "a|b/|2", "b: 2"),
            (0, "a|b/|2", "a | b\n | 2"),
            (2, "x|x/a|b/1|2", "x\na: 1 | b: 2"),
            (2, "y|x|x/y|p|q/1|2|3", "y: 1 | x p: 2 | x q: 3"),
            (1, "a|b", "a | b"),
            (1, "a|b/|", "a | b"),
            (1, "|/1|2", "1 | 2"),
            (1, "a：|b/1|2", "a: 1 | b: 2"),
        ] {
            let rows: Vec<Vec<String>> =
                rows.split('/').map(|row| row.split('|').map(str::to_owned).collect()).collect();
            let mut out = Builder::new(&Limits::default());
            write(&rows, heads, &mut out);
            assert_eq!(out.finish("a.md", Format::Markdown).text, wanted.trim(), "{rows:?}");
        }
    }

    #[test]
    fn long_texts_are_no_names() {
        let rows = [vec!["x".repeat(LONGEST_NAME + 1), "b".to_owned()], vec!["1".to_owned(), "2".to_owned()]];
        assert!(lines(&rows, 1).next().unwrap().ends_with("x | b"));
    }
}
