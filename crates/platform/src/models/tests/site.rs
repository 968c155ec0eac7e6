//! A small server of files, indexes and failures.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

use crate::models::zip::Packing;

/// What stands at an address, and how the server misbehaves with it.
pub(crate) struct Served {
    pub(crate) body: Vec<u8>,
    pub(crate) kind: &'static str,
    pub(crate) tag: Option<&'static str>,
    pub(crate) ranges: bool,
    pub(crate) status: u16,
    /// Whether it says how long the body is.
    pub(crate) length: bool,
    /// How many larger answers are to be cut in the middle; the look at a wheel's end is spared.
    pub(crate) cuts: AtomicUsize,
}

impl Served {
    pub(crate) fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            kind: "application/octet-stream",
            tag: None,
            ranges: true,
            status: 200,
            length: true,
            cuts: AtomicUsize::new(0),
        }
    }

    pub(crate) fn cut(self, times: usize) -> Self {
        Self { cuts: AtomicUsize::new(times), ..self }
    }

    pub(crate) fn without_ranges(self) -> Self {
        Self { ranges: false, ..self }
    }
}

#[derive(Default)]
struct Shared {
    served: Mutex<HashMap<String, Served>>,
    sent: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

/// Serves until the test ends.
pub(crate) struct Site {
    shared: Arc<Shared>,
    pub(crate) base: String,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let site = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&site);
                std::thread::spawn(move || answer(stream, &site)); // a client that goes away is none of our business
            }
        });
        Self { shared, base }
    }

    pub(crate) fn serve(&self, path: &str, served: Served) {
        self.shared.served.lock().unwrap().insert(path.to_owned(), served);
    }

    /// Serves a wheel, and its project's page in either format.
    pub(crate) fn wheel(&self, project: &str, json: bool, served: Served) {
        let filename = format!("{}-1.0-py3-none-any.whl", project.replace('-', "_"));
        let digest = sha256(&served.body);
        let page = if json {
            format!(
                r#"{{"files":[{{"filename":"{filename}","url":"{}/files/{filename}","hashes":{{"sha256":"{digest}"}}}}]}}"#,
                self.base
            )
        } else {
            format!("<html><a href=\"../../files/{filename}#sha256={digest}\">{filename}</a></html>")
        };
        let kind = if json { "application/vnd.pypi.simple.v1+json" } else { "text/html; charset=utf-8" };
        self.serve(&format!("/simple/{project}/"), Served { kind, ..Served::new(page) });
        self.serve(&format!("/files/{filename}"), served);
    }

    /// Body bytes sent since the last call.
    pub(crate) fn sent(&self) -> usize {
        self.shared.sent.swap(0, Ordering::SeqCst)
    }

    /// Addresses asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, site: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or("").to_owned();
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("range: bytes=") {
            let (from, to) = value.trim().split_once('-').unwrap();
            range = Some((from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap()));
        }
    }
    site.asked.lock().unwrap().push(path.clone());
    let (head, body, cut) = {
        let all = site.served.lock().unwrap();
        let Some(served) = all.get(&path) else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        };
        let total = served.body.len();
        let span = range.filter(|_| served.ranges && served.status == 200).map(|(from, to)| from..(to + 1).min(total));
        let status = if span.is_some() { 206 } else { served.status };
        let mut head = format!("HTTP/1.1 {status} Some\r\nContent-Type: {}\r\nConnection: close\r\n", served.kind);
        if let Some(span) = &span {
            head += &format!("Content-Range: bytes {}-{}/{total}\r\n", span.start, span.end - 1);
        }
        if let Some(tag) = served.tag {
            head += &format!("ETag: \"{tag}\"\r\n");
        }
        let span = span.unwrap_or(0..total);
        let looks_into_zip = span.start > 0 && total - span.start <= crate::models::zip::TAIL as usize;
        let body = served.body[span].to_vec();
        if served.length {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let large = body.len() > 4096 && !looks_into_zip;
        let cut =
            large && served.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        (head, body, cut)
    };
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let end = if cut { body.len() / 2 } else { body.len() };
    for piece in body[..end].chunks(8192) {
        stream.write_all(piece)?;
        site.sent.fetch_add(piece.len(), Ordering::SeqCst);
    }
    stream.flush()?;
    if cut {
        return Ok(()); // the promised rest never comes
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    let _ = stream.read(&mut [0; 16]); // let the client close first
    Ok(())
}

/// A zip archive of these files.
pub(crate) fn zip_of(files: &[(&str, &[u8])], packing: Packing) -> Vec<u8> {
    let method = match packing {
        Packing::Stored => zip::CompressionMethod::Stored,
        Packing::Deflated => zip::CompressionMethod::Deflated,
    };
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Bytes that deflate a little, and differ by seed.
pub(crate) fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 58) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
