//! `/v1/embeddings`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::{Error, Purpose};
use wire::openai::completion::Input;
use wire::openai::embedding::EmbeddingRequest;
use wire::openai::response::EmbeddingBody;

use super::tokens::{check_ids, tokenizer};
use crate::app::App;
use crate::body;
use crate::failure::Failure;

pub(crate) async fn embeddings(
    State(app): State<Arc<App>>,
    body::Json(body): body::Json,
) -> Result<Json<EmbeddingBody>, Failure> {
    let asked = EmbeddingRequest::read(&body)?;
    let embedder = app.workspace.embedder(&asked.model).await?;
    let texts = texts(&app, &asked).await?;
    let made = embedder.embed(texts, Purpose::Plain).await?;
    app.metrics.embedded(made.tokens);
    let vectors = made.vectors.into_iter().map(|vector| asked.fit(vector)).collect::<Result<Vec<_>, Error>>()?;
    Ok(Json(EmbeddingBody::new(asked.model, asked.encoding, vectors, made.tokens)))
}

/// Embedders take text, so token ids become what they stand for.
async fn texts(app: &App, asked: &EmbeddingRequest) -> Result<Vec<String>, Error> {
    let mut texts = Vec::with_capacity(asked.inputs.len());
    let mut tokens = None;
    for (i, input) in asked.inputs.iter().enumerate() {
        texts.push(match input {
            Input::Text(text) => text.clone(),
            Input::Tokens(ids) => {
                let tokens = match &tokens {
                    Some(tokens) => tokens,
                    None => tokens.insert(tokenizer(app, Some(&asked.model)).await?.1),
                };
                let path = if asked.inputs.len() == 1 { "input".to_owned() } else { format!("input[{i}]") };
                check_ids(&path, ids, tokens.vocabulary())?;
                tokens.decode(ids)
            }
        });
    }
    Ok(texts)
}
