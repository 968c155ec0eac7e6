//! Which room may use which, and which library belongs to which room.

use std::path::Path;

use crate::{files, relative};

/// Room, and the rooms it may use.
const ARROWS: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("wire", &["domain"]),
    ("kernels", &[]),
    ("engine", &["domain", "kernels"]),
    ("knowledge", &["domain", "kernels"]),
    ("evaluate", &["domain"]),
    ("gateway", &["domain", "wire"]),
    ("platform", &["domain", "engine", "knowledge", "evaluate", "gateway"]),
    ("server", &["domain", "wire", "platform"]),
    ("cli", &["domain", "platform", "server"]),
];

/// Library, and the only rooms that may use it.
const LIBRARIES: [(&str, &[&str]); 8] = [
    ("axum", &["server"]),
    ("tower-http", &["server"]),
    ("reqwest", &["platform", "gateway"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("tantivy", &["knowledge"]),
    ("hayro-syntax", &["knowledge"]),
    ("memmap2", &["engine"]),
];

/// Files that may lift the ban on `unsafe`.
const UNSAFE: [&str; 2] = ["crates/kernels/", "crates/engine/src/gguf"];

pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let rooms: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    for entry in std::fs::read_dir(root.join("crates")).into_iter().flatten().flatten() {
        let room = entry.file_name().to_string_lossy().into_owned();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            problems.push(format!(
                "crates/{room}: a room the map does not know; add it to ARCHITECTURE.md and xtask/src/arrows.rs"
            ));
            continue;
        };
        for dependency in dependencies(&entry.path().join("Cargo.toml")) {
            if rooms.contains(&dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                problems.push(format!("crates/{room}: must not use `{dependency}`; it may use {allowed:?}"));
            }
            if let Some((_, owners)) = LIBRARIES.iter().find(|(library, _)| *library == dependency)
                && !owners.contains(&room.as_str())
            {
                problems.push(format!("crates/{room}: `{dependency}` belongs to {owners:?} only"));
            }
        }
    }
    for path in files(&root.join("crates"), &["rs"]) {
        let name = relative(root, &path);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lifts = text.lines().any(|line| line.contains("(unsafe_code"));
        if lifts && !UNSAFE.iter().any(|allowed| name.starts_with(allowed)) {
            problems.push(format!("{name}: `unsafe` is for kernels and the one mmap"));
        }
    }
    problems
}

fn dependencies(manifest: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    table
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|dependencies| dependencies.keys().cloned().collect())
        .unwrap_or_default()
}
