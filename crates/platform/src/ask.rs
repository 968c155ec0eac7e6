//! Answers from documents: find passages, let a model answer from them, keep what can be proved.

use std::sync::Arc;

use async_stream::try_stream;
use domain::{
    Card, Citation, Error, Event, EventStream, FinishReason, Grammar, Hit, LanguageModel, Message, Passage, Progress,
    Prompt, Request, Role, Sampling, SearchMode, Timings, Usage,
};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use knowledge::answer::{self, Language};
use knowledge::cite::Cited;
use serde::Serialize;

use crate::proof::Proof;
use crate::{Result, SearchRequest, Workspace};

/// Passages looked at for an answer, unless said otherwise.
const TOP: usize = 8;
/// Tokens of passages a model is given, at most: what a small model still reads well, and a processor reads in seconds.
const PASSAGE_TOKENS: usize = 1600;
/// Tokens of an answer, at most: one to three sentences need far fewer.
const ANSWER_TOKENS: u32 = 400;

/// A question to a knowledge base.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AskRequest {
    /// The question.
    pub question: String,
    /// Which model answers; `None`: the default.
    pub model: Option<String>,
    /// How many passages at most.
    pub top: Option<usize>,
    /// How they are found.
    pub mode: SearchMode,
    /// Only documents whose name matches one of these globs; all if empty.
    pub documents: Vec<String>,
    /// What else the model is told: how to answer, for whom.
    pub instructions: String,
}

/// One step of an answer. A stream ends with exactly one `Finished`, or with one error.
#[derive(Debug, Clone, PartialEq)]
pub enum AskEvent {
    /// What happens before words come.
    Progress(Progress),
    /// More of the answer: whole sentences, their markers checked.
    Text(String),
    /// A quotation that was found.
    Citation(Citation),
    /// The whole.
    Finished(Answer),
}

/// An answer whose markers have been checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The answer; markers that could not be proved are gone.
    pub answer: String,
    /// A quotation for every marker.
    pub citations: Vec<Citation>,
    /// Markers that could not be proved.
    pub dropped: usize,
    /// Whether any sentence is backed by a quotation.
    pub supported: bool,
    /// Why it ended.
    #[serde(skip)]
    pub reason: FinishReason,
    /// Tokens counted.
    pub usage: Usage,
    /// Time spent.
    pub timings: Timings,
    /// The passages the model was given, in their order: passage 1 is `[1]`.
    pub hits: Vec<Hit>,
}

/// The steps of an answer; dropping it stops the model.
pub type AskStream = BoxStream<'static, Result<AskEvent>>;

impl Workspace {
    /// Answers a question from a knowledge base.
    ///
    /// # Errors
    /// At once if the knowledge base or the model is not there or the question is empty; later errors are in the stream.
    pub async fn ask(&self, base: &str, request: AskRequest) -> Result<AskStream> {
        self.opened(base).await?;
        if request.question.trim().is_empty() {
            return Err(Error::invalid(
                "question",
                "invalid_value",
                "the question is empty; say what you want to know",
            ));
        }
        let model = match &request.model {
            Some(name) => name.clone(),
            None => self.default_language_model()?,
        };
        self.models().installed(&model)?;
        let mut wanted = Request::new(Prompt::Chat(Vec::new()));
        wanted.sampling = Sampling { temperature: Some(0.0), ..Sampling::default() };
        wanted.max_tokens = Some(ANSWER_TOKENS);
        let asked = request.question.clone();
        let question = Question { base: base.to_owned(), model, asked: request, request: wanted };
        Ok(proved(asked, question.steps(self.clone())))
    }
}

/// A question with all it takes to answer it.
struct Question {
    base: String,
    model: String,
    asked: AskRequest,
    /// Sampling, limits and stops; its prompt is written here.
    request: Request,
}

/// What happens on the way to an answer, before markers are checked.
enum Step {
    Progress(Progress),
    /// The passages that a model is given, and the model.
    Passages(Vec<Hit>, Arc<dyn LanguageModel>),
    Text(String),
    Finished {
        reason: FinishReason,
        usage: Usage,
        timings: Timings,
    },
}

type Steps = BoxStream<'static, Result<Step>>;

