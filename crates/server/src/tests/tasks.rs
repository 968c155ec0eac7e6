//! Tasks through the door, without a model here: what answers is far away.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::workbook::workbook;
use super::*;

const TASK: &str = "instructions = 'Sort {{ text }}'\noutput = ['a', 'b']\n";

fn house() -> House {
    let house = House::new(Options::default());
    let folder = house.data.path().join("tasks");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("sort.toml"), TASK).unwrap();
    std::fs::write(folder.join("bad.toml"), "instructions = 3\n").unwrap();
    house
}

#[tokio::test]
async fn tasks_are_listed_with_what_is_wrong_and_what_was_decided() {
    let house = house();
    let tasks = house.get("/v1/tasks").await.good(200, "Tasks");
    assert_eq!(tasks["tasks"][0]["name"], "bad");
    assert_eq!(tasks["tasks"][0]["problems"][0]["line"], 1);
    assert_eq!((&tasks["tasks"][1]["name"], &tasks["tasks"][1]["decision"]), (&json!("sort"), &Value::Null));
    let sort = house.get("/v1/tasks/sort").await.good(200, "Task");
    assert_eq!(sort["task"]["output"]["enum"], json!(["a", "b"]));
    house.get("/v1/tasks/none").await.bad(404, "task_not_found", &["there are bad, sort"]);
    house.get("/v1/tasks/sort/decision").await.bad(404, "decision_not_found", &["sumeru choose sort"]);
    house.get("/v1/tasks/sort/report").await.bad(404, "decision_not_found", &["sumeru choose sort"]);
    house.get("/v1/tasks/sort/outputs").await.bad(404, "decision_not_found", &["sumeru choose sort"]);
    house.get("/v1/tasks/sort/decision?id=../sort").await.bad(404, "decision_not_found", &["'../sort' of 'sort'"]);
    house.get("/v1/tasks/sort/decision?ID=x").await.bad(400, "unknown_parameter", &["'ID'", "id"]);
    assert_eq!(house.get("/v1/tasks/sort/decisions").await.good(200, "Decisions"), json!({"decisions": []}));
    assert_eq!(sort["source"], TASK);
    assert_eq!((&sort["labelled"], &sort["choosing"]), (&json!(0), &Value::Null));
    let template = tasks["templates"].as_array().unwrap().iter().find(|one| one["name"] == "classify").unwrap();
    assert!(template["description"]["zh"].as_str().unwrap().contains("分类"), "{template}");
    // A sound task is a model, too.
    let models = house.get("/v1/models").await.good(200, "Models");
    assert_eq!(models["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), ["task/sort"]);
    let ask = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
    house.post("/v1/chat/completions", ask("sort")).await.bad(404, "model_not_found", &["'task/sort'"]);
    let other = house.post("/v1/chat/completions", ask("other")).await;
    assert!(other.status == 404 && !other.text().contains("task/"), "{}", other.text());
}

#[tokio::test]
async fn rows_that_are_none_are_refused_by_name() {
    let house = house();
    for (body, code, parts) in [
        (json!({}), "missing_parameter", &["rows"][..]),
        (json!({"rows": []}), "invalid_value", &["0 rows"]),
        (json!({"rows": ["x"]}), "invalid_type", &["rows[0]"]),
        (json!({"rows": [{}], "row": 1}), "unknown_parameter", &["row"]),
    ] {
        let answer = house.post("/v1/tasks/sort/run", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        for part in parts {
            assert!(answer.text().contains(part), "{body} {code}: {}", answer.text());
        }
    }
    let rows = json!({"rows": [{"text": "x"}]});
    house.post("/v1/tasks/bad/run", rows.clone()).await.bad(400, "invalid_task", &["bad.toml:1:16"]);
    house.post("/v1/tasks/none/run", rows.clone()).await.bad(404, "task_not_found", &["none"]);
    // No model is installed here.
    let answer = house.post("/v1/tasks/sort/run", rows).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
}

#[tokio::test]
async fn tasks_are_begun_from_templates() {
    let house = house();
    let begun = json!({"name": "post", "template": "classify", "language": "zh"});
    let task = house.post("/v1/tasks", begun.clone()).await.good(201, "TaskWithSource");
    assert!(
        task["source"].as_str().unwrap().contains("# 答案是下面标签之一。") && task["problems"] == json!([]),
        "{task}"
    );
    house.post("/v1/tasks", begun).await.bad(409, "conflict", &["is there already"]);
    for (body, code, parts) in [
        (json!({"name": "x"}), "missing_required_parameter", &["'template'"][..]),
        (json!({"name": "x", "template": "none"}), "invalid_value", &["'none' is no template", "classify, extract"]),
        (
            json!({"name": "x", "template": "classify", "language": "fr"}),
            "invalid_value",
            &["'fr' is neither en nor zh"],
        ),
        (json!({"name": "../x", "template": "classify"}), "invalid_value", &["no name for a task"]),
        (json!({"name": "x", "template": "classify", "lang": "en"}), "unknown_parameter", &["'lang'"]),
    ] {
        house.post("/v1/tasks", body).await.bad(400, code, parts);
    }
}

#[tokio::test]
async fn a_task_is_changed_in_place_or_only_tried() {
    let house = house();
    let path = house.data.path().join("tasks/sort.toml");
    std::fs::write(&path, format!("# Ours.\n{TASK}# The end.\n")).unwrap();
    let now = || std::fs::read_to_string(&path).unwrap();
    let set = |set: Value, dry_run: bool| house.put("/v1/tasks/sort", json!({"set": set, "dry_run": dry_run}));
    let tried = set(json!({"output": ["a", "b", "c"]}), true).await.good(200, "TaskWithSource");
    assert_eq!(tried["source"], "# Ours.\ninstructions = 'Sort {{ text }}'\noutput = ['a', 'b', \"c\"]\n# The end.\n");
    assert_eq!(tried["task"]["output"]["enum"], json!(["a", "b", "c"]));
    assert!(!now().contains("\"c\""), "a trial writes nothing");
    let changed = set(json!({"output": ["a", "b", "c"]}), false).await.good(200, "TaskWithSource");
    assert_eq!((&changed["source"], changed["source"].as_str()), (&tried["source"], Some(now().as_str())));

    // What would be wrong is told by a trial, and refused else.
    let wrong = set(json!({"instructions": "Sort {{ txt }}"}), true).await.good(200, "TaskWithSource");
    assert_eq!((&wrong["task"], &wrong["problems"][0]["line"]), (&Value::Null, &json!(2)));
    let before = now();
    set(json!({"instructions": "Sort {{ txt }}"}), false).await.bad(
        400,
        "invalid_task",
        &["sort.toml:2:16: instructions", "'{{ txt }}'"],
    );
    house.put("/v1/tasks/sort", json!({"source": "x = "})).await.bad(400, "invalid_task", &["sort.toml:1:"]);
    set(json!({"output": [null, 1]}), false).await.bad(400, "invalid_value", &["set.output", "null"]);
    assert_eq!(now(), before);
    house.put("/v1/tasks/sort", json!({"source": TASK})).await.good(200, "TaskWithSource");
    assert_eq!(now(), TASK);
    // What is wrong already is told of, and can be put right.
    let bad = house
        .put("/v1/tasks/bad", json!({"set": {"description": "x"}, "dry_run": true}))
        .await
        .good(200, "TaskWithSource");
    assert!(bad["problems"][0]["message"].as_str().unwrap().contains("must be a string"), "{bad}");
    house.put("/v1/tasks/bad", json!({"set": {"instructions": "Do {{ text }}"}})).await.good(200, "TaskWithSource");
    for (body, code) in [
        (json!({}), "missing_required_parameter"),
        (json!({"source": "", "set": {}}), "invalid_value"),
        (json!({"set": []}), "invalid_type"),
        (json!({"source": 1}), "invalid_type"),
        (json!({"sauce": ""}), "unknown_parameter"),
    ] {
        house.put("/v1/tasks/sort", body).await.bad(400, code, &[]);
    }
    house.put("/v1/tasks/none", json!({"source": TASK})).await.bad(404, "task_not_found", &["none"]);
    house.put("/v1/tasks/..%2Fsort", json!({"source": TASK})).await.bad(400, "invalid_value", &["no name for a task"]);
}

#[tokio::test]
async fn rows_are_labelled_paged_and_uploaded() {
    let house = house();
    let rows = |rows: Value| house.post("/v1/tasks/sort/rows", json!({"rows": rows}));
    let one = json!({"input": {"text": "one"}, "output": "a", "tags": ["hard"]});
    let two = json!({"input": {"text": "two"}, "output": "b"});
    assert_eq!(
        rows(json!([one, two])).await.good(200, "TaskRowsChanged"),
        json!({"added": 2, "replaced": 0, "removed": 0, "total": 2})
    );
    let page = house.get("/v1/tasks/sort/rows?limit=1").await.good(200, "TaskRows");
    assert_eq!((&page["rows"][0]["tags"], &page["total"]), (&json!(["hard"]), &json!(2)));
    assert_eq!(page["report"]["labels"], json!({"a": 1, "b": 1}));
    let rest = house.get("/v1/tasks/sort/rows?after=1").await.good(200, "TaskRows");
    assert_eq!((rest["rows"].as_array().unwrap().len(), &rest["report"]), (1, &Value::Null));
    assert_eq!(
        rows(json!([{"input": {"text": "two"}, "output": null}])).await.good(200, "TaskRowsChanged")["removed"],
        1
    );
    for (body, code, parts) in [
        (
            json!([{"input": {"text": "x"}, "output": "z"}]),
            "invalid_row",
            &["rows[0]: its label is not what the task answers"][..],
        ),
        (
            json!([one, {"input": {"txt": "x"}, "output": "a"}]),
            "invalid_row",
            &["rows[1]: the field `text` is missing"],
        ),
        (json!([{"input": {"text": "x"}}]), "missing_required_parameter", &["rows[0].output"]),
        (json!([{"input": "x", "output": "a"}]), "invalid_type", &["rows[0].input"]),
        (json!([]), "invalid_value", &["there is none"]),
    ] {
        rows(body).await.bad(400, code, parts);
    }
    house.get("/v1/tasks/sort/rows?limit=1001").await.bad(
        400,
        "invalid_value",
        &["'1001' is no whole number from 0 to 1000"],
    );
    house.get("/v1/tasks/bad/rows").await.bad(400, "invalid_task", &["bad.toml:1:16"]);

    let upload = |query: &str, body: &'static str| {
        house.call(to("POST", &format!("/v1/tasks/sort/upload?{query}")).body(Body::from(body)).unwrap())
    };
    let came = upload("file=new.csv&label=kind", "text,kind\none,b\nthree,a\nfour,z\n").await.good(200, "TaskUploaded");
    assert_eq!(
        (&came["added"], &came["replaced"], &came["total"], &came["wrong"][0][0]),
        (&json!(1), &json!(1), &json!(2), &json!(3))
    );
    let begin = |name: &str, query: &str, body: &'static str| {
        house.call(to("POST", &format!("/v1/tasks/{name}/begin?{query}")).body(Body::from(body)).unwrap())
    };
    let table = "message,kind\nIt is broken,bug\nAdd a dark mode,idea\nIt crashes,\n";
    let fitted = "template=classify&file=a.csv&label=kind";
    let begun = begin("fitted", fitted, table).await.good(201, "TaskBegun");
    assert_eq!(begun["fitted"]["input"], json!(["text", "message"]));
    assert_eq!(begun["task"]["output"]["enum"], json!(["bug", "idea"]));
    assert_eq!(
        (&begun["rows"]["added"], &begun["rows"]["wrong"][0][0], &begun["labelled"]),
        (&json!(2), &json!(3), &json!(2))
    );
    begin("fitted", fitted, table).await.bad(409, "conflict", &["fitted.toml"]);
    begin("other", "template=classify&file=a.csv", table).await.bad(400, "invalid_data", &["it is (label, on"]);
    begin("other", "template=classify", table).await.bad(400, "missing_required_parameter", &["'file'"]);
    begin("other", "template=x&file=a.csv", table).await.bad(400, "invalid_value", &["'x' is no template"]);
    begin("other", &format!("{fitted}&language=fr"), table).await.bad(400, "invalid_value", &["'fr' is neither"]);
    assert!(!house.data.path().join("tasks/other.toml").exists());
    upload("label=kind", "x").await.bad(400, "missing_required_parameter", &["'file'", ".xlsx"]);
    upload("file=a.pdf", "x").await.bad(400, "invalid_rows", &["'.pdf'"]);
    upload("file=a.csv", "").await.bad(400, "invalid_rows", &["empty"]);
    upload("file=a.csv", "a,a\n").await.bad(400, "invalid_rows", &["two columns"]);
    let form = to("POST", "/v1/tasks/sort/upload?file=a.csv").header("content-type", "multipart/form-data; boundary=x");
    house.call(form.body(Body::from("x")).unwrap()).await.bad(415, "unsupported_media_type", &["send the file itself"]);
    assert_eq!(house.get("/v1/tasks/sort").await.json()["labelled"], 2);
}

#[tokio::test]
async fn a_table_is_read_for_a_task() {
    let house = house();
    let task = format!("{TASK}[policy]\nlabel = 'how'\n");
    std::fs::write(house.data.path().join("tasks/sort.toml"), task).unwrap();
    let ask = |query: &str, body: &[u8]| {
        house.call(to("POST", &format!("/v1/tasks/{query}")).body(Body::from(body.to_vec())).unwrap())
    };
    let book =
        workbook(&[&["id", "text", "how"], &["1", "很好 &amp; fine", "secret"], &["2", "", "public"], &["3", "b", ""]]);
    assert_eq!(
        ask("sort/read?file=reviews.xlsx", &book).await.good(200, "TableRows"),
        json!({
            "rows": [{"text": "很好 & fine", "how": "secret"}, {"text": "b"}],
            "wrong": [[2, "the field `text` is missing or empty"]],
        })
    );
    // As spreadsheets save it in China.
    let gb18030 = b"text,id\n\"\xc4\xe3\xba\xc3, \xca\xc0\xbd\xe7\",1\n";
    assert_eq!(
        ask("sort/read?file=a.CSV", gb18030).await.good(200, "TableRows"),
        json!({"rows": [{"text": "你好, 世界"}], "wrong": []})
    );
    for (query, body, status, code, parts) in [
        ("sort/read", &b"x"[..], 400, "missing_required_parameter", &["'file'", ".xlsx"][..]),
        ("sort/read?file=a.csv&label=x", b"x", 400, "unknown_parameter", &["'label'"]),
        ("sort/read?file=a.pdf", b"x", 400, "invalid_rows", &["'.pdf'"]),
        ("sort/read?file=a.csv", b"", 400, "invalid_rows", &["empty"]),
        ("sort/read?file=a.xlsx", b"text\nx\n", 400, "invalid_rows", &["no workbook that can be read"]),
        ("sort/read?file=a.csv", b"review\nx\n", 400, "missing_field", &["`text`", "there are review"]),
        ("bad/read?file=a.csv", b"text\nx\n", 400, "invalid_task", &["bad.toml:1:16"]),
        ("none/read?file=a.csv", b"text\nx\n", 404, "task_not_found", &["none"]),
    ] {
        ask(query, body).await.bad(status, code, parts);
    }
    assert_eq!(house.get("/v1/tasks/sort").await.json()["labelled"], 0, "nothing is kept");
}

/// A model far away that says `a` to everything once it may, and nothing before.
fn far(house: &House) -> Arc<AtomicBool> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let models = format!(
        "[[models]]\nname = 'far'\nbase_url = 'http://{address}/v1'\nmodel = 'x'\njurisdiction = 'local'\ncontext = 4096\n"
    );
    std::fs::write(house.data.path().join("models.toml"), models).unwrap();
    let may = Arc::new(AtomicBool::new(false));
    let speaks = Arc::clone(&may);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), speaks) = (stream, Arc::clone(&speaks)) else { return };
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
                let mut piece = [0; 4096];
                while let Ok(1..) = stream.read(&mut piece) {}
                while !speaks.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}"
                );
            });
        }
    });
    may
}

