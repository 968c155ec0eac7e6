//! Where a text may be cut: its sentences, the clauses that state something, the heads of its tables.

use std::collections::HashSet;

use crate::fact::{features, normal};
use crate::figures::{Figures, Reading, figures};

/// A text without the bullet and the number of a list's item before it.
pub(crate) fn without_list_number(text: &str) -> &str {
    let bare = text.trim_start().trim_start_matches(['-', '*', '•', '#', '>']).trim_start();
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let enclosed = bare.strip_prefix(['（', '(']).and_then(|inner| {
        let rest = &inner[digits(inner)..];
        rest.strip_prefix(['）', ')']).filter(|_| (1..=2).contains(&digits(inner)))
    });
    let circled = bare.strip_prefix(|c| ('①'..='⑳').contains(&c));
    let count = digits(bare);
    let pointed = bare[count..]
        .strip_prefix(['.', ')', '、', '．', '）'])
        .filter(|rest| (1..=2).contains(&count) && !rest.starts_with(|c: char| c.is_numeric()));
    // `15.` alone is an answer.
    let rest = enclosed.or(circled).or(pointed).filter(|rest| rest.contains(char::is_alphanumeric));
    rest.unwrap_or(bare).trim_start()
}

/// The lines of a text that name the columns of the rows below them.
pub(crate) fn head_lines(text: &str) -> HashSet<&str> {
    let lines: Vec<&str> = text.lines().collect();
    heads(&lines).into_iter().flatten().map(|at| lines[at].trim()).collect()
}

/// For each line the one that names its columns, if it is a row of a table that has such a line. Only what looks like
/// names above figures does: a table may have been cut in its middle, or name its columns in every row.
pub(crate) fn heads(lines: &[&str]) -> Vec<Option<usize>> {
    let width = |line: &str| if line.contains(": ") { 1 } else { line.split(" | ").count() };
    let mut found = vec![None; lines.len()];
    let mut start = 0;
    while start < lines.len() {
        let columns = width(lines[start]);
        let same = lines[start..].iter().take_while(|line| width(line) == columns).count();
        let rows = &lines[start..start + same];
        let measured = |column: usize| {
            let cells = rows[1..].iter().filter_map(|row| row.split(" | ").nth(column));
            cells.filter(|cell| is_figure(cell)).count() * 2 >= rows.len().max(2)
        };
        if columns > 1 && !rows[0].contains(char::is_numeric) && (1..columns).any(measured) {
            found[start + 1..start + same].fill(Some(start));
        }
        start += same;
    }
    found
}

/// Whether a cell holds a figure and hardly anything else.
fn is_figure(cell: &str) -> bool {
    cell.contains(|c: char| c.is_ascii_digit()) && cell.chars().filter(|c| c.is_alphabetic()).count() <= 8
}

/// The clauses of a sentence that hold figures of their own; the whole where there are not two.
pub(crate) fn clauses(text: &[char], [start, end]: [usize; 2]) -> Vec<[usize; 2]> {
    let digit = |at: usize| text[..end].get(at).is_some_and(char::is_ascii_digit);
    let mut pieces = Vec::new();
    let (mut from, mut at) = (start, start);
    while at < end {
        let rest = &text[at..end];
        let joint = match rest {
            ['，' | '；' | ';', ..] => Some((at + 1, at + 1)),
            [',', ..] if at == start || !digit(at - 1) || !digit(at + 1) => Some((at + 1, at + 1)),
            ['以', '及', ..] => Some((at, at + 2)),
            // Between one and the other is one fact.
            [' ', 'a', 'n', 'd', ' ', ..] if !ends_with_between(&text[from..at]) => Some((at, at + 5)),
            _ => None,
        };
        match joint {
            Some((to, next)) => {
                pieces.push([from, to]);
                (from, at) = (next, next);
            }
            None => at += 1,
        }
    }
    pieces.push([from, end]);
    let states = |[from, to]: [usize; 2]| {
        let piece = normal(&text[from..to].iter().collect::<String>());
        let Figures { numbers, codes, .. } = figures(&piece, Reading::Claim);
        let worded = features(&piece).iter().any(|feature| !feature.contains(char::is_numeric));
        worded && !(numbers.is_empty() && codes.is_empty())
    };
    let mut merged: Vec<[usize; 2]> = Vec::new();
    let mut open: Option<[usize; 2]> = None;
    for piece in pieces {
        let whole = open.take().map_or(piece, |[from, _]| [from, piece[1]]);
        match (states(whole), merged.last_mut()) {
            (true, _) => merged.push(whole),
            // What states nothing itself belongs to what it follows; before the first, to what it leads to.
            (false, Some(last)) => last[1] = whole[1],
            (false, None) => open = Some(whole),
        }
    }
    if merged.len() < 2 { vec![[start, end]] } else { merged }
}

