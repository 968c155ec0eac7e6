//! Knowledge bases through the door, without any model: words are found.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{Answer, House, to};
use crate::{Limits, Options};

/// A form of files.
fn form(files: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, content) in files {
        body +=
            &format!("--X\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n{content}\r\n");
    }
    body + "--X--\r\n"
}

async fn upload(house: &House, base: &str, body: String) -> Answer {
    let path = format!("/v1/knowledge_bases/{base}/documents");
    let request = to("POST", &path).header("content-type", "multipart/form-data; boundary=X");
    house.call(request.body(Body::from(body)).unwrap()).await
}

/// Waits until nothing is being done for a knowledge base and its documents are these.
async fn settled(house: &House, base: &str, expected: &[&str]) -> Value {
    for _ in 0..200 {
        let info = house.get(&format!("/v1/knowledge_bases/{base}")).await.good(200, "KnowledgeBase");
        let documents = house.get(&format!("/v1/knowledge_bases/{base}/documents")).await.good(200, "Documents");
        let names: Vec<&str> =
            documents["documents"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        let statuses = documents["documents"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap());
        if info["ingesting"] == false && names == expected && statuses.clone().all(|status| status != "parsing") {
            return documents;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", house.get(&format!("/v1/knowledge_bases/{base}/documents")).await.text());
}

#[tokio::test]
async fn knowledge_bases_are_made_listed_and_removed() {
    let house = House::new(Options::default());
    let all = house.get("/v1/knowledge_bases").await.good(200, "KnowledgeBases");
    assert_eq!(all, json!({"knowledge_bases": []}));
    let made = house.post("/v1/knowledge_bases", json!({"name": "office"})).await.good(201, "KnowledgeBase");
    assert_eq!((&made["name"], &made["documents"]), (&json!("office"), &json!(0)));
    house.post("/v1/knowledge_bases", json!({"name": "office"})).await.bad(409, "conflict", &["office"]);
    for name in ["../up", "a/b", ""] {
        let answer = house.post("/v1/knowledge_bases", json!({"name": name})).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    house.post("/v1/knowledge_bases", json!({"nam": "a"})).await.bad(400, "unknown_parameter", &["'name'"]);
    house.post("/v1/knowledge_bases", json!({"name": "b", "embedder": "none"})).await.bad(
        404,
        "model_not_found",
        &["none"],
    );
    let models = house.get("/v1/models").await.good(200, "Models");
    assert_eq!(models["data"][0]["id"], "kb/office");
    house.get("/v1/models/kb/office").await.good(200, "Model");
    house.get("/v1/models/kb%2Foffice").await.good(200, "Model");
    assert_eq!(house.delete("/v1/knowledge_bases/office").await.status, 204);
    house.delete("/v1/knowledge_bases/office").await.bad(404, "knowledge_base_not_found", &["office"]);
    house.get("/v1/knowledge_bases/office").await.bad(404, "knowledge_base_not_found", &["office"]);
}

#[tokio::test]
async fn uploaded_documents_are_found_by_their_words() {
    let house = House::new(Options::default());
    let files = [
        ("policies/leave.md", "# 休假制度\n\n## 年假\n\n员工每年享有十天年假。\n"),
        ("travel.txt", "Hotels in Berlin are paid up to 140 euros a night.\n"),
        ("../../escape.txt", "out"),
        ("broken.pdf", "%PDF-1.4 not really"),
    ];
    let uploaded = upload(&house, "office", form(&files)).await.good(202, "Uploaded");
    assert_eq!(uploaded["accepted"], json!(["policies/leave.md", "travel.txt", "broken.pdf"]));
    assert_eq!(uploaded["rejected"][0]["name"], "../../escape.txt");
    assert!(uploaded["rejected"][0]["error"].as_str().unwrap().contains(".."));
    let documents = settled(&house, "office", &["broken.pdf", "policies/leave.md", "travel.txt"]).await;
    assert_eq!(documents["documents"][0]["status"], "failed", "{documents}");
    assert!(documents["documents"][0]["error"].is_string());
    let left = std::fs::read_dir(house.data.path().join("uploads")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing stays where uploads arrive");
    for (query, mode, document) in
        [("年假有几天？", "lexical", "policies/leave.md"), ("hotel price in Berlin", "hybrid", "travel.txt")]
    {
        let body = json!({"query": query, "mode": mode, "top": 1});
        let found = house.post("/v1/knowledge_bases/office/search", body).await.good(200, "SearchResult");
        assert_eq!(found["hits"][0]["document"], document, "{found}");
        assert_eq!(found["vectors_ready"], 0.0);
    }
    let only = json!({"query": "Berlin", "documents": ["policies/*"]});
    let found = house.post("/v1/knowledge_bases/office/search", only).await.good(200, "SearchResult");
    assert!(found["hits"].as_array().unwrap().iter().all(|hit| hit["document"] == "policies/leave.md"), "{found}");
    let text =
        house.get("/v1/knowledge_bases/office/document?name=policies%2Fleave.md").await.good(200, "DocumentText");
    assert!(text["text"].as_str().unwrap().contains("十天年假"));
    house.get("/v1/knowledge_bases/office/document?name=none").await.bad(404, "document_not_found", &["none"]);
    house.get("/v1/knowledge_bases/office/document").await.bad(400, "missing_required_parameter", &["name"]);
    assert_eq!(house.delete("/v1/knowledge_bases/office/documents?name=travel.txt").await.status, 204);
    house.delete("/v1/knowledge_bases/office/documents?name=travel.txt").await.bad(
        404,
        "document_not_found",
        &["travel.txt"],
    );
    let found = house.post("/v1/knowledge_bases/office/search", json!({"query": "Berlin", "mode": "lexical"})).await;
    assert_eq!(found.good(200, "SearchResult")["hits"], json!([]));
}

#[tokio::test]
async fn what_search_and_ask_cannot_do_is_named() {
    let house = House::new(Options::default());
    let body = json!({"query": "a"});
    house.post("/v1/knowledge_bases/none/search", body).await.bad(404, "knowledge_base_not_found", &["none"]);
    house.post("/v1/knowledge_bases/none/ask", json!({"question": "a"})).await.bad(
        404,
        "knowledge_base_not_found",
        &["none"],
    );
    house.post("/v1/knowledge_bases", json!({"name": "a"})).await.good(201, "KnowledgeBase");
    for (body, param, code) in [
        (json!({}), "query", "missing_required_parameter"),
        (json!({"query": ""}), "query", "invalid_value"),
        (json!({"query": "a", "top": 0}), "top", "invalid_value"),
        (json!({"query": "a", "top": 1.5}), "top", "invalid_type"),
        (json!({"query": "a", "mode": "fuzzy"}), "mode", "invalid_value"),
        (json!({"query": "a", "documents": [1]}), "documents[0]", "invalid_type"),
        (json!({"query": "a", "k": 3}), "k", "unknown_parameter"),
    ] {
        let answer = house.post("/v1/knowledge_bases/a/search", body.clone()).await;
        answer.bad(400, code, &[param]);
        assert_eq!(answer.json()["error"]["param"], param, "{body}");
    }
    house.post("/v1/knowledge_bases/a/ask", json!({"question": 3})).await.bad(400, "invalid_type", &["question"]);
    for stream in [false, true] {
        let body = json!({"question": "who?", "stream": stream});
        house.post("/v1/knowledge_bases/a/ask", body).await.bad(404, "model_not_found", &["pull"]);
    }
}

#[tokio::test]
async fn uploads_that_cannot_be_are_named() {
    let house = House::new(Options {
        limits: Limits { file_bytes: 100, upload_bytes: 1000, ..Limits::default() },
        ..Options::default()
    });
    let path = "/v1/knowledge_bases/a/documents";
    house.post(path, json!({})).await.bad(415, "unsupported_media_type", &["multipart/form-data"]);
    let unbounded = to("POST", path).header("content-type", "multipart/form-data").body(Body::empty()).unwrap();
    house.call(unbounded).await.bad(400, "invalid_form", &["boundary"]);
    upload(&house, "a", form(&[])).await.bad(400, "missing_required_parameter", &["'files'"]);
    let nameless = "--X\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nx\r\n--X--\r\n".to_owned();
    upload(&house, "a", nameless).await.bad(400, "invalid_value", &["'kind'"]);
    upload(&house, "a", form(&[("a.txt", "x")]).replace("--X--", "")).await.bad(400, "invalid_form", &["again"]);
    assert_eq!(upload(&house, "..", form(&[("a.txt", "x")])).await.status, 400);
    let large = "x".repeat(101);
    let mixed = [("a.txt", "one"), ("big.txt", &large), ("a.txt", "two"), ("a.txt/b.txt", "three")];
    let uploaded = upload(&house, "a", form(&mixed)).await.good(202, "Uploaded");
    assert_eq!(uploaded["accepted"], json!(["a.txt"]));
    let why: Vec<&str> =
        uploaded["rejected"].as_array().unwrap().iter().map(|one| one["error"].as_str().unwrap()).collect();
    assert!(why[0].contains("100 bytes") && why[1].contains("same name") && why[2].contains("same name"), "{why:?}");
    settled(&house, "a", &["a.txt"]).await;
    let many: Vec<(String, String)> = (0..11).map(|i| (format!("{i}.txt"), "x".repeat(100))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    upload(&house, "a", form(&many)).await.bad(413, "request_too_large", &["1000 bytes"]);
}

#[tokio::test]
async fn progress_is_said_at_once_and_as_it_changes() {
    let house = House::new(Options::default());
    house.get("/v1/knowledge_bases/a/progress").await.bad(404, "knowledge_base_not_found", &["a"]);
    house.post("/v1/knowledge_bases", json!({"name": "a"})).await.good(201, "KnowledgeBase");
    let stream = house.send(to("GET", "/v1/knowledge_bases/a/progress").body(Body::empty()).unwrap()).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut events = stream.into_body().into_data_stream();
    let first = events.next().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    let data: Value = serde_json::from_str(first.strip_prefix("event: progress\ndata: ").unwrap()).unwrap();
    assert_eq!(data["done"], true);
    upload(&house, "a", form(&[("a.txt", "hello there")])).await.good(202, "Uploaded");
    let read = async {
        loop {
            let event = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
            if event.contains("\"documents_done\":1") && event.contains("\"done\":true") {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    assert_eq!(house.delete("/v1/knowledge_bases/a").await.status, 204);
    let ended = tokio::time::timeout(Duration::from_secs(5), async { while events.next().await.is_some() {} }).await;
    assert!(ended.is_ok(), "the stream ends with its knowledge base");
}
