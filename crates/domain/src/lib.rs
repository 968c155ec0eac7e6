//! The words of the house and the walls between its rooms.
//!
//! Everything here is plain data or an object-safe trait: no IO, no HTTP, no tensors, no runtime.
//! The main types are [`Request`], [`Event`] and the traits [`LanguageModel`] and [`Embedder`].
//! Other people's JSON is in `wire`; how anything is done is in the rooms that implement the traits.

mod card;
mod costs;
mod error;
mod event;
mod message;
mod metric;
mod model;
mod passage;
mod policy;
mod remote;
mod request;
mod task;

pub use card::{Card, Pooling, Prefixes, Source, SourceKind};
pub use costs::{Costs, Mistake};
pub use error::Error;
pub use event::{Event, FinishReason, Progress, Rival, Timings, TokenProbability, Usage};
pub use message::{Message, Part, Role, ToolCall, ToolSpec};
pub use metric::Metric;
pub use model::{Collected, Embedder, Embeddings, EventStream, LanguageModel, Purpose, Reranker, Scores, collect};
pub use passage::{Citation, Hit, Passage, SearchMode, Span};
pub use policy::{Market, Policy, Refusal, Sensitivity, Standing};
pub use remote::{Jurisdiction, Price, Remote, Structured};
pub use request::{Grammar, Prompt, Request, Sampling, ToolChoice};
pub use task::{Constraints, Example, Field, Judging, Need, Task};
