//! Completions, whole and in chunks. Citations have no place in this shape: ask a knowledge base through chat completions.

use domain::{Collected, Event};
use serde::Serialize;

use super::{CompletionLogprobs, FINGERPRINT, Head, UsageBody, finish_reason};
use crate::openai::completion::CompletionRequest;

/// A completion, whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Completion {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    system_fingerprint: &'static str,
    /// The first prompt's answers, then the next prompt's.
    pub choices: Vec<CompletionChoice>,
    /// Tokens counted over all answers.
    pub usage: UsageBody,
}

/// One answer, or what is new in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompletionChoice {
    /// Which, from 0.
    pub index: u32,
    /// The text, after the prompt's own if `echo` was asked for.
    pub text: String,
    /// Its tokens, if asked for.
    pub logprobs: Option<CompletionLogprobs>,
    /// Why it ended; in chunks `null` before the last.
    pub finish_reason: Option<&'static str>,
}

impl Completion {
    /// The body for a request's answers, one for each of its `requests`.
    pub fn new(head: Head, asked: &CompletionRequest, answers: Vec<Collected>) -> Self {
        let Head { id, created, model } = head;
        let mut usage = UsageBody::default();
        let mut choices = Vec::with_capacity(answers.len());
        for (index, answer) in (0..).zip(answers) {
            usage.add(index, asked.n, answer.usage);
            choices.push(CompletionChoice {
                index,
                text: answer.echoed + &answer.text,
                logprobs: asks_logprobs(asked).then(|| CompletionLogprobs::new(&answer.tokens, &mut 0)),
                finish_reason: Some(finish_reason(answer.reason)),
            });
        }
        Self { id, object: "text_completion", created, model, system_fingerprint: FINGERPRINT, choices, usage }
    }
}

fn asks_logprobs(asked: &CompletionRequest) -> bool {
    asked.requests.iter().any(|request| request.logprobs.is_some())
}

/// A piece of a streamed completion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompletionChunk {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    system_fingerprint: &'static str,
    /// One; none in the chunk that counts tokens.
    pub choices: Vec<CompletionChoice>,
    /// Absent unless asked for; then `null` in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<UsageBody>>,
}

/// Turns the events of a request's answers into chunks.
#[derive(Debug)]
pub struct CompletionWriter {
    head: Head,
    logprobs: bool,
    include_usage: bool,
    usage: UsageBody,
    /// How many answers share each prompt.
    answers: u32,
    /// Characters that began so far, of each answer.
    characters: Vec<usize>,
}

impl CompletionWriter {
    /// For the answers to one request.
    pub fn new(head: Head, asked: &CompletionRequest) -> Self {
        Self {
            head,
            logprobs: asks_logprobs(asked),
            include_usage: asked.delivery.include_usage,
            usage: UsageBody::default(),
            answers: asked.n,
            characters: vec![0; asked.requests.len()],
        }
    }

    /// The chunk that says what happened in answer `index`, from 0 and less than the number of requests, if anything is to be said.
    pub fn event(&mut self, index: u32, event: Event) -> Option<CompletionChunk> {
        match event {
            Event::Text { text, tokens, .. } if !text.is_empty() || !tokens.is_empty() => {
                let characters = &mut self.characters[index as usize];
                let logprobs =
                    (self.logprobs && !tokens.is_empty()).then(|| CompletionLogprobs::new(&tokens, characters));
                Some(self.chunk(CompletionChoice { index, text, logprobs, finish_reason: None }))
            }
            Event::Finished { reason, usage, .. } => {
                self.usage.add(index, self.answers, usage);
                let reason = Some(finish_reason(reason));
                let choice = CompletionChoice { index, text: String::new(), logprobs: None, finish_reason: reason };
                Some(self.chunk(choice))
            }
            Event::Text { .. }
            | Event::Progress(_)
            | Event::ToolCall(_)
            | Event::ToolArguments(_)
            | Event::Citation(_) => None,
        }
    }

    /// The chunk that counts tokens, if it was asked for; after every answer finished.
    pub fn end(self) -> Option<CompletionChunk> {
        self.include_usage.then(|| CompletionChunk { usage: Some(Some(self.usage)), ..self.empty() })
    }

    fn chunk(&self, choice: CompletionChoice) -> CompletionChunk {
        CompletionChunk { choices: vec![choice], ..self.empty() }
    }

    fn empty(&self) -> CompletionChunk {
        let Head { id, created, model } = self.head.clone();
        CompletionChunk {
            id,
            object: "text_completion",
            created,
            model,
            system_fingerprint: FINGERPRINT,
            choices: Vec::new(),
            usage: self.include_usage.then_some(None),
        }
    }
}