fn ends_with_between(text: &[char]) -> bool {
    let words: String = text.iter().collect();
    words.to_ascii_lowercase().split_whitespace().rev().take(4).any(|word| matches!(word, "between" | "both"))
}

/// Ranges of sentences, in Chinese or English, including what closes them.
pub(crate) fn sentences(text: &[char]) -> Vec<[usize; 2]> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let next = text.get(at + 1).copied();
        let ends = match text[at] {
            '\n' | '。' | '！' | '？' | '；' => true,
            '!' | '?' | '.' => next.is_none_or(char::is_whitespace) && !enumerates(&text[start..at]),
            _ => false,
        };
        at += 1;
        if ends {
            while at < text.len() && matches!(text[at], '”' | '’' | '"' | '\'' | '）' | ')' | '」' | '』') {
                at += 1;
            }
            found.push([start, at]);
            start = at;
        }
    }
    found.push([start, text.len()]);
    found.retain(|[start, end]| text[*start..*end].iter().any(|c| c.is_alphanumeric()));
    found
}

/// `1` before a full stop is a list's number, `e.g` an abbreviation: neither ends a sentence.
fn enumerates(before: &[char]) -> bool {
    let start = before.iter().rposition(|c| c.is_whitespace()).map_or(0, |at| at + 1);
    let word: String = before[start..].iter().collect();
    let list = before.iter().filter(|c| !c.is_whitespace()).all(char::is_ascii_digit);
    list || matches!(
        word.to_ascii_lowercase().as_str(),
        "e.g" | "i.e" | "etc" | "vs" | "mr" | "dr" | "no" | "fig" | "cf"
    )
}

pub(crate) fn trimmed(chars: &[char], [mut start, mut end]: [usize; 2]) -> [usize; 2] {
    while start < end && chars[start].is_whitespace() {
        start += 1;
    }
    while end > start && chars[end - 1].is_whitespace() {
        end -= 1;
    }
    [start, end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lists_are_no_figures() {
        for (text, rest) in [
            ("1、登录系统", "登录系统"),
            ("1.登录系统", "登录系统"),
            ("1．登录系统", "登录系统"),
            ("（2）登录系统", "登录系统"),
            ("(12) log in", "log in"),
            ("① 登录", "登录"),
            ("- 3) log in", "log in"),
            ("2. Log in", "Log in"),
            ("1.5 days", "1.5 days"),
            ("15.", "15."),
            ("2026. 3", "2026. 3"),
            ("（2026）年", "（2026）年"),
        ] {
            assert_eq!(without_list_number(text), rest, "{text}");
        }
    }

    #[test]
    fn clauses_hold_figures_of_their_own() {
        for (text, wanted) in [
            ("标准校准260元，加急校准420元。", &["标准校准260元，", "加急校准420元。"][..]),
            ("根据规定，标准260元，不含税，加急420元。", &["根据规定，标准260元，不含税，", "加急420元。"]),
            ("Annual leave is 15 days and sick leave 10 days", &["Annual leave is 15 days", "sick leave 10 days"]),
            ("Between 5 and 10 days", &["Between 5 and 10 days"]),
            ("It costs 1,200 yuan, all in", &["It costs 1,200 yuan, all in"]),
            ("E07表示过期；E08表示没电", &["E07表示过期；", "E08表示没电"]),
            ("年假、病假以及婚假", &["年假、病假以及婚假"]),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let found: Vec<String> = clauses(&chars, [0, chars.len()])
                .into_iter()
                .map(|[from, to]| chars[from..to].iter().collect())
                .collect();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn only_names_above_figures_are_a_head() {
        for (text, head) in [
            ("City | Limit\nBeijing, Shanghai | CNY 680\nother | 480", true),
            ("城市 | 标准\n成都 | 480\n广州 | 600", true),
            ("成都 | 480\n广州 | 600", false),
            ("City: Beijing | Limit: 680\nCity: other | Limit: 480", false),
            ("Name | Alice\nPhone | 123456\nRoom | Aurora\nTeam | Sales", false),
            ("Display | Meaning\nE02 | Memory full\nE07 | Calibration overdue, book a new calibration", false),
            ("City | Limit", false),
        ] {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(heads(&lines)[lines.len() - 1].is_some(), head, "{text}");
        }
    }
}
