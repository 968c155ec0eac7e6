//! A file over its budget, or a function over its own, wants a second look; the ones that had it are listed with the reason.

use std::path::Path;

use regex::Regex;

use crate::{files, relative};

/// Lines of a file before its tests.
const FILE: usize = 500;
/// Lines of a function.
const FUNCTION: usize = 80;

/// Something over its budget.
pub(crate) struct Excess {
    what: String,
    lines: usize,
}

impl Excess {
    pub(crate) fn as_toml(&self) -> String {
        format!("\"{}\" = {{ lines = {}, why = \"\" }}", self.what, self.lines)
    }
}

pub(crate) fn check(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("xtask/budgets.toml")).unwrap_or_default();
    let listed: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("xtask/budgets.toml: {error}")],
    };
    let allowance = |what: &str| listed.get(what).and_then(|e| e.get("lines")).and_then(toml::Value::as_integer);
    let excesses = excesses(root);
    let mut problems: Vec<String> = excesses
        .iter()
        .filter(|excess| allowance(&excess.what).is_none_or(|allowed| excess.lines as i64 > allowed))
        .map(|excess| {
            format!("{}: {} lines; split it, or list it with a reason in xtask/budgets.toml", excess.what, excess.lines)
        })
        .collect();
    for (what, entry) in &listed {
        if !excesses.iter().any(|excess| &excess.what == what) {
            problems.push(format!("xtask/budgets.toml: `{what}` is within its budget now; take it off the list"));
        }
        if entry.get("why").and_then(toml::Value::as_str).is_none_or(str::is_empty) {
            problems.push(format!("xtask/budgets.toml: `{what}` has no reason"));
        }
    }
    problems
}

pub(crate) fn excesses(root: &Path) -> Vec<Excess> {
    let head = Regex::new(r"^(\s*)(?:pub(?:\([a-z]+\))? )?(?:const |async |unsafe )*fn (\w+)")
        .expect("a constant pattern: this is a bug");
    let mut excesses = Vec::new();
    for folder in ["crates", "xtask"] {
        for path in files(&root.join(folder), &["rs"]) {
            let name = relative(root, &path);
            if name.contains("/tests") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).collect();
            if lines.len() > FILE {
                excesses.push(Excess { what: name.clone(), lines: lines.len() });
            }
            let mut open: Option<(usize, String, String)> = None;
            for (number, line) in lines.iter().enumerate() {
                if let Some(found) = head.captures(line) {
                    open = Some((number, found[1].to_owned(), found[2].to_owned()));
                } else if let Some((start, indent, function)) = &open
                    && *line == format!("{indent}}}")
                {
                    let length = number - start + 1;
                    if length > FUNCTION {
                        excesses.push(Excess { what: format!("{name}:{function}"), lines: length });
                    }
                    open = None;
                }
            }
        }
    }
    excesses
}
