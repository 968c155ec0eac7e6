//! Getting bytes of other machines: whole pages, and ranges of files.

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, StatusCode, Url};

use super::Result;
use crate::Error;

/// No index page is larger; one that is was not meant for us.
const LARGEST_PAGE: usize = 64 << 20;

/// How downloads behave; tests use smaller numbers.
#[derive(Debug, Clone)]
pub(super) struct Tuning {
    /// Requests at a time.
    pub(super) connections: usize,
    /// Bytes a request asks for at most; large enough that a request's start costs little.
    pub(super) segment: u64,
    /// Failures in a row, without progress, before a source is given up.
    pub(super) attempts: u32,
    /// The wait after the first failure; it doubles.
    pub(super) pause: Duration,
    /// Bytes between two notes of the progress on disk: what a killed process may have to get again, per request.
    pub(super) note_every: u64,
    /// How long a connection may take.
    pub(super) connect: Duration,
    /// How long a server may say nothing.
    pub(super) silence: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            connections: 4,
            segment: 32 << 20,
            attempts: 5,
            pause: Duration::from_millis(500),
            note_every: 4 << 20,
            connect: Duration::from_secs(8),
            silence: Duration::from_secs(30),
        }
    }
}

/// Why something could not be had.
#[derive(Debug)]
pub(super) enum Fault {
    /// The machine is not there; asking again at once seldom helps.
    Unreachable(String),
    /// It may work a moment later.
    Transient(String),
    /// It will not.
    Final(String),
}

impl Fault {
    pub(super) fn why(self) -> String {
        match self {
            Self::Unreachable(why) | Self::Transient(why) | Self::Final(why) => why,
        }
    }
}

/// A file on another machine, as it was when it was looked at.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) url: Url,
    pub(super) total: Option<u64>,
    /// Whether the server gives parts of it.
    pub(super) ranges: bool,
    /// Its strong entity tag or its date: another value means another file.
    pub(super) tag: Option<String>,
}

/// A client and its habits.
pub(super) struct Http {
    client: Client,
    pub(super) tuning: Tuning,
}

impl Http {
    pub(super) fn new(tuning: Tuning) -> Result<Self> {
        // An error only says that another part of the program chose the same provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("sumeru/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(tuning.connect)
            .read_timeout(tuning.silence)
            .http1_only() // HTTP/2 would put all ranges through one connection, and hubs limit each connection
            .build();
        let client = client.map_err(|error| {
            Error::failed(format!(
                "downloads cannot be set up: {}; install your system's certificates (`ca-certificates`), or name them in SSL_CERT_FILE",
                root_cause(&error)
            ))
        })?;
        Ok(Self { client, tuning })
    }

    /// Asks for one byte to learn the file's length and whether parts can be had.
    pub(super) async fn probe(&self, url: &Url) -> Result<Remote, Fault> {
        self.patiently(|| self.probe_once(url)).await
    }

    async fn probe_once(&self, url: &Url) -> Result<Remote, Fault> {
        let response = self.get(url, Some("bytes=0-0")).await?;
        let tag = tag_of(response.headers());
        let total = match response.status() {
            StatusCode::PARTIAL_CONTENT => content_range(response.headers()).map(|(_, total)| total),
            _ => response.content_length(),
        };
        let ranges = response.status() == StatusCode::PARTIAL_CONTENT && total.is_some();
        Ok(Remote { url: url.clone(), total, ranges, tag })
    }

