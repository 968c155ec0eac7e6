//! One module a command.

use std::path::Path;

use anyhow::Context;

pub(crate) mod ask;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod choose;
pub(crate) mod cluster;
pub(crate) mod complete;
pub(crate) mod data;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod ingest;
pub(crate) mod judge;
pub(crate) mod kb;
pub(crate) mod models;
pub(crate) mod rerank;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod size;
pub(crate) mod task;
pub(crate) mod tokens;

/// The text of a file; of standard input for `-`.
fn text_of(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input is not UTF-8 text");
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read as UTF-8 text", path.display()))
}
