use std::sync::Mutex;
use std::time::Duration;

use domain::{Card, Event, EventStream, FinishReason, LanguageModel, Prompt, Request, Timings, Usage};
use serde_json::json;

use super::*;

/// Answers with the last word it is told, later for shorter ones; says no to `never`, and remembers what it was asked.
struct Parrot {
    card: Card,
    asked: Mutex<Vec<String>>,
}

impl Parrot {
    fn new() -> Arc<Self> {
        let card = serde_json::from_value(json!({"name": "parrot", "architecture": "none", "context": 100})).unwrap();
        Arc::new(Self { card, asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl LanguageModel for Parrot {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, request: Request) -> EventStream {
        let Prompt::Chat(messages) = request.prompt else { panic!("a conversation") };
        let text = messages.last().unwrap().joined_text();
        self.asked.lock().unwrap().push(text.clone());
        Box::pin(async_stream::stream! {
            tokio::time::sleep(Duration::from_millis(20u64.saturating_sub(text.len() as u64))).await;
            if text == "never" {
                yield Err(Error::failed("it says no"));
                return;
            }
            yield Ok(Event::Text { text, tokens: Vec::new(), prompt: false });
            let usage = Usage { prompt_tokens: 3, completion_tokens: 1, ..Usage::default() };
            yield Ok(Event::Finished { reason: FinishReason::Stop, usage, timings: Timings::default() });
        })
    }
}

fn echo() -> Task {
    Task::new("echo", json!({"type": "string"}))
}

fn table(texts: &[&str]) -> Vec<Row> {
    let lines: Vec<String> = texts.iter().map(|text| json!({"text": text}).to_string()).collect();
    rows(lines.join("\n").as_bytes(), RowFormat::JsonLines).unwrap()
}

fn options(out: Option<PathBuf>) -> RunOptions {
    RunOptions { route: None, model: None, concurrency: 4, max_tokens: None, out }
}

async fn run(model: &Arc<Parrot>, rows: Vec<Row>, out: Option<PathBuf>) -> (Result<RunReport>, Vec<Answered>) {
    let mut seen = Vec::new();
    let watch = |event| {
        if let RunEvent::Row(answered) = event {
            seen.push(answered);
        }
    };
    let task = Arc::new(echo());
    let answerer = Answerer::plain(&task, model.clone()).unwrap();
    let report = over(&answerer, &task, rows, &options(out), watch).await;
    (report, seen)
}

#[tokio::test]
async fn answers_come_in_the_order_of_rows_and_failures_stay_among_them() {
    let model = Parrot::new();
    let mut all = table(&["a", "never", "somewhat longer", "b", ""]);
    all.push(Row { number: 9, fields: Err("no JSON".to_owned()) });
    let (report, seen) = run(&model, all, None).await;
    let report = report.unwrap();
    assert_eq!((report.rows, report.answered, report.failed, report.completion_tokens), (6, 3, 3, 3));
    assert_eq!(seen.iter().map(|one| one.row).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 9]);
    let said = |at: usize| serde_json::to_value(&seen[at]).unwrap();
    assert_eq!(said(0), json!({"row": 1, "input": {"text": "a"}, "output": "a"}));
    assert_eq!(said(1), json!({"row": 2, "input": {"text": "never"}, "error": "it says no"}));
    assert!(said(4)["error"].as_str().unwrap().contains("`text` is missing or empty"));
    assert_eq!(said(5)["error"], "no JSON");
}

#[tokio::test]
async fn a_run_that_was_cut_goes_on_and_asks_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("answers.jsonl");
    let part = folder.path().join("answers.jsonl.part");
    let texts = ["one", "two", "three", "four"];
    let (report, _) = run(&Parrot::new(), table(&texts), Some(out.clone())).await;
    assert_eq!(report.unwrap().answered, 4);
    let whole = std::fs::read_to_string(&out).unwrap();
    assert!(!part.exists() && whole.lines().count() == 4);

    // As it is after a kill: two rows answered, one failed, the fourth half written.
    let answerer = Answerer::plain(&Arc::new(echo()), Parrot::new()).unwrap();
    let its = identity(&echo(), &answerer, &table(&texts));
    let lines: Vec<&str> = whole.lines().collect();
    let half = &lines[2][..lines[2].len() / 2];
    std::fs::remove_file(&out).unwrap();
    let failed = json!({"row": 2, "input": {"text": "two"}, "error": "away"});
    let left = format!("{}\n{}\n{}\n{failed}\n{half}", serde_json::to_string(&its).unwrap(), lines[3], lines[0]);
    std::fs::write(&part, &left).unwrap();
    let model = Parrot::new();
    let (report, seen) = run(&model, table(&texts), Some(out.clone())).await;
    let report = report.unwrap();
    assert_eq!((report.resumed, report.answered, report.completion_tokens), (2, 4, 2));
    let mut asked = model.asked();
    asked.sort();
    assert_eq!(asked, ["three", "two"]);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), whole);
    assert_eq!(seen.iter().map(|one| one.row).collect::<Vec<_>>(), [1, 2, 3, 4]);

    // What is there is not written over, nor is another run's.
    let (report, _) = run(&model, table(&texts), Some(out.clone())).await;
    assert!(matches!(report, Err(Error::Conflict { .. })));
    std::fs::remove_file(&out).unwrap();
    std::fs::write(&part, left).unwrap();
    let (report, _) = run(&model, table(&["other"]), Some(out.clone())).await;
    assert!(matches!(report, Err(Error::Conflict { message }) if message.contains("another run")));
    // One at a time.
    let held = std::fs::File::open(&part).unwrap();
    held.lock().unwrap();
    let (report, _) = run(&model, table(&texts), Some(out)).await;
    assert!(matches!(report, Err(Error::Conflict { message }) if message.contains("another process")));
}

#[test]
fn a_table_without_the_tasks_fields_is_refused_at_once() {
    let error = check_fields(&echo(), &rows(b"body,author\na,b\n", RowFormat::Csv).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`text`") && error.to_string().contains("there are body, author"), "{error}");
    assert!(check_fields(&echo(), &[]).is_ok());
}
