//! Everything that reaches the terminal: tables, JSON, colour, progress. Results go to standard output, the rest to standard error.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one printer of the workspace")]

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::args::Global;

/// How this run prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    quiet: bool,
    colour: bool,
    terminal: bool,
}

/// Ink of a piece of text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json: global.json, quiet: global.quiet, colour, terminal }
    }

    /// A line of a result. A reader that went away (`| head`) ends the program quietly.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{}", text.as_ref()).is_err() {
            std::process::exit(0);
        }
    }

    /// Somebody else's text, a document's or a model's: tamed for a terminal, untouched for a program.
    pub(crate) fn foreign(&self, text: &str) -> String {
        if self.terminal { plain(text) } else { text.to_owned() }
    }

    /// Part of a streamed result, shown at once.
    pub(crate) fn piece(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        if write!(out, "{text}").and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// One JSON document, the contract for programs.
    pub(crate) fn json(&self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(error) => eprintln!("this result cannot be written as JSON: {error}"),
        }
    }

    /// The same in a line of its own, among others.
    pub(crate) fn json_line(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(text),
            Err(error) => eprintln!("this result cannot be written as JSON: {error}"),
        }
    }

    /// A remark beside the result.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", text.as_ref());
        }
    }

    pub(crate) fn ink(&self, ink: Ink, text: &str) -> String {
        let text = plain(text);
        if !self.colour {
            return text;
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Good => "32",
            Ink::Bad => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Columns aligned for people; tab-separated when piped.
    pub(crate) fn table<const N: usize>(&self, head: [&str; N], rows: &[[String; N]]) {
        let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|text| cell(text))).collect();
        if !self.terminal {
            for row in &rows {
                self.line(row.join("\t"));
            }
            return;
        }
        let mut widths = head.map(width);
        for row in &rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(width(cell));
            }
        }
        self.line(self.ink(Ink::Dim, &aligned(&head.map(str::to_owned), &widths)));
        for row in &rows {
            self.line(aligned(row, &widths));
        }
    }

    /// A table within prose: it has its head also where it is not drawn for people.
    pub(crate) fn table_in_prose<const N: usize>(&self, head: [&str; N], rows: &[[String; N]]) {
        if !self.terminal {
            self.line(head.join("\t"));
        }
        self.table(head, rows);
    }

    /// A bar for long work; drawn only on a terminal.
    pub(crate) fn bar(&self, template: &str) -> ProgressBar {
        let bar = ProgressBar::no_length();
        if self.quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸ "));
        bar
    }

    /// Progress of work in a known number of steps.
    pub(crate) fn steps(&self) -> Steps {
        Steps { bar: self.bar("{wide_msg} {pos}/{len} {bar:24}"), printer: *self }
    }

    /// Whether bars can be seen; if not, [`Printer::note`] lines are worth writing instead.
    pub(crate) fn draws(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// Whether a person reads standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }
}

/// See [`Printer::steps`].
pub(crate) struct Steps {
    bar: ProgressBar,
    printer: Printer,
}

impl Steps {
    /// So many of so many steps are done, and this is next.
    pub(crate) fn at(&mut self, done: usize, of: usize, next: &str) {
        if self.printer.draws() {
            self.bar.set_length(of as u64);
            self.bar.set_position(done as u64);
            self.bar.set_message(next.to_owned());
        } else {
            self.printer.note(format!("{}/{of} {next}", done + 1));
        }
    }

    /// The work is done.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// Asks before something goes; `--yes` and only `--yes` answers when nobody is there.
pub(crate) fn confirm(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("{question} Nobody is there to answer; add --yes to do it");
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "是"))
}

/// The last words of a command that failed.
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}

/// Somebody else's text as a terminal may show it: what would move the cursor, colour it or turn the reading order round
/// is written out. Line breaks and tabs stay.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.extend(c.escape_default()),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// The same in one line.
fn cell(text: &str) -> String {
    plain(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Terminal columns of a text: two for Han and other wide characters.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { usize::from(!c.is_control()) }).sum()
}

fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd)
}

fn aligned<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (column, cell) in cells.iter().enumerate() {
        line.push_str(cell);
        if column + 1 < N {
            line.push_str(&" ".repeat(widths[column].saturating_sub(width(cell)) + 2));
        }
    }
    line.trim_end().to_owned()
}

/// `1.2 GB`, `491 MB`: powers of ten, as disks are sold.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "B" || value >= 99.95 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short_and_have_units() {
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1500, "1.5 kB"),
            (491_400_064, "491 MB"),
            (1_117_320_768, "1.1 GB"),
            (999_999_999_999, "1.0 TB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn foreign_text_moves_no_cursor() {
        for (text, expected, in_a_cell) in [
            ("年假 ok", "年假 ok", "年假 ok"),
            ("a\nb\tc", "a\nb\tc", "a\\nb\\tc"),
            ("\u{1b}[31mred\u{7}\r", "\\u{1b}[31mred\\u{7}\\r", "\\u{1b}[31mred\\u{7}\\r"),
            ("\u{202e}fdp.exe \u{9b}2J", "\\u{202e}fdp.exe \\u{9b}2J", "\\u{202e}fdp.exe \\u{9b}2J"),
        ] {
            assert_eq!((plain(text).as_str(), cell(text).as_str()), (expected, in_a_cell));
        }
    }

    #[test]
    fn han_takes_two_columns() {
        for (text, expected) in [("abc", 3), ("年假", 4), ("a年", 3), ("", 0), ("，", 2)] {
            assert_eq!(width(text), expected, "{text}");
        }
    }

    #[test]
    fn columns_line_up_under_han() {
        let widths = [6, 3];
        assert_eq!(aligned(&["年假".into(), "x".into()], &widths), "年假    x");
        assert_eq!(aligned(&["abcdef".into(), "x".into()], &widths), "abcdef  x");
    }
}
