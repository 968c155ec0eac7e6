//! Web pages: the main content, by its structure.

use std::collections::BTreeMap;

use scraper::{ElementRef, Html, Node, Selector};

use super::builder::{Builder, squeeze};
use super::table::{self, Spare};
use super::tame::{Syntax, tame};
use super::{Kind, Limits};

/// Elements that are never content.
const SKIPPED: [&str; 19] = [
    "script", "style", "noscript", "template", "nav", "svg", "math", "iframe", "object", "button", "select", "option",
    "textarea", "head", "audio", "video", "canvas", "dialog", "menu",
];
/// Elements that are furniture where they are mostly links or a small part of the page.
const DOUBTFUL: [&str; 3] = ["footer", "aside", "form"];
/// Words in a class or id that say the same of any element.
const FURNITURE: [&str; 13] = [
    "navheader",
    "navfooter",
    "navbar",
    "breadcrumb",
    "sidebar",
    "toolbar",
    "footer",
    "pagination",
    "cookie",
    "advert",
    "skip-link",
    "docnav",
    "edit-link",
];
/// Rows and columns that one cell may span.
const MOST_SPANNED: usize = 200;
const BLOCKS: [&str; 25] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "body",
    "html",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "blockquote",
    "figure",
    "figcaption",
    "header",
    "address",
    "details",
    "summary",
    "hr",
    "center",
    "fieldset",
    "tbody",
    "table",
    "caption",
];
/// Elements that stand apart from what is beside them, though they are no blocks of their own.
const APART: [&str; 11] = ["li", "pre", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6"];

pub(super) fn read(text: &str, syntax: Syntax, limits: &Limits, out: &mut Builder) {
    let page = Html::parse_document(&tame(text, syntax, limits.depth));
    if let Some(title) = first(&page, "title") {
        out.title(&title.text().collect::<String>());
    }
    let root = main_content(&page).unwrap_or_else(|| page.root_element());
    let all = length(root);
    let mut walk = Walk { out, inline: String::new(), depth: limits.depth * 8, in_list: 0, all };
    walk.children(root, 0);
    walk.flush(Kind::Paragraph);
}

fn first<'a>(page: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    page.select(&Selector::parse(selector).ok()?).next()
}

/// The element the page itself calls its main one, if it holds a good part of the text.
fn main_content(page: &Html) -> Option<ElementRef<'_>> {
    let all = first(page, "body").map_or(0, length);
    ["main", "[role=main]", "article", "#content", "#main"].into_iter().find_map(|selector| {
        let found = first(page, selector)?;
        // One of several articles is no more the main one than the others.
        if selector == "article" && page.select(&Selector::parse(selector).ok()?).nth(1).is_some() {
            return None;
        }
        (length(found) * 5 >= all * 2).then_some(found)
    })
}

/// Bytes of visible text.
fn length(element: ElementRef<'_>) -> usize {
    element.text().map(|text| text.trim().len()).sum()
}

/// Bytes of visible text in links; an `a` without an address is a place that links lead to.
fn linked(element: ElementRef<'_>) -> usize {
    let links = element.descendants().filter_map(ElementRef::wrap).map(|inner| (inner, inner.value()));
    links.filter(|(_, value)| value.name() == "a" && value.attr("href").is_some()).map(|(link, _)| length(link)).sum()
}

/// Whether an element of that name stands apart from what is beside it.
pub(super) fn stands_apart(name: &str) -> bool {
    name == "br" || BLOCKS.contains(&name) || APART.contains(&name)
}

/// An element's text, with `gap` where a line or a block ends.
fn text_of(element: ElementRef<'_>, gap: char) -> String {
    let line = |node: &Node| node.as_element().is_some_and(|element| element.name() == "br");
    let apart = |node: &Node| node.as_element().is_some_and(|element| stands_apart(element.name()));
    let mut text = String::new();
    for node in element.descendants().skip(1) {
        let after = node.prev_sibling().is_some_and(|before| apart(before.value()));
        if line(node.value()) || (after || apart(node.value())) && !text.is_empty() && !text.ends_with(['\n', gap]) {
            text.push(gap);
        }
        if let Node::Text(piece) = node.value() {
            text.push_str(piece);
        }
    }
    text
}

struct Walk<'a> {
    out: &'a mut Builder,
    /// Text of the block under way.
    inline: String,
    depth: usize,
    in_list: usize,
    /// Bytes of text of the whole content.
    all: usize,
}

