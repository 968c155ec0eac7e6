//! Streams from models that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use domain::{Error, Event, EventStream, FinishReason, Progress, Timings, Usage};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use wire::openai::chat::ChatRequest;
use wire::openai::response::{ChatWriter, Head};

use super::House;
use crate::app::{App, Phase};
use crate::failure::Failure;
use crate::routes::completions::streamed;
use crate::{Limits, Options};

/// What a model does next.
#[derive(Clone)]
enum Step {
    Say(&'static str),
    Progress,
    /// In milliseconds.
    Wait(u64),
    Fail(Error),
    Finish,
}

use Step::{Fail, Finish, Progress as Prompt, Say, Wait};

/// Counts streams that are still held.
#[derive(Clone, Default)]
struct Held(Arc<AtomicUsize>);

struct Hold(Held);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Held {
    fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn model(&self, steps: Vec<Step>) -> EventStream {
        self.0.fetch_add(1, Ordering::SeqCst);
        let hold = Hold(self.clone());
        Box::pin(stream::iter(steps).filter_map(move |step| {
            let _ = &hold;
            async move {
                Some(match step {
                    Say(text) => Ok(Event::Text { text: text.to_owned(), tokens: Vec::new(), prompt: false }),
                    Prompt => Ok(Event::Progress(Progress::Prompt { done: 1, total: 2 })),
                    Fail(error) => Err(error),
                    Finish => Ok(Event::Finished {
                        reason: FinishReason::Stop,
                        usage: Usage { prompt_tokens: 5, completion_tokens: 2, cached_tokens: 0, ..Usage::default() },
                        timings: Timings::default(),
                    }),
                    Wait(milliseconds) => {
                        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                        return None;
                    }
                })
            }
        }))
    }
}

async fn ask(app: &Arc<App>, models: Vec<EventStream>) -> Result<Response, Failure> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let options = json!({"include_usage": true});
    let body =
        json!({"model": "m", "messages": messages, "n": models.len(), "stream": true, "stream_options": options});
    let asked = ChatRequest::read(&body).unwrap();
    let head = Head { id: "chatcmpl-1".to_owned(), created: 1, model: "m".to_owned() };
    streamed(app, models, ChatWriter::new(head, &asked)).await
}

/// The frames of a whole stream.
async fn frames(response: Response) -> Vec<String> {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.ends_with("\n\n"));
    text.split_terminator("\n\n").map(str::to_owned).collect()
}

fn data(frame: &str) -> Value {
    serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap()
}

#[tokio::test]
async fn answers_are_interleaved_as_they_come() {
    let house = House::new(Options::default());
    let held = Held::default();
    let models =
        vec![held.model(vec![Say("a"), Wait(600), Say("b"), Finish]), held.model(vec![Wait(200), Say("x"), Finish])];
    let frames = frames(ask(&house.app, models).await.unwrap()).await;
    assert_eq!(frames.last().unwrap(), "data: [DONE]");
    let chunks: Vec<Value> = frames[..frames.len() - 1].iter().map(|frame| data(frame)).collect();
    let said: Vec<(u64, String)> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"].get(0))
        .filter(|choice| choice["delta"]["content"].as_str().is_some_and(|text| !text.is_empty()))
        .map(|choice| (choice["index"].as_u64().unwrap(), choice["delta"]["content"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(said, [(0, "a".to_owned()), (1, "x".to_owned()), (0, "b".to_owned())]);
    let usage = &chunks.last().unwrap()["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(5), &json!(4)));
    assert_eq!(held.now(), 0);
    let figures = house.get("/metrics").await.text();
    assert!(figures.contains("sumeru_completion_tokens_total 4\n"), "{figures}");
}

#[tokio::test]
async fn an_error_before_any_word_has_a_status() {
    let house = House::new(Options::default());
    let held = Held::default();
    let overflow = Error::invalid("messages", "context_length_exceeded", "9000 tokens, but 4096 fit");
    let busy = Error::Busy { message: "32 wait".to_owned(), retry_after_seconds: 7 };
    for (steps, status, code) in [
        (vec![Fail(overflow.clone())], 400, "context_length_exceeded"),
        (vec![Prompt, Prompt, Wait(100), Fail(overflow)], 400, "context_length_exceeded"),
        (vec![Fail(busy)], 429, "queue_full"),
        (vec![Fail(Error::failed("disk"))], 500, "internal_error"),
        (vec![Fail(Error::Conflict { message: "in use".to_owned() })], 409, "conflict"),
        (vec![Fail(Error::not_found("model_not_found", "gone"))], 404, "model_not_found"),
    ] {
        let models = vec![held.model(vec![Wait(100_000), Finish]), held.model(steps)];
        let response = ask(&house.app, models).await.unwrap_err().into_response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().get("retry-after").is_some(), status == 429);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert_eq!(held.now(), 0, "the other answer is not made either");
    }
}

#[tokio::test]
async fn an_error_after_words_is_an_event_and_the_end() {
    let house = House::new(Options::default());
    let held = Held::default();
    let models = vec![held.model(vec![Say("a"), Fail(Error::failed("the disk is gone")), Say("b")])];
    let frames = frames(ask(&house.app, models).await.unwrap()).await;
    let last = data(frames.last().unwrap());
    assert_eq!(last["error"]["type"], "server_error");
    assert_eq!(last["error"]["message"], "the disk is gone");
    assert!(!frames.iter().any(|frame| frame.contains("[DONE]") || frame.contains("\"b\"")), "{frames:?}");
    let unfinished = vec![held.model(vec![Say("a")])];
    let frames = self::frames(ask(&house.app, unfinished).await.unwrap()).await;
    assert_eq!(data(frames.last().unwrap())["error"]["code"], "internal_error");
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let (keep_alive, opening) = (Duration::from_millis(100), Duration::from_millis(100));
    let house =
        House::new(Options { limits: Limits { keep_alive, opening, ..Limits::default() }, ..Options::default() });
    let models = vec![Held::default().model(vec![Prompt, Wait(1000), Say("a"), Finish])];
    let frames = frames(ask(&house.app, models).await.unwrap()).await;
    let comments = frames.iter().filter(|frame| *frame == ": keep-alive").count();
    assert!((3..=9).contains(&comments), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.contains("\"content\":\"a\"")));
}

#[tokio::test]
async fn a_reader_that_goes_away_frees_the_model() {
    let house = House::new(Options::default());
    let held = Held::default();
    let response = ask(&house.app, vec![held.model(vec![Say("a"), Wait(100_000), Finish])]).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    body.next().await.unwrap().unwrap();
    assert_eq!(held.now(), 1);
    drop(body);
    assert_eq!(held.now(), 0);
}

#[tokio::test]
async fn a_stream_that_outlasts_the_server_is_told_so() {
    let house = House::new(Options::default());
    let held = Held::default();
    let response = ask(&house.app, vec![held.model(vec![Say("a"), Wait(100_000), Finish])]).await.unwrap();
    let reader = tokio::spawn(frames(response));
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.phase.send_replace(Phase::Draining);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!reader.is_finished(), "it may finish while others are turned away");
    house.phase.send_replace(Phase::Cut);
    let frames = reader.await.unwrap();
    assert_eq!(data(frames.last().unwrap())["error"]["code"], "server_stopping");
    assert_eq!(held.now(), 0);
}
