//! Glyphs on pages to text: lines, columns, paragraphs, headings, tables.

use std::collections::HashMap;

use super::builder::Builder;
use super::{Kind, running_heads};

/// Characters of a line before the place where one is written twice.
const NEAR: usize = 1000;
/// Columns of a table.
const MOST_COLUMNS: usize = 128;

/// A glyph: its text, its origin (y grows downwards), the size of its font.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) size: f32,
    /// Quarter turns clockwise that its page was turned against, so that x and y grow as if it stood upright.
    pub(super) turn: u8,
    pub(super) text: String,
}

/// Glyphs that follow each other on one baseline.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    left: f32,
    right: f32,
    pub(super) y: f32,
    size: f32,
    pub(super) text: String,
}

impl Segment {
    fn top(&self) -> f32 {
        self.y - self.size * 0.8
    }

    fn bottom(&self) -> f32 {
        self.y + self.size * 0.2
    }
}

/// Writes all pages.
pub(super) fn write(pages: &[Vec<Place>], out: &mut Builder) {
    let (mut pages, turned): (Vec<_>, Vec<_>) = pages.iter().map(|places| sides(places)).unzip();
    running_heads::drop(&mut pages);
    let sizes = Sizes::of(&pages);
    for (number, (page, turned)) in pages.into_iter().zip(turned).enumerate() {
        out.start_page(number as u32 + 1);
        let mut regions = Vec::new();
        cut(page, 0, &mut regions);
        turned.into_iter().for_each(|side| cut(side, 0, &mut regions));
        regions_text(regions, &sizes, out);
    }
}

/// A page's segments the way most of it is written, then those of the other ways.
fn sides(places: &[Place]) -> (Vec<Segment>, Vec<Vec<Segment>>) {
    let mut sides: [Vec<&Place>; 4] = Default::default();
    for place in places {
        sides[usize::from(place.turn & 3)].push(place);
    }
    sides.sort_by_key(|side| std::cmp::Reverse(side.len()));
    let mut sides = sides.into_iter().filter(|side| !side.is_empty()).map(|side| segments(&side));
    (sides.next().unwrap_or_default(), sides.collect())
}

fn segments(places: &[&Place]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for place in places.iter().filter(|place| place.size > 0.5) {
        if let Some(last) = segments.last_mut() {
            let same = (place.y - last.y).abs() < 0.35 * last.size;
            let gap = place.x - last.right;
            // A glyph printed twice for boldness.
            if same
                && gap < -0.6 * place.width
                && last.text.ends_with(&place.text)
                && (place.x - (last.right - place.width)).abs() < 0.15 * place.size
            {
                continue;
            }
            if same && gap > -0.5 * last.size && gap < 1.2 * last.size.max(place.size) {
                join(&mut last.text, &place.text, gap, last.size);
                last.right = last.right.max(place.x + place.width);
                last.size = last.size.max(place.size);
                continue;
            }
        }
        if place.text.trim().is_empty() {
            continue;
        }
        let Place { x, y, width, size, ref text, .. } = **place;
        segments.push(Segment { left: x, right: x + width, y, size, text: text.clone() });
    }
    merge_touching(segments)
}

/// Adds text after a gap; a wide one is a space, unless both sides are Han.
fn join(text: &mut String, more: &str, gap: f32, size: f32) {
    let (last, next) = (text.chars().next_back(), more.chars().next());
    let han = last.is_some_and(is_han) && next.is_some_and(is_han);
    if gap > 0.18 * size && !han && !last.is_some_and(char::is_whitespace) && !next.is_some_and(char::is_whitespace) {
        text.push(' ');
    }
    text.push_str(more);
}

/// Segments of one line that were written apart (another font, another order) become one if they touch.
fn merge_touching(mut segments: Vec<Segment>) -> Vec<Segment> {
    segments.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.left.total_cmp(&b.left)));
    let mut lines: Vec<Vec<Segment>> = Vec::new();
    for segment in segments {
        match lines.last_mut() {
            Some(line) if (segment.y - line[0].y).abs() < 0.35 * line[0].size.min(segment.size) => line.push(segment),
            _ => lines.push(vec![segment]),
        }
    }
    let mut merged: Vec<Segment> = Vec::new();
    for mut line in lines {
        line.sort_by(|a, b| a.left.total_cmp(&b.left));
        let start = merged.len();
        for segment in line {
            if merged.len() > start
                && let Some(last) = merged.last_mut()
            {
                let gap = segment.left - last.right;
                // Twice on one place: looked for near the end, as a line may hold a million letters.
                let near = last.text.char_indices().rev().nth(NEAR).map_or(0, |(at, _)| at);
                let repeated =
                    gap < -0.5 * (segment.right - segment.left) && last.text[near..].contains(segment.text.trim());
                if repeated {
                    continue;
                }
                if gap < 0.9 * last.size.max(segment.size) && gap > -0.6 * segment.size {
                    join(&mut last.text, &segment.text, gap, last.size);
                    last.right = last.right.max(segment.right);
                    last.size = last.size.max(segment.size);
                    continue;
                }
            }
            merged.push(segment);
        }
    }
    merged
}

