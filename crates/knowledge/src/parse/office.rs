//! Word and PowerPoint documents.

use std::collections::HashMap;

use super::builder::Builder;
use super::table::{self, Names, Spare};
use super::xml::{Step, walk};
use super::zipped::{Zipped, resolve};
use super::{Kind, Limits, Outcome, Refusal};

/// Columns that one cell may span.
const MOST_SPANNED: usize = 64;

/// A Word document: paragraphs by their styles, lists, tables.
pub(super) fn docx(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let mut zip = Zipped::open(bytes, "Word document", limits)?;
    read_title(&mut zip, limits, out)?;
    let styles = match zip.read("word/styles.xml")? {
        Some(styles) => read_styles(&styles, limits),
        None => HashMap::new(),
    };
    let names = zip.names();
    let main = names.iter().find(|name| name.as_str() == "word/document.xml" || name.ends_with("/document.xml"));
    let main = main.cloned().unwrap_or_else(|| "word/document.xml".to_owned());
    let body = zip.require(&main)?;
    body_text(&body, &styles, limits, out)?;
    for (part, title) in [("word/footnotes.xml", "Footnotes"), ("word/endnotes.xml", "Endnotes")] {
        if let Some(notes) = zip.read(part)? {
            out.enter(1, title);
            body_text(&notes, &styles, limits, out)?;
        }
    }
    Ok(())
}

fn read_title(zip: &mut Zipped<'_>, limits: &Limits, out: &mut Builder) -> Result<(), Refusal> {
    let Some(core) = zip.read("docProps/core.xml")? else { return Ok(()) };
    let (mut inside, mut title) = (false, String::new());
    let walked = walk(&core, limits, &mut |step| match step {
        Step::Open("title", _) => inside = true,
        Step::Close("title") => inside = false,
        Step::Text(text) if inside => title.push_str(text),
        _ => {}
    });
    if walked.is_ok() {
        out.title(&title);
    }
    Ok(())
}

/// Heading level of each style id: by its name (`heading 2`, whatever the language of the program) or its outline level.
fn read_styles(bytes: &[u8], limits: &Limits) -> HashMap<String, u8> {
    let mut levels = HashMap::new();
    let mut id = String::new();
    let walked = walk(bytes, limits, &mut |step| match step {
        Step::Open("style", attributes) => id = attributes.get("styleId").unwrap_or_default().to_owned(),
        Step::Open("name", attributes) => {
            let name = attributes.get("val").unwrap_or_default().to_lowercase();
            let level = name.strip_prefix("heading ").and_then(|level| level.trim().parse().ok());
            if let Some(level) = level.or((name == "title").then_some(1)) {
                levels.insert(id.clone(), level);
            }
        }
        Step::Open("outlineLvl", attributes) => {
            if let Some(level) =
                attributes.get("val").and_then(|level| level.parse::<u8>().ok()).filter(|level| *level < 9)
            {
                levels.entry(id.clone()).or_insert(level + 1);
            }
        }
        _ => {}
    });
    let _ = walked; // what was read before a flaw stands
    levels
}

#[derive(Default)]
struct Paragraph {
    text: String,
    level: Option<u8>,
    listed: bool,
}

