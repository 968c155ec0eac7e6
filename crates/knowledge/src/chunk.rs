//! A document's blocks to passages of a bounded number of tokens.

use domain::Passage;

use crate::parse::{Block, Kind, Parsed};

/// Cuts a document along its structure; every passage is a verbatim slice of its text, on one page, and of
/// `max_tokens` and those of short headings above it at most.
pub fn chunk(document: &str, parsed: &Parsed, max_tokens: usize, count: &dyn Fn(&str) -> usize) -> Vec<Passage> {
    let max_tokens = max_tokens.max(8);
    let offsets = Offsets::new(&parsed.text);
    let mut out = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for block in &parsed.blocks {
        let tokens = tokens_of(block, max_tokens, count);
        if let Some(group) = &mut open
            && group.takes(block, tokens, max_tokens)
        {
            group.add(block, tokens);
            continue;
        }
        let mut headings = None;
        match open.take() {
            Some(group) if tokens > max_tokens && group.leads(block, max_tokens) => headings = Some(group.span[0]),
            group => out.extend(group),
        }
        if tokens <= max_tokens {
            open = Some(Open::new(block, block.span, tokens));
            continue;
        }
        for mut span in split(block, tokens, max_tokens, count) {
            if let Some(headings) = headings.take() {
                span[0] = headings;
            }
            out.push(Open::new(block, span, max_tokens));
        }
    }
    out.extend(open);
    out.into_iter()
        .map(|group| {
            let text = offsets.slice(&parsed.text, group.span);
            let section = group.first.section.join(" > ");
            let mut hash = blake3::Hasher::new();
            hash.update(document.as_bytes());
            hash.update(&(group.span[0] as u64).to_le_bytes());
            hash.update(&(group.span[1] as u64).to_le_bytes());
            hash.update(text.as_bytes());
            Passage {
                id: hash.finalize().to_hex().chars().take(32).collect(),
                document: document.to_owned(),
                title: parsed.title.clone(),
                page: group.first.page,
                section,
                span: group.span,
                text: text.to_owned(),
            }
        })
        .collect()
}

/// About how many tokens a multilingual model makes of a text, without asking one: passages are then cut the same way
/// whichever models are installed. Beside XLM-R's and Qwen's tokenizers it is within a quarter on prose, and low by up to a half on tables of
/// figures, whose digits are tokens of their own.
pub fn estimate_tokens(text: &str) -> usize {
    let mut quarters = 0;
    let mut word = 0;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word += 1;
            // The first letter opens a token; every fifth one more.
            if word % 5 == 1 {
                quarters += 4;
            }
            continue;
        }
        word = 0;
        quarters += match c {
            c if c.is_whitespace() => 0,
            c if crate::text::is_han(c) => 3,
            c if c.is_ascii_punctuation() => 3,
            _ => 4,
        };
    }
    usize::div_ceil(quarters, 4)
}

/// Tokens of a block; an estimate where it is far too big for one passage anyway, as counting a whole file's worth
/// of text takes long.
fn tokens_of(block: &Block, max: usize, count: &dyn Fn(&str) -> usize) -> usize {
    const SAMPLE: usize = 4096;
    let length = block.span[1] - block.span[0];
    if length <= SAMPLE.max(max * 16) {
        return count(&block.text);
    }
    let end = block.text.char_indices().nth(SAMPLE).map_or(block.text.len(), |(at, _)| at);
    (count(&block.text[..end]).max(1) * (length / SAMPLE)).max(max + 1)
}

/// Neighbouring blocks that will be one passage.
struct Open<'a> {
    first: &'a Block,
    span: [usize; 2],
    tokens: usize,
    headings_only: bool,
}

impl<'a> Open<'a> {
    fn new(first: &'a Block, span: [usize; 2], tokens: usize) -> Self {
        Self { first, span, tokens, headings_only: heading(first) }
    }

    /// Whether these are short headings of a block: alone they would answer nothing, and be found before what does.
    fn leads(&self, block: &Block, max: usize) -> bool {
        self.headings_only && !heading(block) && self.tokens <= max / 4
    }

