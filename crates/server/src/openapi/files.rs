//! Schemas of `/v1/files`, the form and responses.

use serde_json::{Value, json};

use super::schemas::{Named, integer, listed, nullable, object, string};
use super::{reference, requests};
use crate::routes::files::{CREATE, LIFETIME};

pub(crate) const FILE: &str = "File";
pub(crate) const FILES: &str = "FileList";
pub(crate) const FILE_GONE: &str = "FileDeleted";
pub(crate) const FILE_REQUEST: &str = "FileRequest";

/// Every schema of them.
pub(super) fn all() -> Vec<Named> {
    let gone =
        object(&[("id", string()), ("object", json!({"const": "file"})), ("deleted", json!({"type": "boolean"}))]);
    vec![
        (FILE_REQUEST, requests::request(&CREATE, &["file", "purpose"], property)),
        (FILE, file()),
        (FILES, listed(reference(FILE))),
        (FILE_GONE, gone),
    ]
}

fn property(name: &str) -> Option<Value> {
    Some(match name {
        "file" => json!({"type": "string", "contentMediaType": "application/octet-stream"}),
        "purpose" => json!({"enum": platform::FILE_PURPOSES}),
        "expires_after[anchor]" => {
            json!({"const": "created_at", "description": "A file without it is kept until it is removed."})
        }
        "expires_after[seconds]" => {
            json!({"type": "integer", "minimum": LIFETIME.start(), "maximum": LIFETIME.end()})
        }
        _ => return None,
    })
}

fn file() -> Value {
    object(&[
        ("id", string()),
        ("object", json!({"const": "file"})),
        ("bytes", integer()),
        ("created_at", integer()),
        ("filename", string()),
        ("purpose", json!({"enum": platform::FILE_PURPOSES})),
        ("status", json!({"const": "processed"})),
        ("expires_at", nullable("integer")),
    ])
}
