//! Chat completions, whole and in chunks.

use domain::{Citation, Collected, Event, ToolCall};
use serde::Serialize;

use super::{ChatLogprobs, FINGERPRINT, Head, UsageBody, finish_reason};
use crate::openai::chat::ChatRequest;

/// A chat completion, whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatCompletion {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    system_fingerprint: &'static str,
    /// One for each answer, in order.
    pub choices: Vec<ChatChoice>,
    /// Tokens counted over all answers.
    pub usage: UsageBody,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatChoice {
    /// Which, from 0.
    pub index: u32,
    /// The answer.
    pub message: MessageBody,
    /// Its tokens, if asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// Why it ended.
    pub finish_reason: &'static str,
}

/// An answer's message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageBody {
    role: &'static str,
    /// The text; `null` when there is none beside tool calls.
    pub content: Option<String>,
    refusal: Option<String>,
    /// The citations of an answer from documents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// The tools to be called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<FunctionCall>,
}

/// A citation, in the shape of OpenAI's citations of web pages, and whole in ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Annotation {
    #[serde(rename = "type")]
    kind: &'static str,
    /// For clients that know OpenAI's shape.
    pub url_citation: UrlCitation,
    /// Document, page, section, quotation and place.
    pub citation: Citation,
}

/// A citation of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrlCitation {
    /// Where the marker begins in the answer, in characters.
    pub start_index: usize,
    /// Where it ends.
    pub end_index: usize,
    /// The document's title, or its name.
    pub title: String,
    /// Where this server gives the document's text: a reference relative to its address.
    pub url: String,
}

/// A tool to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionCall {
    /// Which of the answer's calls, from 0; in chunks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// What the result must name; in a call's first chunk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Which tool, with what.
    pub function: FunctionBody,
}

/// Which tool, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionBody {
    /// The tool's name; in a call's first chunk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its arguments, as JSON text.
    pub arguments: String,
}

impl ChatCompletion {
    /// The body for a request's answers, one for each of its `n`.
    pub fn new(head: Head, asked: &ChatRequest, answers: Vec<Collected>) -> Self {
        let Head { id, created, model } = head;
        let mut usage = UsageBody::default();
        let mut choices = Vec::with_capacity(answers.len());
        for (index, answer) in (0..).zip(answers) {
            usage.add(index, asked.n, answer.usage);
            let annotations = answer.citations.into_iter().map(|citation| Annotation::new(&model, citation)).collect();
            let tool_calls: Vec<_> = answer.tool_calls.into_iter().map(|call| FunctionCall::new(None, call)).collect();
            let content = (!answer.text.is_empty() || tool_calls.is_empty()).then_some(answer.text);
            choices.push(ChatChoice {
                index,
                message: MessageBody { role: "assistant", content, refusal: None, annotations, tool_calls },
                logprobs: asked.request.logprobs.map(|_| ChatLogprobs::new(&answer.tokens)),
                finish_reason: finish_reason(answer.reason),
            });
        }
        Self { id, object: "chat.completion", created, model, system_fingerprint: FINGERPRINT, choices, usage }
    }
}

impl Annotation {
    fn new(model: &str, citation: Citation) -> Self {
        // `kb/NAME@MODEL` is `kb/NAME` answered by a model of the caller's choice.
        let base = model.strip_prefix("kb/").unwrap_or(model);
        let base = base.split_once('@').map_or(base, |(base, _)| base);
        let url = format!("/v1/knowledge_bases/{}/document?name={}", encoded(base), encoded(&citation.document));
        let title = if citation.title.is_empty() { &citation.document } else { &citation.title };
        let [start_index, end_index] = citation.at;
        let url_citation = UrlCitation { start_index, end_index, title: title.clone(), url };
        Self { kind: "url_citation", url_citation, citation }
    }
}

/// Percent-encoded for one segment of a path or one value of a query (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

impl FunctionCall {
    fn new(index: Option<u32>, call: ToolCall) -> Self {
        let function = FunctionBody { name: Some(call.name), arguments: call.arguments };
        Self { index, id: Some(call.id), kind: Some("function"), function }
    }

    /// More of a call's arguments.
    fn more(index: u32, arguments: String) -> Self {
        Self { index: Some(index), id: None, kind: None, function: FunctionBody { name: None, arguments } }
    }
}

