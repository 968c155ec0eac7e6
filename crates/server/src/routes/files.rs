//! `/v1/files`: files that are kept to be used by their ids, in OpenAI's shapes. Runs of evals read their rows from them.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field as Part, Multipart};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::BytesMut;
use domain::Error;
use futures_util::stream::try_unfold;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::evals::Order;
use platform::{FILE_PURPOSES, NewFile, StoredFile, StoredFiles};
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt;
use wire::fields::{Field, Fields, wrong_value};

use super::forms::{self, Folder, Sink};
use super::lists::{AFTER, COUNT, ORDER, Usual, listed, none_of, page, query};
use super::{Gives, Param, Route, Takes, route};
use crate::app::{App, blocking};
use crate::body::{Listing, Segment};
use crate::failure::Failure;
use crate::openapi::files as schema;

/// The parts of a form.
pub(crate) const CREATE: [Field; 4] =
    [Field::read(FILE), Field::read(PURPOSE), Field::read(ANCHOR), Field::read(SECONDS)];
const LIST: [Param; 4] = [AFTER, COUNT, ORDER, query(PURPOSE, "string", "Only those that are for this.")];
/// Seconds for which a file may be kept, if not for good: as OpenAI's.
pub(crate) const LIFETIME: RangeInclusive<i64> = 3600..=2_592_000;

const FILE: &str = "file";
const PURPOSE: &str = "purpose";
const ANCHOR: &str = "expires_after[anchor]";
const SECONDS: &str = "expires_after[seconds]";
const HOW: &str =
    "A file is sent as a form: 'Content-Type: multipart/form-data', with the file as the part 'file', and a 'purpose'.";
const USUAL: Usual = Usual { limit: 10_000, most: 10_000, order: Order::Newest };
/// Bytes of a file, at most: whoever uses it holds its rows in memory.
const LARGEST: u64 = 128 << 20;
/// Longest name of a file, in bytes.
const LONGEST_NAME: usize = 1024;
/// Bytes of a part that is no file, at most.
const LONGEST_TEXT: usize = 200;
/// Bytes that are read from the disk at once.
const PIECE: usize = 256 * 1024;

type Shared = State<Arc<App>>;
type Shown = Result<Json<Value>, Failure>;

/// Every operation on them.
pub(super) fn routes() -> Vec<Route> {
    use Takes::{Form, Nothing, Query};
    const ONE: &str = "/v1/files/{file_id}";
    let a_file = Gives::Json(200, schema::FILE);
    let (files, gone) = (Gives::Json(200, schema::FILES), Gives::Json(200, schema::FILE_GONE));
    vec![
        route(
            "post",
            "/v1/files",
            "Keep a file, to be used by its id",
            (Form(schema::FILE_REQUEST), a_file),
            // The handler has a limit of its own, and holds nothing of the file in memory.
            post(create).layer(DefaultBodyLimit::disable()),
        ),
        route("get", "/v1/files", "List files", (Query(&LIST), files), get(list)),
        route("get", ONE, "What is known of a file", (Nothing, a_file), get(retrieve)),
        route("get", "/v1/files/{file_id}/content", "A file's bytes", (Nothing, Gives::Bytes), get(content)),
        route("delete", ONE, "Remove a file", (Nothing, gone), delete(remove)),
    ]
}

async fn create(State(app): Shared, request: Request) -> Shown {
    let mut form = forms::open(request, &app, HOW).await?;
    let folder = Folder::begin(&app).await?;
    let new = receive(&app, &mut form, folder.path()).await?;
    let folder = folder.hand_over();
    let file = blocking(&app, move |workspace| workspace.stored_files().keep(folder, new)).await?;
    Ok(Json(show(&file)))
}

async fn list(State(app): Shared, Listing(query): Listing) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&LIST.map(|param| Field::read(param.name)))?;
    let page = page(&fields, &USUAL)?;
    let purpose = fields.string(PURPOSE)?.map(str::to_owned);
    let part = blocking(&app, move |workspace| workspace.stored_files().list(&page, purpose.as_deref())).await?;
    Ok(listed(part.data.iter().map(show).collect(), part.more))
}

async fn retrieve(State(app): Shared, Segment(id): Segment) -> Shown {
    Ok(Json(show(&blocking(&app, move |workspace| workspace.stored_files().show(&id)).await?)))
}

async fn content(State(app): Shared, Segment(id): Segment) -> Result<Response, Failure> {
    let (file, content) = blocking(&app, move |workspace| workspace.stored_files().open(&id)).await?;
    let pieces = try_unfold(tokio::fs::File::from_std(content), |mut content| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let count = content.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((count > 0).then(|| (piece.freeze(), content)))
    });
    let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, file.bytes.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

