//! What can be typed after `sumeru judge`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::choose::confidence;
use super::task::Folder;

#[derive(Debug, Subcommand)]
pub(crate) enum Judge {
    /// Tell how far a task's judge can be trusted: it grades what people graded
    #[command(
        before_long_help = "Example:\n  sumeru judge check rewrite --graded graded.jsonl\nEach line of the file holds a row, an answer to it, and what people say of it:\n  {\"input\": {...}, \"expected\": \"...\", \"answer\": \"...\", \"score\": 0.75}\n`score` is between 0 and 1, true or false; `grade` instead is one of the task's scale."
    )]
    Check(JudgeCheck),
}

#[derive(Debug, Args)]
pub(crate) struct JudgeCheck {
    /// The task
    pub(crate) task: String,
    /// Graded answers: .jsonl, .json, .csv, .tsv or .xlsx [default: the file that `graded` in the task's [judge] names]
    #[arg(long, value_name = "FILE")]
    pub(crate) graded: Option<PathBuf>,
    /// Who judges [default: the model in the task's [judge]; else the catalogue's, or the only one installed]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = confidence)]
    pub(crate) confidence: f64,
    #[command(flatten)]
    pub(crate) folder: Folder,
}
