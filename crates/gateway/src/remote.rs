//! One model of one provider, asked once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_stream::stream;
use domain::{Card, Error, Event, EventStream, LanguageModel, Prefixes, Remote, Request, Structured, Timings};
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout, timeout_at};
use wire::openai::client::{Chunks, chat_request, error_of};
use wire::sse;

use crate::Secret;
use crate::budget::Meter;
use crate::fault::{Attempt, Fault, plainly, root_cause};

/// How many times as long as a silence a provider may send nothing but signs of life: DeepSeek does for ten minutes when it is full.
const PATIENCE: u32 = 10;
/// No page that refuses is worth more bytes.
const LARGEST_REFUSAL: usize = 64 << 10;
/// No answer is larger, nor one event of it.
const LARGEST_ANSWER: usize = 16 << 20;

/// A model that is asked over HTTP in OpenAI's dialect.
pub struct RemoteModel {
    card: Card,
    line: Arc<Line>,
}

/// What it takes to ask.
struct Line {
    name: String,
    url: Url,
    /// The provider's name of the model.
    model: String,
    key: Option<Secret>,
    client: Client,
    silence: Duration,
    structured: Structured,
    reasoning: bool,
    /// Tokens it may think beside an answer.
    thoughts: u32,
}

impl RemoteModel {
    /// The model of a card; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field of the card that cannot be; [`Error::Failed`] if the card names a key that was not given.
    pub fn new(remote: &Remote, key: Option<Secret>, client: Client) -> Result<Self, Error> {
        if key.is_none() && (remote.key_env.is_some() || remote.key_file.is_some()) {
            let variable = remote.key_env.as_ref().map(|name| format!("the environment variable {name}"));
            let file = remote.key_file.as_ref().map(|path| format!("the file {}", path.display()));
            let places: Vec<String> = variable.into_iter().chain(file).collect();
            return Err(Error::failed(format!(
                "'{}' needs a key; put it in {}.",
                remote.name,
                places.join(", or in ")
            )));
        }
        if remote.timeout_seconds == 0 {
            let why = format!("The card of '{}' has a timeout_seconds of 0; write 1 or more.", remote.name);
            return Err(Error::invalid("timeout_seconds", "invalid_value", why));
        }
        let line = Line {
            name: remote.name.clone(),
            url: endpoint(&remote.base_url)?,
            model: remote.model.clone(),
            key,
            client,
            silence: Duration::from_secs(u64::from(remote.timeout_seconds)),
            structured: remote.structured,
            reasoning: remote.reasoning,
            thoughts: remote.thoughts(),
        };
        Ok(Self { card: card(remote), line: Arc::new(line) })
    }

    /// The body of a request.
    pub(crate) fn body(&self, request: &Request) -> Result<String, Error> {
        let line = &self.line;
        let max_tokens = request.max_tokens.map(|answer| self.may_generate(answer));
        let request = Request { max_tokens, ..request.clone() };
        chat_request(&request, &line.model, line.structured, line.reasoning).map(|body| body.to_string())
    }

    /// Tokens that are generated, and paid for, at most, for an answer of so many.
    pub(crate) fn may_generate(&self, answer: u32) -> u32 {
        answer.saturating_add(self.line.thoughts)
    }

    /// One try; dropping it closes the connection.
    pub(crate) fn attempt(&self, body: String, meter: Arc<Meter>) -> Attempt {
        let line = Arc::clone(&self.line);
        Box::pin(stream! {
            let begun = Instant::now();
            let mut answer = match line.ask(body, &meter).await {
                Ok(response) => Answer::new(Arc::clone(&line), response),
                Err(fault) => {
                    yield Err(fault);
                    return;
                }
            };
            let mut chunks = Chunks::default();
            let mut first = None;
            let mut broken = None;
            while !chunks.is_over() {
                let data = match answer.next().await {
                    Ok(Some(data)) => data,
                    Ok(None) => break,
                    Err(fault) => {
                        broken = Some(fault);
                        break;
                    }
                };
                for data in data {
                    let events = chunks.feed(&data);
                    meter.hear(chunks.bytes());
                    match events {
                        Ok(events) => {
                            for event in events {
                                first.get_or_insert_with(Instant::now);
                                yield Ok(event);
                            }
                        }
                        Err(error) => {
                            yield Err(line.within(error));
                            return;
                        }
                    }
                }
            }
            // An answer that said why it ended is whole, even if the connection broke when nothing more was to come.
            match (chunks.finish(), broken) {
                (Ok(mut event), _) => {
                    if let Event::Finished { timings, .. } = &mut event {
                        *timings = spent(begun, first);
                    }
                    yield Ok(event);
                }
                (Err(_), Some(fault)) => yield Err(fault),
                (Err(error), None) => yield Err(line.within(error)),
            }
        })
    }
}

