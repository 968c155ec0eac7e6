//! Source code: pieces that begin where a definition begins.

use super::Kind;
use super::builder::Builder;

const LINES: usize = 60;

pub(super) fn read(text: &str, out: &mut Builder) {
    let mut piece = String::new();
    let mut lines = 0;
    let mut empty = false;
    for line in text.lines() {
        let border = empty && starts(line);
        if lines > 0 && (border && lines >= 5 || lines >= LINES && empty || lines >= 2 * LINES) {
            out.push(Kind::Code, &piece);
            piece.clear();
            lines = 0;
        }
        empty = line.trim().is_empty();
        piece.push_str(line);
        piece.push('\n');
        lines += 1;
    }
    out.push(Kind::Code, &piece);
}

/// Something that stands at the margin and is not a closing bracket.
fn starts(line: &str) -> bool {
    line.chars().next().is_some_and(|c| !c.is_whitespace() && !matches!(c, '}' | ')' | ']'))
}
