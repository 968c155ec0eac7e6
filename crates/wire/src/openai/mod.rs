//! OpenAI's JSON (specification 2.3): chat completions, completions, embeddings, models, errors.
//!
//! Requests: [`chat`], [`completion`], [`embedding`]. Responses: [`response`], with [`ChatWriter`](response::ChatWriter)
//! and [`CompletionWriter`](response::CompletionWriter) for streams. Every field of the specification is classed in a
//! table as read, ignored (it does not change the answer) or refused by name; every other name is refused.
//! All that is the server's side; [`client`] is the other one, for asking servers elsewhere.

pub mod chat;
pub mod client;
pub mod completion;
pub mod embedding;
pub mod error;
mod grammar;
mod logprobs;
mod message;
pub mod response;
mod sampling;
mod tools;

#[cfg(test)]
mod tests;

use domain::Request;

/// How an answer is to be delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// As server-sent events.
    pub stream: bool,
    /// With a last chunk that counts tokens.
    pub include_usage: bool,
}

/// One request per wanted answer: `n` copies, each with its own seed where a seed was given.
pub fn copies(request: Request, n: u32) -> Vec<Request> {
    (0..n)
        .map(|i| {
            let mut copy = request.clone();
            copy.sampling.seed = copy.sampling.seed.map(|seed| seed.wrapping_add(u64::from(i)));
            copy
        })
        .collect()
}
