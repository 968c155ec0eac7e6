//! `/tokenize` and `/detokenize`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::Error;
use platform::Tokens;
use serde_json::{Value, json};
use wire::fields::{Field, Fields, wrong_type, wrong_value};

use crate::app::App;
use crate::body;
use crate::failure::Failure;

pub(crate) const TOKENIZE: [Field; 2] = [Field::read("model"), Field::read("text")];
pub(crate) const DETOKENIZE: [Field; 2] = [Field::read("model"), Field::read("tokens")];

pub(crate) async fn tokenize(
    State(app): State<Arc<App>>,
    body::Json(body): body::Json,
) -> Result<Json<Value>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&TOKENIZE)?;
    let text = fields.string("text")?.ok_or_else(|| fields.missing("text"))?.to_owned();
    let (model, tokens) = tokenizer(&app, fields.string("model")?).await?;
    let pieces = crate::app::blocking(&app, move |_| Ok(tokens.pieces(&text))).await?;
    let shown: Vec<Value> = pieces
        .iter()
        .map(|piece| json!({"id": piece.id, "text": String::from_utf8_lossy(&piece.bytes), "bytes": piece.bytes}))
        .collect();
    Ok(Json(json!({"model": model, "count": pieces.len(), "tokens": shown})))
}

pub(crate) async fn detokenize(
    State(app): State<Arc<App>>,
    body::Json(body): body::Json,
) -> Result<Json<Value>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&DETOKENIZE)?;
    let values = fields.array("tokens")?.ok_or_else(|| fields.missing("tokens"))?;
    let id = |(i, value): (usize, &Value)| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| wrong_type(&format!("tokens[{i}]"), "a token id (an integer from 0)", value))
    };
    let ids = values.iter().enumerate().map(id).collect::<Result<Vec<u32>, Error>>()?;
    let (model, tokens) = tokenizer(&app, fields.string("model")?).await?;
    check_ids("tokens", &ids, tokens.vocabulary())?;
    Ok(Json(json!({"model": model, "text": tokens.decode(&ids)})))
}

/// The tokenizer of a model, or of the default one.
pub(super) async fn tokenizer(app: &App, model: Option<&str>) -> Result<(String, Tokens), Error> {
    let model = match model {
        Some(model) => model.to_owned(),
        None => app.workspace.default_language_model()?,
    };
    let tokens = app.workspace.tokenizer(&model).await?;
    Ok((model, tokens))
}

/// Ids a vocabulary does not have are named before a model is asked.
pub(super) fn check_ids(path: &str, ids: &[u32], vocabulary: usize) -> Result<(), Error> {
    match ids.iter().position(|id| *id as usize >= vocabulary) {
        Some(at) => {
            let why =
                format!("{} is no token of this model, whose ids end at {}", ids[at], vocabulary.saturating_sub(1));
            Err(wrong_value(&format!("{path}[{at}]"), &why))
        }
        None => Ok(()),
    }
}