/// The size of running text, and those of headings above it.
struct Sizes {
    body: f32,
    headings: Vec<f32>,
}

impl Sizes {
    fn of(pages: &[Vec<Segment>]) -> Self {
        let mut characters: HashMap<i32, usize> = HashMap::new();
        for segment in pages.iter().flatten() {
            *characters.entry((segment.size * 2.0).round() as i32).or_default() += segment.text.chars().count();
        }
        let body = characters.iter().max_by_key(|(size, count)| (**count, **size)).map_or(10, |(size, _)| *size);
        let mut headings: Vec<i32> = characters.into_keys().filter(|size| *size as f32 > body as f32 * 1.12).collect();
        headings.sort_unstable_by(|a, b| b.cmp(a));
        Self { body: body as f32 / 2.0, headings: headings.into_iter().map(|size| size as f32 / 2.0).collect() }
    }

    fn level(&self, size: f32) -> Option<u8> {
        if size < self.body * 1.1 {
            return None;
        }
        let place = self.headings.iter().position(|heading| size >= heading - 0.3)?;
        Some((place as u8 + 1).min(6))
    }
}

/// Recursive cuts along white space: columns side by side, then bands one below the other.
fn cut(segments: Vec<Segment>, depth: usize, regions: &mut Vec<Vec<Segment>>) {
    if segments.len() < 2 || depth > 24 {
        regions.push(segments);
        return;
    }
    if let Some(at) = gutter(&segments) {
        let (left, right): (Vec<_>, Vec<_>) = segments.into_iter().partition(|s| s.left < at);
        cut(left, depth + 1, regions);
        cut(right, depth + 1, regions);
        return;
    }
    match band(&segments) {
        Some(at) => {
            let (above, below): (Vec<_>, Vec<_>) = segments.into_iter().partition(|s| s.y < at);
            cut(above, depth + 1, regions);
            cut(below, depth + 1, regions);
        }
        None => regions.push(segments),
    }
}

/// Where a white column divides two columns of prose; a table's cells are too short to be prose.
fn gutter(segments: &[Segment]) -> Option<f32> {
    let size = median(segments.iter().map(|s| s.size));
    let mut sorted: Vec<&Segment> = segments.iter().collect();
    sorted.sort_by(|a, b| a.left.total_cmp(&b.left));
    // What stands to the right of each place, so that a page of single letters takes no longer than it must.
    let mut rest: Vec<Side> = sorted.iter().rev().scan(Side::EMPTY, |side, s| Some(side.add(s))).collect();
    rest.reverse();
    let mut before = Side::EMPTY;
    let mut right = sorted.first()?.right;
    for (segment, after) in sorted.into_iter().zip(rest) {
        let at = (segment.left + right) / 2.0;
        if segment.left - right > 0.8 * size && before.is_column() && after.is_column() && before.overlaps(&after) {
            return Some(at);
        }
        before.add(segment);
        right = right.max(segment.right);
    }
    None
}

/// What stands on one side of a white column.
#[derive(Clone, Copy)]
struct Side {
    segments: usize,
    /// Widths of its characters, in Latin ones.
    width: f32,
    top: f32,
    bottom: f32,
}

impl Side {
    const EMPTY: Self = Self { segments: 0, width: 0.0, top: f32::INFINITY, bottom: f32::NEG_INFINITY };

    fn add(&mut self, segment: &Segment) -> Self {
        self.segments += 1;
        self.width += segment.text.chars().map(|c| if is_han(c) { 2.0 } else { 1.0 }).sum::<f32>();
        self.top = self.top.min(segment.y);
        self.bottom = self.bottom.max(segment.y);
        *self
    }

