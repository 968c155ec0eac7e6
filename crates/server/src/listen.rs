//! Binding, accepting, and ending in order.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use domain::Error;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::{Phase, key};
use crate::patient::Patient;
use crate::{Limits, Options};

/// How long streams that were cut have to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Opens the door, if it may be opened.
pub(crate) async fn bind(options: &Options) -> Result<TcpListener, Error> {
    let addresses = resolve(options).await?;
    if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
        && key(options).is_none()
    {
        let message = format!(
            "--host {} can be reached from other machines (it is {}), so callers must have a key: set SUMERU_API_KEY or \
             give --api-key; or stay on this machine with --host 127.0.0.1",
            options.host,
            open.ip()
        );
        return Err(Error::invalid("host", "api_key_required", message));
    }
    TcpListener::bind(addresses.as_slice()).await.map_err(|error| refused(options, &error))
}

async fn resolve(options: &Options) -> Result<Vec<SocketAddr>, Error> {
    let bare = options.host.trim_start_matches('[').trim_end_matches(']');
    let unknown = |why: String| {
        let message = format!("--host {}: {why}; give an address of this machine, such as 127.0.0.1", options.host);
        Error::invalid("host", "invalid_value", message)
    };
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((bare, options.port)).await.map_err(|error| unknown(error.to_string()))?.collect();
    if addresses.is_empty() { Err(unknown("it has no address".to_owned())) } else { Ok(addresses) }
}

fn refused(options: &Options, error: &std::io::Error) -> Error {
    let Options { host, port, .. } = options;
    match error.kind() {
        ErrorKind::AddrInUse => Error::Conflict {
            message: format!(
                "port {port} on {host} is in use by another program; stop that program, or choose another port with --port (0 takes a free one)"
            ),
        },
        ErrorKind::PermissionDenied => Error::failed(format!(
            "port {port} on {host} may not be opened by this user; choose a port from 1024 up with --port"
        )),
        ErrorKind::AddrNotAvailable => Error::invalid(
            "host",
            "invalid_value",
            format!(
                "--host {host} is no address of this machine; 127.0.0.1 is this machine only, 0.0.0.0 every address"
            ),
        ),
        _ => Error::failed(format!("port {port} on {host} could not be opened: {error}; try another with --port")),
    }
}

/// Serves until `shutdown` resolves; then accepts nobody, waits for what runs, and at last cuts it off.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    phase: watch::Sender<Phase>,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            () = &mut shutdown => break,
            // Reaped as they end, so that the set holds open connections only.
            Some(_) = connections.join_next() => {}
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, router.clone(), limits, phase.subscribe());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of files, or a client that was gone already: neither is a reason to end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    phase.send_replace(Phase::Draining);
    if !all_ended(&mut connections, limits.drain).await {
        tracing::warn!("{} connections did not end in {:?} and are cut off", connections.len(), limits.drain);
        phase.send_replace(Phase::Cut);
        all_ended(&mut connections, LAST_WORDS).await;
    }
    connections.shutdown().await;
}

async fn all_ended(connections: &mut JoinSet<()>, patience: Duration) -> bool {
    tokio::time::timeout(patience, async { while connections.join_next().await.is_some() {} }).await.is_ok()
}

async fn connection(stream: TcpStream, router: Router, limits: Limits, mut phase: watch::Receiver<Phase>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small pieces will be sent late");
    }
    let io = TokioIo::new(Patient::new(stream, limits.stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let stopping = async {
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await; // an error: the server is gone
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