impl Walk<'_> {
    fn children(&mut self, element: ElementRef<'_>, depth: usize) {
        if depth > self.depth {
            self.out.warn(format!("elements more than {} deep were left out", self.depth));
            return;
        }
        for child in element.children() {
            match child.value() {
                Node::Text(text) => self.inline.push_str(text),
                Node::Element(_) => {
                    if let Some(child) = ElementRef::wrap(child) {
                        self.element(child, depth + 1);
                    }
                }
                _ => {}
            }
            if self.out.full() {
                return;
            }
        }
    }

    fn element(&mut self, element: ElementRef<'_>, depth: usize) {
        let name = element.value().name();
        if SKIPPED.contains(&name) || self.is_furniture(element) {
            return;
        }
        if matches!(name, "p" | "div" | "ul" | "ol" | "table") && self.leads_elsewhere(element) {
            return;
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush(Kind::Paragraph);
                let level = name.as_bytes()[1] - b'0';
                let text = text_of(element, ' ');
                // The sign of a link to the heading itself.
                self.out.heading(level, text.trim().trim_end_matches(['¶', '#']));
            }
            "pre" => {
                self.flush(Kind::Paragraph);
                self.out.push(Kind::Code, &text_of(element, '\n'));
            }
            "table" if !holds_tables(element) => {
                self.flush(Kind::Paragraph);
                let (rows, heads) = cells(element);
                if !is_data(&rows) {
                    self.children(element, depth);
                    return self.flush(Kind::Paragraph);
                }
                let captions = element.child_elements().filter(|child| child.value().name() == "caption");
                captions.for_each(|caption| self.out.push(Kind::Caption, &squeeze(&text_of(caption, ' '))));
                table::write(&rows, heads, self.out);
            }
            "li" => {
                self.flush(Kind::Paragraph);
                self.in_list += 1;
                self.children(element, depth);
                self.flush(Kind::ListItem);
                self.in_list -= 1;
            }
            "br" => self.inline.push('\n'),
            "img" => {
                if let Some(text) = element.value().attr("alt") {
                    self.inline.push_str(text);
                }
            }
            "td" | "th" | "tr" => {
                self.children(element, depth);
                self.inline.push(' ');
            }
            name if BLOCKS.contains(&name) => {
                self.flush(Kind::Paragraph);
                self.children(element, depth);
                let caption = matches!(name, "figcaption" | "caption");
                self.flush(if caption { Kind::Caption } else { Kind::Paragraph });
            }
            _ => self.children(element, depth),
        }
    }

    fn is_furniture(&self, element: ElementRef<'_>) -> bool {
        let value = element.value();
        if matches!(value.attr("role"), Some("navigation" | "search")) || value.attr("hidden").is_some() {
            return true;
        }
        let named = |name: &str| {
            let name = name.to_ascii_lowercase();
            matches!(name.as_str(), "menu" | "toc" | "table-of-contents")
                || FURNITURE.iter().any(|word| name.contains(word))
        };
        let named = value.classes().any(named) || value.id().is_some_and(named);
        if !named && !DOUBTFUL.contains(&value.name()) {
            return false;
        }
        // Some call a box of text a sidebar, and some wrap the whole page in one form: what is read, not followed, stays.
        let own = length(element);
        // An aside may be short.
        if !named && value.name() == "aside" {
            return linked(element) * 2 >= own;
        }
        linked(element) * 2 >= own || own * 3 < self.all && own < 200 || value.name() == "footer" && own * 5 < self.all
    }

    /// Links above the first words: to other pages, not about this one.
    fn leads_elsewhere(&self, element: ElementRef<'_>) -> bool {
        let own = length(element);
        self.out.is_empty() && own > 0 && own * 5 < self.all && linked(element) >= own
    }

    fn flush(&mut self, kind: Kind) {
        let text = std::mem::take(&mut self.inline);
        let kind = if self.in_list > 0 { Kind::ListItem } else { kind };
        self.out.push(kind, &squeeze(&text));
    }
}

/// Whether a table only places others.
fn holds_tables(element: ElementRef<'_>) -> bool {
    let mut inside = element.descendants().skip(1).filter_map(ElementRef::wrap);
    inside.any(|inner| inner.value().name() == "table")
}

/// A table of data rather than one that only places things: more than one column.
fn is_data(rows: &[Vec<String>]) -> bool {
    rows.len() > 1 && rows.iter().any(|row| row.len() > 1)
}

/// Rows of cells, and how many of the first ones name the columns. A cell that spans rows stands in each of them; one
/// that spans columns leaves the others empty, but for a name, which is that of each.
fn cells(element: ElementRef<'_>) -> (Vec<Vec<String>>, usize) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let (mut heads, mut above) = (0, true);
    let mut hanging: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    let mut spare = Spare::default();
    for part in element.descendants().filter_map(ElementRef::wrap) {
        match part.value().name() {
            "tr" => {
                if let Some(row) = rows.last_mut() {
                    hang(row, &mut hanging, &mut spare);
                }
                rows.push(Vec::new());
                above &= names_columns(part);
                heads += usize::from(above);
            }
            "td" | "th" => {
                let Some(row) = rows.last_mut() else { continue };
                hang(row, &mut hanging, &mut spare);
                let span = |name: &str| part.value().attr(name).and_then(|n| n.trim().parse().ok()).unwrap_or(1usize);
                let text = text_of(part, ' ');
                if span("rowspan") > 1 {
                    hanging.insert(row.len(), (span("rowspan").min(MOST_SPANNED) - 1, text.clone()));
                }
                let beside = if above { text.clone() } else { String::new() };
                row.push(text);
                for _ in 1..span("colspan").min(MOST_SPANNED) {
                    if !spare.take(&beside) {
                        break;
                    }
                    row.push(beside.clone());
                }
            }
            _ => {}
        }
    }
    if let Some(row) = rows.last_mut() {
        hang(row, &mut hanging, &mut spare);
    }
    (rows, heads)
}

/// Whether a page says that a row's cells are names.
fn names_columns(row: ElementRef<'_>) -> bool {
    let head = row.parent().and_then(ElementRef::wrap).is_some_and(|parent| parent.value().name() == "thead");
    let mut cells = row.child_elements().filter(|cell| matches!(cell.value().name(), "td" | "th")).peekable();
    head || cells.peek().is_some() && cells.all(|cell| cell.value().name() == "th")
}

/// Puts into a row's next columns what hangs down into them from rows above.
fn hang(row: &mut Vec<String>, hanging: &mut BTreeMap<usize, (usize, String)>, spare: &mut Spare) {
    let mut column = row.len();
    while let Some((left, text)) = hanging.get_mut(&column) {
        if !spare.take(text) {
            return hanging.clear();
        }
        row.push(text.clone());
        *left -= 1;
        if *left == 0 {
            hanging.remove(&column);
        }
        column += 1;
    }
}