    fn is_column(&self) -> bool {
        self.segments >= 4 && self.width / self.segments as f32 >= 22.0
    }

    fn overlaps(&self, other: &Self) -> bool {
        let shared = self.bottom.min(other.bottom) - self.top.max(other.top);
        shared > 0.4 * (self.bottom - self.top).min(other.bottom - other.top)
    }
}

/// The widest white band across the region, if it is wider than those between the lines of a paragraph, or divides
/// the rows of a table.
fn band(segments: &[Segment]) -> Option<f32> {
    let mut spans: Vec<(f32, f32, f32)> = segments.iter().map(|s| (s.top(), s.bottom(), s.size)).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut bottom, mut size) = (spans.first()?.1, spans.first()?.2);
    let mut bands: Vec<(f32, f32, f32)> = Vec::new();
    for &(top, end, own) in &spans[1..] {
        if top > bottom {
            bands.push((top - bottom, (top + bottom) / 2.0, size.min(own)));
        }
        if end > bottom {
            (bottom, size) = (end, own);
        }
    }
    let usual = median(bands.iter().map(|(gap, ..)| *gap));
    let (gap, at, size) = bands.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    let wide = gap > 0.9 * size && (gap > 1.25 * usual || beside(segments.iter()) > 1);
    wide.then_some(at)
}

/// How many segments stand beside another rather than below it.
fn beside<'a>(segments: impl Iterator<Item = &'a Segment>) -> usize {
    let mut lines: Vec<(f32, f32)> = segments.map(|segment| (segment.y, segment.size)).collect();
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    lines.windows(2).filter(|pair| pair[1].0 - pair[0].0 < 0.9 * pair[0].1.min(pair[1].1)).count()
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(10.0)
}

/// Regions to blocks; neighbours that are rows of cells make one table.
fn regions_text(regions: Vec<Vec<Segment>>, sizes: &Sizes, out: &mut Builder) {
    let mut table: Vec<(Vec<Vec<Segment>>, Vec<String>)> = Vec::new();
    for region in regions {
        let lines = lines_of(region);
        match rows_of(&lines, sizes) {
            Some(rows) => table.push((lines, rows)),
            None => {
                end_table(&mut table, sizes, out);
                region_text(&lines, sizes, out);
            }
        }
    }
    end_table(&mut table, sizes, out);
}

fn end_table(table: &mut Vec<(Vec<Vec<Segment>>, Vec<String>)>, sizes: &Sizes, out: &mut Builder) {
    let regions = std::mem::take(table);
    let rows: Vec<&str> = regions.iter().flat_map(|(_, rows)| rows).map(String::as_str).collect();
    if rows.len() > 1 {
        return out.push(Kind::Table, &rows.join("\n"));
    }
    // One row alone is more likely words set apart.
    regions.iter().for_each(|(lines, _)| region_text(lines, sizes, out));
}

fn lines_of(mut segments: Vec<Segment>) -> Vec<Vec<Segment>> {
    segments.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.left.total_cmp(&b.left)));
    let mut lines: Vec<Vec<Segment>> = Vec::new();
    for segment in segments {
        match lines.last_mut() {
            Some(line) if (segment.y - line[0].y).abs() < 0.5 * line[0].size.min(segment.size) => line.push(segment),
            _ => lines.push(vec![segment]),
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.left.total_cmp(&b.left));
    }
    lines
}

/// The rows of a region that is nothing but cells in columns, whose cells may take several lines.
fn rows_of(lines: &[Vec<Segment>], sizes: &Sizes) -> Option<Vec<String>> {
    let columns = columns_of(lines.iter().flatten());
    let first = *columns.first()?;
    let named: Vec<bool> = lines.iter().map(|line| line[0].left <= first.1).collect();
    let marks = |segment: &Segment| segment.text.trim().chars().count() <= 3 && begins_item(&segment.text);
    let plain = !(2..=MOST_COLUMNS).contains(&columns.len())
        || beside(lines.iter().flatten()) == 0
        || lines.iter().flatten().any(|segment| sizes.level(segment.size).is_some())
        || lines.iter().zip(&named).all(|(line, named)| !named || marks(&line[0]));
    if plain {
        return None;
    }
    // A row begins where its first cell does; one with a single first cell may have that in its middle.
    let single = named.iter().filter(|named| **named).count() == 1;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (line, named) in lines.iter().zip(&named) {
        if rows.is_empty() || *named && !single {
            rows.push(vec![String::new(); columns.len()]);
        }
        let Some(row) = rows.last_mut() else { continue };
        for segment in line {
            let column = columns.iter().position(|column| segment.left <= column.1).unwrap_or(0);
            if row[column].is_empty() {
                row[column].push_str(segment.text.trim());
            } else {
                continue_line(&mut row[column], segment.text.trim());
            }
        }
    }
    let filled = |row: Vec<String>| row.into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ");
    Some(rows.into_iter().map(filled).collect())
}

