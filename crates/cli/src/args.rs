//! What can be typed. Every command shows an example before its options.

mod choose;
mod cluster;
mod judge;
mod models;
mod place;
mod task;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::SearchMode;

pub(crate) use choose::{Choose, Data, DataFiles, Recheck, Report};
pub(crate) use cluster::Cluster;
pub(crate) use judge::{Judge, JudgeCheck};
pub(crate) use models::Models;
pub(crate) use task::{Folder, Language, Run, Task};

/// Ask your documents, and serve models, from one binary.
#[derive(Debug, Parser)]
#[command(name = "sumeru", version, about, subcommand_required = false, disable_help_subcommand = true)]
#[command(after_long_help = EXIT_CODES, max_term_width = 100, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part (the rest is listed), 130 interrupted (run the same command again to resume).";

/// Options every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Where models and knowledge bases are kept [default: ~/.local/share/sumeru]
    #[arg(long, env = "SUMERU_DATA", value_name = "DIR", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON instead of tables and prose
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress on standard error
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read documents into a knowledge base
    #[command(
        before_long_help = "Example:\n  sumeru ingest ~/Documents/policies --kb work\n  sumeru ingest 'reports/**/*.pdf' --kb work --prune"
    )]
    Ingest(Ingest),
    /// Find passages in a knowledge base
    #[command(before_long_help = "Example:\n  sumeru search '年假有几天' --kb work --top 5")]
    Search(Search),
    /// Ask a knowledge base; the answer quotes its sources
    #[command(before_long_help = "Example:\n  sumeru ask 'How many days of annual leave do I have?' --kb work")]
    Ask(Ask),
    /// Talk with a model, or with a knowledge base
    #[command(
        before_long_help = "Example:\n  sumeru chat\n  sumeru chat --model kb/work\nInside: /new starts over, /history shows the conversation, /quit leaves; Ctrl-C stops an answer."
    )]
    Chat(Chat),
    /// Continue a text, and see what the model thought of
    #[command(before_long_help = "Example:\n  sumeru complete '今天我很' --top 5 --max-tokens 3")]
    Complete(Complete),
    /// Show the tokens a text becomes
    #[command(before_long_help = "Example:\n  sumeru tokens '你好, world'")]
    Tokens(Tokens),
    /// Turn texts into vectors
    #[command(
        before_long_help = "Example:\n  sumeru embed '你好' 'hello' --json\n  sumeru embed --file lines.txt --json"
    )]
    Embed(Embed),
    /// Put passages in the order in which a model finds that they answer a query
    #[command(
        before_long_help = "Example:\n  sumeru rerank 'How long are logs kept?' 'Logs are kept for 180 days.' 'Lunch is at noon.'"
    )]
    Rerank(Rerank),
    /// Models: what there is, getting and removing them
    #[command(subcommand)]
    Models(Models),
    /// Knowledge bases: what there is, looking into and removing them
    #[command(subcommand)]
    Kb(Kb),
    /// Run a task over many rows: an answer of its form for each, in order
    #[command(
        before_long_help = "Example:\n  sumeru run tickets messages.csv --out topics.jsonl\n  cat messages.jsonl | sumeru run tickets > topics.jsonl\nEach line says the row, its fields, and the output, or the error if there is none. A run with --out that was cut goes on where it was."
    )]
    Run(Run),
    /// Choose how a task is done, by measuring routes and models on labelled rows
    #[command(
        before_long_help = "Example:\n  sumeru choose tickets --data labelled.jsonl --max-time 20m --html report.html\n  sumeru choose tickets --data labelled.csv --label topic --routes few-shot:8,labels,classifier\nCandidates race on a part of the rows, the best are measured on another part. The decision is kept in decisions/; `run` and `serve` follow it. A choice that was cut goes on where it was."
    )]
    Choose(Choose),
    /// Measure a decision again, and tell what has changed
    #[command(before_long_help = "Example:\n  sumeru recheck tickets")]
    Recheck(Recheck),
    /// Labelled rows: check, count, bring into form, split
    #[command(subcommand)]
    Data(Data),
    /// Group texts that are alike, name the groups, draw a map
    #[command(
        before_long_help = "Example:\n  sumeru cluster reviews.csv --html map.html --out grouped.csv\n  sumeru cluster messages.jsonl --field body --k 12\n  cat lines.txt | sumeru cluster -"
    )]
    Cluster(Cluster),
    /// Judges: models that grade answers, held against people
    #[command(subcommand)]
    Judge(Judge),
    /// Tasks: what is wanted of a model, declared in files
    #[command(subcommand)]
    Task(Task),
    /// Serve the OpenAI-compatible API and the browser UI
    #[command(before_long_help = "Example:\n  sumeru serve\n  SUMERU_API_KEY=secret sumeru serve --host 0.0.0.0")]
    Serve(Serve),
    /// Measure how fast a model runs on this machine, beside what the machine can do at most
    #[command(
        before_long_help = "Example:\n  sumeru bench qwen2.5-coder-0.5b-instruct\n  sumeru bench model.gguf --threads 1,2 --plot speed.svg"
    )]
    Bench(Bench),
    /// Tell which hardware runs a model, for how many, and how fast
    #[command(
        before_long_help = "Example:\n  sumeru size qwen2.5-coder-0.5b-instruct --users 8 --context 4096\n  sumeru size 7b --bits 4.5 --hardware 'RTX 4090'\n  sumeru size 7b --memory 24G --bandwidth 900G --flops 80T --gpu"
    )]
    Size(Size),
    /// Check what is installed, what is missing and what to do
    Doctor,
    /// Print completions for a shell
    #[command(
        before_long_help = "Example:\n  sumeru completions bash > ~/.local/share/bash-completion/completions/sumeru"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Which part of a search counts.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Mode {
    /// Words and vectors, fused
    #[default]
    Hybrid,
    /// Words only (BM25)
    Lexical,
    /// Vectors only
    Vector,
}

