//! Evals, over rows that come with answers and over a model elsewhere that says what it is told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Role, Sampling};
use serde_json::json;

use super::*;
use crate::Access;

/// A provider that repeats the last message, or what a form asks for.
struct Site {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, &seen, pause));
            }
        });
        Self { base, asked }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, pause: Duration) {
    let mut bytes = Vec::new();
    let body = loop {
        let mut piece = [0; 4096];
        let Ok(count @ 1..) = stream.read(&mut piece) else { return };
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if let Ok(body) = serde_json::from_slice::<Value>(&bytes[end + 4..]) {
            break body;
        }
    };
    let told = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap_or_default().to_owned();
    seen.lock().unwrap().push(told.clone());
    std::thread::sleep(pause);
    let schema = &body["response_format"]["json_schema"]["schema"]["properties"];
    let said = if let Some(label) = schema["label"]["enum"].get(0) {
        // The label that stands in the text, if one does.
        let labels = schema["label"]["enum"].as_array().unwrap();
        let chosen = labels.iter().find(|label| told.contains(label.as_str().unwrap())).unwrap_or(label);
        json!({"label": chosen}).to_string()
    } else if schema["result"].is_object() {
        json!({"reasoning": "so", "result": told.chars().count() % 10}).to_string()
    } else {
        told
    };
    let chunk =
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": null}]});
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}});
    let frames: String = [chunk, stop, usage].iter().map(|frame| format!("data: {frame}\n\n")).collect();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    let _ = stream.write_all(format!("{head}{frames}data: [DONE]\n\n").as_bytes());
}

fn workspace(folder: &Path, site: Option<&Site>) -> Workspace {
    if let Some(site) = site {
        let card = format!(
            "[[models]]\nname = 'far'\nbase_url = '{}'\nmodel = 'x'\njurisdiction = 'cn'\ncontext = 4096\n",
            site.base
        );
        std::fs::write(folder.join("models.toml"), card).unwrap();
    }
    Workspace::open(&folder.join("data"), Access::Write).unwrap().with_folder(folder)
}

fn criterion(name: &str, grader: Grader) -> Criterion {
    Criterion { name: name.to_owned(), grader, sent: json!({"name": name}) }
}

fn same() -> Criterion {
    let (input, reference) = ("{{sample.output_text}}".to_owned(), "{{item.expected}}".to_owned());
    criterion("same", Grader::StringCheck { input, reference, operation: Operation::Eq })
}

