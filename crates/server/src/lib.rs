//! The HTTP door: OpenAI's API, ours beside it, and the browser UI that is embedded in the binary.
//!
//! [`serve`] is the way in. A handler reads a body (`wire`), calls a use-case (`platform`) and writes what came back;
//! it owns no behaviour. What every request meets is in `door`: host, origin, key, limits, ids, figures. What is *not*
//! here: argv, environment, models, documents.

mod app;
mod body;
mod door;
mod events;
mod failure;
mod listen;
mod metrics;
mod openapi;
mod patient;
mod routes;
mod ui;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::Error;

use crate::app::{App, Phase};

/// How the door stands open.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address or name to bind.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Required of every caller when set; needed to bind beyond the loopback.
    pub api_key: Option<String>,
    /// Names beside this machine's own under which it may be called on the loopback: those of a proxy in front of it.
    pub allowed_hosts: Vec<String>,
    /// How much is let in.
    pub limits: Limits,
    /// Where models that are pulled through this door come from.
    pub pull: platform::PullOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            api_key: None,
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
            pull: platform::PullOptions::default(),
        }
    }
}

/// How much is let in, and how long it is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a JSON body.
    pub json_bytes: usize,
    /// Bytes of one uploaded file.
    pub file_bytes: u64,
    /// Bytes of one upload, all files together.
    pub upload_bytes: u64,
    /// API requests under way, streams counted to their end.
    pub in_flight: usize,
    /// Open connections.
    pub connections: usize,
    /// For a request's head to arrive, and for a connection that asks nothing.
    pub head: Duration,
    /// Between two pieces of a body, either way.
    pub stall: Duration,
    /// For streams to end by themselves when the server is told to stop.
    pub drain: Duration,
    /// Silence on a stream before a comment keeps it open.
    pub keep_alive: Duration,
    /// For the first words of a stream, while an error can still have a status of its own.
    pub opening: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A prompt of 10 MB must come through, to be told how long it is: escaped as \uXXXX, Chinese takes twice its size.
            json_bytes: 32 << 20,
            file_bytes: 512 << 20,
            upload_bytes: 8 << 30,
            in_flight: 256,
            connections: 1024,
            head: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            keep_alive: Duration::from_secs(10),
            opening: Duration::from_secs(2),
        }
    }
}

/// Serves until `shutdown` resolves, then lets streams finish for a while. `shown` is told the address once it is bound.
///
/// # Errors
/// [`Error::Invalid`] for a host beyond the loopback without a key or one that does not resolve, [`Error::Conflict`] for
/// a port in use, [`Error::Failed`] for one that cannot be bound.
pub async fn serve(
    workspace: Arc<platform::Workspace>,
    options: Options,
    shown: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let listener = listen::bind(&options).await?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::failed(format!("the address that was bound is not known: {error}")))?;
    workspace.resume_vectors();
    workspace.evals().resume();
    let (phase, watched) = tokio::sync::watch::channel(Phase::Serving);
    let limits = options.limits;
    let (choosing, begun_late) = (Arc::clone(&workspace), Arc::clone(&workspace));
    let shutdown = async move {
        shutdown.await;
        // Answers are kept: the next start goes on with them.
        choosing.stop_choices();
    };
    let app = Arc::new(App::new(workspace, options, address.ip().is_loopback(), watched));
    shown(address);
    listen::run(listener, routes::router(app), limits, phase, shutdown).await;
    begun_late.stop_choices();
    Ok(())
}
