//! Files through the door, and runs of evals that read their rows from them.

use super::evals::{ended, wanted};
use super::*;
use crate::Limits;

/// A part of a form: its name, the name of its file if it is one, and what it holds.
type Part<'a> = (&'a str, Option<&'a str>, &'a str);

fn form(parts: &[Part<'_>]) -> String {
    let mut body = String::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body += &format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n");
    }
    body + "--X--\r\n"
}

async fn send(house: &House, body: String) -> Answer {
    let request = to("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=X");
    house.call(request.body(Body::from(body)).unwrap()).await
}

/// Keeps a file of rows.
async fn kept(house: &House, content: &str) -> Value {
    let parts = [("purpose", None, "evals"), ("file", Some("行.jsonl"), content)];
    send(house, form(&parts)).await.good(200, "File")
}

async fn listed(house: &House, query: &str) -> Answer {
    house.get(&format!("/v1/files{query}")).await
}

/// How much there is in a folder of the data directory, once what broke off had time to go.
async fn left(house: &House, folder: &str) -> usize {
    let count = || std::fs::read_dir(house.data.path().join(folder)).map_or(0, Iterator::count);
    for _ in 0..100 {
        if count() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    count()
}

#[tokio::test]
async fn a_file_is_kept_listed_read_and_removed() {
    let house = House::new(Options::default());
    let none = house.get("/v1/files").await.good(200, "FileList");
    assert_eq!((&none["data"], &none["last_id"], &none["has_more"]), (&json!([]), &Value::Null, &json!(false)));
    let content = "{\"item\": {\"question\": \"年假几天？\"}}\n".repeat(80_000);
    let first = kept(&house, &content).await;
    assert_eq!((&first["bytes"], &first["filename"]), (&json!(content.len()), &json!("行.jsonl")));
    assert_eq!((&first["purpose"], &first["expires_at"]), (&json!("evals"), &Value::Null));
    let id = first["id"].as_str().unwrap();
    assert!(id.starts_with("file-"), "{id}");
    // The parts may come in any order.
    let parts = [
        ("file", Some("b"), "x"),
        ("expires_after[seconds]", None, "3600"),
        ("expires_after[anchor]", None, "created_at"),
        ("purpose", None, "evals"),
    ];
    let second = send(&house, form(&parts)).await.good(200, "File");
    assert_eq!(second["expires_at"].as_u64().unwrap(), second["created_at"].as_u64().unwrap() + 3600);
    assert_eq!(left(&house, "uploads").await, 0, "nothing stays where files arrive");

    let path = format!("/v1/files/{id}");
    assert_eq!(house.get(&path).await.good(200, "File"), first);
    let bytes = house.get(&format!("{path}/content")).await;
    assert_eq!((bytes.status, bytes.header("content-type")), (StatusCode::OK, "application/octet-stream"));
    assert_eq!(bytes.header("content-length"), content.len().to_string());
    assert_eq!(bytes.header("content-disposition"), "attachment; filename*=UTF-8''%E8%A1%8C%2Ejsonl");
    assert!(bytes.text() == content, "it is given back as it came");

    let all = listed(&house, "").await.good(200, "FileList");
    assert_eq!(all["data"], json!([second, first]));
    assert_eq!(listed(&house, "?order=asc&purpose=evals").await.good(200, "FileList")["data"], json!([first, second]));
    assert_eq!(listed(&house, "?purpose=batch").await.good(200, "FileList")["data"], json!([]));
    let newest = listed(&house, "?limit=1").await.good(200, "FileList");
    assert_eq!((&newest["data"], &newest["has_more"]), (&json!([second]), &json!(true)));
    let last = newest["last_id"].as_str().unwrap();
    let rest = listed(&house, &format!("?limit=1&after={last}")).await.good(200, "FileList");
    assert_eq!((&rest["data"], &rest["has_more"]), (&json!([first]), &json!(false)));
    for (query, code, part) in [
        ("?limit=10001", "invalid_value", "limit"),
        ("?order=up", "invalid_value", "'asc', 'desc'"),
        ("?after=file-x", "invalid_value", "not in the list"),
        ("?purpos=evals", "unknown_parameter", "Did you mean 'purpose'"),
    ] {
        listed(&house, query).await.bad(400, code, &[part]);
    }

    let gone = house.delete(&path).await.good(200, "FileDeleted");
    assert_eq!(gone, json!({"id": id, "object": "file", "deleted": true}));
    for path in [path.clone(), format!("{path}/content"), "/v1/files/..%2Fkb".to_owned()] {
        house.get(&path).await.bad(404, "file_not_found", &["No such File object: ", "GET /v1/files"]);
    }
    house.delete(&path).await.bad(404, "file_not_found", &[id]);
    assert_eq!(listed(&house, "").await.good(200, "FileList")["data"], json!([second]));
}

#[tokio::test]
async fn files_that_cannot_be_are_named_and_leave_nothing() {
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    let house = House::new(Options { limits, ..Options::default() });
    let (purpose, file) = (("purpose", None, "evals"), ("file", Some("a.jsonl"), "{}"));
    let (anchor, long) = (("expires_after[anchor]", None, "created_at"), "x".repeat(201));
    let cases: [(&[Part<'_>], &str, &str, &str); 17] = [
        (&[], "missing_required_parameter", "file", "'file'"),
        (&[purpose], "missing_required_parameter", "file", "'file'"),
        (&[file], "missing_required_parameter", "purpose", "'purpose'"),
        (&[("purpose", None, ""), file], "invalid_value", "purpose", "''"),
        (
            &[("purpose", None, "batch"), file],
            "invalid_value",
            "purpose",
            "'batch' have no use here; those for 'evals'",
        ),
        (&[file, ("purpose", None, "fine-tune")], "invalid_value", "purpose", "'fine-tune'"),
        (&[purpose, file, ("metadata", None, "{}")], "unknown_parameter", "metadata", "nothing is ignored"),
        (&[purpose, ("files", Some("a"), "x")], "unknown_parameter", "files", "Did you mean 'file'"),
        (&[purpose, ("purpose", None, "evals"), file], "invalid_value", "purpose", "twice"),
        (&[purpose, file, file], "invalid_value", "file", "twice"),
        (&[purpose, ("file", None, "{}")], "invalid_value", "file", "no file name"),
        (&[purpose, ("file", Some("a\tb"), "{}")], "invalid_value", "file", "control characters"),
        (&[purpose, ("file", Some("a"), "")], "invalid_value", "file", "empty"),
        (&[("purpose", None, long.as_str()), file], "invalid_value", "purpose", "longer than 200 bytes"),
        (&[purpose, file, anchor], "missing_required_parameter", "expires_after[seconds]", "expires_after[seconds]"),
        (
            &[purpose, file, anchor, ("expires_after[seconds]", None, "60")],
            "invalid_value",
            "expires_after[seconds]",
            "3600..=2592000",
        ),
        (
            &[purpose, file, anchor, ("expires_after[seconds]", None, "soon")],
            "invalid_type",
            "expires_after[seconds]",
            "an integer",
        ),
    ];
    for (parts, code, param, words) in cases {
        let answer = send(&house, form(parts)).await;
        answer.bad(400, code, &[words]);
        assert_eq!(answer.json()["error"]["param"], param, "{parts:?}");
    }
    let hour = ("expires_after[seconds]", None, "3600");
    send(&house, form(&[purpose, file, hour])).await.bad(400, "missing_required_parameter", &["expires_after[anchor]"]);
    let other = ("expires_after[anchor]", None, "last_active_at");
    send(&house, form(&[purpose, file, other, hour])).await.bad(400, "invalid_value", &["'created_at'"]);
    let large = "x".repeat(101);
    let large = form(&[purpose, ("file", Some("a"), large.as_str())]);
    send(&house, large).await.bad(413, "request_too_large", &["100 bytes"]);
    send(&house, form(&[purpose, file]).replace("--X--", "")).await.bad(400, "invalid_form", &["again"]);
    house.post("/v1/files", json!({"purpose": "evals"})).await.bad(415, "unsupported_media_type", &["'file'"]);
    assert_eq!((left(&house, "uploads").await, left(&house, "files").await), (0, 0));
    assert_eq!(house.get("/v1/files").await.good(200, "FileList")["data"], json!([]));
}

#[tokio::test]
async fn an_expired_file_is_gone() {
    let house = House::new(Options::default());
    let file = kept(&house, "{\"item\": {}}").await;
    let id = file["id"].as_str().unwrap();
    let place = house.data.path().join("files").join(id);
    let mut meta: Value = serde_json::from_slice(&std::fs::read(place.join("meta.json")).unwrap()).unwrap();
    meta["expires"] = json!(1);
    std::fs::write(place.join("meta.json"), meta.to_string()).unwrap();
    house.get(&format!("/v1/files/{id}")).await.bad(404, "file_not_found", &[id]);
    assert_eq!(house.get("/v1/files").await.good(200, "FileList")["data"], json!([]));
    assert!(!place.exists(), "the list swept it away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reads_its_rows_from_a_file_and_keeps_them() {
    let house = House::new(Options::default());
    let eval = house.post("/v1/evals", wanted()).await.good(201, "Eval");
    let path = format!("/v1/evals/{}/runs", eval["id"].as_str().unwrap());
    let rows = "{\"item\": {\"question\": \"年假几天？\", \"expected\": \"15 天\"}, \"sample\": {\"output_text\": \"15 天\"}}\n\n\
                {\"item\": {\"question\": \"b\", \"expected\": \"x\"}, \"sample\": {\"output_text\": \"y\"}}";
    let file = kept(&house, rows).await;
    let id = file["id"].as_str().unwrap();
    let source = json!({"type": "jsonl", "source": {"type": "file_id", "id": id}});
    let run = house.post(&path, json!({"data_source": source})).await.good(201, "EvalRun");
    assert_eq!(run["data_source"], source, "as it was sent");
    house.delete(&format!("/v1/files/{id}")).await.good(200, "FileDeleted");
    let at = run["report_url"].as_str().unwrap().to_owned();
    let run = ended(&house, &at).await;
    assert_eq!((&run["status"], &run["data_source"]), (&json!("completed"), &source));
    assert_eq!(run["result_counts"], json!({"total": 2, "passed": 1, "failed": 1, "errored": 0}));
    assert_eq!(house.get(&path).await.good(200, "EvalRunList")["data"], json!([run]));
    let items = house.get(&format!("{at}/output_items")).await.good(200, "EvalRunOutputItemList");
    assert_eq!(items["data"][0]["datasource_item"], json!({"question": "年假几天？", "expected": "15 天"}));
    assert_eq!(items["data"][1]["status"], "fail");
    house.post(&path, json!({"data_source": source})).await.bad(404, "file_not_found", &[id]);
}

#[tokio::test]
async fn a_file_whose_lines_are_no_rows_makes_no_run() {
    let house = House::new(Options::default());
    let eval = house.post("/v1/evals", wanted()).await.good(201, "Eval");
    let path = format!("/v1/evals/{}/runs", eval["id"].as_str().unwrap());
    let good = "{\"item\": {\"question\": \"x\"}}\n\n";
    for (line, parts) in [
        ("{\"item\": ", &["line 3 of the file", "no JSON"][..]),
        ("{\"question\": \"x\"}", &["line 3 of the file", "{\"item\": {\"question\": …}}"]),
        ("{\"item\": {\"qestion\": \"x\"}}", &["line 3 of the file", "item_schema", "question"]),
    ] {
        let file = kept(&house, &format!("{good}{line}\n{good}")).await;
        let messages = json!({"type": "template", "template": [{"role": "user", "content": "{{item.question}}"}]});
        for kind in ["jsonl", "completions", "responses"] {
            let mut source = json!({"type": kind, "source": {"type": "file_id", "id": file["id"]}});
            if kind != "jsonl" {
                source["model"] = json!("m");
                source["input_messages"] = messages.clone();
            }
            let answer = house.post(&path, json!({"data_source": source})).await;
            answer.bad(400, "invalid_value", parts);
            assert_eq!(answer.json()["error"]["param"], "data_source.source.id", "{kind} {line}");
        }
    }
    // With rows that can be read, the model is what is missing.
    let file = kept(&house, good).await;
    let messages = json!({"type": "item_reference", "item_reference": "item.question"});
    let source = json!({"type": "responses", "model": "m", "input_messages": messages, "source": {"type": "file_id", "id": file["id"]}});
    house.post(&path, json!({"data_source": source})).await.bad(404, "model_not_found", &["m"]);
    assert_eq!(house.get(&path).await.good(200, "EvalRunList")["data"], json!([]));
}

#[test]
fn the_form_is_described() {
    let document = crate::openapi::document("test");
    let body = &document["paths"]["/v1/files"]["post"]["requestBody"]["content"]["multipart/form-data"];
    assert_eq!(body["schema"]["$ref"], "#/components/schemas/FileRequest");
    let properties = document["components"]["schemas"]["FileRequest"]["properties"].as_object().unwrap();
    for field in crate::routes::files::CREATE {
        assert!(properties[field.name].as_object().is_some_and(|said| !said.is_empty()), "{}", field.name);
    }
    let content = &document["paths"]["/v1/files/{file_id}/content"]["get"]["responses"]["200"]["content"];
    assert!(content["application/octet-stream"].is_object(), "{content}");
}
