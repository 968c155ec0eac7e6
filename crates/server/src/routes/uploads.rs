//! Uploading documents: each file goes straight to disk, then the folder is handed to the knowledge base.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Error;
use serde::Serialize;

use super::forms::{self, Folder, Sink, megabytes};
use crate::app::{App, blocking};
use crate::body::Segment;
use crate::failure::Failure;

/// Longest name of a document, in bytes.
const LONGEST_NAME: usize = 1024;
/// Longest part of a name between slashes, in bytes: what file systems take.
const LONGEST_PART: usize = 255;
/// Most files of one upload.
const MAX_FILES: usize = 20_000;
const HOW: &str = "Files are sent as a form: 'Content-Type: multipart/form-data', each file a part named 'files'.";

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
    let mut form = forms::open(request, &app, HOW).await?;
    let name = base.clone();
    blocking(&app, move |workspace| match workspace.knowledge_bases().info(&name) {
        // It will be made; a name that cannot be is said before gigabytes are sent.
        Err(Error::NotFound { .. }) => Ok(()),
        other => other.map(|_| ()),
    })
    .await?;
    let folder = Folder::begin(&app).await?;
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

async fn receive(app: &App, form: &mut Multipart, folder: &Path) -> Result<Uploaded, Failure> {
    let mut uploaded = Uploaded::default();
    let mut seen = HashSet::new();
    let mut left = app.limits.upload_bytes;
    let mut parts = 0;
    while let Some(mut field) = forms::next_part(app, form).await? {
        let Some(given) = forms::file_name(&field) else {
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
                while let Some(piece) = forms::next_piece(app, &mut field).await? {
                    spend(app, &mut left, piece.len())?;
                }
            }
        }
    }
    Ok(uploaded)
}

/// Writes one file. The inner error rejects the file, the outer one the whole upload.
async fn keep(app: &App, field: &mut Field<'_>, path: &Path, left: &mut u64) -> Result<Result<(), String>, Failure> {
    let mut sink = match Sink::create(path).await {
        Ok(sink) => sink,
        // `a` and `a/b` in one upload, for one.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory
            ) =>
        {
            return Ok(Err("a file and a folder of this upload have the same name".to_owned()));
        }
        Err(error) => return Err(forms::disk(path, &error).into()),
    };
    while let Some(piece) = forms::next_piece(app, field).await? {
        spend(app, left, piece.len())?;
        if sink.size_with(&piece) > app.limits.file_bytes {
            sink.give_up().await?;
            return Ok(Err(format!(
                "it is larger than {}, the most one file may have; split it",
                megabytes(app.limits.file_bytes)
            )));
        }
        sink.write(&piece).await?;
    }
    sink.finish().await?;
    Ok(Ok(()))
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
