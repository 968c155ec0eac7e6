//! Names of models: which are allowed, and which one was probably meant.

use crate::{Error, Result};

const LONGEST: usize = 96;

/// Refuses names that could not be a folder, a request's `model` or part of a path.
pub(super) fn check(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= LONGEST && name.chars().all(plain) && !name.ends_with('.') {
        return Ok(());
    }
    Err(Error::invalid(
        "name",
        "invalid_value",
        format!(
            "'{}' cannot name a model: use up to {LONGEST} of the letters a-z, digits, '.', '_' and '-', a letter or digit first; choose another with --name",
            name.escape_debug()
        ),
    ))
}

/// A name made of a file's name.
pub(super) fn from_stem(stem: &str) -> String {
    let mut name = String::new();
    for c in stem.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '.' | '_') => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
        if name.len() == LONGEST {
            break;
        }
    }
    name.trim_matches(['-', '.', '_']).to_owned()
}

/// The names close to one that does not exist, closest first, at most three.
pub(super) fn near<'a>(asked: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let asked = asked.to_lowercase();
    let asked = &asked[..asked.floor_char_boundary(LONGEST)];
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let within = asked.len() >= 3 && (lower.contains(asked) || asked.contains(&lower));
            let distance = distance(asked, &lower);
            (within || distance <= 1 + asked.len() / 4).then_some((if within { 0 } else { distance }, name))
        })
        .collect();
    found.sort_by_key(|(distance, _)| *distance); // stable: equals stay in the catalogue's order
    let mut names: Vec<&str> = Vec::new();
    for (_, name) in found {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.truncate(3);
    names
}

/// Levenshtein's distance: letters to put in, take out or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_folder_are_refused() {
        for name in ["qwen2.5-coder-0.5b-instruct", "A", "7b", "a_b.c"] {
            assert!(check(name).is_ok(), "{name}");
        }
        let long = "a".repeat(97);
        for name in ["", ".", "..", "../x", "a/b", "a\\b", ".a", "-a", "a b", "a@b", "a.", "é", "a\0", &long] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_file_gives_its_name() {
        for (stem, expected) in
            [("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct.q4_1"), ("我的 Model (1)", "model-1"), ("模型", "")]
        {
            assert_eq!(from_stem(stem), expected);
            assert!(expected.is_empty() || check(expected).is_ok());
        }
        assert!(check(&from_stem(&"x ".repeat(500))).is_ok());
    }

    #[test]
    fn the_one_that_was_meant_is_found() {
        let names = ["qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct", "smollm2-135m-instruct"];
        for (asked, expected) in [
            ("qwen2.5-coder-0.5b", &names[..1]),
            ("smolm2-135m-instruct", &names[2..]),
            ("SmolLM2", &names[2..]),
            ("qwen2.5-coder-0.5b-instruct-q4", &names[..2]),
            ("gpt-9", &[]),
            ("", &[]),
        ] {
            assert_eq!(near(asked, names.iter().copied()), expected, "{asked}");
        }
    }
}