    /// Same section and page, room left; a heading begins a new passage unless only headings stand before.
    fn takes(&self, block: &Block, tokens: usize, max: usize) -> bool {
        if self.tokens + tokens + 1 > max {
            return tokens <= max && self.leads(block, max);
        }
        if self.headings_only {
            return true;
        }
        // A passage is cited by one page.
        if self.first.page != block.page {
            return false;
        }
        !heading(block) && self.first.section == block.section
            || block.section.starts_with(&self.first.section) && self.tokens < max / 8
    }

    fn add(&mut self, block: &'a Block, tokens: usize) {
        if self.headings_only {
            self.first = block;
        }
        self.headings_only &= heading(block);
        self.span[1] = block.span[1];
        self.tokens += tokens + 1;
    }
}

fn heading(block: &Block) -> bool {
    matches!(block.kind, Kind::Heading { .. })
}

/// Spans of a block too big for one passage: whole rows or lines first, else whole sentences.
fn split(block: &Block, tokens: usize, max: usize, count: &dyn Fn(&str) -> usize) -> Vec<[usize; 2]> {
    let by_lines = matches!(block.kind, Kind::Table | Kind::Code);
    let chars: Vec<char> = block.text.chars().collect();
    let per_token = (chars.len() / tokens.max(1)).max(1);
    let pieces = pieces(&chars, by_lines, (max * per_token / 2).max(4));
    let mut spans: Vec<[usize; 2]> = Vec::new();
    let mut used = usize::MAX;
    for [start, end] in pieces {
        let text: String = chars[start..end].iter().collect();
        let cost = count(&text) + 1;
        if cost > max + 1 && end - start > 1 {
            spans.extend(halve(&chars, [start, end], max, count));
            used = usize::MAX;
            continue;
        }
        match spans.last_mut() {
            Some(last) if used.saturating_add(cost) <= max => {
                last[1] = end;
                used += cost;
            }
            _ => {
                spans.push([start, end]);
                used = cost;
            }
        }
    }
    spans
        .into_iter()
        .filter_map(|span| trim(&chars, span))
        .map(|[start, end]| [block.span[0] + start, block.span[0] + end])
        .collect()
}

fn halve(chars: &[char], span: [usize; 2], max: usize, count: &dyn Fn(&str) -> usize) -> Vec<[usize; 2]> {
    let mut todo = vec![span];
    let mut out = Vec::new();
    while let Some([start, end]) = todo.pop() {
        let text: String = chars[start..end].iter().collect();
        if end - start <= 1 || count(&text) <= max {
            out.push([start, end]);
            continue;
        }
        let middle = start + (end - start) / 2;
        todo.push([middle, end]);
        todo.push([start, middle]);
    }
    out
}

/// Sentences (or lines); one longer than `most` characters is cut at a space or a comma.
fn pieces(chars: &[char], by_lines: bool, most: usize) -> Vec<[usize; 2]> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut soft = 0;
    for at in 0..chars.len() {
        let next = chars.get(at + 1).copied().unwrap_or('\n');
        let end = match chars[at] {
            '\n' => true,
            _ if by_lines => false,
            '。' | '！' | '？' | '；' => !"”’」』）".contains(next),
            '”' | '」' | '』' => at > 0 && "。！？".contains(chars[at - 1]),
            '.' | '!' | '?' => next.is_whitespace(),
            _ => false,
        };
        if "，,、： \t|".contains(chars[at]) {
            soft = at + 1;
        }
        if end {
            out.push([start, at + 1]);
            start = at + 1;
        } else if at + 1 - start >= most {
            let cut = if soft > start { soft } else { at + 1 };
            out.push([start, cut]);
            start = cut;
        }
    }
    if start < chars.len() {
        out.push([start, chars.len()]);
    }
    out
}

fn trim(chars: &[char], [mut start, mut end]: [usize; 2]) -> Option<[usize; 2]> {
    while start < end && chars[start].is_whitespace() {
        start += 1;
    }
    while end > start && chars[end - 1].is_whitespace() {
        end -= 1;
    }
    (start < end).then_some([start, end])
}

/// Byte offsets of every 64th character, so that slicing a long text is cheap.
struct Offsets(Vec<usize>);