fn eval(criteria: Vec<Criterion>) -> NewEval {
    let item_schema =
        json!({"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]});
    NewEval { name: None, metadata: Metadata::new(), item_schema, include_sample_schema: true, criteria }
}

fn row(question: &str, expected: Option<&str>, sample: Option<&str>) -> EvalRow {
    let mut item = json!({"question": question});
    if let Some(expected) = expected {
        item["expected"] = json!(expected);
    }
    let sample = sample.and_then(|text| json!({"output_text": text}).as_object().cloned());
    EvalRow { item: item.as_object().cloned().unwrap(), sample }
}

fn given(rows: Vec<EvalRow>) -> NewRun {
    let data_source = json!({"type": "jsonl", "source": {"type": "file_content"}});
    NewRun { name: None, metadata: Metadata::new(), data_source, ask: None, rows, lines: None }
}

fn asked(rows: Vec<EvalRow>) -> NewRun {
    let said = Said { role: Role::User, content: "{{item.question}}".to_owned() };
    let ask = Ask {
        model: "far".to_owned(),
        turns: Turns::Template(vec![said]),
        sampling: Sampling::default(),
        max_tokens: 50,
        form: Form::Text,
        tools: Vec::new(),
    };
    NewRun { ask: Some(ask), ..given(rows) }
}

async fn ended(evals: &Evals, run: &Run) -> Run {
    for _ in 0..600 {
        let now = evals.run(&run.eval, &run.id).unwrap();
        if now.status.is_over() {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the run did not end");
}

fn all() -> Page {
    Page { limit: 100, ..Page::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_answers_are_graded_and_what_is_missing_is_an_error_of_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let evals = workspace(folder.path(), None).evals();
    let near = |metric| Grader::TextSimilarity {
        input: "{{sample.output_text}}".to_owned(),
        reference: "{{item.expected}}".to_owned(),
        metric,
        threshold: 0.6,
    };
    let made = evals.create(eval(vec![same(), criterion("near", near(Similarity::FuzzyMatch))])).unwrap();
    let rows = vec![
        row("年假几天？", Some("15 天"), Some("15 天")),
        row("how many", Some("15 days"), Some("15 day")),
        row("no answer", Some("x"), None),
        row("no expectation", None, Some("x")),
    ];
    let run = ended(&evals, &evals.start(&made.id, given(rows)).unwrap()).await;
    assert_eq!(run.status, Status::Completed);
    let Tally { passed, failed, errored, .. } = run.tally;
    assert_eq!((passed, failed, errored), (1, 1, 2));
    let counted: Vec<_> = run.tally.criteria.iter().map(|one| (one.name.as_str(), one.passed, one.failed)).collect();
    assert_eq!(counted, [("same", 1, 1), ("near", 2, 0)]);
    let items = evals.items(&made.id, &run.id, &all(), None).unwrap().data;
    assert_eq!(items.iter().map(|item| item.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let said = items[3].sample.error.as_ref().unwrap();
    assert_eq!(said.code, "template_missing");
    assert!(said.message.contains("'same'") && said.message.contains("'item' has question"), "{}", said.message);
    assert!(items[2].sample.error.as_ref().unwrap().message.contains("has no 'sample'"));
    // Parts of the list, and one of them.
    let page = |after: Option<&str>, order| Page { after: after.map(str::to_owned), limit: 1, order };
    let errors = |page: &Page| evals.items(&made.id, &run.id, page, Some(Verdict::Error)).unwrap();
    let first = errors(&page(None, Order::Oldest));
    assert_eq!((first.data[0].index, first.more), (2, true));
    let second = errors(&page(Some(&item_id(&run.id, 2)), Order::Oldest));
    assert_eq!((second.data[0].index, second.more), (3, false));
    assert_eq!(errors(&page(None, Order::Newest)).data[0].index, 3);
    assert_eq!(evals.item(&made.id, &run.id, &item_id(&run.id, 1)).unwrap().verdict, Verdict::Fail);
    assert!(evals.item(&made.id, &run.id, "outputitem_x").unwrap_err().to_string().contains("no output item"));
    // What is over is not stopped, and can be removed.
    assert!(matches!(evals.cancel(&made.id, &run.id), Err(Error::Conflict { .. })));
    evals.delete_run(&made.id, &run.id).unwrap();
    assert!(matches!(evals.run(&made.id, &run.id), Err(Error::NotFound { code: "eval_run_not_found", .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_elsewhere_answers_and_judges() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(Duration::ZERO);
    let evals = workspace(folder.path(), Some(&site)).evals();
    let told = |content: &str| vec![Said { role: Role::User, content: content.to_owned() }];
    let label = Grader::LabelModel {
        model: "far".to_owned(),
        messages: told("{{sample.output_text}}"),
        labels: vec!["坏".to_owned(), "好".to_owned()],
        passing: vec!["好".to_owned()],
    };
    let score = Grader::ScoreModel {
        model: "far".to_owned(),
        messages: told("{{item.question}}"),
        range: (0.0, 5.0),
        threshold: 2.0,
        sampling: Sampling::default(),
        max_tokens: None,
    };
    let made = evals.create(eval(vec![criterion("label", label), criterion("score", score)])).unwrap();
    let rows = vec![row("很好", None, None), row("很坏的", None, None), row("好好好好好好", None, None)];
    let run = ended(&evals, &evals.start(&made.id, asked(rows)).unwrap()).await;
    let items = evals.items(&made.id, &run.id, &all(), None).unwrap().data;
    let scores = |item: &Item| item.results.iter().map(|one| (one.passed, one.score)).collect::<Vec<_>>();
    assert_eq!(scores(&items[0]), [(true, 1.0), (true, 2.0)]);
    assert_eq!(scores(&items[1]), [(false, 0.0), (true, 3.0)]);
    // A number outside the range is no score.
    assert_eq!(items[2].sample.error.as_ref().unwrap().code, "score_unknown");
    assert_eq!(
        items.iter().map(|item| item.verdict).collect::<Vec<_>>(),
        [Verdict::Pass, Verdict::Fail, Verdict::Error]
    );
    assert_eq!((run.tally.models.len(), run.tally.models[0].invocations), (1, 8));
    assert_eq!(items[0].sample.output.as_deref(), Some("很好"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_stopped_and_one_that_was_cut_asks_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(Duration::from_millis(30));
    let rows: Vec<EvalRow> = (0..40).map(|n| row(&format!("q{n}"), Some(&format!("q{n}")), None)).collect();
    let (eval_id, stopped, cut) = {
        let workspace = workspace(folder.path(), Some(&site));
        let evals = workspace.evals();
        let made = evals.create(eval(vec![same()])).unwrap();
        let run = evals.start(&made.id, asked(rows.clone())).unwrap();
        while evals.run(&made.id, &run.id).unwrap().tally.total() < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let stopped = evals.cancel(&made.id, &run.id).unwrap();
        assert_eq!(stopped.status, Status::Canceled);
        let kept = evals.items(&made.id, &run.id, &all(), None).unwrap().data.len();
        assert_eq!(stopped.tally.total(), kept);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(evals.items(&made.id, &run.id, &all(), None).unwrap().data.len(), kept);
        assert_eq!(evals.run(&made.id, &run.id).unwrap(), stopped);
        // As after a kill: the run says that it works, some items are whole, a line is torn.
        let again = evals.start(&made.id, asked(rows.clone())).unwrap();
        let done = ended(&evals, &again).await;
        assert_eq!((done.status, done.tally.passed), (Status::Completed, 40));
        let path = folder.path().join("data/evals").join(&made.id).join("runs").join(&again.id);
        let lines = std::fs::read_to_string(path.join("items.jsonl")).unwrap();
        let kept: String = lines.split_inclusive('\n').take(30).collect();
        std::fs::write(path.join("items.jsonl"), format!("{kept}{{\"index\": 3")).unwrap();
        let run = evals.store.run(&made.id, &again.id).unwrap();
        let tally = Tally::of(&made.criteria);
        evals.store.keep_run(&Run { status: Status::InProgress, tally, ..run }).unwrap();
        (made.id, stopped, again)
    };
    let before = site.asked();
    let evals = workspace(folder.path(), Some(&site)).evals();
    evals.resume();
    let done = ended(&evals, &cut).await;
    assert_eq!((done.status, done.tally.passed, done.tally.total()), (Status::Completed, 40, 40));
    assert_eq!(site.asked() - before, 10);
    assert_eq!(evals.items(&eval_id, &cut.id, &all(), None).unwrap().data.len(), 40);
    assert_eq!(evals.run(&eval_id, &stopped.id).unwrap().status, Status::Canceled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_end_cannot_be_written_has_failed_until_it_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(Duration::from_millis(30));
    let rows: Vec<EvalRow> = (0..200).map(|n| row(&format!("q{n}"), Some(&format!("q{n}")), None)).collect();
    let (eval_id, run) = {
        let evals = workspace(folder.path(), Some(&site)).evals();
        let made = evals.create(eval(vec![same()])).unwrap();
        let run = evals.start(&made.id, asked(rows)).unwrap();
        while evals.run(&made.id, &run.id).unwrap().tally.total() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A folder where the new file would be written: as if there were no room.
        let path = folder.path().join("data/evals").join(&made.id).join("runs").join(&run.id).join("run.json.new");
        std::fs::create_dir(&path).unwrap();
        let done = ended(&evals, &run).await;
        assert_eq!(done.status, Status::Failed, "{done:?}");
        assert!(done.error.is_some() && done.tally.passed == 200, "{done:?}");
        assert_eq!(evals.store.run(&made.id, &run.id).unwrap().status, Status::InProgress, "as it is on the disk");
        std::fs::remove_dir(&path).unwrap();
        (made.id, run)
    };
    let before = site.asked();
    let evals = workspace(folder.path(), Some(&site)).evals();
    evals.resume();
    let done = ended(&evals, &run).await;
    assert_eq!((done.status, done.tally.passed, site.asked() - before), (Status::Completed, 200, 0), "{eval_id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let evals = workspace(folder.path(), None).evals();
    let refused = |criteria: Vec<Criterion>| evals.create(eval(criteria)).unwrap_err().to_string();
    assert!(refused(vec![]).contains("at least one grader"));
    assert!(refused(vec![same(), same()]).contains("testing_criteria[1].name"));
    let labels = |passing: &str| Grader::LabelModel {
        model: "far".to_owned(),
        messages: vec![Said { role: Role::User, content: "x".to_owned() }],
        labels: vec!["a".to_owned()],
        passing: vec![passing.to_owned()],
    };
    assert!(refused(vec![criterion("l", labels("b"))]).contains("'b' is none of the labels a"));
    let odd = Grader::StringCheck { input: "{{x}}".to_owned(), reference: String::new(), operation: Operation::Eq };
    assert!(refused(vec![criterion("o", odd)]).contains("testing_criteria[0].input"));
    let mut broken = eval(vec![same()]);
    broken.item_schema = json!({"type": "thing"});
    assert!(evals.create(broken).unwrap_err().to_string().contains("item_schema"));
    let made = evals.create(eval(vec![same()])).unwrap();
    let mut wrong = row("x", None, None);
    wrong.item.remove("question");
    let rows = vec![row("x", None, None), wrong];
    let error = evals.start(&made.id, given(rows.clone())).unwrap_err().to_string();
    assert!(error.contains("content[1].item") && error.contains("question"), "{error}");
    let of_a_file = NewRun { lines: Some(vec![1, 4]), ..given(rows) };
    let error = evals.start(&made.id, of_a_file).unwrap_err().to_string();
    assert!(error.contains("'data_source.source.id'") && error.contains("in line 4 of the file"), "{error}");
    assert!(evals.start(&made.id, given(vec![])).unwrap_err().to_string().contains("at least one row"));
    let error = evals.start(&made.id, asked(vec![row("x", None, None)])).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    let near = evals.create(eval(vec![criterion(
        "near",
        Grader::TextSimilarity {
            input: String::new(),
            reference: String::new(),
            metric: Similarity::Cosine,
            threshold: 0.5,
        },
    )]));
    let error = evals.start(&near.unwrap().id, given(vec![row("x", None, Some("y"))])).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    for id in ["", "eval_none", "../x", "EVAL"] {
        assert!(matches!(evals.show(id), Err(Error::NotFound { code: "eval_not_found", .. })), "{id}");
        assert!(evals.run(&made.id, id).is_err() && evals.run(id, "x").is_err(), "{id}");
    }
}

#[tokio::test]
async fn evals_are_listed_in_a_stable_order_and_changed() {
    let folder = tempfile::tempdir().unwrap();
    let evals = workspace(folder.path(), None).evals();
    let ids: Vec<String> = (0..5).map(|_| evals.create(eval(vec![same()])).unwrap().id).collect();
    let listed = |after: Option<&str>, limit, order, sorting| {
        let part = evals.list(&Page { after: after.map(str::to_owned), limit, order }, sorting).unwrap();
        (part.data.into_iter().map(|eval| eval.id).collect::<Vec<_>>(), part.more)
    };
    let sorted = listed(None, 100, Order::Oldest, Sorting::Created).0;
    assert_eq!(sorted.iter().collect::<std::collections::BTreeSet<_>>(), ids.iter().collect());
    assert_eq!(listed(Some(&sorted[1]), 2, Order::Oldest, Sorting::Created), (sorted[2..4].to_vec(), true));
    let reversed: Vec<String> = sorted.iter().rev().cloned().collect();
    assert_eq!(listed(None, 5, Order::Newest, Sorting::Created), (reversed, false));
    let metadata = Metadata::from([("k".to_owned(), "v".to_owned())]);
    let changed = evals.update(&sorted[0], Some("new".to_owned()), Some(metadata.clone())).unwrap();
    assert_eq!((changed.name.as_str(), &changed.metadata), ("new", &metadata));
    assert_eq!(evals.update(&sorted[0], None, None).unwrap().metadata, metadata);
    assert_eq!(listed(None, 1, Order::Newest, Sorting::Updated).0, [sorted[0].clone()]);
    assert!(
        evals
            .list(&Page { after: Some("eval_x".to_owned()), limit: 1, order: Order::Oldest }, Sorting::Created)
            .is_err()
    );
    evals.delete(&sorted[0]).unwrap();
    assert!(evals.show(&sorted[0]).is_err() && evals.delete(&sorted[0]).is_err());
    assert_eq!(listed(None, 100, Order::Oldest, Sorting::Created).0.len(), 4);
}
