//! Uploading documents: each file goes straight to disk, then the folder is handed to the knowledge base.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::Error;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::app::{App, blocking};
use crate::body::Segment;
use crate::door::is_form;
use crate::failure::Failure;

/// Longest name of a document, in bytes.
const LONGEST_NAME: usize = 1024;
/// Longest part of a name between slashes, in bytes: what file systems take.
const LONGEST_PART: usize = 255;
/// Most files of one upload.
const MAX_FILES: usize = 20_000;
/// Bytes gathered before the disk is written to.
const BUFFER: usize = 256 * 1024;

/// What became of the files.
#[derive(Debug, Default, Serialize)]
struct Uploaded {
    accepted: Vec<String>,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
struct Rejected {
    name: String,
    error: String,
}

pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    Segment(base): Segment,
    request: Request,
) -> Result<Response, Failure> {
    let mut form = form(request, &app).await?;
    let name = base.clone();
    blocking(&app, move |workspace| match workspace.knowledge_bases().info(&name) {
        // It will be made; a name that cannot be is said before gigabytes are sent.
        Err(Error::NotFound { .. }) => Ok(()),
        other => other.map(|_| ()),
    })
    .await?;
    let folder = Folder(Some(blocking(&app, platform::Workspace::upload_dir).await?));
    let uploaded = receive(&app, &mut form, folder.path()).await?;
    if uploaded.accepted.is_empty() && uploaded.rejected.is_empty() {
        let message = "The form holds no files; send each as a part named 'files' with a file name.";
        return Err(Error::invalid("files", "missing_required_parameter", message).into());
    }
    if !uploaded.accepted.is_empty() {
        let folder = folder.hand_over();
        blocking(&app, move |workspace| workspace.ingest_in_background(&base, folder)).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(uploaded)).into_response())
}

async fn form(request: Request, app: &Arc<App>) -> Result<Multipart, Failure> {
    if !is_form(request.headers()) {
        let message = "Files are sent as a form: 'Content-Type: multipart/form-data', each file a part named 'files'.";
        return Err(Failure::wrong_type(message));
    }
    Multipart::from_request(request, app).await.map_err(|error| Failure::malformed("invalid_form", error.body_text()))
}

/// A folder that is removed unless it is handed over: when a form breaks off, nothing stays.
struct Folder(Option<PathBuf>);

impl Folder {
    fn path(&self) -> &Path {
        self.0.as_deref().expect("it is handed over once, at the end: this is a bug")
    }

