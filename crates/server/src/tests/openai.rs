//! OpenAI's paths and the catalogue where no model is installed.

use serde_json::json;

use super::House;
use crate::Options;

#[tokio::test]
async fn a_model_that_is_not_here_is_named_with_the_remedy() {
    let house = House::new(Options::default());
    let messages = json!([{"role": "user", "content": "hi"}]);
    for stream in [false, true] {
        let body = json!({"model": "gpt-9", "messages": messages, "stream": stream});
        let answer = house.post("/v1/chat/completions", body).await;
        answer.bad(404, "model_not_found", &["gpt-9"]);
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    house.post("/v1/completions", json!({"model": "gpt-9", "prompt": "a"})).await.bad(
        404,
        "model_not_found",
        &["gpt-9"],
    );
    house.post("/v1/embeddings", json!({"model": "gpt-9", "input": "a"})).await.bad(404, "model_not_found", &["gpt-9"]);
    let body = json!({"model": "gpt-9", "query": "a", "documents": ["b"]});
    house.post("/v1/rerank", body).await.bad(404, "model_not_found", &["gpt-9"]);
    house.post("/tokenize", json!({"model": "gpt-9", "text": "a"})).await.bad(404, "model_not_found", &["gpt-9"]);
    house.post("/detokenize", json!({"tokens": [1]})).await.bad(404, "model_not_found", &["pull"]);
    house.get("/v1/models/gpt-9").await.bad(404, "model_not_found", &["gpt-9", "pull"]);
    house.get("/v1/models/kb/none").await.bad(404, "model_not_found", &["kb/none"]);
    let body = json!({"model": "kb/none", "messages": messages});
    house.post("/v1/chat/completions", body).await.bad(404, "knowledge_base_not_found", &["none"]);
}

#[tokio::test]
async fn parameters_are_checked_before_models_are_looked_for() {
    let house = House::new(Options::default());
    let body = json!({"model": "gpt-9", "messages": [], "temperature": 1});
    house.post("/v1/chat/completions", body).await.bad(400, "invalid_value", &["messages"]);
    house.post("/v1/completions", json!({"model": "m", "prompt": "a", "suffix": "b"})).await.bad(
        400,
        "unsupported_parameter",
        &["suffix"],
    );
    house.post("/v1/embeddings", json!({"model": "m", "input": [[]]})).await.bad(400, "invalid_value", &["input[0]"]);
    for (body, code, part) in [
        (json!({"documents": ["a"]}), "missing_required_parameter", "query"),
        (json!({"query": "a"}), "missing_required_parameter", "documents"),
        (json!({"query": "a", "documents": []}), "invalid_value", "documents"),
        (json!({"query": "a", "documents": ["b", 1]}), "invalid_type", "documents[1]"),
        (json!({"query": "a", "documents": [{"txt": "b"}]}), "unknown_parameter", "documents[0].txt"),
        (json!({"query": "a", "documents": [" "]}), "invalid_value", "documents[0]"),
        (json!({"query": "a", "documents": ["b"], "top_n": 0}), "invalid_value", "top_n"),
    ] {
        house.post("/v1/rerank", body).await.bad(400, code, &[part]);
    }
    house.post("/detokenize", json!({"tokens": [-1]})).await.bad(400, "invalid_type", &["tokens[0]"]);
    house.post("/tokenize", json!({"text": "a", "mode": 1})).await.bad(400, "unknown_parameter", &["mode"]);
}

#[tokio::test]
async fn the_catalogue_says_what_can_be_had() {
    let house = House::new(Options::default());
    let catalogue = house.get("/v1/catalogue").await.good(200, "Catalogue");
    let models = catalogue["models"].as_array().unwrap();
    assert!(!models.is_empty());
    assert!(models.iter().all(|model| model["state"] == "available" && model["progress"].is_null()), "{catalogue}");
    house.post("/v1/catalogue/none/pull", json!({})).await.bad(404, "model_not_found", &["none"]);
    let name = models[0]["name"].as_str().unwrap();
    house.delete("/v1/catalogue/none/pull").await.bad(404, "pull_not_found", &["none"]);
    house.delete(&format!("/v1/catalogue/{name}")).await.bad(404, "model_not_found", &[name]);
    let info = house.get("/v1/info").await.good(200, "Info");
    assert_eq!(info["default_model"], json!(null));
    assert_eq!((&info["language_models"], &info["embedding_models"]), (&json!([]), &json!([])));
    assert!(models.iter().any(|model| model["name"] == info["preferred_model"]), "{info}");
}
