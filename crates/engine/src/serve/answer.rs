//! The caller's side of a generation: tokens to text, stop strings, tool calls, counts and times.

use std::collections::VecDeque;
use std::time::Instant;

use domain::{Error, Event, EventStream, FinishReason, Progress, Request, Timings, TokenProbability, Usage};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Permit;
use super::worker::Out;
use crate::stops::Stops;
use crate::tool_calls::ToolCalls;
use crate::{Detokenizer, Tokenizer};

/// Turns what the engine thread says into events.
pub(super) struct Answer {
    tokenizer: Tokenizer,
    detokenizer: Detokenizer,
    stops: Stops,
    tools: ToolCalls,
    logprobs: bool,
    echo: bool,
    /// Tokens whose text is not out yet, each with where its text ends.
    pending: VecDeque<(usize, TokenProbability)>,
    decoded: usize,
    emitted: usize,
    echoed: Vec<u32>,
    usage: Usage,
    timings: Timings,
    started: Instant,
    first: Option<Instant>,
}

/// What came of one message of the engine thread.
#[derive(Default)]
struct Step {
    events: Vec<Event>,
    /// What ended it before its time, after its events.
    failed: Option<Error>,
    last: bool,
}

impl Answer {
    /// `certain` if what it says is held to a grammar.
    pub(super) fn new(tokenizer: Tokenizer, request: &Request, prompt_tokens: usize, certain: bool) -> Self {
        let names = request.tools.iter().map(|tool| tool.name.clone()).collect();
        Self {
            detokenizer: tokenizer.detokenizer(),
            tokenizer,
            stops: Stops::new(request.stop.clone()),
            tools: ToolCalls::new(names, fastrand::u64(..), certain),
            logprobs: request.logprobs.is_some(),
            echo: request.echo,
            pending: VecDeque::new(),
            decoded: 0,
            emitted: 0,
            echoed: Vec::new(),
            usage: Usage { prompt_tokens: prompt_tokens as u32, ..Usage::default() },
            timings: Timings::default(),
            started: Instant::now(),
            first: None,
        }
    }

    fn take(&mut self, out: Out) -> Step {
        let mut step = Step::default();
        match out {
            Out::Started { queue_ms } => {
                self.timings.queue_ms = queue_ms;
                self.started = Instant::now();
            }
            Out::Cached(tokens) => self.usage.cached_tokens += tokens as u32,
            Out::Prompt { done, total } => step.events.push(Event::Progress(Progress::Prompt { done, total })),
            Out::Echo(token) => self.echo(token, &mut step),
            Out::Token(token) => self.token(token, &mut step),
            Out::Guessed { tokens, came } => {
                self.usage.guessed_tokens += tokens as u32;
                self.usage.accepted_tokens += came as u32;
            }
            Out::Done(reason) => self.done(reason, &mut step),
            Out::Failed(why) => (step.failed, step.last) = (Some(why), true),
        }
        step
    }

    /// The prompt's tokens come back one at a time; their text is whole characters only.
    fn echo(&mut self, token: TokenProbability, step: &mut Step) {
        let before = self.tokenizer.decode(&self.echoed);
        self.echoed.push(token.id);
        let after = self.tokenizer.decode(&self.echoed);
        // A character whose first bytes came with the tokens before is whole only now.
        let text = after.strip_prefix(before.trim_end_matches('\u{FFFD}')).unwrap_or_default().to_owned();
        let text = if text.ends_with('\u{FFFD}') { String::new() } else { text };
        let tokens = if self.logprobs { vec![token] } else { Vec::new() };
        step.events.push(Event::Text { text, tokens, prompt: true });
    }

    fn token(&mut self, token: TokenProbability, step: &mut Step) {
        self.first.get_or_insert_with(Instant::now);
        self.usage.completion_tokens += 1;
        let text = self.detokenizer.push(token.id);
        self.decoded += text.len();
        if self.logprobs {
            self.pending.push_back((self.decoded, token));
        }
        self.text(&text, step);
    }

    fn text(&mut self, text: &str, step: &mut Step) {
        let passed = self.stops.push(text);
        self.emitted += passed.text.len();
        self.emit(&passed.text, passed.stopped, step);
        if passed.stopped {
            self.finish(FinishReason::Stop, step);
        }
    }

    /// Text that is certain goes out, with the tokens whose text is out by then.
    fn emit(&mut self, text: &str, all: bool, step: &mut Step) {
        let (plain, calls) = self.tools.push(text);
        let mut tokens = Vec::new();
        while let Some((end, token)) = self.pending.pop_front() {
            if end > self.emitted {
                if !all {
                    self.pending.push_front((end, token));
                }
                break; // the stop string's own tokens stay inside
            }
            tokens.push(token);
        }
        if !plain.is_empty() || !tokens.is_empty() {
            step.events.push(Event::Text { text: plain, tokens, prompt: false });
        }
        step.events.extend(calls);
    }

    fn done(&mut self, reason: FinishReason, step: &mut Step) {
        let rest = self.detokenizer.finish();
        self.decoded += rest.len();
        self.text(&rest, step);
        if step.last {
            return; // the rest held a stop string
        }
        let held = self.stops.finish();
        self.emitted = self.decoded;
        self.emit(&held, false, step);
        self.finish(reason, step);
    }

    fn finish(&mut self, reason: FinishReason, step: &mut Step) {
        let (text, call) = self.tools.finish();
        if !text.is_empty() {
            step.events.push(Event::Text { text, tokens: Vec::new(), prompt: false });
        }
        step.events.extend(call.map(Event::ToolCall));
        let now = Instant::now();
        let first = self.first.unwrap_or(now);
        self.timings.prompt_ms = (first - self.started).as_secs_f64() * 1000.0;
        self.timings.generate_ms = (now - first).as_secs_f64() * 1000.0;
        let reason = if self.tools.any() && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason };
        step.events.push(Event::Finished { reason, usage: self.usage, timings: self.timings });
        step.last = true;
    }
}

/// The events of one generation. Dropping the stream closes the channel, which frees the slot.
pub(super) fn stream(answer: Answer, results: UnboundedReceiver<Out>, permit: Permit, ahead: usize) -> EventStream {
    struct State {
        answer: Answer,
        results: UnboundedReceiver<Out>,
        ready: VecDeque<Result<Event, Error>>,
        last: bool,
        _permit: Permit,
    }
    let mut ready = VecDeque::new();
    if ahead > 0 {
        ready.push_back(Ok(Event::Progress(Progress::Queued { ahead })));
    }
    debug_assert!(!answer.echo || answer.usage.prompt_tokens > 0, "an echo has something to say");
    let state = State { answer, results, ready, last: false, _permit: permit };
    Box::pin(futures_util::stream::unfold(state, |mut state| async move {
        loop {
            if let Some(event) = state.ready.pop_front() {
                return Some((event, state));
            }
            if state.last {
                return None;
            }
            let Some(out) = state.results.recv().await else {
                state.last = true;
                return Some((
                    Err(Error::failed("the model's thread ended in the middle of an answer; restart the program")),
                    state,
                ));
            };
            let step = state.answer.take(out);
            state.last = step.last;
            state.ready.extend(step.events.into_iter().map(Ok));
            state.ready.extend(step.failed.map(Err));
            if step.last {
                state.results.close();
            }
        }
    }))
}