async fn until(house: &House, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let status = house.get("/v1/tasks/sort/choose").await.good(200, "Choosing");
        if status["state"] == state {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_begun_watched_stopped_and_goes_on() {
    let house = house();
    let choose = |body: Value| house.post("/v1/tasks/sort/choose", body);
    choose(json!({})).await.bad(400, "too_few_examples", &["0 labelled examples are too few"]);
    let rows: Vec<Value> = (0..20)
        .map(|at: u64| {
            let text = format!("{:x}", (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            json!({"input": {"text": text}, "output": if at < 10 { "a" } else { "b" }, "tags": [format!("t{}", at % 3)]})
        })
        .collect();
    house.post("/v1/tasks/sort/rows", json!({"rows": rows})).await.good(200, "TaskRowsChanged");
    choose(json!({})).await.bad(400, "no_candidate", &["no installed model"]);
    choose(json!({"models": ["nobody"]})).await.bad(404, "model_not_found", &["nobody"]);
    for (body, code, part) in [
        (json!({"routes": ["guess"]}), "invalid_value", "'guess' is no route"),
        (json!({"routes": "prompt"}), "invalid_type", "routes"),
        (json!({"models": [1]}), "invalid_type", "models[0]"),
        (json!({"confidence": 1}), "invalid_value", "confidence"),
        (json!({"seeds": 1}), "unknown_parameter", "'seed'"),
    ] {
        choose(body).await.bad(400, code, &[part]);
    }
    let idle = house.get("/v1/tasks/sort/choose").await.good(200, "Choosing");
    assert_eq!((&idle["state"], &idle["terms"], &idle["decision"]), (&json!("idle"), &Value::Null, &Value::Null));

    let far = far(&house);
    let how = json!({"models": ["far"], "routes": ["prompt"], "spend": 1, "seed": 3});
    let begun = choose(how.clone()).await.good(202, "Choosing");
    assert_eq!(
        (&begun["state"], &begun["parts"]),
        (&json!("running"), &json!({"train": 6, "development": 6, "test": 8}))
    );
    assert_eq!((&begun["candidates"][0]["candidate"], &begun["most"]), (&json!("prompt@far"), &json!(14)));
    choose(how.clone()).await.bad(409, "conflict", &["'sort' is under way already"]);
    assert_eq!(house.get("/v1/tasks/sort").await.json()["choosing"], "running");
    let stopped = house.delete("/v1/tasks/sort/choose").await.good(200, "Choosing");
    assert_eq!(stopped["state"], "stopped");
    // Twice is no error.
    house.delete("/v1/tasks/sort/choose").await.good(200, "Choosing");

    // On the terms that the server has kept it goes on, whoever asks.
    let terms = stopped["terms"].clone();
    for (name, value) in how.as_object().unwrap() {
        assert_eq!(terms[name].as_f64(), value.as_f64(), "{name}: {terms}");
        assert_eq!(terms[name].as_array(), value.as_array(), "{name}: {terms}");
    }
    assert_eq!(begun["terms"], terms);
    let kept = house.data.path().join("decisions/sort.terms");
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&kept).unwrap()).unwrap(), terms);
    far.store(true, Ordering::Relaxed);
    choose(terms).await.good(202, "Choosing");
    let done = until(&house, "done").await;
    assert!(done["terms"].is_null() && !kept.exists(), "there is nothing to go on with: {done}");
    let one = &done["candidates"][0];
    assert_eq!((&one["state"], &one["examples"], &one["mean"]), (&json!("final"), &json!(8), &json!(0.5)), "{done}");
    assert!(one["milliseconds"].as_f64().unwrap() > 0.0 && done["seconds"].as_f64().unwrap() > 0.0, "{done}");

    let decisions = house.get("/v1/tasks/sort/decisions").await.good(200, "Decisions");
    let first = decisions["decisions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(done["decision"], first.as_str());
    choose(how).await.good(202, "Choosing");
    until(&house, "done").await;
    let decisions = house.get("/v1/tasks/sort/decisions").await.good(200, "Decisions");
    assert_eq!(decisions["decisions"][1]["id"], first.as_str(), "newest first");
    assert_eq!(decisions["decisions"][0]["examples"], 20);
    let decision = house.get(&format!("/v1/tasks/sort/decision?id={first}")).await.good(200, "Decision");
    assert_eq!(decision["chosen"], "prompt@far");
    assert!(house.get(&format!("/v1/tasks/sort/report?id={first}")).await.text().contains("prompt@far"));
    let outputs = house.get(&format!("/v1/tasks/sort/outputs?id={first}")).await.good(200, "DecisionOutputs");
    let rows = outputs["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 8, "one candidate alone does not race");
    for row in rows {
        let answer = &row["answers"]["prompt@far"];
        assert_eq!((&row["part"], &answer["output"]), (&json!("test"), &json!("a")), "{row}");
        assert_eq!(answer["score"].as_f64(), Some(f64::from(row["expected"] == "a")), "{row}");
        assert!(row["tags"][0].as_str().unwrap().starts_with('t') && answer["milliseconds"].as_f64().unwrap() > 0.0);
    }
    // An older decision has no examples beside it.
    std::fs::remove_file(house.data.path().join(format!("decisions/{first}.examples.jsonl"))).unwrap();
    house.get(&format!("/v1/tasks/sort/outputs?id={first}")).await.bad(404, "outputs_not_found", &["choose again"]);

    // Rows are answered with how long it took.
    let answered = house.post("/v1/tasks/sort/run", json!({"rows": [{"text": "x"}]})).await.good(200, "TaskAnswers");
    assert!(answered["rows"][0]["milliseconds"].as_f64().unwrap() > 0.0 && answered["rows"][0]["output"] == "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_ended_process_left_is_a_stopped_choice() {
    let house = house();
    std::fs::create_dir(house.data.path().join("decisions")).unwrap();
    std::fs::write(house.data.path().join("decisions/sort.part"), "{}\n{}\n").unwrap();
    let terms = json!({
        "models": ["far"], "confidence": 0.9, "spend": 1.0, "finalists": 3, "examples": 400, "max_seconds": 60.5, "seed": 3,
        "concurrency": 4, "max_tokens": 512, "search": 6,
    });
    // Another version's may say what this one does not know.
    let mut later = terms.clone();
    later["haste"] = true.into();
    for (kept, told) in [(None, Value::Null), (Some(terms.clone()), terms), (Some(later), Value::Null)] {
        if let Some(kept) = kept {
            std::fs::write(house.data.path().join("decisions/sort.terms"), kept.to_string()).unwrap();
        }
        let status = house.get("/v1/tasks/sort/choose").await.good(200, "Choosing");
        assert_eq!((&status["state"], &status["asked"]), (&json!("stopped"), &json!(2)));
        assert_eq!(status["terms"], told);
    }
    house.get("/v1/tasks/none/choose").await.bad(404, "task_not_found", &["none"]);
    house.delete("/v1/tasks/none/choose").await.bad(404, "task_not_found", &["none"]);
}
