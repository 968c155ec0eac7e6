//! What can be typed after `sumeru choose`, `sumeru recheck` and `sumeru data`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use platform::Route;

use super::task::{Folder, Language};

#[derive(Debug, Args)]
pub(crate) struct Choose {
    /// The task
    pub(crate) task: String,
    /// Labelled rows: .jsonl, .json, .csv, .tsv or .xlsx
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The column of the label [default: output, label, answer, expected, target, 标签, 答案 or 输出]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// Only these models [default: all that are installed]
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub(crate) models: Vec<String>,
    /// Only these routes: prompt, prompt-steps, prompt-vote:5, prompt-tree:12, few-shot:8, few-shot-nearest:8, retrieval:6, retrieval-fusion:6, retrieval-reranked:6, classifier, labels [default: those that fit the task and take one call]
    #[arg(long, value_name = "ROUTE", value_delimiter = ',')]
    pub(crate) routes: Vec<Route>,
    /// Have so many other wordings of the instructions written (6 if no number is said), the better half of which races; pick examples to show, and try other numbers of passages
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "6", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(crate) search: Option<u32>,
    /// Who writes [default: the largest local model that takes part]
    #[arg(long, value_name = "MODEL", requires = "search")]
    pub(crate) writer: Option<String>,
    #[command(flatten)]
    pub(crate) terms: Terms,
    #[command(flatten)]
    pub(crate) report: Report,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// How far a choice may go.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// How sure it is to be
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = confidence)]
    pub(crate) confidence: f64,
    /// Of all answers of all candidates to all examples, the share that may be asked for
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, value_parser = share)]
    pub(crate) spend: f64,
    /// Candidates measured on the test split, at most, if --spend pays for them; two at least
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) finalists: u32,
    /// Measure every candidate on every test example, without a race: dearer, and nobody is left out
    #[arg(long, conflicts_with_all = ["spend", "finalists"])]
    pub(crate) grid: bool,
    /// Examples to race on, and to measure on, at most each
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) examples: u32,
    /// Money it may take, in the currency of the prices in models.toml, half of it for the race
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pub(crate) max_cost: Option<f64>,
    /// Time it may take (90s, 20m, 2h), half of it for the race
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) max_time: Option<Duration>,
    /// Of everything drawn by chance: the same seed, the same splits
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Rows asked at once; times are what they are under this load
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) concurrency: u32,
    /// Tokens of an answer, at most
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: u32,
}

/// A page about a decision.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Write a page of HTML that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the same in Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// What the page is written in [default: that of LC_ALL or LANG]
    #[arg(long, value_enum)]
    pub(crate) language: Option<Language>,
}

#[derive(Debug, Args)]
pub(crate) struct Recheck {
    /// The task
    pub(crate) task: String,
    /// Labelled rows [default: the file the decision names]
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// The column of the label
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// Models that may take part [default: those the decision was told; all that are there, if it was told none]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) models: Vec<String>,
    /// Money it may take, in the currency of the prices in models.toml, half of it for the race
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pub(crate) max_cost: Option<f64>,
    /// Time it may take (90s, 20m, 2h), half of it for the race
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) max_time: Option<Duration>,
    #[command(flatten)]
    pub(crate) report: Report,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Tell what is wrong in labelled data: rows, labels, contradictions, twins; of several files, leaks between them
    #[command(
        before_long_help = "Example:\n  sumeru data check tickets labelled.csv --label topic\n  sumeru data check tickets train.jsonl test.jsonl"
    )]
    Check(DataFiles),
    /// Count labelled data: labels, lengths, twins
    Stats(DataFiles),
    /// Write labelled data in the form of this program, whatever form it has
    #[command(before_long_help = "Example:\n  sumeru data import tickets conversations.jsonl --out labelled.jsonl")]
    Import {
        #[command(flatten)]
        files: DataFiles,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Split labelled data into train, development and test, labels in the same shares, twins on one side
    #[command(before_long_help = "Example:\n  sumeru data split tickets labelled.jsonl --out parts/")]
    Split {
        #[command(flatten)]
        files: DataFiles,
        /// The folder of train.jsonl, development.jsonl and test.jsonl
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Of the drawing: the same seed, the same split
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The share of the development part
        #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
        development: f64,
        /// The share of the test part
        #[arg(long, value_name = "SHARE", default_value_t = 0.4, value_parser = share)]
        test: f64,
    },
}

/// Files of labelled rows of a task.
#[derive(Debug, Args)]
pub(crate) struct DataFiles {
    /// The task whose labels they have
    pub(crate) task: String,
    /// Labelled rows: .jsonl, .json, .csv, .tsv or .xlsx
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The column of the label [default: output, label, answer, expected, target, 标签, 答案 or 输出]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "a share is a number such as 0.4".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share is between 0 and 1".to_owned()) }
}

fn amount(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|amount: &f64| *amount >= 0.0 && amount.is_finite())
        .ok_or_else(|| "an amount is a number such as 3".to_owned())
}

pub(super) fn confidence(text: &str) -> Result<f64, String> {
    let share = share(text)?;
    if (0.5..1.0).contains(&share) {
        Ok(share)
    } else {
        Err("a confidence is at least 0.5 and under 1, such as 0.95".to_owned())
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (count, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time is such as 90s, 20m or 2h".to_owned()),
    };
    match count.trim().parse::<f64>() {
        Ok(count) if count > 0.0 && count < 1e6 => Ok(Duration::from_secs_f64(count * seconds)),
        _ => Err("a time is such as 90s, 20m or 2h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_read_or_refused() {
        for (text, seconds) in [("90s", 90), ("20m", 1200), ("2h", 7200), ("5", 5), (" 1.5 min ", 90)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "x", "-5s", "0s", "5d", "NaNs"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(share("1.1").is_err() && share("x").is_err() && share("0.4") == Ok(0.4));
        assert!(confidence("1").is_err() && confidence("0.2").is_err() && confidence("0.9") == Ok(0.9));
    }
}
