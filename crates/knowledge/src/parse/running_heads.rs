//! What a program prints on every page of a document: running heads, page numbers.

use std::collections::{HashMap, HashSet};

use super::layout::Segment;

/// Characters of a page number.
const LONGEST_NUMBER: usize = 12;

/// Drops the lines at the edge of many pages that differ only in numbers.
pub(super) fn drop(pages: &mut [Vec<Segment>]) {
    if pages.len() < 4 {
        return;
    }
    let edges: Vec<HashMap<i32, String>> = pages.iter().map(|page| edge_lines(page)).collect();
    let mut counts: HashMap<(i32, &str), usize> = HashMap::new();
    for (height, line) in edges.iter().flatten() {
        *counts.entry((*height, line)).or_default() += 1;
    }
    let enough = (pages.len() / 4).max(3);
    for (page, lines) in pages.iter_mut().zip(&edges) {
        let many = |(height, line): &(&i32, &String)| counts.get(&(**height, line.as_str())) >= Some(&enough);
        let heads: HashSet<i32> = lines.iter().filter(many).map(|(height, _)| *height).collect();
        let (top, bottom) = inner(page);
        page.retain(|segment| segment.y > top && segment.y < bottom || !heads.contains(&height(segment)));
    }
}

/// By height, what the lines at the edges of a page say but for their numbers. The whole line counts: a cell of a table
/// is often the same on several pages, a row is not.
fn edge_lines(page: &[Segment]) -> HashMap<i32, String> {
    let (top, bottom) = inner(page);
    if bottom <= top {
        return HashMap::new();
    }
    let mut lines: HashMap<i32, Vec<&str>> = HashMap::new();
    for segment in page.iter().filter(|segment| segment.y <= top || segment.y >= bottom) {
        lines.entry(height(segment)).or_default().push(segment.text.trim());
    }
    lines.retain(|_, segments| may_be_head(segments));
    let plain = |segments: Vec<&str>| -> String {
        segments.concat().chars().filter(|c| !c.is_ascii_digit() && !c.is_whitespace()).collect()
    };
    lines.into_iter().map(|(height, segments)| (height, plain(segments))).collect()
}

/// Without letters only a page number is one; several figures are a row of a table, which may be the first of any page.
fn may_be_head(segments: &[&str]) -> bool {
    let figures = segments.iter().filter(|text| !text.chars().any(char::is_alphabetic)).count();
    match segments {
        [text] if figures == 1 => text.chars().count() <= LONGEST_NUMBER,
        _ => figures <= 1,
    }
}

/// Between which heights a page's own text stands.
fn inner(page: &[Segment]) -> (f32, f32) {
    let top = page.iter().map(|segment| segment.y).fold(f32::INFINITY, f32::min);
    let bottom = page.iter().map(|segment| segment.y).fold(f32::NEG_INFINITY, f32::max);
    let margin = 0.02 * (bottom - top);
    (top + margin, bottom - margin)
}

fn height(segment: &Segment) -> i32 {
    (segment.y / 6.0).round() as i32
}
