//! A provider on a real socket that answers each connection as it is told, and remembers what it saw.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One answer to one connection.
#[derive(Debug, Clone)]
pub(super) struct Play {
    /// What is written, each after a pause.
    pieces: Vec<(Duration, Vec<u8>)>,
    /// Whether the connection stays open after that.
    hangs: bool,
}

impl Play {
    /// A response with a body that ends where the connection does.
    pub(super) fn new(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} Some\r\n{headers}Connection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body.as_ref());
        Self { pieces: vec![(Duration::ZERO, bytes)], hangs: false }
    }

    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::new(status, "Content-Type: application/json\r\n", body)
    }

    /// A stream of events with this data.
    pub(super) fn stream(data: &[&str]) -> Self {
        let body: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
        Self::new(200, "Content-Type: text/event-stream; charset=utf-8\r\n", body)
    }

    /// "Hello!", of 4 and 2 tokens.
    pub(super) fn hello() -> Self {
        Self::stream(&[HEL, LO, STOP, USAGE, "[DONE]"])
    }

    /// A connection on which nothing is ever said.
    pub(super) fn silent() -> Self {
        Self { pieces: Vec::new(), hangs: true }
    }

    pub(super) fn then_hangs(self) -> Self {
        Self { hangs: true, ..self }
    }

    /// And more, after a pause.
    pub(super) fn then(mut self, pause: Duration, bytes: impl AsRef<[u8]>) -> Self {
        self.pieces.push((pause, bytes.as_ref().to_vec()));
        self
    }
}

pub(super) const HEL: &str =
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}"#;
pub(super) const LO: &str = r#"{"choices":[{"index":0,"delta":{"content":"lo!"},"finish_reason":null}]}"#;
pub(super) const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub(super) const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}"#;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The first line and the headers.
    pub(super) head: String,
    pub(super) body: Value,
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    left: AtomicUsize,
}

/// Serves until the test ends.
pub(super) struct Site {
    seen: Arc<Seen>,
    pub(super) base: String,
}

impl Site {
    /// The plays in order, one a connection; the last one again and again.
    pub(super) async fn start(plays: impl Into<Vec<Play>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let (plays, seen): (Vec<Play>, Arc<Seen>) = (plays.into(), Arc::default());
        let site = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let at = site.connections.fetch_add(1, Ordering::SeqCst).min(plays.len() - 1);
                let (play, site) = (plays[at].clone(), Arc::clone(&site));
                tokio::spawn(async move {
                    let now = site.now.fetch_add(1, Ordering::SeqCst) + 1;
                    site.most.fetch_max(now, Ordering::SeqCst);
                    let _ = answer(stream, play, &site).await; // a client that goes away is none of our business
                });
            }
        });
        Self { seen, base }
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The most that were open at a time.
    pub(super) fn most(&self) -> usize {
        self.seen.most.load(Ordering::SeqCst)
    }

    /// How many clients left while the server hung.
    pub(super) fn left(&self) -> usize {
        self.seen.left.load(Ordering::SeqCst)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, play: Play, seen: &Seen) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length =
            head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        bytes.drain(..end + 4);
        break (head, length.unwrap_or(0));
    };
    while bytes.len() < length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    seen.asked.lock().unwrap().push(Asked { head, body });
    for (pause, piece) in play.pieces {
        tokio::time::sleep(pause).await;
        stream.write_all(&piece).await?;
    }
    if play.hangs {
        while stream.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
        seen.left.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    // Before the client can know that this one is over, and open the next.
    seen.now.fetch_sub(1, Ordering::SeqCst);
    stream.shutdown().await?;
    let _ = stream.read(&mut [0; 64]).await; // lets the client close first
    Ok(())
}