impl Offsets {
    const STEP: usize = 64;

    fn new(text: &str) -> Self {
        Self(text.char_indices().step_by(Self::STEP).map(|(at, _)| at).collect())
    }

    fn slice<'a>(&self, text: &'a str, [start, end]: [usize; 2]) -> &'a str {
        &text[self.byte(text, start)..self.byte(text, end)]
    }

    fn byte(&self, text: &str, at: usize) -> usize {
        let Some(base) = self.0.get(at / Self::STEP).copied() else { return text.len() };
        let rest = &text[base..];
        base + rest.char_indices().nth(at % Self::STEP).map_or(rest.len(), |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Limits, parse};

    fn words(text: &str) -> usize {
        text.chars().filter(|c| !c.is_ascii()).count() + text.split_ascii_whitespace().count()
    }

    #[test]
    fn passages_are_slices_and_bounded() {
        let long = "这是一个很长的句子，用来测试切分。".repeat(60);
        let table: String = (0..80).map(|i| format!("|{i}|值{i}|\n")).collect();
        let text = format!(
            "# 书\n\n## 甲\n\n短。\n\n也短。\n\n## 乙\n\n{long}\n\n|a|b|\n|-|-|\n{table}\n{}\n",
            "x".repeat(5000)
        );
        let parsed = parse("a.md", text.as_bytes(), &Limits::default()).unwrap();
        for max in [8, 16, 64, 300] {
            let passages = chunk("a.md", &parsed, max, &words);
            let chars: Vec<char> = parsed.text.chars().collect();
            for p in &passages {
                let slice: String = chars[p.span[0]..p.span[1]].iter().collect();
                assert_eq!(slice, p.text);
                assert!(words(&p.text) <= max + max / 4, "{max}: {}", p.text);
            }
            let dense = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let joined: String = passages.iter().map(|p| dense(&p.text)).collect();
            assert_eq!(joined, dense(&parsed.text), "nothing lost at {max}");
        }
        let passages = chunk("a.md", &parsed, 64, &words);
        assert!(passages.iter().any(|p| p.section == "书 > 甲" && p.text.contains("也短")));
    }

    #[test]
    fn headings_go_with_what_follows() {
        let (fits, splits) = ("w ".repeat(16), "w ".repeat(40));
        for (text, alone) in [
            (format!("# a\n\n{fits}"), 0),
            (format!("# a\n\n## b\n\n{splits}"), 0),
            (format!("# a\n\n- {splits}"), 0),
            (format!("# {}\n\n{fits}", "t ".repeat(8)), 1),
            ("# a\n\n# b\n\nw".to_owned(), 0),
        ] {
            let parsed = parse("a.md", text.as_bytes(), &Limits::default()).unwrap();
            let passages = chunk("a.md", &parsed, 16, &words);
            assert_eq!(passages.iter().filter(|p| !p.text.contains('w')).count(), alone, "{text}");
            assert!(passages.iter().all(|p| words(&p.text) <= 16 + 16 / 4), "{text}");
        }
    }

    #[test]
    fn passages_stay_on_one_page() {
        let block = |kind, text: &str, page, at: usize| Block {
            kind,
            text: text.to_owned(),
            page: Some(page),
            span: [at, at + text.len()],
            section: Vec::new(),
        };
        let (head, body) = (Kind::Heading { level: 1 }, Kind::Paragraph);
        let blocks = vec![
            block(body, "one", 1, 0),
            block(body, "two", 1, 5),
            block(head, "h", 1, 10),
            block(body, "three", 2, 13),
        ];
        let mut parsed = parse("a.txt", b"x", &Limits::default()).unwrap();
        (parsed.text, parsed.blocks) = ("one\n\ntwo\n\nh\n\nthree\n\nfour".to_owned(), blocks);
        parsed.blocks.push(block(body, "four", 3, 20));
        let passages: Vec<_> = chunk("a", &parsed, 16, &words).into_iter().map(|p| (p.page, p.text)).collect();
        let wanted = [(1, "one\n\ntwo"), (2, "h\n\nthree"), (3, "four")];
        assert_eq!(passages, wanted.map(|(page, text)| (Some(page), text.to_owned())));
    }
}
