//! What can be typed after `sumeru task`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use platform::Route;

use super::choose::Report;

/// Where tasks are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Folder {
    /// The folder that holds `tasks/`
    #[arg(long, env = "SUMERU_WORKSPACE", value_name = "DIR", default_value = ".", hide_env_values = true)]
    pub(crate) workspace: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The task
    pub(crate) task: String,
    /// Rows: .jsonl, .json, .csv, .tsv or .xlsx; `-` reads JSON lines from standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) rows: PathBuf,
    /// Write the answers here when all are there [default: to standard output as they come]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How: prompt, few-shot, few-shot-nearest, classifier, labels... [default: as it was decided; else the task's examples, or its passages]
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<Route>,
    /// Which model answers [default: as it was decided; else the catalogue's, or the only one installed]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Only so many rows, drawn by chance
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sample: Option<u32>,
    /// Of the drawing of --sample: the same seed, the same rows
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Rows asked at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) concurrency: u32,
    /// Tokens of an answer, at most [default: as it was decided; else 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Begin a task from a template, with a labelled sample beside it, or fitted to labelled rows of your own
    #[command(
        before_long_help = "Example:\n  sumeru task new tickets --from classify\n  sumeru task new reviews --from opinion --language zh --data reviews.csv"
    )]
    New {
        /// The name of the new task; without it, templates are listed
        name: Option<String>,
        /// The template
        #[arg(long, value_name = "TEMPLATE")]
        from: Option<String>,
        /// The template's language [default: that of --data's texts, else of LC_ALL or LANG]
        #[arg(long, value_enum)]
        language: Option<Language>,
        /// Labelled rows (.jsonl, .json, .csv, .tsv, .xlsx) that the template is fitted to: its field is called as their column is, its labels are theirs
        #[arg(long, value_name = "FILE")]
        data: Option<PathBuf>,
        /// The column of the label [default: output, label, answer, expected, target, or a field of the answer]
        #[arg(long, value_name = "COLUMN", requires = "data")]
        label: Option<String>,
        /// The column that is read [default: the field's own name, else the column with most to read]
        #[arg(long, value_name = "COLUMN", requires = "data")]
        input: Option<String>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Tell what is wrong in tasks, by file, line and key
    #[command(before_long_help = "Example:\n  sumeru task check\n  sumeru task check tickets")]
    Check {
        /// Only these
        names: Vec<String>,
        #[command(flatten)]
        folder: Folder,
    },
    /// All tasks
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// One task: fields, the form of its answers, instructions
    Show {
        /// The task
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// The last decision of a task, as a table, or as a page to look at
    #[command(
        before_long_help = "Example:\n  sumeru task decision tickets\n  sumeru task decision tickets --html report.html"
    )]
    Decision {
        /// The task
        name: String,
        #[command(flatten)]
        report: Report,
        #[command(flatten)]
        folder: Folder,
    },
    /// Print the JSON Schema of tasks' files, for editors that complete and check TOML by one
    #[command(before_long_help = "Example:\n  sumeru task schema > task.schema.json")]
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English
    En,
    /// 中文
    Zh,
}

impl Language {
    /// That of the environment: Chinese if it says so, English else.
    pub(crate) fn of_environment() -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        if said.is_some_and(|value| value.starts_with("zh")) { Self::Zh } else { Self::En }
    }

    /// As templates name it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}