impl From<Mode> for SearchMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Hybrid => Self::Hybrid,
            Mode::Lexical => Self::Lexical,
            Mode::Vector => Self::Vector,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Files, folders or globs
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The knowledge base; created if it is not there
    #[arg(long, value_name = "NAME")]
    pub(crate) kb: String,
    /// Remove documents that are no longer under the given paths
    #[arg(long)]
    pub(crate) prune: bool,
    /// Return when words are searchable; vectors follow when a server runs or at the next ingest
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Embedding model for a new knowledge base [default: the catalogue's]
    #[arg(long, value_name = "MODEL")]
    pub(crate) embedder: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What to look for, in your own words
    pub(crate) question: String,
    /// The knowledge base
    #[arg(long, value_name = "NAME")]
    pub(crate) kb: String,
    /// How many passages
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) top: u32,
    /// What counts
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: Mode,
    /// Only documents whose name matches (glob, repeatable)
    #[arg(long, value_name = "GLOB")]
    pub(crate) document: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    pub(crate) search: Search,
    /// Which model answers [default: the catalogue's, or the only one installed]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// A model, or `kb/NAME`
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Standing instructions
    #[arg(long)]
    pub(crate) system: Option<String>,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
}

#[derive(Debug, Args)]
pub(crate) struct Sampling {
    /// 0 always takes the likeliest token [default: 0.7; 0 for a knowledge base]
    #[arg(long)]
    pub(crate) temperature: Option<f32>,
    /// Keep the smallest set of tokens whose probability reaches this
    #[arg(long, default_value_t = 0.95)]
    pub(crate) top_p: f32,
    /// Same seed, same answer
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// At most this many new tokens
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// The text to continue
    pub(crate) prompt: String,
    /// Show this many likely tokens at each place (0..=20)
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=20))]
    pub(crate) top: u8,
    /// Which model
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// At most this many new tokens
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub(crate) max_tokens: u32,
    /// 0 always takes the likeliest token
    #[arg(long, default_value_t = 0.0)]
    pub(crate) temperature: f32,
    /// Same seed, same answer
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Stop before this text (repeatable)
    #[arg(long)]
    pub(crate) stop: Vec<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// What a text must be.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Form {
    /// Hold the text to JSON that the JSON Schema in this file accepts; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Hold the text to this regular expression
    #[arg(long, value_name = "PATTERN")]
    pub(crate) regex: Option<String>,
    /// Hold the text to one of these (repeatable)
    #[arg(long, value_name = "TEXT")]
    pub(crate) choice: Vec<String>,
    /// Hold the text to the Lark grammar in this file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) grammar: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Tokens {
    /// The text; `-` reads standard input
    pub(crate) text: String,
    /// Whose tokenizer
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rerank {
    /// The query
    pub(crate) query: String,
    /// Passages
    pub(crate) texts: Vec<String>,
    /// One passage a line from this file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Which generating model judges
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// Texts
    pub(crate) texts: Vec<String>,
    /// One text a line from this file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Which embedding model
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// What the texts are
    #[arg(long = "as", value_enum, default_value_t)]
    pub(crate) purpose: PurposeArg,
}