    fn hand_over(mut self) -> PathBuf {
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

async fn receive(app: &App, form: &mut Multipart, folder: &Path) -> Result<Uploaded, Failure> {
    let mut uploaded = Uploaded::default();
    let mut seen = HashSet::new();
    let mut left = app.limits.upload_bytes;
    let mut parts = 0;
    while let Some(mut field) = patiently(app, form.next_field()).await? {
        let Some(given) = extended_name(field.headers()).or_else(|| field.file_name().map(str::to_owned)) else {
            let part: String = field.name().unwrap_or_default().chars().take(40).collect();
            let message = format!("The part '{part}' has no file name; send files only, each as a part named 'files'.");
            return Err(Error::invalid("files", "invalid_value", message).into());
        };
        parts += 1;
        if parts > MAX_FILES {
            let message = format!("More than {MAX_FILES} files in one upload; send the rest in another.");
            return Err(Failure::too_large(message));
        }
        let outcome = match safe_name(&given) {
            Ok(name) if !seen.insert(name.clone()) => {
                Err((name, "another file of this upload has the same name".to_owned()))
            }
            Ok(name) => match keep(app, &mut field, &folder.join(&name), &mut left).await? {
                Ok(()) => Ok(name),
                Err(why) => Err((name, why)),
            },
            Err(why) => Err((given.chars().take(200).collect(), why)),
        };
        match outcome {
            Ok(name) => uploaded.accepted.push(name),
            Err((name, error)) => {
                uploaded.rejected.push(Rejected { name, error });
                while let Some(piece) = next_piece(app, &mut field).await? {
                    spend(app, &mut left, piece.len())?;
                }
            }
        }
    }
    Ok(uploaded)
}

/// Writes one file. The inner error rejects the file, the outer one the whole upload.
async fn keep(app: &App, field: &mut Field<'_>, path: &Path, left: &mut u64) -> Result<Result<(), String>, Failure> {
    let file = match create(path).await {
        Ok(file) => file,
        // `a` and `a/b` in one upload, for one.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory
            ) =>
        {
            return Ok(Err("a file and a folder of this upload have the same name".to_owned()));
        }
        Err(error) => return Err(disk(path, &error).into()),
    };
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let mut size = 0u64;
    while let Some(piece) = next_piece(app, field).await? {
        spend(app, left, piece.len())?;
        size += piece.len() as u64;
        if size > app.limits.file_bytes {
            drop(file);
            tokio::fs::remove_file(path).await.map_err(|error| disk(path, &error))?;
            return Ok(Err(format!(
                "it is larger than {}, the most one file may have; split it",
                megabytes(app.limits.file_bytes)
            )));
        }
        file.write_all(&piece).await.map_err(|error| disk(path, &error))?;
    }
    file.flush().await.map_err(|error| disk(path, &error))?;
    Ok(Ok(()))
}

async fn create(path: &Path) -> std::io::Result<tokio::fs::File> {
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    tokio::fs::File::create_new(path).await
}

fn spend(app: &App, left: &mut u64, bytes: usize) -> Result<(), Failure> {
    *left = left.checked_sub(bytes as u64).ok_or_else(|| {
        let limit = megabytes(app.limits.upload_bytes);
        Failure::too_large(format!(
            "The upload is larger than {limit}, the most this server takes at once; send the files in several."
        ))
    })?;
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MB", bytes >> 20) } else { format!("{bytes} bytes") }
}

async fn next_piece(app: &App, field: &mut Field<'_>) -> Result<Option<Bytes>, Failure> {
    patiently(app, field.chunk()).await
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

fn disk(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("{}: {error}; check that the data directory may be written to and has room", path.display()))
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

/// A file's name as a document's name: relative, with slashes, staying inside its folder.
fn safe_name(given: &str) -> Result<String, String> {
    let name = given.replace('\\', "/"); // as browsers on Windows may write it
    if name.chars().any(char::is_control) {
        return Err("its name holds control characters; rename it".to_owned());
    }
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || drive {
        return Err("its name is an absolute path; send a path relative to the folder you upload".to_owned());
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("its name leads out of its folder ('..'); send a path inside the folder you upload".to_owned());
    }
    if parts.is_empty() || name.ends_with('/') {
        return Err("its name is empty; give it one".to_owned());
    }
    let name = parts.join("/");
    if name.len() > LONGEST_NAME || parts.iter().any(|part| part.len() > LONGEST_PART) {
        return Err(format!(
            "its name is too long; at most {LONGEST_PART} bytes between slashes and {LONGEST_NAME} in all"
        ));
    }
    Ok(name)
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

    #[test]
    fn names_stay_inside_their_folder() {
        for (given, expected) in [
            ("a.pdf", Some("a.pdf")),
            ("folder/年假 制度.md", Some("folder/年假 制度.md")),
            ("./a//b/./c.txt", Some("a/b/c.txt")),
            ("a\\b.txt", Some("a/b.txt")),
            ("..a/b..", Some("..a/b..")),
            ("../a", None),
            ("a/../../b", None),
            ("a\\..\\b", None),
            ("/etc/passwd", None),
            ("\\\\server\\share", None),
            ("C:\\a.txt", None),
            ("c:a", None),
            ("", None),
            (".", None),
            ("a/", None),
            ("a\0b", None),
            ("a\nb", None),
        ] {
            assert_eq!(safe_name(given).ok().as_deref(), expected, "{given:?}");
        }
        assert!(safe_name(&"x".repeat(256)).is_err());
        assert!(safe_name(&"x/".repeat(600)).is_err());
        assert!(safe_name(&format!("{}x", "x/".repeat(600))).is_err());
    }
}
