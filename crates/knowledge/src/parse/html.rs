//! Web pages: the main content, by its structure.

use scraper::{ElementRef, Html, Node, Selector};

use super::builder::{Builder, squeeze, table};
use super::{Kind, Limits};

/// Elements that are not content.
const SKIPPED: [&str; 22] = [
    "script", "style", "noscript", "template", "nav", "footer", "aside", "form", "svg", "math", "iframe", "object", "button", "select", "option",
    "textarea", "head", "audio", "video", "canvas", "dialog", "menu",
];
/// Words in a class or id that say the same.
const FURNITURE: [&str; 14] = [
    "navheader", "navfooter", "navbar", "breadcrumb", "sidebar", "toolbar", "menu", "footer", "pagination", "cookie", "advert", "skip-link", "docnav",
    "edit-link",
];
const BLOCKS: [&str; 24] = [
    "p", "div", "section", "article", "main", "body", "html", "ul", "ol", "dl", "dt", "dd", "blockquote", "figure", "figcaption", "header", "address",
    "details", "summary", "hr", "center", "fieldset", "tbody", "table",
];

pub(super) fn read(text: &str, limits: &Limits, out: &mut Builder) {
    let page = Html::parse_document(text);
    if let Some(title) = first(&page, "title") {
        out.title(&title.text().collect::<String>());
    }
    let root = main_content(&page).unwrap_or_else(|| page.root_element());
    let mut walk = Walk { out, inline: String::new(), depth: limits.depth, in_list: 0 };
    walk.children(root, 0);
    walk.flush(Kind::Paragraph);
}

fn first<'a>(page: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    page.select(&Selector::parse(selector).ok()?).next()
}

/// The element the page itself calls its main one, if it holds a good part of the text.
fn main_content(page: &Html) -> Option<ElementRef<'_>> {
    let length = |element: ElementRef<'_>| element.text().map(|text| text.trim().len()).sum::<usize>();
    let all = first(page, "body").map_or(0, length);
    ["main", "[role=main]", "article", "#content", "#main"].into_iter().find_map(|selector| {
        let found = first(page, selector)?;
        (length(found) * 5 >= all * 2).then_some(found)
    })
}

struct Walk<'a> {
    out: &'a mut Builder,
    /// Text of the block under way.
    inline: String,
    depth: usize,
    in_list: usize,
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
        if SKIPPED.contains(&name) || is_furniture(element) {
            return;
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush(Kind::Paragraph);
                let level = name.as_bytes()[1] - b'0';
                self.out.heading(level, &element.text().collect::<String>());
            }
            "pre" => {
                self.flush(Kind::Paragraph);
                self.out.push(Kind::Code, &element.text().collect::<String>());
            }
            "table" if is_data(element) => {
                self.flush(Kind::Paragraph);
                self.out.push(Kind::Table, &table(&cells(element)));
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
                self.flush(if name == "figcaption" { Kind::Caption } else { Kind::Paragraph });
            }
            _ => self.children(element, depth),
        }
    }

    fn flush(&mut self, kind: Kind) {
        let text = std::mem::take(&mut self.inline);
        let kind = if self.in_list > 0 { Kind::ListItem } else { kind };
        self.out.push(kind, &squeeze(&text));
    }
}

fn is_furniture(element: ElementRef<'_>) -> bool {
    let element = element.value();
    if element.attr("role").is_some_and(|role| role == "navigation" || role == "search") || element.attr("hidden").is_some() {
        return true;
    }
    let named = |name: &str| FURNITURE.iter().any(|word| name.eq_ignore_ascii_case(word) || name.to_ascii_lowercase().contains(word) && *word != "menu");
    element.classes().any(named) || element.id().is_some_and(named)
}

/// A table of data rather than one that only places things: more than one column, no table inside.
fn is_data(element: ElementRef<'_>) -> bool {
    let nested = element.descendants().skip(1).filter_map(ElementRef::wrap).any(|inner| inner.value().name() == "table");
    let rows = cells(element);
    !nested && rows.len() > 1 && rows.iter().any(|row| row.len() > 1)
}

fn cells(element: ElementRef<'_>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for part in element.descendants().filter_map(ElementRef::wrap) {
        match part.value().name() {
            "tr" => rows.push(Vec::new()),
            "td" | "th" => {
                if let Some(row) = rows.last_mut() {
                    row.push(part.text().collect());
                }
            }
            _ => {}
        }
    }
    rows
}
