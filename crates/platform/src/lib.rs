//! The use-cases both doors call: models, knowledge bases, ingest, search, ask, doctor.

mod ask;
mod bench;
mod cache;
mod choose;
mod cluster;
mod data;
mod doctor;
pub mod evals;
mod files;
mod grade;
mod ingest;
mod knowledge_bases;
mod labelled_rows;
mod lock;
mod memory;
mod models;
mod proof;
mod pulls;
mod records;
mod remotes;
mod rerank;
mod routes;
mod run;
mod search;
mod served;
pub mod size;
mod stored_files;
mod tasks;
mod tokens;
mod workspace;

pub use ask::{Answer, AskEvent, AskRequest, AskStream};
pub use bench::{BenchOptions, BenchReport, BenchRow, Workload};
pub use choose::{
    Against, AskedAnswer, AskedRow, Baseline, Bound, Bounds, ChooseEvent, ChooseOptions, ChooseState, ChooseStatus,
    ChooseTerms, Contender, ContenderState, DataUsed, Decision, Decisions, DroppedTexts, Entrant, JudgeUsed, Measured,
    Part, PartSizes, PlainPrompt, Raced, Reason, ReportLanguage, Search, Searched, Variant, Variants, agreement_facts,
};
pub use cluster::{Cluster, ClusterEvent, ClusterOptions, Clustering, Input, Labelling, Method, Placed, read_texts};
pub use data::{DataReport, Gaps, Labelled, labelled, leaks};
pub use doctor::Check;
pub use grade::{Differing, Graded, GradedRow, JudgeReport, Reliability, graded};
pub use ingest::{Failed, IngestOptions, IngestProgress, IngestReport};
pub use knowledge_bases::{DocumentEntry, DocumentStatus, KnowledgeBaseInfo, KnowledgeBases};
pub use labelled_rows::{LabelledRow, LabelledRows, RowChange, RowPage, RowsChanged, TakenIn};
pub use models::{AddOptions, Matrices, ModelInfo, ModelState, Models, PullOptions, PullProgress};
pub use pulls::PullStatus;
pub use remotes::{Environment, Remotes};
pub use routes::{Candidate, Outcome, Route};
pub use run::{Answered, Row, RowFormat, RunEvent, RunOptions, RunReport, TableRows, rows, sample};
pub use search::{SearchAnswer, SearchRequest, SearchTimings};
pub use served::{Answers, RowAnswer};
pub use stored_files::{FILE_PURPOSES, NewFile, StoredFile, StoredFiles};
pub use tasks::{
    Fitted, FittedLabels, LabelledTable, Problem, TaskChange, TaskFile, Tasks, Template, task_schema, templates,
};
pub use tokens::{Piece, Tokens};
pub use workspace::{Access, EngineState, Settings, Workspace};

pub use domain::Error;
/// What a model takes, and what a token costs.
pub use engine::Footprint;
/// What a choice's figures are made of.
pub use evaluate::{Agreement, ClassScore, Confusion, Difference, Interval, Shares, Terms};
/// A document's extracted text, as [`KnowledgeBases::document`] gives it.
pub use knowledge::DocumentText;

type Result<T> = std::result::Result<T, Error>;
