//! Choosing and running among providers that are dear, go away, or talk nonsense: nothing of it becomes a wrong number.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

mod support;
use support::{json, sumeru, text};

/// Tells parcels from money, whoever asks; how well it does so, the path says.
struct Provider {
    address: std::net::SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    /// `/good/v1` answers rightly; `/half/v1` every second time; `/dies/v1` the first twelve, then nobody; `/away/v1` never; `/page/v1` with HTML;
    /// `/cut/v1` breaks off; `/judge/v1` lets every answer pass.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (all, dying) = (Arc::clone(&asked), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, dying) = (Arc::clone(&all), Arc::clone(&dying));
                std::thread::spawn(move || answer(stream, &all, &dying));
            }
        });
        Self { address, asked }
    }

    fn card(&self, name: &str, more: &str) -> String {
        format!(
            "[[models]]\nname = '{name}'\nbase_url = 'http://{}/{name}/v1'\nmodel = 'x'\njurisdiction = 'cn'\ncontext = 4096\nretries = 0\n{more}\n",
            self.address
        )
    }
}

fn answer(stream: TcpStream, asked: &AtomicUsize, dying: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut path, mut line, mut length) = (String::new(), String::new(), 0);
    while reader.read_line(&mut line).ok()? > 2 {
        if path.is_empty() {
            path = line.split(' ').nth(1)?.split('/').nth(1)?.to_owned();
        }
        if let Some(count) = line.to_lowercase().strip_prefix("content-length:") {
            length = count.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let row = body["messages"].as_array()?.last()?["content"].as_str()?;
    let parcel = ["parcel with", "torn box", "heavy package"].iter().any(|word| row.contains(word));
    let count = asked.fetch_add(1, Ordering::SeqCst);
    let right = path != "half" || count.is_multiple_of(2);
    let label = match (path.as_str(), parcel == right) {
        ("judge", _) => r#"{"reason": "well said", "grade": "pass"}"#,
        (_, true) => "parcel",
        (_, false) => "money",
    };
    let gone = path == "away" || (path == "dies" && dying.fetch_add(1, Ordering::SeqCst) >= 9);
    let mut stream = stream;
    if gone {
        let _ = write!(stream, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return Some(());
    }
    if path == "page" {
        let page = "<html><body>Please log in</body></html>";
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n", page.len());
        let _ = write!(stream, "{head}connection: close\r\n\r\n{page}");
        return Some(());
    }
    let piece = serde_json::json!({"choices": [{"index": 0, "delta": {"content": label}, "finish_reason": null}]});
    let end = serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1000, "completion_tokens": 1, "total_tokens": 1001}});
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
    let _ = write!(stream, "data: {piece}\n\n");
    if path != "cut" {
        let _ = write!(stream, "data: {end}\n\ndata: [DONE]\n\n");
    }
    Some(())
}

struct House {
    data: tempfile::TempDir,
    workspace: tempfile::TempDir,
}

