//! Text and blocks, grown together so that spans are exact.

use super::{Block, Format, Kind, Limits, Parsed};

pub(super) struct Builder {
    text: String,
    chars: usize,
    blocks: Vec<Block>,
    warnings: Vec<String>,
    pages: Vec<[usize; 2]>,
    path: Vec<(u8, String)>,
    page: Option<u32>,
    page_start: usize,
    title: Option<String>,
    max_chars: usize,
    full: bool,
}

impl Builder {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            text: String::new(),
            chars: 0,
            blocks: Vec::new(),
            warnings: Vec::new(),
            pages: Vec::new(),
            path: Vec::new(),
            page: None,
            page_start: 0,
            title: None,
            max_chars: limits.chars,
            full: false,
        }
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if self.warnings.len() < 50 && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(super) fn title(&mut self, title: &str) {
        let title = squeeze(title);
        if self.title.is_none() && !title.is_empty() {
            self.title = Some(title.chars().take(200).collect());
        }
    }

    pub(super) fn full(&self) -> bool {
        self.full
    }

    /// Starts a page; ends the one before.
    pub(super) fn start_page(&mut self, number: u32) {
        self.end_page();
        self.page = Some(number);
        self.page_start = self.chars;
    }

    fn end_page(&mut self) {
        if self.page.is_some() {
            self.pages.push([self.page_start.min(self.chars), self.chars]);
        }
    }

    pub(super) fn heading(&mut self, level: u8, text: &str) {
        let text = squeeze(text);
        if text.is_empty() {
            return;
        }
        self.enter(level, &text);
        self.push(Kind::Heading { level }, &text);
    }

    /// Makes `text` the section at `level` without writing it.
    pub(super) fn enter(&mut self, level: u8, text: &str) {
        self.path.retain(|(other, _)| *other < level);
        self.path.push((level, text.chars().take(120).collect()));
    }

    /// Whether nothing has been written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.chars == 0
    }

    /// Leaves all sections: what comes next is not under the last heading.
    pub(super) fn leave(&mut self) {
        self.path.clear();
    }

    pub(super) fn push(&mut self, kind: Kind, text: &str) {
        let text = match kind {
            Kind::Code => text.trim_end().trim_start_matches(['\n', '\r']),
            _ => text.trim(),
        };
        if text.trim().is_empty() || self.full {
            return;
        }
        let clean: String = text
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .filter(|c| !matches!(c, '\u{ad}' | '\u{feff}' | '\u{200b}'))
            .collect();
        let mut length = clean.chars().count();
        let room = self.max_chars.saturating_sub(self.chars + 2);
        let clean = if length > room {
            self.full = true;
            let max = self.max_chars;
            self.warn(format!(
                "only the first {max} characters were kept; split it into smaller files to have all of it"
            ));
            length = room;
            clean.chars().take(room).collect()
        } else {
            clean
        };
        if length == 0 {
            return;
        }
        if self.chars > 0 {
            let tight = matches!((self.blocks.last().map(|b| b.kind), kind), (Some(Kind::ListItem), Kind::ListItem));
            let gap = if tight { "\n" } else { "\n\n" };
            self.text.push_str(gap);
            self.chars += gap.len();
        }
        let start = self.chars;
        if self.page.is_some() && self.blocks.last().is_none_or(|b| b.page != self.page) {
            self.page_start = start;
        }
        self.text.push_str(&clean);
        self.chars += length;
        self.blocks.push(Block {
            kind,
            text: clean,
            page: self.page,
            span: [start, self.chars],
            section: self.path.iter().map(|(_, title)| title.clone()).collect(),
        });
    }

    pub(super) fn finish(mut self, name: &str, format: Format) -> Parsed {
        self.end_page();
        if self.blocks.is_empty() {
            let why = if format == Format::Pdf {
                "no text was found; if it is a scan, run it through text recognition (OCR) first"
            } else {
                "no text was found"
            };
            self.warn(why);
        }
        let first = self.blocks.iter().find(|b| matches!(b.kind, Kind::Heading { .. }));
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned();
        let title = self.title.or_else(|| first.map(|b| b.text.chars().take(200).collect())).unwrap_or(file);
        Parsed { title, text: self.text, blocks: self.blocks, warnings: self.warnings, pages: self.pages, format }
    }
}

/// One line, single spaces.
pub(super) fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
