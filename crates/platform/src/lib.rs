//! The use-cases both doors call: models, knowledge bases, ingest, search, ask, doctor.

mod ask;
mod bench;
mod cache;
mod doctor;
mod ingest;
mod knowledge_bases;
mod lock;
mod memory;
mod models;
mod proof;
mod pulls;
mod rerank;
mod run;
mod search;
pub mod size;
mod tasks;
mod tokens;
mod workspace;

pub use ask::{Answer, AskEvent, AskRequest, AskStream};
pub use bench::{BenchOptions, BenchReport, BenchRow, Workload};
pub use doctor::Check;
pub use ingest::{Failed, IngestOptions, IngestProgress, IngestReport};
pub use knowledge_bases::{DocumentEntry, DocumentStatus, KnowledgeBaseInfo, KnowledgeBases};
pub use models::{AddOptions, Matrices, ModelInfo, ModelState, Models, PullOptions, PullProgress};
pub use pulls::PullStatus;
pub use run::{Answered, Outcome, Row, RowFormat, RunEvent, RunOptions, RunReport, rows, sample};
pub use search::{SearchAnswer, SearchRequest, SearchTimings};
pub use tasks::{Problem, TaskFile, Tasks, Template, task_schema, templates};
pub use tokens::{Piece, Tokens};
pub use workspace::{Access, EngineState, Settings, Workspace};

pub use domain::Error;
/// What a model takes, and what a token costs.
pub use engine::Footprint;
/// A document's extracted text, as [`KnowledgeBases::document`] gives it.
pub use knowledge::DocumentText;

type Result<T> = std::result::Result<T, Error>;