/// The columns of a region: ranges with white space between them from top to bottom.
fn columns_of<'a>(segments: impl Iterator<Item = &'a Segment>) -> Vec<(f32, f32)> {
    let mut ranges: Vec<(f32, f32)> = segments.map(|segment| (segment.left, segment.right)).collect();
    ranges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f32, f32)> = Vec::new();
    for (left, right) in ranges {
        match columns.last_mut() {
            Some(column) if left <= column.1 => column.1 = column.1.max(right),
            _ => columns.push((left, right)),
        }
    }
    columns
}

/// One region's lines to blocks.
fn region_text(lines: &[Vec<Segment>], sizes: &Sizes, out: &mut Builder) {
    let right = lines.iter().flatten().map(|s| s.right).fold(0.0, f32::max);
    let pitch = median(lines.windows(2).map(|pair| pair[1][0].y - pair[0][0].y));
    let mut at = 0;
    while at < lines.len() {
        let rows = lines[at..].iter().take_while(|line| line.len() > 1).count();
        if rows >= 2 {
            let text: Vec<String> = lines[at..at + rows].iter().map(|line| row_text(line)).collect();
            out.push(Kind::Table, &text.join("\n"));
            at += rows;
            continue;
        }
        at += paragraph(&lines[at..], right, pitch, sizes, out);
    }
}

fn row_text(line: &[Segment]) -> String {
    line.iter().map(|segment| segment.text.trim()).collect::<Vec<_>>().join(" | ")
}

/// Writes the paragraph the lines begin with; returns how many lines it took.
fn paragraph(lines: &[Vec<Segment>], right: f32, pitch: f32, sizes: &Sizes, out: &mut Builder) -> usize {
    let first = &lines[0][0];
    let mut text = lines[0].iter().map(|segment| segment.text.trim()).collect::<Vec<_>>().join(" ");
    let mut count = 1;
    let mut previous = &lines[0];
    for line in &lines[1..] {
        let (last, next) = (&previous[previous.len() - 1], &line[0]);
        let gap = next.y - last.y;
        let same_size = (next.size - last.size).abs() < 0.08 * last.size;
        let short = last.right < right - 4.0 * last.size && ends_sentence(&last.text);
        let indented = next.left > previous[0].left + 1.2 * next.size && count > 1;
        if line.len() > 1
            || !same_size
            || gap > (1.9 * last.size).max(1.2 * pitch)
            || short
            || indented
            || begins_item(&next.text)
        {
            break;
        }
        continue_line(&mut text, next.text.trim());
        count += 1;
        previous = line;
    }
    let level = sizes.level(first.size).filter(|_| text.chars().count() <= 120);
    match level {
        Some(level) => out.heading(level, &text),
        None if begins_item(&first.text) => out.push(Kind::ListItem, &text),
        None => out.push(Kind::Paragraph, &text),
    }
    count
}

/// Adds the next line of a paragraph: no space between Han, no hyphen of a divided word.
fn continue_line(text: &mut String, next: &str) {
    let (last, first) = (text.chars().next_back(), next.chars().next());
    let letters = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    if last == Some('-') && first.is_some_and(char::is_lowercase) && letters(text.chars().rev().nth(1)) {
        // An address keeps its hyphen.
        let word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
        if !word.contains(['/', '@', '_']) {
            text.pop();
        }
    } else if last == Some('\u{ad}') {
        text.pop();
    } else if !(last.is_some_and(is_han) && first.is_some_and(is_han)) {
        text.push(' ');
    }
    text.push_str(next);
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', '!', '?', ':', '。', '！', '？', '：', '；'])
}

fn begins_item(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with(['•', '◦', '▪', '‣', '●', '○', '■', '·', '–']) {
        return true;
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    (1..=2).contains(&digits) && text[digits..].starts_with([')', '）', '、'])
}

/// Han, kana and the punctuation written with them.
fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff | 0xff00..=0xff60 | 0x20000..=0x3ffff)
}
