//! The client's side of chat completions, as OpenAI, vLLM, llama-server, Ollama, DeepSeek and their like serve them.
//!
//! [`chat_request`] makes the body of a request, [`Chunks`] turns a stream's data into events, [`error_of`] turns a
//! refusal into an error. Servers differ in what they leave out and in where they put the rest: what one of them is
//! known to send is read, and what none of them needs is not sent. Sockets, keys and trying again are the caller's.

mod chunks;
mod error;
mod request;

#[cfg(test)]
mod tests;

pub use chunks::Chunks;
pub use error::error_of;
pub use request::chat_request;