impl Question {
    fn steps(self, workspace: Workspace) -> Steps {
        let steps = try_stream! {
            let Self { base, model, asked, mut request } = self;
            let search = SearchRequest {
                query: asked.question.clone(),
                top: asked.top.unwrap_or(TOP),
                mode: asked.mode,
                documents: asked.documents,
                ..SearchRequest::default()
            };
            let found = workspace.search(&base, search).await?;
            let search_ms = found.timings.embed_ms + found.timings.search_ms;
            yield Step::Progress(Progress::Searched { hits: found.hits.clone() });
            if answer::looks_unanswerable(&asked.question, &found.hits) {
                yield Step::Text(answer::no_answer_text(Language::of(&asked.question)).to_owned());
                let timings = Timings { search_ms, ..Timings::default() };
                yield Step::Finished { reason: FinishReason::Stop, usage: Usage::default(), timings };
                return;
            }
            if !workspace.is_loaded(&model) {
                yield Step::Progress(Progress::Loading { model: model.clone() });
            }
            let local = workspace.local_model(&model).await?;
            let tokenizer = local.tokenizer().clone();
            let passages = answer::select(&asked.question, &found.hits, PASSAGE_TOKENS, &|text| tokenizer.encode(text).len());
            yield Step::Passages(given(&found.hits, &passages), local.clone());
            let mut messages = answer::messages(&asked.question, &passages);
            if let Some(first) = messages.first_mut().filter(|_| !asked.instructions.is_empty()) {
                *first = Message::text(first.role, format!("{}\n{}", first.joined_text(), asked.instructions));
            }
            request.prompt = Prompt::Chat(messages);
            let mut events = local.generate(request);
            while let Some(event) = events.next().await {
                match event? {
                    Event::Text { text, prompt: false, .. } => yield Step::Text(text),
                    Event::Progress(progress) => yield Step::Progress(progress),
                    Event::Finished { reason, usage, timings } => {
                        yield Step::Finished { reason, usage, timings: Timings { search_ms, ..timings } };
                    }
                    Event::Text { .. } | Event::ToolCall(_) | Event::ToolArguments(_) | Event::Citation(_) => {}
                }
            }
        };
        Box::pin(steps)
    }
}

/// The hits that were chosen, in the order of the passages.
fn given(hits: &[Hit], passages: &[Passage]) -> Vec<Hit> {
    passages.iter().filter_map(|passage| hits.iter().find(|hit| hit.passage.id == passage.id).cloned()).collect()
}

/// Steps as events whose text is final: a sentence goes out when the next one has begun, its markers checked by then.
fn proved(question: String, mut steps: Steps) -> AskStream {
    let events = try_stream! {
        let (mut text, mut hits, mut proof) = (String::new(), Vec::new(), Proof::new(question));
        while let Some(step) = steps.try_next().await? {
            match step {
                Step::Progress(progress) => yield AskEvent::Progress(progress),
                Step::Passages(given, model) => {
                    proof.read(&given, model);
                    hits = given;
                }
                Step::Text(more) => {
                    text.push_str(&more);
                    let more = proof.certain(&text).await?;
                    if !more.is_empty() {
                        yield AskEvent::Text(more);
                    }
                }
                Step::Finished { reason, usage, timings } => {
                    let (rest, cited) = proof.settled(&text).await?;
                    let Cited { answer, citations, dropped, supported } = cited;
                    if !rest.is_empty() {
                        yield AskEvent::Text(rest);
                    }
                    for citation in &citations {
                        yield AskEvent::Citation(citation.clone());
                    }
                    if dropped > 0 {
                        yield AskEvent::Progress(Progress::Dropped { citations: dropped });
                    }
                    let hits = std::mem::take(&mut hits);
                    yield AskEvent::Finished(Answer { answer, citations, dropped, supported, reason, usage, timings, hits });
                }
            }
        }
    };
    Box::pin(events)
}

/// A knowledge base that answers as a model: `kb/NAME`, or `kb/NAME@MODEL`.
pub(crate) struct RagModel {
    workspace: Workspace,
    base: String,
    model: Option<String>,
    card: Card,
}

impl RagModel {
    pub(crate) fn new(workspace: Workspace, base: &str, model: Option<String>) -> Self {
        let card = Card {
            name: format!("kb/{base}"),
            description: format!("Answers from the knowledge base '{base}', with quotations."),
            description_zh: format!("根据知识库“{base}”回答，并附引文。"),
            architecture: "retrieval".to_owned(),
            parameters: 0,
            context: 0,
            dimensions: None,
            languages: Vec::new(),
            licence: String::new(),
            bytes: 0,
            sha256: String::new(),
            pooling: None,
            prefixes: domain::Prefixes::default(),
            sources: Vec::new(),
        };
        Self { workspace, base: base.to_owned(), model, card }
    }

