//! Plain text: paragraphs by empty lines.

use super::Kind;
use super::builder::Builder;

pub(super) fn read(text: &str, out: &mut Builder) {
    let mut paragraph = String::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            flush(&mut paragraph, out);
        } else if let Some(level) = chapter(line.trim()) {
            flush(&mut paragraph, out);
            out.heading(level, line);
        } else {
            paragraph.push_str(line);
            paragraph.push('\n');
        }
    }
    flush(&mut paragraph, out);
}

fn flush(paragraph: &mut String, out: &mut Builder) {
    out.push(Kind::Paragraph, paragraph);
    paragraph.clear();
}

/// `第三章 ……`, `Chapter 3`.
fn chapter(line: &str) -> Option<u8> {
    if line.chars().count() > 40 || line.ends_with(['。', '；', '，', '.', ',', ';']) {
        return None;
    }
    if let Some(rest) = line.strip_prefix('第') {
        let unit = rest.chars().take(8).find(|c| "编篇卷部章回节".contains(*c))?;
        let number = rest.split(unit).next()?;
        let digits = |c: char| c.is_ascii_digit() || "零〇一二三四五六七八九十百千 ".contains(c);
        return (!number.is_empty() && number.chars().all(digits)).then(|| {
            if "编篇卷部".contains(unit) {
                1
            } else if unit == '节' {
                3
            } else {
                2
            }
        });
    }
    let mut words = line.split_whitespace();
    let first = words.next()?.to_ascii_lowercase();
    let second = words.next()?;
    let number = second.trim_end_matches([':', '.']);
    let numbered = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || "IVXLC".contains(c));
    match first.as_str() {
        "part" | "book" if numbered => Some(1),
        "chapter" if numbered => Some(2),
        "section" if numbered => Some(3),
        _ => None,
    }
}
