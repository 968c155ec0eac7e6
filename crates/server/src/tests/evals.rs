//! Evals through the door, without a model.

use std::time::Duration;

use super::*;

pub(super) fn wanted() -> Value {
    json!({
        "name": "回答",
        "metadata": {"team": "hr"},
        "data_source_config": {"type": "custom", "include_sample_schema": true, "item_schema": {
            "type": "object", "properties": {"question": {"type": "string"}, "expected": {"type": "string"}}, "required": ["question"],
        }},
        "testing_criteria": [
            {"type": "string_check", "name": "same", "input": "{{sample.output_text}}", "reference": "{{item.expected}}", "operation": "eq"},
            {"type": "text_similarity", "name": "near", "input": "{{sample.output_text}}", "reference": "{{item.expected}}", "evaluation_metric": "rouge_1", "pass_threshold": 0.5},
        ],
    })
}

fn rows(content: Value) -> Value {
    json!({"name": "first", "data_source": {"type": "jsonl", "source": {"type": "file_content", "content": content}}})
}

pub(super) async fn ended(house: &House, path: &str) -> Value {
    for _ in 0..500 {
        let run = house.get(path).await.good(200, "EvalRun");
        if run["status"] != "queued" && run["status"] != "in_progress" {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the run did not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eval_is_made_run_and_removed() {
    let house = House::new(Options::default());
    let eval = house.post("/v1/evals", wanted()).await.good(201, "Eval");
    let id = eval["id"].as_str().unwrap();
    assert_eq!(eval["testing_criteria"], wanted()["testing_criteria"]);
    assert_eq!(eval["data_source_config"]["schema"]["required"], json!(["item", "sample"]));
    let path = format!("/v1/evals/{id}");
    assert_eq!(house.get(&path).await.good(200, "Eval"), eval);
    let list = house.get("/v1/evals?limit=1&order=desc&order_by=updated_at").await.good(200, "EvalList");
    assert_eq!((&list["data"][0], &list["has_more"], &list["last_id"]), (&eval, &json!(false), &eval["id"]));
    let changed = house.post(&path, json!({"name": "b", "metadata": null})).await.good(200, "Eval");
    assert_eq!((&changed["name"], &changed["metadata"]), (&json!("b"), &json!({})));

    let content = json!([
        {"item": {"question": "年假几天？", "expected": "15 天"}, "sample": {"output_text": "15 天"}},
        {"item": {"question": "b", "expected": "x"}, "sample": {"output_text": "y"}},
        {"item": {"question": "c"}, "sample": {"output_text": "y"}},
    ]);
    let run = house.post(&format!("{path}/runs"), rows(content.clone())).await.good(201, "EvalRun");
    let at = run["report_url"].as_str().unwrap().to_owned();
    let run = ended(&house, &at).await;
    assert_eq!(run["status"], "completed");
    assert_eq!(run["result_counts"], json!({"total": 3, "passed": 1, "failed": 1, "errored": 1}));
    assert_eq!(run["data_source"]["source"]["content"], content);
    let runs = house.get(&format!("{path}/runs?status=completed")).await.good(200, "EvalRunList");
    assert_eq!(runs["data"][0], run);
    let none = house.get(&format!("{path}/runs?status=failed")).await.good(200, "EvalRunList");
    assert_eq!((&none["data"], &none["first_id"]), (&json!([]), &Value::Null));

    let items = house.get(&format!("{at}/output_items?limit=2")).await.good(200, "EvalRunOutputItemList");
    assert_eq!((&items["data"][0]["status"], &items["has_more"]), (&json!("pass"), &json!(true)));
    assert_eq!(items["data"][0]["results"][1]["type"], "text-similarity-grader");
    let last = items["last_id"].as_str().unwrap();
    let rest = house.get(&format!("{at}/output_items?after={last}")).await.good(200, "EvalRunOutputItemList");
    assert_eq!(rest["data"][0]["sample"]["error"]["code"], "template_missing");
    let failed = house.get(&format!("{at}/output_items?status=fail")).await.good(200, "EvalRunOutputItemList");
    assert_eq!(failed["data"][0]["datasource_item_id"], 1);
    let one = house.get(&format!("{at}/output_items/{last}")).await.good(200, "EvalRunOutputItem");
    assert_eq!(one["id"], last);

    for stop in [format!("{at}/cancel"), at.clone()] {
        let answer = house.call(to("POST", &stop).body(Body::empty()).unwrap()).await;
        answer.bad(409, "conflict", &["is completed and cannot be canceled"]);
    }
    house.delete(&at).await.good(200, "EvalRunDeleted");
    house.get(&at).await.bad(404, "eval_run_not_found", &["has no run"]);
    house.delete(&path).await.good(200, "EvalDeleted");
    house.get(&path).await.bad(404, "eval_not_found", &["There is no eval"]);
}

/// The usual eval with one thing changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = wanted();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_name() {
    let house = House::new(Options::default());
    let grader = |grader: Value| with("/testing_criteria", json!([grader]));
    let asked = json!([{"role": "user", "content": "x"}]);
    for (body, code, parts) in [
        (json!({"testing_criteria": []}), "missing_required_parameter", &["data_source_config"][..]),
        (with("/nmae", json!(1)), "unknown_parameter", &["nmae"]),
        (with("/data_source_config", json!({"type": "logs"})), "unsupported_parameter", &["not stored here", "custom"]),
        (
            with("/data_source_config", json!({"type": "stored_completions"})),
            "unsupported_parameter",
            &["not stored here"],
        ),
        (with("/data_source_config/item_schema", json!({"type": "x"})), "invalid_value", &["no JSON Schema"]),
        (with("/metadata", json!({"a": 1})), "invalid_type", &["metadata.a"]),
        (
            grader(json!({"type": "python", "name": "p", "source": "x"})),
            "unsupported_parameter",
            &["testing_criteria[0].type", "not run here"],
        ),
        (
            grader(json!({"type": "string_check", "name": "s", "input": "a", "reference": "b", "operation": "is"})),
            "invalid_value",
            &["'is' is none of 'eq'"],
        ),
        (
            grader(
                json!({"type": "string_check", "name": "s", "input": "{{x.y}}", "reference": "b", "operation": "eq"}),
            ),
            "invalid_template",
            &["testing_criteria[0].input", "x.y"],
        ),
        (
            grader(
                json!({"type": "text_similarity", "name": "s", "input": "a", "reference": "b", "evaluation_metric": "bleu"}),
            ),
            "missing_required_parameter",
            &["pass_threshold"],
        ),
        (
            grader(
                json!({"type": "text_similarity", "name": "s", "input": "a", "reference": "b", "evaluation_metric": "rouge_9", "pass_threshold": 1}),
            ),
            "invalid_value",
            &["rouge_9"],
        ),
        (
            grader(
                json!({"type": "label_model", "name": "l", "model": "m", "input": asked, "labels": ["a"], "passing_labels": ["b"]}),
            ),
            "invalid_value",
            &["none of the labels a"],
        ),
        (
            grader(json!({"type": "score_model", "name": "l", "model": "m", "input": asked, "range": [1, 0]})),
            "invalid_value",
            &["range"],
        ),
        (
            grader(
                json!({"type": "score_model", "name": "l", "model": "m", "input": [{"role": "user", "content": {"type": "input_image", "image_url": "x"}}]}),
            ),
            "unsupported_parameter",
            &["input[0].content.type"],
        ),
    ] {
        house.post("/v1/evals", body).await.bad(400, code, parts);
    }
    house.get("/v1/evals?limit=0").await.bad(400, "invalid_value", &["limit"]);
    house.get("/v1/evals?limit=x").await.bad(400, "invalid_type", &["limit"]);
    house.get("/v1/evals?ordr=asc").await.bad(400, "unknown_parameter", &["Did you mean 'order'"]);
    house.get("/v1/evals?after=eval_x").await.bad(400, "invalid_value", &["not in the list"]);
    house.get("/v1/evals/none/runs").await.bad(404, "eval_not_found", &["none"]);
}

#[tokio::test]
async fn runs_that_cannot_be_are_refused_by_name() {
    let house = House::new(Options::default());
    let eval = house.post("/v1/evals", wanted()).await.good(201, "Eval");
    let path = format!("/v1/evals/{}/runs", eval["id"].as_str().unwrap());
    let content = json!([{"item": {"question": "x"}}]);
    let source = |source: Value| json!({"data_source": {"type": "jsonl", "source": source}});
    let ask = |kind: &str, more: Value| {
        let messages = json!({"type": "template", "template": [{"role": "user", "content": "{{item.question}}"}]});
        let mut body = json!({"type": kind, "model": "m", "input_messages": messages, "source": {"type": "file_content", "content": content}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"data_source": body})
    };
    for (body, code, parts) in [
        (source(json!({"type": "file_id"})), "missing_required_parameter", &["data_source.source.id"][..]),
        (
            source(json!({"type": "file_id", "file_id": "file-1"})),
            "unknown_parameter",
            &["'data_source.source.file_id'"],
        ),
        (source(json!({"type": "file"})), "invalid_value", &["'file' is none of 'file_content', 'file_id'"]),
        (source(json!({"type": "stored_completions"})), "unsupported_parameter", &["not stored here"]),
        (source(json!({"type": "file_content", "content": []})), "invalid_value", &["at least one row"]),
        (
            source(json!({"type": "file_content", "content": [{"item": {}}]})),
            "invalid_value",
            &["content[0].item", "question"],
        ),
        (
            source(json!({"type": "file_content", "content": [{"itm": {}}]})),
            "unknown_parameter",
            &["Did you mean", "content[0].item"],
        ),
        (ask("completions", json!({"model": null})), "missing_required_parameter", &["data_source.model"]),
        (
            ask("completions", json!({"input_messages": null})),
            "missing_required_parameter",
            &["data_source.input_messages"],
        ),
        (
            ask("completions", json!({"sampling_params": {"temperature": 9}})),
            "invalid_value",
            &["'data_source.sampling_params.temperature'"],
        ),
        (
            ask("responses", json!({"sampling_params": {"text": {"format": {"type": "json_schema", "name": "x"}}}})),
            "missing_required_parameter",
            &["data_source.sampling_params.text.format.schema"],
        ),
        (
            ask("responses", json!({"sampling_params": {"tools": [{"type": "web_search"}]}})),
            "unsupported_parameter",
            &["data_source.sampling_params.tools[0].type"],
        ),
        (
            ask("completions", json!({"sampling_params": {"reasoning_effort": "high"}})),
            "unsupported_parameter",
            &["reasoning_effort"],
        ),
        (
            ask("completions", json!({"input_messages": {"type": "item_reference", "item_reference": "rows.x"}})),
            "invalid_template",
            &["rows.x"],
        ),
        (ask("batch", json!({})), "invalid_value", &["'batch' is none of"]),
    ] {
        house.post(&path, body).await.bad(400, code, parts);
    }
    house.post(&path, ask("completions", json!({}))).await.bad(404, "model_not_found", &["m"]);
    let unknown = source(json!({"type": "file_id", "id": "file-1"}));
    house.post(&path, unknown).await.bad(404, "file_not_found", &["No such File object: file-1"]);
}