    /// A small part of a file.
    pub(super) async fn part(&self, remote: &Remote, start: u64, len: u64) -> Result<Vec<u8>, Fault> {
        self.patiently(|| async move {
            let mut response = self.range(remote, start, start + len).await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(fault)? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() as u64 >= len {
                    break;
                }
            }
            if (bytes.len() as u64) < len {
                return Err(Fault::Transient(format!("the transfer broke off after {} of {len} bytes", bytes.len())));
            }
            bytes.truncate(len as usize);
            Ok(bytes)
        })
        .await
    }

    /// A whole page: its bytes, whether it is JSON, and where it came from in the end.
    pub(super) async fn page(&self, url: &Url, accept: &str) -> Result<(Vec<u8>, bool, Url), Fault> {
        self.patiently(|| async move {
            let sent = self.client.get(url.clone()).header(ACCEPT, accept).send().await.map_err(fault)?;
            let mut response = checked(sent)?;
            let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let json = kind.is_some_and(|kind| kind.contains("json"));
            let from = response.url().clone();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(fault)? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > LARGEST_PAGE {
                    return Err(Fault::Final(format!("the page is larger than {LARGEST_PAGE} bytes")));
                }
            }
            Ok((bytes, json, from))
        })
        .await
    }

    /// The body of `start..end` of a file that has parts.
    pub(super) async fn range(&self, remote: &Remote, start: u64, end: u64) -> Result<Response, Fault> {
        let response = self.get(&remote.url, Some(&format!("bytes={start}-{}", end - 1))).await?;
        let fits = response.status() == StatusCode::PARTIAL_CONTENT
            && content_range(response.headers()).is_some_and(|(at, total)| at == start && Some(total) == remote.total)
            && tag_of(response.headers()) == remote.tag;
        if fits {
            return Ok(response);
        }
        Err(Fault::Final("the file changed there while it was being fetched".to_owned()))
    }

    /// The body of a file as a whole.
    pub(super) async fn whole(&self, remote: &Remote) -> Result<Response, Fault> {
        self.get(&remote.url, None).await
    }

    async fn get(&self, url: &Url, range: Option<&str>) -> Result<Response, Fault> {
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        checked(request.send().await.map_err(fault)?)
    }

    /// Tries again where that may help: not at length where nobody answers, since other sources wait.
    async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut failures = 0;
        loop {
            let fault = match attempt().await {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            failures += 1;
            let most = match fault {
                Fault::Unreachable(_) => 2,
                Fault::Transient(_) => self.tuning.attempts,
                Fault::Final(_) => 0,
            };
            if failures >= most {
                return Err(fault);
            }
            tokio::time::sleep(self.wait(failures)).await;
        }
    }

    /// How long to wait after so many failures.
    pub(super) fn wait(&self, failures: u32) -> Duration {
        self.tuning.pause * 2u32.pow(failures.saturating_sub(1).min(6))
    }
}

fn checked(response: Response) -> Result<Response, Fault> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let why = format!("the server answers {status}");
    let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(if passes { Fault::Transient(why) } else { Fault::Final(why) })
}

/// What went wrong, without the address: it may hold a password.
pub(super) fn fault(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let cause = root_cause(&error);
    if error.is_timeout() {
        let why = if error.is_connect() { "it cannot be reached in time" } else { "it stopped answering" };
        // A silent machine has used up its patience already: one that never answered is not asked again.
        return if error.is_connect() { Fault::Final(why.to_owned()) } else { Fault::Transient(why.to_owned()) };
    }
    if error.is_connect() {
        return Fault::Unreachable(format!("it cannot be reached ({cause})"));
    }
    if error.is_builder() || error.is_redirect() {
        return Fault::Final(cause);
    }
    Fault::Transient(format!("the transfer broke off ({cause})"))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn tag_of(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let strong = text(ETAG).filter(|tag| !tag.starts_with("W/"));
    strong.or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}

/// `bytes 0-99/1000`: where it starts, and the whole's length.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let value = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, total) = value.split_once('/')?;
    Some((span.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()?))
}

/// An address as it may be shown: without user and password.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username(""); // fails only for addresses that cannot have one
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[test]
    fn ranges_are_read() {
        for (value, expected) in [
            ("bytes 0-0/12", Some((0, 12))),
            ("bytes 5-9/10", Some((5, 10))),
            ("bytes */10", None),
            ("bytes 5-9/*", None),
            ("0-0/12", None),
            ("bytes 99999999999999999999-1/1", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, value.parse().unwrap())]);
            assert_eq!(content_range(&headers), expected, "{value}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let url = Url::parse("https://me:secret@example.org/simple/a/?token=secret").unwrap();
        assert_eq!(shown(&url), "https://example.org/simple/a/");
    }
}
