//! Web pages made harmless before they are parsed. The tree builder's work grows with the square of the depth, and of
//! the formatting elements left open: a small hostile page would take hours. Text is never lost here.

/// Elements whose tags only change the look; left open, each is repeated in every paragraph that follows.
const FORMATTING: [&str; 13] =
    ["b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// Elements that end by themselves or cannot hold others: they do not deepen a page.
const SHALLOW: [&str; 32] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p",
    "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup", "rp", "rt",
    "html", "head", "body",
];

/// Elements that have no end tag.
const VOID: [&str; 13] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"];

/// What a page is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// HTML, where `<a/>` opens an element.
    Html,
    /// XHTML, where `<a/>` is a whole one.
    Xml,
}

impl Syntax {
    /// What a page says it is written in.
    pub(super) fn of(page: &str) -> Self {
        if page.trim_start_matches('\u{feff}').trim_start().starts_with("<?xml") { Self::Xml } else { Self::Html }
    }
}

/// A page without formatting tags, comments and scripts, and without the tags of elements more than `depth` deep.
pub(super) fn tame(page: &str, syntax: Syntax, depth: usize) -> String {
    let mut out = String::with_capacity(page.len());
    let mut open: Vec<String> = Vec::new();
    let mut over = 0usize;
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = after_comment(comment);
            continue;
        }
        let Some(tag) = Tag::read(rest) else {
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        let whole = &rest[..tag.length];
        rest = &rest[tag.length..];
        let name = tag.name.as_str();
        let entire = syntax == Syntax::Xml && !tag.closes && whole.ends_with("/>");
        if matches!(name, "script" | "style") {
            if !tag.closes && !entire {
                rest = after_raw(rest, name);
            }
            continue;
        }
        if FORMATTING.contains(&name) {
            continue;
        }
        if entire && !name.is_empty() && !VOID.contains(&name) {
            if open.len() < depth {
                out.push_str(&format!("{}></{name}>", &whole[..whole.len() - 2]));
            }
            continue;
        }
        if !SHALLOW.contains(&name) && !name.is_empty() {
            match (tag.closes, open.iter().rposition(|open| open == name)) {
                (true, _) if over > 0 => {
                    over -= 1;
                    continue;
                }
                (true, Some(at)) => open.truncate(at),
                (true, None) => {}
                (false, _) if open.len() >= depth => {
                    over += 1;
                    continue;
                }
                (false, _) => open.push(tag.name),
            }
        }
        out.push_str(whole);
    }
    out.push_str(rest);
    out
}

struct Tag {
    /// In lower case; empty for a declaration.
    name: String,
    closes: bool,
    /// Bytes up to and with its `>`.
    length: usize,
}

impl Tag {
    /// Reads the tag a text begins with; nothing where the `<` is a mere character.
    fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let closes = bytes.get(1) == Some(&b'/');
        let start = if closes { 2 } else { 1 };
        let first = *bytes.get(start)?;
        if !first.is_ascii_alphabetic() && !matches!(first, b'!' | b'?') {
            return None;
        }
        let end = (start..bytes.len()).find(|at| !bytes[*at].is_ascii_alphanumeric() && !b"-:_".contains(&bytes[*at]));
        let end = end.unwrap_or(bytes.len());
        let name = text[start..end].to_ascii_lowercase();
        let (mut quote, mut value) = (None, false);
        for (at, &byte) in bytes.iter().enumerate().skip(end) {
            match (quote, byte) {
                (Some(open), byte) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'>') => return Some(Self { name, closes, length: at + 1 }),
                // A quotation mark opens a value only where a value may begin.
                (None, b'"' | b'\'') if value => (quote, value) = (Some(byte), false),
                (None, b'=') => value = true,
                (None, byte) => value &= byte.is_ascii_whitespace(),
            }
        }
        Some(Self { name, closes, length: text.len() })
    }
}

fn after_comment(comment: &str) -> &str {
    if let Some(rest) = comment.strip_prefix('>').or(comment.strip_prefix("->")) {
        return rest;
    }
    let ends = [comment.find("-->").map(|at| at + 3), comment.find("--!>").map(|at| at + 4)];
    ends.into_iter().flatten().min().map_or("", |at| &comment[at..])
}

/// What follows the end tag of a script or style.
fn after_raw<'a>(text: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = text[from..].find("</") {
        let end = from + at;
        if text[end + 2..].get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return text[end..].find('>').map_or("", |at| &text[end + at + 1..]);
        }
        from = end + 2;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_harmless_and_keep_their_text() {
        for (page, wanted) in [
            ("<p>a <b>b</b> <I class=x>c</I></p>", "<p>a b c</p>"),
            ("a<!-- <p> -->b<!-->c<!--->d", "abcd"),
            ("x<script>if (a<b) '</p>'</script >y<style>p{}</style>z", "xyz"),
            ("<a title='>'>1 < 2</a>", "<a title='>'>1 < 2</a>"),
            ("<a title=it's>x</a>", "<a title=it's>x</a>"),
            ("<div><div><div><div>deep</div></div></div></div>end", "<div><div>deep</div></div>end"),
            ("<table><tr><td>1<td>2<tr><td>3</table>", "<table><tr><td>1<td>2<tr><td>3</table>"),
            ("<!DOCTYPE html><p>x", "<!DOCTYPE html><p>x"),
            ("5 <6 & <", "5 <6 & <"),
            ("<p unclosed", "<p unclosed"),
            ("<!-- open", ""),
        ] {
            assert_eq!(tame(page, Syntax::of(page), 2), wanted, "{page}");
        }
        for (page, wanted) in [
            ("<script src='x'/>a<style/>b", "ab"),
            (
                "<title/><a id='p1'/>a<p class='x' />b<br/>c<i/>d",
                "<title></title><a id='p1'></a>a<p class='x' ></p>b<br/>cd",
            ),
            ("<div><div><div/>a</div></div>", "<div><div>a</div></div>"),
        ] {
            let page = format!("<?xml version='1.0'?>{page}");
            assert_eq!(tame(&page, Syntax::of(&page), 2), format!("<?xml version='1.0'?>{wanted}"), "{page}");
        }
        assert_eq!(tame("<a href=/x/>a</a>", Syntax::Html, 2), "<a href=/x/>a</a>");
    }
}