impl LanguageModel for RemoteModel {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, request: Request) -> EventStream {
        match self.body(&request) {
            Ok(body) => plainly(self.attempt(body, Arc::default())),
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }
}

/// What is known about a model whose weights are elsewhere.
fn card(remote: &Remote) -> Card {
    let vendor = if remote.vendor.is_empty() { &remote.base_url } else { &remote.vendor };
    Card {
        name: remote.name.clone(),
        description: format!("{} at {vendor}", remote.model),
        description_zh: String::new(),
        architecture: "remote".to_owned(),
        parameters: 0,
        context: remote.context,
        dimensions: None,
        languages: Vec::new(),
        licence: String::new(),
        bytes: 0,
        sha256: identity(remote),
        pooling: None,
        prefixes: Prefixes::default(),
        sources: Vec::new(),
    }
}

/// What tells one provider's model from another's, where a file's digest tells local ones: what was answered before
/// `base_url` or `model` was edited is not taken for an answer of what they name now.
fn identity(remote: &Remote) -> String {
    let digest = Sha256::digest(format!("{}\n{}", remote.base_url, remote.model));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where chats are answered.
fn endpoint(base: &str) -> Result<Url, Error> {
    let wrong = |why: String| Error::invalid("base_url", "invalid_value", why);
    let usual = "it is like https://api.example.com/v1";
    let mut url =
        Url::parse(base.trim()).map_err(|error| wrong(format!("'{base}' is no address ({error}); {usual}.")))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Not shown, since it may be a password.
        return Err(wrong(
            "base_url holds a name or password; name the key's place in key_env or key_file.".to_owned(),
        ));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("'{base}' is no address of http or https; {usual}.")));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["chat", "completions"]);
    }
    Ok(url)
}

fn spent(begun: Instant, first: Option<Instant>) -> Timings {
    let first = first.unwrap_or_else(Instant::now);
    Timings {
        prompt_ms: first.duration_since(begun).as_secs_f64() * 1000.0,
        generate_ms: first.elapsed().as_secs_f64() * 1000.0,
        ..Timings::default()
    }
}

impl Line {
    /// Sends a request, and waits until the provider begins to answer it.
    async fn ask(&self, body: String, meter: &Meter) -> Result<Response, Fault> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream, application/json")
            .body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        meter.send();
        let response = match timeout(self.silence, request.send()).await {
            Err(_) => return Err(self.silent()),
            Ok(Err(error)) => {
                if error.is_connect() || error.is_builder() {
                    meter.refuse();
                }
                return Err(self.broken(error));
            }
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() && Form::of(&response).is_some() {
            return Ok(response);
        }
        meter.refuse();
        Err(self.refused(response).await)
    }

    async fn refused(&self, mut response: Response) -> Fault {
        let status = response.status().as_u16();
        let content_type = content_type(&response);
        let retry_after = retry_after(response.headers());
        // What was said before it broke off is better than nothing.
        let mut body = Vec::new();
        let _ = self.read(&mut response, &mut body, LARGEST_REFUSAL).await;
        let error = advised(self.hushed(error_of(status, &content_type, &body, retry_after)));
        match error {
            Error::Busy { .. } => Fault::passing(error),
            Error::Failed { .. } if matches!(status, 408 | 425 | 500..=599) => Fault::passing(error).after(retry_after),
            _ => Fault::lasting(error),
        }
    }