    fn question(&self, request: Request) -> Result<Question> {
        let (question, instructions) = match &request.prompt {
            Prompt::Chat(messages) => (last_question(messages)?, instructions(messages)),
            Prompt::Text(text) => (text.clone(), String::new()),
            Prompt::Tokens(_) => {
                return Err(Error::invalid(
                    "prompt",
                    "invalid_value",
                    "a knowledge base is asked in words; send the prompt as text",
                ));
            }
        };
        for (asked, param) in [
            (request.logprobs.is_some(), "logprobs"),
            (request.echo, "echo"),
            (!request.tools.is_empty(), "tools"),
            (request.grammar.is_some(), request.grammar.as_ref().map_or("", Grammar::param)),
        ] {
            if asked {
                let message =
                    format!("'{param}' is not supported by a knowledge base; leave it out, or ask a plain model");
                return Err(Error::invalid(param, "unsupported_parameter", message));
            }
        }
        let model = match &self.model {
            Some(model) => model.clone(),
            None => self.workspace.default_language_model()?,
        };
        let mut request = request;
        // Quotations want the likeliest words, unless somebody asks for others.
        request.sampling.temperature.get_or_insert(0.0);
        request.max_tokens = Some(request.max_tokens.unwrap_or(ANSWER_TOKENS));
        let mode = request.search.take().unwrap_or_default();
        let asked = AskRequest { question, mode, instructions, ..AskRequest::default() };
        Ok(Question { base: self.base.clone(), model, asked, request })
    }
}

/// Every question is searched on its own: the last one counts.
fn last_question(messages: &[Message]) -> Result<String> {
    let last = messages.iter().rev().find(|message| message.role == Role::User).map(Message::joined_text);
    last.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        Error::invalid("messages", "invalid_value", "no message of role 'user' holds a question; add one")
    })
}

/// What system and developer messages say, in their order.
fn instructions(messages: &[Message]) -> String {
    let standing = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let said = messages.iter().filter(standing).map(Message::joined_text);
    said.collect::<Vec<_>>().join("\n").trim().to_owned()
}

impl LanguageModel for RagModel {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, request: Request) -> EventStream {
        match self.question(request) {
            Ok(question) => {
                let steps = proved(question.asked.question.clone(), question.steps(self.workspace.clone()));
                Box::pin(steps.map_ok(event))
            }
            Err(error) => Box::pin(futures_util::stream::once(async { Err(error) })),
        }
    }
}

/// A step of an answer as a model's event.
fn event(step: AskEvent) -> Event {
    match step {
        AskEvent::Progress(progress) => Event::Progress(progress),
        AskEvent::Text(text) => Event::Text { text, tokens: Vec::new(), prompt: false },
        AskEvent::Citation(citation) => Event::Citation(citation),
        AskEvent::Finished(Answer { reason, usage, timings, .. }) => Event::Finished { reason, usage, timings },
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::proof::tests::{Letters, hit};

    fn streamed(pieces: &[&str], hits: Vec<Hit>) -> (String, Vec<Citation>, usize) {
        let mut steps: Vec<Result<Step>> = vec![Ok(Step::Passages(hits, Letters::new(-1.0)))];
        steps.extend(pieces.iter().map(|piece| Ok(Step::Text((*piece).to_owned()))));
        steps.push(Ok(Step::Finished {
            reason: FinishReason::Stop,
            usage: Usage::default(),
            timings: Timings::default(),
        }));
        let all = futures_util::stream::iter(steps).boxed();
        let collected = domain::collect(proved(String::new(), all).map_ok(event).boxed()).now_or_never();
        let collected = collected.expect("nothing waits here").expect("no step is an error");
        (collected.text, collected.citations, collected.dropped)
    }

    #[test]
    fn what_is_streamed_is_what_was_proved() {
        let hits = || {
            vec![
                hit("Employees have 15 days of annual leave. Requests go to the manager."),
                hit("员工每年享有十五天年假。病假需要证明。"),
            ]
        };
        for answer in [
            "Employees have 15 days of annual leave [1]. Requests go to the manager [1].",
            "Employees have 99 days of annual leave [1]. Requests go to the manager. [1] Lunch is free [2].",
            "员工每年享有十五天年假。[2]病假需要证明[2]。",
            "No sentence ends here",
            "",
        ] {
            let mut proof = Proof::new(String::new());
            proof.read(&hits(), Letters::new(-1.0));
            let (whole, cited) = proof.settled(answer).now_or_never().expect("nothing waits").expect("nothing fails");
            let letters: Vec<String> = answer.chars().map(String::from).collect();
            let pieces: Vec<&str> = letters.iter().map(String::as_str).collect();
            let (text, citations, dropped) = streamed(&pieces, hits());
            assert_eq!((&text, &text), (&whole, &cited.answer), "{answer}");
            assert_eq!((citations, dropped), (cited.citations, cited.dropped), "{answer}");
        }
    }
}