fn body_text(bytes: &[u8], styles: &HashMap<String, u8>, limits: &Limits, out: &mut Builder) -> Outcome {
    let mut paragraph = Paragraph::default();
    let mut tables: Vec<Grid> = Vec::new();
    let (mut inside, mut skipped, mut span) = (false, 0usize, 1usize);
    let walked = walk(bytes, limits, &mut |step| match step {
        // What was deleted or moved away, and the copy of a drawing for old programs.
        Step::Open("del" | "moveFrom" | "Fallback" | "instrText", _) => skipped += 1,
        Step::Close("del" | "moveFrom" | "Fallback" | "instrText") => skipped = skipped.saturating_sub(1),
        _ if skipped > 0 => {}
        Step::Open("pStyle", attributes) => {
            let style = attributes.get("val").unwrap_or_default();
            let named = style.to_lowercase().strip_prefix("heading").and_then(|level| level.trim().parse().ok());
            paragraph.level = styles.get(style).copied().or(named);
        }
        Step::Open("numPr", _) => paragraph.listed = true,
        Step::Open("t", _) => inside = true,
        Step::Close("t") => inside = false,
        Step::Text(text) if inside => paragraph.text.push_str(text),
        Step::Open("tab", _) => paragraph.text.push('\t'),
        Step::Open("br" | "cr", _) => paragraph.text.push('\n'),
        Step::Open("noBreakHyphen", _) => paragraph.text.push('-'),
        Step::Open("tbl", _) => tables.push(Grid::default()),
        Step::Open("tr", _) => tables.last_mut().into_iter().for_each(|table| table.rows.push(Vec::new())),
        Step::Open("tblHeader", attributes) if !matches!(attributes.get("val"), Some("0" | "false" | "off")) => {
            tables.last_mut().into_iter().for_each(Grid::mark_head);
        }
        Step::Open("tc", _) => {
            span = 1;
            if let Some(row) = tables.last_mut().and_then(|table| table.rows.last_mut()) {
                row.push(String::new());
            }
        }
        Step::Open("gridSpan", attributes) => span = attributes.get("val").and_then(|n| n.parse().ok()).unwrap_or(1),
        Step::Open("vMerge", attributes) if attributes.get("val").unwrap_or("continue") == "continue" => {
            tables.last_mut().into_iter().for_each(Grid::repeat_above);
        }
        Step::Close("tc") => {
            tables.last_mut().into_iter().for_each(|table| table.span(span));
            span = 1;
        }
        Step::Close("tbl") => close_table(&mut tables, out),
        Step::Close("p") => {
            let done = std::mem::take(&mut paragraph);
            match tables.last_mut().and_then(Grid::cell) {
                Some(cell) => {
                    cell.push(' ');
                    cell.push_str(&done.text);
                }
                None => put(&done, out),
            }
        }
        _ => {}
    });
    put(&paragraph, out);
    while !tables.is_empty() {
        close_table(&mut tables, out);
    }
    keep_what_was_read(walked, out);
    Ok(())
}

/// A table under way.
#[derive(Default)]
struct Grid {
    rows: Vec<Vec<String>>,
    /// How many of the first rows name the columns.
    heads: usize,
    spare: Spare,
}

impl Grid {
    fn cell(&mut self) -> Option<&mut String> {
        self.rows.last_mut()?.last_mut()
    }

    /// The row under way names the columns, if all above it do.
    fn mark_head(&mut self) {
        if self.heads + 1 == self.rows.len() {
            self.heads += 1;
        }
    }

    /// Gives the cell under way the text of the one above: one cell over several rows belongs to each of them.
    fn repeat_above(&mut self) {
        let [.., above, row] = self.rows.as_mut_slice() else { return };
        let Some(text) = row.len().checked_sub(1).and_then(|at| above.get(at)) else { return };
        if let Some(cell) = row.last_mut()
            && self.spare.take(text)
        {
            cell.clone_from(text);
        }
    }

    /// The cell under way takes so many columns; its name is that of each, its text is only in the first.
    fn span(&mut self, columns: usize) {
        let named = self.heads == self.rows.len();
        let Some(row) = self.rows.last_mut() else { return };
        let beside = row.last().filter(|_| named).cloned().unwrap_or_default();
        for _ in 1..columns.min(MOST_SPANNED) {
            if !self.spare.take(&beside) {
                return;
            }
            row.push(beside.clone());
        }
    }
}

/// Writes the innermost table, or puts it into the cell it stands in.
fn close_table(tables: &mut Vec<Grid>, out: &mut Builder) {
    let Some(done) = tables.pop() else { return };
    match tables.last_mut().and_then(Grid::cell) {
        Some(cell) => cell.push_str(&table::text(&done.rows)),
        None => table::write(&done.rows, done.heads, out),
    }
}

fn put(paragraph: &Paragraph, out: &mut Builder) {
    match paragraph.level {
        Some(level) => out.heading(level.clamp(1, 9), &paragraph.text),
        None if paragraph.listed => out.push(Kind::ListItem, &paragraph.text),
        None => out.push(Kind::Paragraph, &paragraph.text),
    }
}

fn keep_what_was_read(walked: Result<(), Refusal>, out: &mut Builder) {
    if let Err(refusal) = walked {
        out.warn(format!("only the beginning could be read: {}", refusal.reason));
    }
}

