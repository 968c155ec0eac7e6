//! Sockets: where the door may open, who is waited for, how it closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Error;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Limits, Options, listen, serve};

/// A real server on a free port.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), Error>>,
    _data: tempfile::TempDir,
}

async fn served(limits: Limits) -> Served {
    let data = tempfile::tempdir().unwrap();
    let workspace = Arc::new(platform::Workspace::open(data.path(), platform::Access::Write).unwrap());
    workspace.knowledge_bases().create("a", None).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let options = Options { port: 0, limits, ..Options::default() };
    let ended = tokio::spawn(serve(workspace, options, |address| tell.send(address).unwrap(), async {
        let _ = stopped.await;
    }));
    Served { address: told.await.unwrap(), stop, ended, _data: data }
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await; // a reset is an end too
    String::from_utf8_lossy(&text).into_owned()
}

async fn bound(host: &str, port: u16, key: Option<&str>) -> Result<SocketAddr, Error> {
    let options = Options { host: host.to_owned(), port, api_key: key.map(str::to_owned), ..Options::default() };
    listen::bind(&options).await.map(|listener| listener.local_addr().unwrap())
}

#[tokio::test]
async fn beyond_the_loopback_a_key_is_needed() {
    for host in ["0.0.0.0", "::", "[::]"] {
        let said = bound(host, 0, None).await.unwrap_err().to_string();
        assert!(said.contains("SUMERU_API_KEY") && said.contains("127.0.0.1"), "{said}");
        let said = bound(host, 0, Some("  ")).await.unwrap_err().to_string();
        assert!(said.contains("SUMERU_API_KEY"), "an empty key is none: {said}");
    }
    assert!(bound("0.0.0.0", 0, Some("secret")).await.is_ok());
    assert!(bound("127.0.0.1", 0, None).await.unwrap().ip().is_loopback());
    assert!(bound("localhost", 0, None).await.unwrap().ip().is_loopback());
}

#[tokio::test]
async fn a_port_in_use_and_a_strange_host_are_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = bound("127.0.0.1", port, None).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains(&port.to_string()) && said.contains("--port"), "{said}");
    let said = bound("no such host", 0, None).await.unwrap_err().to_string();
    assert!(said.contains("no such host"), "{said}");
    let said = bound("192.0.2.7", 0, Some("secret")).await.unwrap_err().to_string();
    assert!(said.contains("192.0.2.7"), "{said}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let limits = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let house = served(limits).await;
    let since = Instant::now();
    for head in ["", "GET /healthz HTTP/1.1\r\nHost: loc"] {
        rest(send(house.address, head).await).await;
    }
    assert!(since.elapsed() < Duration::from_secs(10));
    let answered = send(house.address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(rest(answered).await.starts_with("HTTP/1.1 200 OK"), "others are served");
    house.stop.send(()).unwrap();
    house.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn told_to_stop_it_ends_at_once_when_nothing_runs() {
    let house = served(Limits::default()).await;
    let idle = send(house.address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let following = send(house.address, "GET /v1/knowledge_bases/a/progress HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let since = Instant::now();
    house.stop.send(()).unwrap();
    house.ended.await.unwrap().unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "an idle connection and one that only follows hold nothing up");
    assert!(rest(idle).await.starts_with("HTTP/1.1 200 OK"));
    let followed = rest(following).await;
    assert!(followed.contains("event: progress") && followed.ends_with("0\r\n\r\n"), "ended in order: {followed}");
    assert!(TcpStream::connect(house.address).await.is_err(), "nobody new is let in");
}

#[tokio::test]
async fn what_runs_may_finish_but_not_for_ever() {
    let limits = Limits { drain: Duration::from_millis(500), ..Limits::default() };
    let house = served(limits).await;
    let body = json!({"name": "b"}).to_string();
    let head = format!(
        "POST /v1/knowledge_bases HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut running = send(house.address, &head).await;
    let stuck = send(house.address, &head).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.write_all(body.as_bytes()).await.unwrap();
    assert!(rest(running).await.starts_with("HTTP/1.1 201"), "it was under way and finishes");
    let since = Instant::now();
    house.ended.await.unwrap().unwrap();
    assert!(since.elapsed() < Duration::from_secs(10), "the one that does not is left");
    assert_eq!(rest(stuck).await, "");
}

/// A client that leaves while an answer is being made takes its place in the queue with it.
#[tokio::test]
async fn clients_that_leave_free_their_places() {
    let limits = Limits { in_flight: 2, ..Limits::default() };
    let house = served(limits).await;
    for _ in 0..50 {
        let mut following =
            send(house.address, "GET /v1/knowledge_bases/a/progress HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let mut start = [0; 12];
        following.read_exact(&mut start).await.unwrap();
        // A place of an earlier client may take a moment to be seen free.
        if &start != b"HTTP/1.1 200" {
            assert_eq!(&start, b"HTTP/1.1 429");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answered = send(house.address, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(rest(answered).await.starts_with("HTTP/1.1 200 OK"));
    house.stop.send(()).unwrap();
    house.ended.await.unwrap().unwrap();
}

/// A client that asks for much and reads nothing is given up; without that it would hold its place for ever.
#[tokio::test]
async fn clients_that_read_nothing_are_given_up() {
    let (mut near, far) = tokio::io::duplex(16);
    let mut patient = crate::patient::Patient::new(far, Duration::from_millis(100));
    patient.write_all(b"0123456789abcdef").await.unwrap();
    let stuck = patient.write_all(b"more").await.unwrap_err();
    assert_eq!(stuck.kind(), std::io::ErrorKind::TimedOut);
    let mut read = [0; 16];
    near.read_exact(&mut read).await.unwrap();
    patient.write_all(b"again").await.unwrap();
}
