//! Forms of files, read as they come: a file goes straight to disk, and of a form that breaks off nothing stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_DISPOSITION;
use bytes::Bytes;
use domain::Error;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::app::{App, blocking};
use crate::door::is_form;
use crate::failure::Failure;

/// Bytes gathered before the disk is written to.
const BUFFER: usize = 256 * 1024;

/// The form of a request; `how` tells whoever sent something else what is sent.
pub(super) async fn open(request: Request, app: &Arc<App>, how: &str) -> Result<Multipart, Failure> {
    if !is_form(request.headers()) {
        return Err(Failure::wrong_type(how));
    }
    Multipart::from_request(request, app).await.map_err(|error| Failure::malformed("invalid_form", error.body_text()))
}

/// A folder that files arrive in, removed unless it is handed over: when a form breaks off, nothing stays.
pub(super) struct Folder(Option<PathBuf>);

impl Folder {
    pub(super) async fn begin(app: &Arc<App>) -> Result<Self, Failure> {
        Ok(Self(Some(blocking(app, platform::Workspace::upload_dir).await?)))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().expect("it is handed over once, at the end: this is a bug")
    }

    pub(super) fn hand_over(mut self) -> PathBuf {
        self.0.take().expect("it is handed over once, at the end: this is a bug")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = self.0.take() {
            tokio::task::spawn_blocking(move || {
                if let Err(error) = std::fs::remove_dir_all(&folder) {
                    tracing::warn!(folder = %folder.display(), %error, "a broken upload could not be removed");
                }
            });
        }
    }
}

/// A file that a part is written to.
pub(super) struct Sink {
    path: PathBuf,
    file: BufWriter<tokio::fs::File>,
    size: u64,
}

impl Sink {
    /// A new file, and the folders above it.
    pub(super) async fn create(path: &Path) -> std::io::Result<Self> {
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        let file = tokio::fs::File::create_new(path).await?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(BUFFER, file), size: 0 })
    }

    /// Bytes it has, with so many more.
    pub(super) fn size_with(&self, piece: &Bytes) -> u64 {
        self.size + piece.len() as u64
    }

    pub(super) async fn write(&mut self, piece: &Bytes) -> Result<(), Error> {
        self.size += piece.len() as u64;
        self.file.write_all(piece).await.map_err(|error| disk(&self.path, &error))
    }

    /// Writes what was gathered, and says how many bytes there are.
    pub(super) async fn finish(mut self) -> Result<u64, Error> {
        self.file.flush().await.map_err(|error| disk(&self.path, &error))?;
        Ok(self.size)
    }

    /// Removes what was written.
    pub(super) async fn give_up(self) -> Result<(), Error> {
        let Self { path, file, .. } = self;
        drop(file);
        tokio::fs::remove_file(&path).await.map_err(|error| disk(&path, &error))
    }
}

pub(super) async fn next_part<'a>(app: &App, form: &'a mut Multipart) -> Result<Option<Field<'a>>, Failure> {
    patiently(app, form.next_field()).await
}

pub(super) async fn next_piece(app: &App, part: &mut Field<'_>) -> Result<Option<Bytes>, Failure> {
    patiently(app, part.chunk()).await
}

/// Waits for a piece of the form, for as long as a piece may take.
async fn patiently<T>(app: &App, piece: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Failure> {
    match tokio::time::timeout(app.limits.stall, piece).await {
        Err(_) => Err(Failure::too_slow(app.limits.stall.as_secs())),
        Ok(outcome) => outcome.map_err(|error| {
            Failure::malformed(
                "invalid_form",
                format!("The form cannot be read: {}. Send it again.", error.body_text()),
            )
        }),
    }
}

/// What a part's file is called where it comes from, if it is a file.
pub(super) fn file_name(part: &Field<'_>) -> Option<String> {
    extended_name(part.headers()).or_else(|| part.file_name().map(str::to_owned))
}

/// The name after `filename*=`, which some clients send beside or instead of `filename=` where it is not ASCII (RFC 8187).
fn extended_name(headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(CONTENT_DISPOSITION)?.to_str().ok()?;
    let mut quoted = false;
    let parameters = disposition.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let mut names = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("filename*").then_some(value.trim())
    });
    let mut value = names.next()?.splitn(3, '\'');
    let (charset, _language, encoded) = (value.next()?, value.next()?, value.next()?);
    let bytes = percent_decode_str(encoded);
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => bytes.decode_utf8().ok().map(String::from),
        "iso-8859-1" => Some(bytes.map(char::from).collect()),
        _ => None,
    }
}

/// What a disk's complaint means to whoever sends a file.
pub(super) fn disk(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("{}: {error}; check that the data directory may be written to and has room", path.display()))
}

pub(super) fn megabytes(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MB", bytes >> 20) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_come_encoded() {
        for (disposition, name) in [
            ("form-data; name=\"files\"; filename=\"a.md\"", None),
            ("form-data; name=\"files\"; filename*=utf-8''%E5%B9%B4%E5%81%87.md", Some("年假.md")),
            ("form-data; filename=\"_.md\"; FILENAME*=UTF-8'zh'%E5%B9%B4.md", Some("年.md")),
            ("form-data; filename*=iso-8859-1''caf%E9.txt", Some("café.txt")),
            ("form-data; filename=\"a; filename*=utf-8''b.md\"", None),
            ("form-data; filename*=utf-8''%FF.md", None),
            ("form-data; filename*=gb18030''%C4%EA.md", None),
            ("form-data; filename*=a.md", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, disposition.parse().unwrap())]);
            assert_eq!(extended_name(&headers).as_deref(), name, "{disposition}");
        }
    }
}