impl House {
    fn of(cards: &[String]) -> Self {
        let (data, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let house = Self { data, workspace };
        std::fs::create_dir(house.path().join("tasks")).unwrap();
        let task = "instructions = '''Is this about a parcel or about money?\n{{ text }}'''\noutput = ['parcel', 'money']\n[policy]\ndata = 'public'\n";
        std::fs::write(house.path().join("tasks/post.toml"), task).unwrap();
        std::fs::write(house.path().join("models.toml"), cards.concat()).unwrap();
        std::fs::write(house.path().join("rows.jsonl"), rows(100)).unwrap();
        house
    }

    fn path(&self) -> &Path {
        self.workspace.path()
    }

    fn choose(&self, models: &str, more: &[&str]) -> Command {
        let mut command = sumeru(self.data.path());
        command.args(["choose", "post", "--data", &self.path().join("rows.jsonl").to_string_lossy()]);
        command.args(["--models", models, "--routes", "prompt", "--seed", "1", "--concurrency", "2"]).args(more);
        command.env("SUMERU_WORKSPACE", self.path()).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }
}

fn rows(count: usize) -> String {
    let what = ["waits for the parcel with a lamp", "was charged twice", "got a torn box", "wants a refund"];
    let line = |at: usize| {
        let label = if at.is_multiple_of(2) { "parcel" } else { "money" };
        let words = format!("{:x}", (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        format!("{{\"text\": \"{words} {} {}\", \"label\": \"{label}\"}}\n", what[at % 4], words.len() + at)
    };
    (0..count).map(line).collect()
}

fn entrant<'a>(decision: &'a Value, name: &str) -> &'a Value {
    let all = decision["candidates"].as_array().unwrap();
    all.iter().find(|one| one["candidate"] == name).unwrap_or_else(|| panic!("{decision}"))
}

/// The money there is, is what is spent: a round is not begun that would go over it, and one that does ends at the answer that did.
#[test]
fn a_choice_spends_no_more_than_it_may() {
    let provider = Provider::start();
    // An answer costs 1.
    let dear = "price = { input = 1000, output = 0, currency = 'CNY' }";
    let house = House::of(&[
        provider.card("good", dear),
        provider.card("half", "price = { input = 0, output = 0, currency = 'CNY' }"),
    ]);
    for (most, asked) in [("5", 80), ("30", 32), ("90", 92)] {
        let before = provider.asked.load(Ordering::SeqCst);
        let decided = json(&mut house.choose("good,half", &["--max-cost", most]));
        let decision = &decided["decision"];
        let cost = decision["cost"].as_f64().unwrap();
        let most: f64 = most.parse().unwrap();
        // One answer may be the one that goes over it, and one more be under way: it is paid for, and told.
        assert!(cost <= most + 2.0, "{cost} of {most}: {decision}");
        assert!(provider.asked.load(Ordering::SeqCst) - before <= 2 * asked, "{decision}");
        let result = &entrant(decision, "prompt@good")["result"];
        // Of the most, some is left.
        let ended = decision["bounds"]["ended"] == "cost";
        assert_eq!(ended, most < 90.0, "{decision}");
        let told = decision["why"].as_str().unwrap().contains("was not enough for all that was to be asked");
        assert_eq!(told, ended, "{decision}");
        if most < 30.0 {
            // What was not measured is not said; what costs nothing is measured without money.
            assert!(result.is_null(), "{decision}");
            let why = entrant(decision, "prompt@good")["withdrawn"].as_str().unwrap();
            assert_eq!(why, "the money that the choice may take (5 CNY) was used up before it was measured");
            assert_eq!(entrant(decision, "prompt@half")["result"]["examples"], 40, "{decision}");
            assert_eq!(decision["chosen"], "prompt@half", "{decision}");
            // What an earlier sitting spent is spent: whoever goes on with its answers pays for no other.
            let (before, file) = (provider.asked.load(Ordering::SeqCst), decided["file"].as_str().unwrap());
            let part = house.path().join("decisions/post.part");
            std::fs::copy(file.replace(".json", ".outputs.jsonl"), part).unwrap();
            let again = json(&mut house.choose("good,half", &["--max-cost", "5"]));
            assert_eq!(provider.asked.load(Ordering::SeqCst), before, "{again}");
            assert_eq!(again["decision"]["chosen"], "prompt@half", "{again}");
        } else {
            assert_eq!(result["quality"]["value"], 1.0, "{decision}");
            assert_eq!(decision["chosen"], "prompt@good", "{decision}");
        }
    }
}

/// Grades are paid from the same money as answers, and those of an earlier sitting were paid, too.
#[test]
fn a_judge_spends_no_more_than_the_choice_may() {
    let provider = Provider::start();
    // Answers are free, and a grade costs 1.
    let house = House::of(&[
        provider.card("good", "price = { input = 0, output = 0, currency = 'CNY' }"),
        provider.card("judge", "price = { input = 1000, output = 0, currency = 'CNY' }"),
    ]);
    let task = house.path().join("tasks/post.toml");
    let plain = "metric = 'judge'\ninstructions = '''What is it about?\n{{ text }}'''\noutput = 'text'\n";
    let policy =
        "[policy]\ndata = 'public'\n[judge]\nmodel = 'judge'\nrubric = 'It says what the row is about.'\nscale = 2\n";
    std::fs::write(&task, format!("{plain}{policy}")).unwrap();
    for most in [5.0, 80.0] {
        let decided = json(&mut house.choose("good", &["--max-cost", &most.to_string()]));
        let decision = &decided["decision"];
        let judge = &decision["judge"];
        assert!(decision["cost"].as_f64().unwrap() <= most + 2.0, "{decision}");
        assert_eq!(judge["cost"].as_f64(), judge["asked"].as_f64(), "{decision}");
        assert_eq!(decision["cost"], judge["cost"], "{decision}");
        let measured = !entrant(decision, "prompt@good")["result"].is_null();
        assert_eq!(measured, most > 50.0, "a part of the grades is no quality: {decision}");
    }
    let graded: String = rows(20).lines().map(graded_row).collect();
    std::fs::write(house.path().join("graded.jsonl"), graded).unwrap();
    std::fs::write(&task, format!("{plain}{policy}graded = 'graded.jsonl'\n")).unwrap();
    let before = provider.asked.load(Ordering::SeqCst);
    let output = house.choose("good", &["--max-cost", "6"]).output().unwrap();
    let said = text(&output);
    assert!(output.status.code() == Some(2) && said.contains("max_cost: 6") && said.contains("20 answers"), "{said}");
    assert!(provider.asked.load(Ordering::SeqCst) - before <= 8, "it stops where the money ends");
    let decided = json(&mut house.choose("good", &["--max-cost", "90"]));
    let judge = &decided["decision"]["judge"];
    assert_eq!(judge["reliability"]["agreement"]["answers"], 20, "{judge}");
    assert_eq!(judge["cost"].as_f64(), judge["asked"].as_f64(), "what the first sitting paid is in it: {judge}");
    let asked = provider.asked.load(Ordering::SeqCst) - before;
    let answers = decided["decision"]["asked"].as_f64().unwrap();
    // Those that were under way when the first sitting ended were asked twice.
    assert!(asked as f64 <= answers + judge["asked"].as_f64().unwrap() + 2.0, "{asked}: {decided}");
}

/// A row with an answer, and what people say of it.
fn graded_row(line: &str) -> String {
    let row: Value = serde_json::from_str(line).unwrap();
    let grade = if row["label"] == "parcel" { "pass" } else { "fail" };
    let input = serde_json::json!({"text": row["text"]});
    let row = serde_json::json!({"input": input, "expected": "parcel", "answer": row["label"], "grade": grade});
    format!("{row}\n")
}

/// What cannot keep to a constraint is not asked, or no longer; sums of two currencies are none; who has no price keeps to no limit.
#[test]
fn constraints_and_prices_come_before_the_race() {
    let provider = Provider::start();
    let priced =
        |input: u32, currency: &str| format!("price = {{ input = {input}, output = 0, currency = '{currency}' }}");
    let house = House::of(&[
        provider.card("good", &priced(1000, "CNY")),
        provider.card("half", &priced(1, "CNY")),
        provider.card("dollar", &priced(1, "USD")),
        provider.card("cut", ""),
    ]);
    let task = house.path().join("tasks/post.toml");
    let plain = std::fs::read_to_string(&task).unwrap();
    std::fs::write(&task, format!("{plain}[constraints]\ncost_per_1000 = 2\n")).unwrap();
    let decided = json(&mut house.choose("good,half,cut", &[]));
    let decision = &decided["decision"];
    // The dear one is better, and leaves before it can beat the one that is cheap enough.
    assert_eq!(decision["chosen"], "prompt@half", "{decision}");
    let why = |name: &str| entrant(decision, name)["withdrawn"].as_str().unwrap_or_default().to_owned();
    assert!(why("prompt@good").contains("over the limit of 2"), "{decision}");
    assert!(why("prompt@cut").contains("has no price on its card"), "{decision}");
    assert_eq!(entrant(decision, "prompt@half")["price"]["currency"], "CNY", "the prices of the day: {decision}");
    let output = house.choose("half,dollar", &[]).output().unwrap();
    let said = text(&output);
    assert!(output.status.code() == Some(2) && said.contains("CNY and USD cannot be compared"), "{said}");
}

/// Who cannot go on withdraws with the reason, and takes no place and no number from the others.
#[test]
fn providers_that_fail_withdraw_with_the_reason() {
    let provider = Provider::start();
    let names = ["good", "dies", "away", "page", "cut"];
    let house = House::of(&names.map(|name| provider.card(name, "")));
    let decided = json(&mut house.choose(&names.join(","), &[]));
    let decision = &decided["decision"];
    assert_eq!(decision["chosen"], "prompt@good", "{decision}");
    assert_eq!(entrant(decision, "prompt@good")["result"]["quality"]["value"], 1.0);
    for (name, how, why) in [
        ("dies", "answers failed, the last because", "503"),
        ("away", "answered none of", "503"),
        ("page", "answered none of", "text/html instead of JSON"),
        ("cut", "answered none of", "truncated"),
    ] {
        let one = entrant(decision, &format!("prompt@{name}"));
        let said = one["withdrawn"].as_str().unwrap_or_else(|| panic!("{name}: {decision}"));
        assert!(said.contains(how) && said.contains(why), "{name}: {said}");
        assert!(one["result"].is_null(), "{name}: {decision}");
    }
}

/// What failed while a provider was away is asked once more by whoever goes on; what was answered is not.
#[test]
fn a_choice_that_was_cut_asks_again_what_failed() {
    let provider = Provider::start();
    let house = House::of(&[provider.card("good", ""), provider.card("half", "")]);
    let part = house.path().join("decisions/post.part");
    let mut child = house.choose("good,half", &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lines = || std::fs::read_to_string(&part).map_or(0, |text| text.lines().count());
    let begun = Instant::now();
    while lines() < 8 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // As it would be, had the provider been away for three of them.
    let text_there = std::fs::read_to_string(&part).unwrap();
    let failing = |(at, line): (usize, &str)| {
        let mut entry: Value = serde_json::from_str(line).ok()?;
        if at < 3 {
            let entry = entry.as_object_mut()?;
            entry.remove("output");
            entry.insert("error".to_owned(), "the provider was away".into());
        }
        Some(format!("{entry}\n"))
    };
    let changed: String = text_there.lines().enumerate().filter_map(failing).collect();
    assert!(changed.matches("was away").count() == 3, "{changed}");
    std::fs::write(&part, &changed).unwrap();
    let kept = changed.lines().count() - 3;

    // What the killed one had sent may still be on its way.
    let mut before = usize::MAX;
    while before != provider.asked.load(Ordering::SeqCst) {
        before = provider.asked.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
    }
    let decided = json(&mut house.choose("good,half", &[]));
    let asked = provider.asked.load(Ordering::SeqCst) - before;
    assert_eq!(decided["decision"]["chosen"], "prompt@good", "{decided}");
    let outputs =
        std::fs::read_to_string(decided["file"].as_str().unwrap().replace(".json", ".outputs.jsonl")).unwrap();
    assert!(!outputs.contains("was away"), "{outputs}");
    assert_eq!(outputs.lines().count(), kept + asked, "nothing is asked twice");
}

/// All are away: that is said, with nothing chosen, and nothing measured.
#[test]
fn where_nobody_answers_nothing_is_chosen() {
    let provider = Provider::start();
    let house = House::of(&[provider.card("away", ""), provider.card("page", "")]);
    let output = house.choose("away,page", &[]).output().unwrap();
    let said = text(&output);
    assert!(said.contains("Nothing was chosen") && said.contains("no candidate could be measured"), "{said}");
    assert!(said.contains("prompt@away withdraws: it answered none of"), "{said}");
}

/// A day on which nothing could be chosen takes no way from a task that has one; what the choice was told, a recheck keeps to.
#[test]
fn a_choice_of_nothing_leaves_the_task_as_it_was() {
    let provider = Provider::start();
    let house = House::of(&[provider.card("good", ""), provider.card("half", ""), provider.card("away", "")]);
    let decided = json(&mut house.choose("good,away", &[]));
    assert_eq!(decided["decision"]["chosen"], "prompt@good", "{decided}");
    let nothing = json(&mut house.choose("away", &[]));
    assert!(nothing["decision"]["chosen"].is_null(), "{nothing}");
    let row = house.path().join("row.jsonl");
    std::fs::write(&row, "{\"text\": \"It still waits for the parcel with a lamp.\"}\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = sumeru(house.data.path());
        command.args(arguments).env("SUMERU_WORKSPACE", house.path()).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    };
    let said = text(&run(&["run", "post", &row.to_string_lossy()]).output().unwrap());
    assert!(said.contains("\"output\":\"parcel\"") && said.contains("prompt@good: 1 of 1"), "{said}");
    assert!(said.contains("chose nothing") && said.contains("so it answers by the decision of"), "{said}");
    // The last decision was told `away` alone: `half` is there, and not asked.
    let again = json(&mut run(&["recheck", "post"]));
    let names: Vec<&str> = again["decision"]["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["candidate"].as_str())
        .collect();
    assert_eq!(names, ["prompt@away"], "{again}");
    let again = json(&mut run(&["recheck", "post", "--models", "good,half", "--max-time", "5m"]));
    assert_eq!(again["decision"]["chosen"], "prompt@good", "{again}");
}