async fn remove(State(app): Shared, Segment(id): Segment) -> Shown {
    let gone = json!({"id": id, "object": "file", "deleted": true});
    blocking(&app, move |workspace| workspace.stored_files().delete(&id)).await?;
    Ok(Json(gone))
}

fn show(file: &StoredFile) -> Value {
    json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created / 1_000_000,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "expires_at": file.expires,
    })
}

/// Reads a form, whose file goes into the folder.
async fn receive(app: &App, form: &mut Multipart, folder: &Path) -> Result<NewFile, Failure> {
    let mut said = Map::new();
    while let Some(mut part) = forms::next_part(app, form).await? {
        let name = part.name().unwrap_or_default().to_owned();
        check_name(&name, &said)?;
        let value = match name.as_str() {
            FILE => Value::from(save(app, &mut part, folder).await?),
            SECONDS => number(text(app, &mut part, SECONDS).await?),
            name => Value::from(text(app, &mut part, name).await?),
        };
        if name == PURPOSE {
            // Now, since gigabytes may follow.
            check_purpose(value.as_str().unwrap_or_default())?;
        }
        said.insert(name, value);
    }
    Ok(wanted(&Value::Object(said))?)
}

/// Whether a part of this name may come, and come now.
fn check_name(name: &str, said: &Map<String, Value>) -> Result<(), Error> {
    Fields::of_body(&json!({name: true}))?.check(&CREATE)?;
    if said.contains_key(name) {
        return Err(wrong_value(name, "the form has it twice; send it once"));
    }
    Ok(())
}

fn check_purpose(purpose: &str) -> Result<(), Error> {
    if FILE_PURPOSES.contains(&purpose) {
        return Ok(());
    }
    let shown: String = purpose.chars().take(40).collect();
    let known = FILE_PURPOSES.map(|purpose| format!("'{purpose}'")).join(", ");
    let why = format!("files for '{shown}' have no use here; those for {known} are taken");
    Err(wrong_value(PURPOSE, &why))
}

/// Writes the file as it comes, and says what it is called.
async fn save(app: &App, part: &mut Part<'_>, folder: &Path) -> Result<String, Failure> {
    let Some(name) = forms::file_name(part) else {
        return Err(wrong_value(FILE, "it has no file name; send the file itself, with its name").into());
    };
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let why = format!("its name is empty, over {LONGEST_NAME} bytes, or holds control characters; rename it");
        return Err(wrong_value(FILE, &why).into());
    }
    let most = app.limits.file_bytes.min(LARGEST);
    let path = folder.join(StoredFiles::CONTENT);
    let mut sink = Sink::create(&path).await.map_err(|error| forms::disk(&path, &error))?;
    while let Some(piece) = forms::next_piece(app, part).await? {
        if sink.size_with(&piece) > most {
            let most = forms::megabytes(most);
            return Err(Failure::too_large(format!(
                "The file is larger than {most}, the most one may have; split it."
            )));
        }
        sink.write(&piece).await?;
    }
    if sink.finish().await? == 0 {
        return Err(wrong_value(FILE, "it is empty; send a file that holds something").into());
    }
    Ok(name)
}

/// What a part says that is no file.
async fn text(app: &App, part: &mut Part<'_>, name: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = forms::next_piece(app, part).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST_TEXT {
            let why = format!("it is longer than {LONGEST_TEXT} bytes; a file is sent as the part '{FILE}'");
            return Err(wrong_value(name, &why).into());
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong_value(name, "it is not UTF-8").into())
}

/// In a form a number is a text, too.
fn number(text: String) -> Value {
    text.parse::<i64>().map_or(Value::from(text), Value::from)
}

/// What a form asks for, once all of it is there.
fn wanted(said: &Value) -> Result<NewFile, Error> {
    let fields = Fields::of_body(said)?;
    Ok(NewFile {
        name: fields.required_string(FILE)?.to_owned(),
        purpose: fields.required_string(PURPOSE)?.to_owned(),
        lifetime: lifetime(&fields)?,
    })
}

fn lifetime(fields: &Fields<'_>) -> Result<Option<u64>, Error> {
    let seconds = fields.integer(SECONDS, LIFETIME)?.map(i64::cast_unsigned);
    match (fields.string(ANCHOR)?, seconds) {
        (None, None) => Ok(None),
        (Some("created_at"), Some(seconds)) => Ok(Some(seconds)),
        (Some("created_at"), None) => Err(fields.missing(SECONDS)),
        (Some(other), _) => Err(none_of(fields, ANCHOR, other, "'created_at'")),
        (None, Some(_)) => Err(fields.missing(ANCHOR)),
    }
}