/// A PowerPoint document: one page a slide, titles as headings, notes at the end of a slide.
pub(super) fn pptx(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let mut zip = Zipped::open(bytes, "PowerPoint document", limits)?;
    read_title(&mut zip, limits, out)?;
    for (number, slide) in slides(&mut zip, limits)?.into_iter().enumerate().take(limits.pages) {
        let Some(body) = zip.read(&slide)? else { continue };
        out.start_page(number as u32 + 1);
        out.leave();
        slide_text(&body, limits, out);
        let notes = relations(&mut zip, &slide, limits)?.into_iter().find(|(_, target)| target.contains("notesSlide"));
        if let Some((_, notes)) = notes
            && let Some(notes) = zip.read(&notes)?
        {
            slide_text(&notes, limits, out);
        }
    }
    Ok(())
}

/// Slides in the order they are shown.
fn slides(zip: &mut Zipped<'_>, limits: &Limits) -> Result<Vec<String>, Refusal> {
    let targets: HashMap<String, String> = relations(zip, "ppt/presentation.xml", limits)?.into_iter().collect();
    let mut order = Vec::new();
    if let Some(presentation) = zip.read("ppt/presentation.xml")? {
        let walked = walk(&presentation, limits, &mut |step| {
            // Two attributes are called `id` but for their prefix; the relation's begins with a letter.
            if let Step::Open("sldId", attributes) = step {
                order.extend(attributes.0.iter().filter_map(|(_, value)| targets.get(value)).next().cloned());
            }
        });
        let _ = walked; // slides named before a flaw are read
    }
    if order.is_empty() {
        let number =
            |name: &str| name.trim_start_matches("ppt/slides/slide").trim_end_matches(".xml").parse::<u32>().ok();
        let mut found: Vec<(u32, String)> =
            zip.names().into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
        found.sort();
        order = found.into_iter().map(|(_, name)| name).collect();
    }
    Ok(order)
}

/// Relation ids of a part and what they lead to.
fn relations(zip: &mut Zipped<'_>, part: &str, limits: &Limits) -> Result<Vec<(String, String)>, Refusal> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let mut found = Vec::new();
    if let Some(relations) = zip.read(&format!("{folder}/_rels/{file}.rels"))? {
        let walked = walk(&relations, limits, &mut |step| {
            if let Step::Open("Relationship", attributes) = step
                && let (Some(id), Some(target)) = (attributes.get("Id"), attributes.get("Target"))
            {
                found.push((id.to_owned(), resolve(part, target)));
            }
        });
        let _ = walked; // relations before a flaw stand
    }
    Ok(found)
}

fn slide_text(bytes: &[u8], limits: &Limits, out: &mut Builder) {
    let (mut text, mut title, mut inside, mut plain) = (String::new(), false, false, true);
    let mut rows: Option<Vec<Vec<String>>> = None;
    let mut heads = 0;
    let walked = walk(bytes, limits, &mut |step| match step {
        Step::Open("sp", _) => (title, plain) = (false, true),
        Step::Open("ph", attributes) => {
            let kind = attributes.get("type").unwrap_or_default();
            title = matches!(kind, "title" | "ctrTitle");
            plain = !matches!(kind, "sldNum" | "dt" | "ftr" | "sldImg");
        }
        Step::Open("t", _) => inside = true,
        Step::Close("t") => inside = false,
        Step::Text(piece) if inside => text.push_str(piece),
        Step::Open("br", _) => text.push('\n'),
        Step::Open("tbl", _) => (rows, heads) = (Some(Vec::new()), 0),
        Step::Open("tblPr", attributes) => {
            heads = usize::from(matches!(attributes.get("firstRow"), Some("1" | "true")))
        }
        Step::Open("tr", _) => rows.iter_mut().for_each(|rows| rows.push(Vec::new())),
        Step::Open("tc", _) => {
            if let Some(row) = rows.as_mut().and_then(|rows| rows.last_mut()) {
                row.push(String::new());
            }
        }
        Step::Close("tbl") => {
            if let Some(rows) = rows.take() {
                // Programs mark the first row of any table; one with figures in it is no head.
                let likely = rows.first().is_some_and(|row| Names::likely(row.iter().map(String::as_str)));
                table::write(&rows, if likely { heads } else { 0 }, out);
            }
        }
        Step::Close("p") => {
            let done = std::mem::take(&mut text);
            match rows.as_mut().and_then(|rows| rows.last_mut()).and_then(|row| row.last_mut()) {
                Some(cell) => {
                    cell.push(' ');
                    cell.push_str(&done);
                }
                None if title => out.heading(1, &done),
                None if plain => out.push(Kind::Paragraph, &done),
                None => {}
            }
        }
        _ => {}
    });
    keep_what_was_read(walked, out);
}
