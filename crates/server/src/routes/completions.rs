//! `/v1/chat/completions` and `/v1/completions`.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{Collected, Error, Event, EventStream, LanguageModel, Request};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::{self, BoxStream};
use wire::openai::chat::ChatRequest;
use wire::openai::completion::CompletionRequest;
use wire::openai::copies;
use wire::openai::response::{ChatCompletion, ChatWriter, Completion, CompletionWriter, Head};
use wire::sse;

use super::models::seconds;
use crate::app::{App, blocking};
use crate::body;
use crate::door::new_id;
use crate::events::{self, Dialect};
use crate::failure::Failure;

pub(crate) async fn chat(State(app): State<Arc<App>>, body::Json(body): body::Json) -> Result<Response, Failure> {
    let asked = ChatRequest::read(&body)?;
    drop(body); // it may be large, and an answer takes long
    let model = app.workspace.language_model(&asked.model).await?;
    let head = head("chatcmpl-", &asked.model);
    let answers = begun(&app, model, copies(asked.request.clone(), asked.n)).await?;
    if asked.delivery.stream {
        return streamed(&app, answers, ChatWriter::new(head, &asked)).await;
    }
    let answers = collected(&app, answers).await?;
    Ok(Json(ChatCompletion::new(head, &asked, answers)).into_response())
}

pub(crate) async fn completions(
    State(app): State<Arc<App>>,
    body::Json(body): body::Json,
) -> Result<Response, Failure> {
    let asked = CompletionRequest::read(&body)?;
    drop(body); // it may be large, and an answer takes long
    let model = app.workspace.language_model(&asked.model).await?;
    let head = head("cmpl-", &asked.model);
    let answers = begun(&app, model, asked.requests.clone()).await?;
    if asked.delivery.stream {
        return streamed(&app, answers, CompletionWriter::new(head, &asked)).await;
    }
    let answers = collected(&app, answers).await?;
    Ok(Json(Completion::new(head, &asked, answers)).into_response())
}

fn head(prefix: &str, model: &str) -> Head {
    Head { id: new_id(prefix), created: seconds(SystemTime::now()), model: model.to_owned() }
}

/// The answers, begun away from the threads that serve: a prompt of megabytes takes a while to cut into tokens.
async fn begun(
    app: &Arc<App>,
    model: Arc<dyn LanguageModel>,
    requests: Vec<Request>,
) -> Result<Vec<EventStream>, Failure> {
    let _turn = app.beginnings.acquire().await; // an error: nobody closes it
    blocking(app, move |_| Ok(requests.into_iter().map(|request| model.generate(request)).collect())).await
}

/// All answers, made side by side; the first that fails ends the others.
async fn collected(app: &App, answers: Vec<EventStream>) -> Result<Vec<Collected>, Error> {
    let answers = try_join_all(answers.into_iter().map(domain::collect)).await?;
    for answer in &answers {
        app.metrics.answered(answer.usage);
    }
    Ok(answers)
}

/// What turns events into frames.
pub(crate) trait Writer: Send + 'static {
    /// The frames that say what happened in one answer.
    fn event(&mut self, index: u32, event: Event) -> Vec<String>;
    /// The frame that counts tokens, if it was asked for.
    fn end(self) -> Option<String>;
}

impl Writer for ChatWriter {
    fn event(&mut self, index: u32, event: Event) -> Vec<String> {
        ChatWriter::event(self, index, event).iter().map(sse::data).collect()
    }

    fn end(self) -> Option<String> {
        ChatWriter::end(self).as_ref().map(sse::data)
    }
}

impl Writer for CompletionWriter {
    fn event(&mut self, index: u32, event: Event) -> Vec<String> {
        CompletionWriter::event(self, index, event).iter().map(sse::data).collect()
    }

    fn end(self) -> Option<String> {
        CompletionWriter::end(self).as_ref().map(sse::data)
    }
}

/// All answers as one stream of frames, each event written as it comes. Dropping the response drops the answers.
pub(crate) async fn streamed(
    app: &Arc<App>,
    answers: Vec<EventStream>,
    mut writer: impl Writer,
) -> Result<Response, Failure> {
    let mut unfinished = answers.len();
    let indexed =
        (0u32..).zip(answers).map(|(index, answer)| answer.map(move |event| event.map(|event| (index, event))));
    let mut all = stream::select_all(indexed.map(StreamExt::boxed));
    let early = events::opening(app, &mut all, |(_, event)| matches!(event, Event::Progress(_))).await?;
    let mut all: BoxStream<'static, _> = stream::iter(early.into_iter().map(Ok)).chain(all).boxed();
    let metrics = Arc::clone(&app.metrics);
    let frames = async_stream::stream! {
        while let Some(event) = all.next().await {
            match event {
                Ok((index, event)) => {
                    if let Event::Finished { usage, .. } = &event {
                        metrics.answered(*usage);
                        unfinished -= 1;
                    }
                    for frame in writer.event(index, event) {
                        yield frame;
                    }
                }
                Err(error) => {
                    yield Dialect::OpenAi.error(&error);
                    return;
                }
            }
        }
        if unfinished > 0 {
            yield Dialect::OpenAi.error(&Error::failed("an answer ended without its end: this is a bug in the model's adapter"));
            return;
        }
        if let Some(frame) = writer.end() {
            yield frame;
        }
        yield sse::DONE.to_owned();
    };
    Ok(events::response(app, frames, Dialect::OpenAi))
}
