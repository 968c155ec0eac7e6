//! Paths and links in the documents must exist.

use std::path::Path;

use regex::Regex;

use crate::{files, relative};

/// Documents that must be there, each with its other language where it has one.
const DOCUMENTS: [&str; 6] =
    ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"];

pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for document in DOCUMENTS {
        if !root.join(document).is_file() {
            problems.push(format!("{document}: missing"));
        }
    }
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").expect("a constant pattern: this is a bug");
    for path in files(root, &["md"]) {
        if path.starts_with(root.join("examples")) {
            continue; // documents of the sample knowledge base speak of their own world
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let folder = path.parent().unwrap_or(root);
        for target in link.captures_iter(&text).filter_map(|found| found.get(1)).map(|found| found.as_str()) {
            if !target.contains("://") && !target.starts_with("mailto:") && !folder.join(target).exists() {
                problems.push(format!("{}: the link `{target}` leads nowhere", relative(root, &path)));
            }
        }
    }
    problems.extend(map_paths(root));
    problems.extend(both_languages(root));
    problems
}

/// Every `path/like/this` in ARCHITECTURE.md exists.
fn map_paths(root: &Path) -> Vec<String> {
    let path = Regex::new(r"`((?:crates|xtask|web|docs|bench|tests|examples|scripts)/[\w./-]*)`")
        .expect("a constant pattern: this is a bug");
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    path.captures_iter(&map)
        .filter_map(|found| found.get(1))
        .filter(|found| !root.join(found.as_str()).exists())
        .map(|found| format!("ARCHITECTURE.md: `{}` does not exist", found.as_str()))
        .collect()
}

/// Every page under docs/en has its twin under docs/zh, and the other way round.
fn both_languages(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for (here, there) in [("docs/en", "docs/zh"), ("docs/zh", "docs/en")] {
        for page in files(&root.join(here), &["md"]) {
            let name = relative(&root.join(here), &page);
            if !root.join(there).join(&name).is_file() {
                problems.push(format!("{here}/{name}: has no twin in {there}"));
            }
        }
    }
    problems
}
