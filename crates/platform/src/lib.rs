//! The use-cases both doors call: models, knowledge bases, ingest, search, ask, doctor.

mod ask;
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
mod search;
mod tokens;
mod workspace;

pub use ask::{Answer, AskEvent, AskRequest, AskStream};
pub use doctor::Check;
pub use ingest::{Failed, IngestOptions, IngestProgress, IngestReport};
pub use knowledge_bases::{DocumentEntry, DocumentStatus, KnowledgeBaseInfo, KnowledgeBases};
pub use models::{ModelInfo, ModelState, Models, PullOptions, PullProgress};
pub use pulls::PullStatus;
pub use search::{SearchAnswer, SearchRequest, SearchTimings};
pub use tokens::{Piece, Tokens};
pub use workspace::{Access, EngineState, Settings, Workspace};

pub use domain::Error;
/// A document's extracted text, as [`KnowledgeBases::document`] gives it.
pub use knowledge::DocumentText;

type Result<T> = std::result::Result<T, Error>;