    /// The fault for an error that came in place of an answer, or in its middle.
    fn within(&self, error: Error) -> Fault {
        let error = self.hushed(error);
        match error {
            Error::Busy { .. } | Error::Failed { .. } => Fault::passing(error),
            Error::Invalid { .. } | Error::NotFound { .. } | Error::Conflict { .. } => Fault::lasting(error),
        }
    }

    /// Reads a body to its end, or as far as is wanted.
    async fn read(&self, response: &mut Response, body: &mut Vec<u8>, most: usize) -> Result<(), Fault> {
        let end = Instant::now() + self.silence;
        while body.len() < most {
            match timeout_at(end, response.chunk()).await {
                Err(_) => return Err(self.silent()),
                Ok(Err(error)) => return Err(self.broken(error)),
                Ok(Ok(None)) => return Ok(()),
                Ok(Ok(Some(bytes))) => body.extend_from_slice(&bytes),
            }
        }
        body.truncate(most);
        Ok(())
    }

    fn silent(&self) -> Fault {
        Fault::passing(Error::failed(format!(
            "'{}' said nothing for {} seconds; ask again later, or raise timeout_seconds.",
            self.name,
            self.silence.as_secs()
        )))
    }

    fn broken(&self, error: reqwest::Error) -> Fault {
        let error = error.without_url();
        let cause = root_cause(&error);
        let host = self.url.host_str().unwrap_or_default();
        if error.is_builder() {
            return Fault::lasting(Error::failed(format!(
                "'{}' cannot be asked ({cause}); check base_url and the key on its card.",
                self.name
            )));
        }
        let why = if error.is_connect() {
            format!("'{}' cannot be reached at {host} ({cause}); check base_url and the network.", self.name)
        } else {
            format!("The connection to '{}' at {host} broke off ({cause}); ask again.", self.name)
        };
        Fault::passing(Error::failed(why))
    }

    /// An error without the key, which some providers repeat.
    fn hushed(&self, error: Error) -> Error {
        let hide = |message: String| match &self.key {
            Some(key) => key.hide_in(&message),
            None => message,
        };
        match error {
            Error::Invalid { param, code, message } => Error::Invalid { param, code, message: hide(message) },
            Error::NotFound { code, message } => Error::NotFound { code, message: hide(message) },
            Error::Conflict { message } => Error::Conflict { message: hide(message) },
            Error::Busy { message, retry_after_seconds } => Error::Busy { message: hide(message), retry_after_seconds },
            Error::Failed { message } => Error::Failed { message: hide(message) },
        }
    }
}

/// An error with what to do, where a provider does not know the form it is to answer in.
fn advised(error: Error) -> Error {
    let of_form = |message: &str| ["response_format", "json_schema"].iter().any(|name| message.contains(name));
    match error {
        Error::Invalid { param, code, message } if of_form(&message) => {
            let advice = "if it cannot be held to a JSON Schema, say structured = \"object\" or \"none\" on its card";
            Error::Invalid { param, code, message: format!("{message} ({advice})") }
        }
        other => other,
    }
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As events.
    Stream,
    /// As one JSON body, by a server that does not stream, or by one that reports an error with status 200.
    Whole,
}

impl Form {
    /// By the content type; `None`: it is no answer.
    fn of(response: &Response) -> Option<Self> {
        let content_type = content_type(response);
        if content_type.is_empty() || content_type.contains("event-stream") {
            return Some(Self::Stream);
        }
        content_type.contains("json").then_some(Self::Whole)
    }
}

/// An answer that comes in.
struct Answer {
    line: Arc<Line>,
    response: Response,
    reader: sse::Reader,
    form: Form,
}

impl Answer {
    fn new(line: Arc<Line>, response: Response) -> Self {
        let form = Form::of(&response).unwrap_or(Form::Stream);
        Self { line, response, reader: sse::Reader::default(), form }
    }

