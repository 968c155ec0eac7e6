//! `/v1/rerank`, in the shape of Jina's and Cohere's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::Error;
use serde_json::{Value, json};
use wire::fields::{Field, Fields, wrong_type, wrong_value};

use crate::app::App;
use crate::body;
use crate::failure::Failure;

pub(crate) const RERANK: [Field; 5] = [
    Field::read("model"),
    Field::read("query"),
    Field::read("documents"),
    Field::read("top_n"),
    Field::read("return_documents"),
];

/// Most documents of one request.
const MAX_DOCUMENTS: usize = 1000;

pub(crate) async fn rerank(State(app): State<Arc<App>>, body::Json(body): body::Json) -> Result<Json<Value>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&RERANK)?;
    let query = fields.required_string("query")?;
    let documents = documents(&fields)?;
    let top = fields.integer("top_n", 1..=MAX_DOCUMENTS as i64)?.map_or(documents.len(), |top| top as usize);
    let returned = fields.boolean("return_documents")?.unwrap_or(true);
    let model = match fields.string("model")? {
        Some(model) => model.to_owned(),
        None => app.workspace.default_language_model()?,
    };
    let reranker = app.workspace.reranker(&model).await?;
    let scores = reranker.score(query, documents.clone()).await?;
    let mut order: Vec<(usize, f32)> = scores.scores.into_iter().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let result = |(index, score): &(usize, f32)| {
        let mut result = json!({"index": index, "relevance_score": score});
        if returned {
            result["document"] = json!({"text": documents[*index]});
        }
        result
    };
    let results: Vec<Value> = order.iter().take(top).map(result).collect();
    Ok(Json(json!({
        "object": "list", "model": model, "results": results, "usage": {"total_tokens": scores.tokens},
    })))
}

/// Texts, or objects that hold one.
fn documents(fields: &Fields<'_>) -> Result<Vec<String>, Error> {
    let values = fields.array("documents")?.ok_or_else(|| fields.missing("documents"))?;
    if values.is_empty() || values.len() > MAX_DOCUMENTS {
        let why = format!("{} documents; give 1 to {MAX_DOCUMENTS}", values.len());
        return Err(fields.wrong_value("documents", &why));
    }
    let text = |(at, value): (usize, &Value)| {
        let path = format!("documents[{at}]");
        let text = match value {
            Value::Object(_) => {
                let document = Fields::at(path.clone(), value)?;
                document.check(&[Field::read("text")])?;
                document.string("text")?.ok_or_else(|| document.missing("text"))?
            }
            other => other.as_str().ok_or_else(|| wrong_type(&path, "a string, or an object with 'text'", other))?,
        };
        if text.trim().is_empty() { Err(wrong_value(&path, "it is empty")) } else { Ok(text.to_owned()) }
    };
    values.iter().enumerate().map(text).collect()
}
