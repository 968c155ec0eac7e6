//! Streams of server-sent events: their beginning, their silences, their end.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::Response;
use domain::Error;
use futures_util::{Stream, StreamExt};
use wire::openai::error::ErrorBody;
use wire::sse;

use crate::app::{App, Phase};

/// How a stream says that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `data: {"error": ...}`, as OpenAI does.
    OpenAi,
    /// `event: error`, as named events do.
    Named,
}

impl Dialect {
    /// The frame for an error.
    pub(crate) fn error(self, error: &Error) -> String {
        if let Error::Failed { message } = error {
            tracing::error!("{message}");
        }
        self.frame(&ErrorBody::from(error))
    }

    fn frame(self, body: &ErrorBody) -> String {
        match self {
            Self::OpenAi => sse::data(body),
            Self::Named => sse::event("error", body),
        }
    }
}

/// Waits for a stream's first words, or for as long as they may take, and gives what came until then.
///
/// Progress alone is no reason to say 200: a prompt that turns out too long, or a queue that is full, still gets a
/// status of its own if it does so soon.
///
/// # Errors
/// The stream's own, if it comes before any words.
pub(crate) async fn opening<T>(
    app: &App,
    events: &mut (impl Stream<Item = Result<T, Error>> + Unpin),
    is_progress: impl Fn(&T) -> bool,
) -> Result<Vec<T>, Error> {
    let mut early = Vec::new();
    let deadline = tokio::time::Instant::now() + app.limits.opening;
    while let Ok(Some(event)) = tokio::time::timeout_at(deadline, events.next()).await {
        let event = event?;
        let more = is_progress(&event);
        early.push(event);
        if !more {
            break;
        }
    }
    Ok(early)
}

/// The response that sends frames as they come, comments while none comes, and an error if the server ends first.
pub(crate) fn response(
    app: &Arc<App>,
    frames: impl Stream<Item = String> + Send + 'static,
    dialect: Dialect,
) -> Response {
    let app = Arc::clone(app);
    let cut = {
        let app = Arc::clone(&app);
        async move { app.reaches(Phase::Cut).await }
    };
    let body = async_stream::stream! {
        let mut frames = std::pin::pin!(frames);
        let mut cut = std::pin::pin!(cut);
        loop {
            match next(&mut frames, &mut cut, app.limits.keep_alive).await {
                Next::Frame(frame) => yield Ok::<String, std::convert::Infallible>(frame),
                Next::Silence => yield Ok(sse::KEEP_ALIVE.to_owned()),
                Next::End => break,
                Next::Cut => {
                    let message = "The server is stopping and could not wait longer; ask again when it is back.";
                    yield Ok(dialect.frame(&ErrorBody::new("server_error", "server_stopping", message)));
                    break;
                }
            }
        }
    };
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks proxies not to hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

enum Next {
    Frame(String),
    Silence,
    End,
    Cut,
}

async fn next(
    frames: &mut (impl Stream<Item = String> + Unpin),
    cut: &mut (impl Future<Output = ()> + Unpin),
    patience: std::time::Duration,
) -> Next {
    tokio::select! {
        biased;
        frame = frames.next() => frame.map_or(Next::End, Next::Frame),
        () = cut => Next::Cut,
        () = tokio::time::sleep(patience) => Next::Silence,
    }
}