    /// The data of the next events; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<String>>, Fault> {
        match self.form {
            Form::Stream => self.streamed().await,
            Form::Whole => self.whole().await.map(Some),
        }
    }

    async fn whole(&mut self) -> Result<Vec<String>, Fault> {
        let mut body = Vec::new();
        self.line.read(&mut self.response, &mut body, LARGEST_ANSWER).await?;
        Ok(vec![String::from_utf8_lossy(&body).into_owned(), "[DONE]".to_owned()])
    }

    async fn streamed(&mut self) -> Result<Option<Vec<String>>, Fault> {
        let begun = Instant::now();
        // A line that does not end is no sign of life; a comment is one, for a while.
        let mut silence = begun + self.line.silence;
        let end = begun + self.line.silence * PATIENCE;
        loop {
            let bytes = match timeout_at(silence.min(end), self.response.chunk()).await {
                Err(_) => return Err(self.line.silent()),
                Ok(Err(error)) => return Err(self.line.broken(error)),
                Ok(Ok(None)) => return Ok(self.reader.end().map(|data| vec![data])),
                Ok(Ok(Some(bytes))) => bytes,
            };
            if bytes.contains(&b'\n') {
                silence = Instant::now() + self.line.silence;
            }
            let data = self.reader.feed(&bytes);
            if !data.is_empty() {
                return Ok(Some(data));
            }
            if self.reader.pending() > LARGEST_ANSWER {
                let why = format!("'{}' sent an event of more than {LARGEST_ANSWER} bytes.", self.line.name);
                return Err(Fault::lasting(Error::failed(why)));
            }
        }
    }
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_ascii_lowercase()
}

/// In seconds, whether the header says for how long or until when.
fn retry_after(headers: &HeaderMap) -> Option<u32> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let told = text(RETRY_AFTER)?;
    let seconds = match told.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let until = date(told)?;
            // By the provider's clock, which may not agree with ours; what is past is now.
            let now = text(DATE).and_then(date).unwrap_or_else(SystemTime::now);
            until.duration_since(now).map_or(0.0, |wait| wait.as_secs_f64())
        }
    };
    // A cast keeps to the bounds of its type.
    (seconds >= 0.0).then(|| seconds.ceil() as u32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[test]
    fn addresses() {
        for (base, expected) in [
            ("https://api.deepseek.com", Some("https://api.deepseek.com/chat/completions")),
            ("https://api.example.com/v1", Some("https://api.example.com/v1/chat/completions")),
            (" https://api.example.com/v1/ ", Some("https://api.example.com/v1/chat/completions")),
            ("http://127.0.0.1:8000/v1", Some("http://127.0.0.1:8000/v1/chat/completions")),
            (
                "https://x.example.com/openai?api-version=1",
                Some("https://x.example.com/openai/chat/completions?api-version=1"),
            ),
            ("api.example.com/v1", None),
            ("ftp://api.example.com/v1", None),
            ("https://me:secret@api.example.com/v1", None),
        ] {
            match (endpoint(base), expected) {
                (Ok(url), Some(expected)) => assert_eq!(url.as_str(), expected),
                (Err(Error::Invalid { param, message, .. }), None) => {
                    assert_eq!(param.as_deref(), Some("base_url"), "{base}");
                    assert!(!message.contains("secret"), "{message}");
                }
                (got, _) => panic!("{base}: {got:?}"),
            }
        }
    }

    #[test]
    fn waits_that_are_asked_for() {
        for (value, expected) in [
            ("7", Some(7)),
            (" 0.2 ", Some(1)),
            ("0", Some(0)),
            ("1e30", Some(u32::MAX)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)),
            ("Wednesday, 21-Oct-26 07:29:00 GMT", Some(60)),
            ("Wed Oct 21 07:28:00 2026", Some(0)),
            ("Wed, 21 Oct 2026 07:27:00 GMT", Some(0)),
            ("Wed, 99 Oct 2026 07:28:30 GMT", None),
        ] {
            let now = "Wed, 21 Oct 2026 07:28:00 GMT";
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap()), (DATE, now.parse().unwrap())]);
            assert_eq!(retry_after(&headers), expected, "{value}");
        }
        // By our own clock, if the provider does not tell the time.
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let told = retry_after(&HeaderMap::from_iter([(RETRY_AFTER, soon.parse().unwrap())]));
        assert!(told.is_some_and(|seconds| (90..=100).contains(&seconds)), "{told:?}");
    }
}