/// A piece of a streamed chat completion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatChunk {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    system_fingerprint: &'static str,
    /// One; none in the chunk that counts tokens.
    pub choices: Vec<ChunkChoice>,
    /// Absent unless asked for; then `null` in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<UsageBody>>,
}

/// What is new in one answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChunkChoice {
    /// Which answer, from 0.
    pub index: u32,
    /// What is new.
    pub delta: Delta,
    /// The new tokens, if asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// Why the answer ended, in its last chunk.
    pub finish_reason: Option<&'static str>,
}

/// What is new in a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Delta {
    /// In an answer's first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// More text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// More tools to be called, each whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<FunctionCall>,
    /// More citations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// Turns the events of a request's answers into chunks.
#[derive(Debug)]
pub struct ChatWriter {
    head: Head,
    logprobs: bool,
    include_usage: bool,
    usage: UsageBody,
    choices: Vec<Begun>,
}

/// How far an answer is.
#[derive(Debug, Clone, Default)]
struct Begun {
    role_sent: bool,
    calls: u32,
}

impl ChatWriter {
    /// For the answers to one request.
    pub fn new(head: Head, asked: &ChatRequest) -> Self {
        Self {
            head,
            logprobs: asked.request.logprobs.is_some(),
            include_usage: asked.delivery.include_usage,
            usage: UsageBody::default(),
            choices: vec![Begun::default(); asked.n as usize],
        }
    }

    /// The chunks that say what happened in answer `index`, from 0 and less than `n`; before all others, one that says who speaks.
    pub fn event(&mut self, index: u32, event: Event) -> Vec<ChatChunk> {
        let mut chunks = Vec::with_capacity(2);
        let answers = self.choices.len() as u32;
        let begun = &mut self.choices[index as usize];
        if !begun.role_sent {
            begun.role_sent = true;
            let delta = Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
            chunks.push(self.chunk(index, delta, None, None));
        }
        match event {
            Event::Progress(_) => {}
            Event::Text { text, tokens, .. } => {
                if !text.is_empty() || !tokens.is_empty() {
                    let logprobs = (self.logprobs && !tokens.is_empty()).then(|| ChatLogprobs::new(&tokens));
                    let delta = Delta { content: Some(text), ..Delta::default() };
                    chunks.push(self.chunk(index, delta, logprobs, None));
                }
            }
            Event::ToolCall(call) => {
                let calls = &mut self.choices[index as usize].calls;
                let call = FunctionCall::new(Some(*calls), call);
                *calls += 1;
                chunks.push(self.chunk(index, Delta { tool_calls: vec![call], ..Delta::default() }, None, None));
            }
            Event::ToolArguments(more) => {
                let call = FunctionCall::more(self.choices[index as usize].calls.saturating_sub(1), more);
                chunks.push(self.chunk(index, Delta { tool_calls: vec![call], ..Delta::default() }, None, None));
            }
            Event::Citation(citation) => {
                let annotations = vec![Annotation::new(&self.head.model, citation)];
                chunks.push(self.chunk(index, Delta { annotations, ..Delta::default() }, None, None));
            }
            Event::Finished { reason, usage, .. } => {
                self.usage.add(index, answers, usage);
                chunks.push(self.chunk(index, Delta::default(), None, Some(finish_reason(reason))));
            }
        }
        chunks
    }

    /// The chunk that counts tokens, if it was asked for; after every answer finished.
    pub fn end(self) -> Option<ChatChunk> {
        self.include_usage.then(|| ChatChunk { usage: Some(Some(self.usage)), ..self.empty() })
    }

    fn chunk(
        &self,
        index: u32,
        delta: Delta,
        logprobs: Option<ChatLogprobs>,
        finish_reason: Option<&'static str>,
    ) -> ChatChunk {
        ChatChunk { choices: vec![ChunkChoice { index, delta, logprobs, finish_reason }], ..self.empty() }
    }

    fn empty(&self) -> ChatChunk {
        let Head { id, created, model } = self.head.clone();
        ChatChunk {
            id,
            object: "chat.completion.chunk",
            created,
            model,
            system_fingerprint: FINGERPRINT,
            choices: Vec::new(),
            usage: self.include_usage.then_some(None),
        }
    }
}
