//! Chores of the house, run as `cargo xtask NAME`.
//!
//! `tidy` asserts what ARCHITECTURE.md says: which room may use which, which library belongs to which room,
//! that paths and links in the documents exist, and that files and functions stay within their budgets.
//! `tidy --list` prints every file and function over budget as lines ready for `xtask/budgets.toml`.

mod arrows;
mod budgets;
mod links;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, flag) = (arguments.next(), arguments.next());
    let root = root();
    match (name.as_deref(), flag.as_deref()) {
        (Some("tidy"), None) => tidy(&root),
        (Some("tidy"), Some("--list")) => {
            for excess in budgets::excesses(&root) {
                say(&excess.as_toml());
            }
            ExitCode::SUCCESS
        }
        _ => {
            say("usage: cargo xtask tidy [--list]");
            ExitCode::from(2)
        }
    }
}

fn tidy(root: &Path) -> ExitCode {
    let mut problems = Vec::new();
    problems.extend(arrows::check(root));
    problems.extend(links::check(root));
    problems.extend(budgets::check(root));
    for problem in &problems {
        say(problem);
    }
    say(&format!("tidy: {} problem(s)", problems.len()));
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// All files below `folder` with one of these extensions, without built or fetched ones.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    const SKIP: [&str; 5] = ["target", "node_modules", "dist", ".cache", ".git"];
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && !SKIP.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[expect(clippy::print_stdout, reason = "a chore reports on the terminal")]
fn say(line: &str) {
    println!("{line}");
}
