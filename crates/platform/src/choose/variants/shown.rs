//! What a choice says to a model, for people: where it differs from the task, line by line.

use serde::Serialize;
use serde_json::Value;

use super::Variant;
use crate::Decision;
use crate::routes::plain;

/// A line of instructions, and how it came to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::choose) struct Line {
    /// `kept`, `new` or `gone`.
    pub(in crate::choose) kind: &'static str,
    pub(in crate::choose) text: String,
}

/// The words of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::choose) struct Shown {
    /// The variant's name.
    pub(in crate::choose) name: String,
    /// Who wrote them.
    pub(in crate::choose) written_by: Option<String>,
    /// The instructions beside the task's; nothing if they are the task's.
    pub(in crate::choose) lines: Vec<Line>,
    /// Its examples, if they are not the task's: the row and the answer.
    pub(in crate::choose) examples: Vec<(String, String)>,
}

impl Shown {
    /// Those of the choice; nothing if it keeps to the task's words.
    pub(in crate::choose) fn of(decision: &Decision) -> Option<Self> {
        let chosen = decision.chosen.as_ref()?;
        let name = chosen.variant.as_ref()?;
        let Variant { instructions, examples, written_by } = decision.variants.get(name)?;
        let lines = instructions.as_ref().map(|new| differences(&decision.prompt.instructions, new));
        let examples = examples.iter().flatten().take(chosen.route.shown());
        let said = |output: &Value| output.as_str().map_or_else(|| output.to_string(), str::to_owned);
        Some(Self {
            name: name.clone(),
            written_by: written_by.clone(),
            lines: lines.unwrap_or_default(),
            examples: examples.map(|one| (plain(&one.input), said(&one.output))).collect(),
        })
    }
}

impl Decision {
    /// What the choice says to a model, where it differs from the task's own words, as lines of text: `+` before a new line of the instructions, `-`
    /// before one that is gone; an example is its row and its answer.
    pub fn words(&self) -> Option<String> {
        let shown = Shown::of(self)?;
        let by = shown.written_by.as_ref().map_or(String::new(), |by| format!(", written by {by}"));
        let mut lines = vec![format!("In these words ({}{by}):", shown.name)];
        let mark = |line: &Line| match line.kind {
            "new" => "+",
            "gone" => "-",
            _ => " ",
        };
        lines.extend(shown.lines.iter().map(|line| format!("  {} {}", mark(line), line.text)));
        lines.extend(shown.examples.iter().map(|(row, answer)| format!("  {} => {answer}", row.replace('\n', " "))));
        Some(lines.join("\n"))
    }
}

/// Two texts line by line: what both have (their longest common subsequence), what only the new one has, what only the old one had.
fn differences(old: &str, new: &str) -> Vec<Line> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.trim_end().lines().collect(), new.trim_end().lines().collect());
    let mut common = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let longer = common[i + 1][j].max(common[i][j + 1]);
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { longer };
        }
    }
    let line = |kind, text: &str| Line { kind, text: text.to_owned() };
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            all.push(line("kept", a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            all.push(line("gone", a[i]));
            i += 1;
        } else {
            all.push(line("new", b[j]));
            j += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_new_or_gone() {
        let said = |old: &str, new: &str| -> Vec<String> {
            differences(old, new).into_iter().map(|line| format!("{}:{}", line.kind, line.text)).collect()
        };
        assert_eq!(said("a\nb\nc\n", "x\nb\nc\nd\n"), ["gone:a", "new:x", "kept:b", "kept:c", "new:d"]);
        assert_eq!(said("", "x"), ["new:x"]);
        assert_eq!(said("x", "x\n"), ["kept:x"]);
    }
}
