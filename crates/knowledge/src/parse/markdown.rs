//! Markdown.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::Kind;
use super::builder::Builder;
use super::{html, table};

pub(super) fn read(text: &str, out: &mut Builder) {
    let body = front_matter(text, out);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut state = State::default();
    for event in Parser::new_ext(body, options) {
        state.event(event, out);
        if out.full() {
            break;
        }
    }
    state.flush(out);
}

#[derive(Default)]
struct State {
    inline: String,
    lists: Vec<Option<u64>>,
    in_item: bool,
    code: bool,
    rows: Vec<Vec<String>>,
    row: Vec<String>,
}

impl State {
    fn flush(&mut self, out: &mut Builder) {
        let kind = if self.in_item { Kind::ListItem } else { Kind::Paragraph };
        if self.in_item && self.inline.trim().trim_start_matches(['-', ' ']).is_empty() {
            self.inline.clear();
        }
        out.push(kind, &self.inline);
        self.inline.clear();
    }

    fn event(&mut self, event: Event<'_>, out: &mut Builder) {
        match event {
            Event::Start(tag) => self.start(tag, out),
            Event::End(tag) => self.end(tag, out),
            Event::Text(text) | Event::Code(text) => self.inline.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.inline.push('\n'),
            Event::TaskListMarker(done) => {
                self.inline.push_str(if done { "[x] " } else { "[ ] " });
            }
            Event::Rule => self.flush(out),
            Event::Html(html) | Event::InlineHtml(html) => self.inline.push_str(&strip(&html)),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, out: &mut Builder) {
        match tag {
            Tag::Heading { .. } | Tag::Table(_) => self.flush(out),
            Tag::CodeBlock(kind) => {
                self.flush(out);
                self.code = true;
                if let CodeBlockKind::Fenced(_) = kind {}
            }
            Tag::List(first) => {
                self.flush(out);
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush(out);
                self.in_item = true;
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.inline = format!("{number}. ");
                        *number += 1;
                    }
                    _ => self.inline = "- ".to_owned(),
                }
            }
            Tag::Paragraph if !self.in_item => self.flush(out),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, out: &mut Builder) {
        match tag {
            TagEnd::Heading(level) => {
                let text = std::mem::take(&mut self.inline);
                out.heading(number(level), &text);
            }
            TagEnd::CodeBlock => {
                out.push(Kind::Code, &std::mem::take(&mut self.inline));
                self.code = false;
            }
            TagEnd::Item => {
                self.flush(out);
                self.in_item = self.lists.len() > 1;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.in_item = !self.lists.is_empty();
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.inline)),
            TagEnd::TableHead | TagEnd::TableRow => self.rows.push(std::mem::take(&mut self.row)),
            TagEnd::Table => table::write(&std::mem::take(&mut self.rows), 1, out),
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.flush(out),
            _ => {}
        }
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

/// HTML without its tags, and a space where one divides what stands beside it.
fn strip(source: &str) -> String {
    let mut out = String::new();
    let mut tag = None::<String>;
    for c in source.chars() {
        match (&mut tag, c) {
            (_, '<') => tag = Some(String::new()),
            (Some(inside), '>') => {
                let name = inside.trim_start_matches('/');
                let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
                if html::stands_apart(&name[..end].to_ascii_lowercase()) {
                    out.push(' ');
                }
                tag = None;
            }
            (Some(inside), c) => inside.push(c),
            (None, '>') => {}
            (None, c) => out.push(c),
        }
    }
    out
}

fn front_matter<'a>(text: &'a str, out: &mut Builder) -> &'a str {
    let Some(rest) = text.strip_prefix("---\n") else { return text };
    let Some((front, body)) = rest.split_once("\n---") else { return text };
    for line in front.lines() {
        if let Some(title) = line.strip_prefix("title:") {
            out.title(title.trim().trim_matches(['"', '\'']));
        }
    }
    body.trim_start_matches('-')
}