/// Which prefix the model wants.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum PurposeArg {
    /// As they stand
    #[default]
    Plain,
    /// Questions
    Query,
    /// Passages to be found
    Passage,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Kb {
    /// All knowledge bases
    List,
    /// One knowledge base: documents, passages, vectors, size
    Show {
        /// The knowledge base
        name: String,
    },
    /// Its documents, with warnings
    Documents {
        /// The knowledge base
        name: String,
    },
    /// Remove it, or one of its documents
    Rm {
        /// The knowledge base
        name: String,
        /// Only this document
        #[arg(long)]
        document: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on; anything but loopback needs an API key
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Key that callers must send as `Authorization: Bearer KEY`
    #[arg(long, env = "SUMERU_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// A name under which a proxy on this machine passes requests on (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Requests a model computes at once [default: 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) slots: Option<u32>,
    /// Requests that may wait for a model beside those; one more is told to come back (429) [default: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) queue: Option<u32>,
    /// Tokens of context, for prompt and answer together [default: the model's own, at most 8192]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(64..))]
    pub(crate) context: Option<u32>,
    /// How keys and values of what was read are kept: q8_0 takes half the memory of f16, for nearly the same answers
    #[arg(long, value_name = "TYPE", default_value = "f16")]
    pub(crate) cache_type: CacheType,
    /// Read no guessed tokens ahead: the same answers, later where they quote
    #[arg(long)]
    pub(crate) no_guessing: bool,
    /// Memory that loaded models may take together, such as 2G or 800M: those used longest ago make room for others
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) memory: Option<u64>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheType {
    /// 16-bit floats
    F16,
    /// 8 bits, with a scale for each 32 numbers
    #[value(name = "q8_0")]
    Q8_0,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The model, or a GGUF file [default: as for complete]
    pub(crate) model: Option<String>,
    /// Numbers of threads, one after the other [default: what the machine has]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) threads: Vec<u32>,
    /// The median of so many tries counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeats: u32,
    /// How keys and values of the context are kept
    #[arg(long, value_name = "TYPE", default_value = "f16")]
    pub(crate) cache_type: CacheType,
    /// Draw the figures into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Size {
    /// The model, a GGUF file, or a size such as 7b
    pub(crate) model: String,
    /// Texts at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) users: u32,
    /// Tokens of each text
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) context: u32,
    /// Bits of each weight, for a model that is known by its size alone
    #[arg(long, value_name = "BITS", default_value_t = 4.5, value_parser = bits)]
    pub(crate) bits: f64,
    /// Only this machine of the table
    #[arg(long, value_name = "NAME", conflicts_with_all = ["memory", "bandwidth", "flops"])]
    pub(crate) hardware: Option<String>,
    /// Memory of a machine that is not in the table
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    pub(crate) memory: Option<f64>,
    /// Bytes it reads in a second
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    pub(crate) bandwidth: Option<f64>,
    /// Operations it computes in a second, of the kind products are made of; two for a multiplication and an addition
    #[arg(long, value_name = "NUMBER", value_parser = amount)]
    pub(crate) flops: Option<f64>,
    /// It is an accelerator, not a processor
    #[arg(long)]
    pub(crate) gpu: bool,
    /// Measure on this machine, too, and compare
    #[arg(long)]
    pub(crate) measure: bool,
}

/// `24G`, `80T` or a plain number, in thousands.
fn amount(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[number.len()..].to_ascii_uppercase().trim_end_matches('B') {
        "" => 1.0,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return Err("the unit is none of M, G, T; write it as in 24G or 80T".to_owned()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number * unit),
        _ => Err("it is no positive number; write it as in 24G or 80T".to_owned()),
    }
}

fn bits(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(bits) if (1.0..=32.0).contains(&bits) => Ok(bits),
        _ => Err("it is not between 1 and 32; Q4_K_M files have about 4.8".to_owned()),
    }
}

/// `800M`, `1.5G`, or plain bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[number.len()..].to_ascii_uppercase().trim_end_matches('B').trim_end_matches('I') {
        "" => 1.0,
        "K" => 1024.0,
        "M" => 1024.0 * 1024.0,
        "G" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err("the unit is none of K, M, G; write it as in 800M or 2G".to_owned()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok((number * unit) as u64),
        _ => Err("it is no positive number; write it as in 800M or 2G".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("1000", Some(1000)),
            ("800M", Some(800 << 20)),
            ("1.5g", Some(3 << 29)),
            ("2GiB", Some(2 << 30)),
            ("2GB", Some(2 << 30)),
            ("2T", None),
            ("", None),
            ("M", None),
            ("-1M", None),
            ("infG", None),
        ] {
            assert_eq!(bytes(text).ok(), wanted, "{text}");
        }
    }
}
