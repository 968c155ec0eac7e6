//! What can be typed after `sumeru cluster`.

use std::path::PathBuf;

use clap::Args;

use super::task::{Folder, Language};

#[derive(Debug, Args)]
pub(crate) struct Cluster {
    /// Rows: .jsonl, .json, .csv, .tsv or .xlsx, or lines: .txt; `-` reads lines from standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) rows: PathBuf,
    /// The column that holds the text (repeatable) [default: text, content, message, review, 文本, 内容, 评论..., or the only one]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) field: Vec<String>,
    /// So many groups, by k-means [default: as many as there are dense places, by HDBSCAN]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) k: Option<u32>,
    /// Texts of a group, at least [default: half the root of their number, three at least]
    #[arg(long, value_name = "N", conflicts_with = "k", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) min_size: Option<u32>,
    /// Who names groups: a model, `words` for their telling words, or `none` [default: the catalogue's model, or the only one installed]
    #[arg(long, value_name = "MODEL")]
    pub(crate) labels: Option<String>,
    /// Embedding model [default: the catalogue's]
    #[arg(long, value_name = "MODEL")]
    pub(crate) embedder: Option<String>,
    /// Only so many rows, drawn by chance
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sample: Option<u32>,
    /// The same seed, the same rows, groups and map
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write the rows with cluster, cluster_name, map_x and map_y: .jsonl, .csv or .tsv
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write a page of HTML that needs nothing else, with the map
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// What the page is written in [default: that of LC_ALL or LANG]
    #[arg(long, value_enum)]
    pub(crate) language: Option<Language>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}
