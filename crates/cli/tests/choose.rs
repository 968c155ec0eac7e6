//! Choosing a way of doing a task, as a user meets it: labelled data, a race, a decision, what follows it.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod support;
use support::{json, sumeru, text, with_models};

fn at(data: &Path, workspace: &Path, arguments: &[&str]) -> Command {
    let mut command = sumeru(data);
    command.args(arguments).env("SUMERU_WORKSPACE", workspace).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

const TASK: &str =
    "instructions = '''Is this about a parcel or about money?\n{{ text }}'''\noutput = ['parcel', 'money']\n";

/// Messages that are told apart by what they speak of, no two of them alike.
fn messages(count: usize) -> String {
    const WHO: [&str; 7] = [
        "My aunt Berta",
        "The office downstairs",
        "A neighbour of ours",
        "Our shop in Lyon",
        "Mister Tanaka",
        "She",
        "The school",
    ];
    const WHEN: [&str; 5] =
        ["on a rainy Monday", "during the last week", "early this morning", "two days ago", "at the end of March"];
    const PARCEL: [&str; 3] = [
        "still waits for the parcel with the lamp",
        "got a torn box without any wrapping",
        "sent the heavy package back to you",
    ];
    const MONEY: [&str; 3] = [
        "was charged twice for one single order",
        "wants the refund to another account",
        "paid the invoice that came by post",
    ];
    let lines: Vec<String> = (0..count)
        .map(|at| {
            let (what, label) = if at % 2 == 0 { (PARCEL[at / 2 % 3], "parcel") } else { (MONEY[at / 2 % 3], "money") };
            let ending = format!("{:x}", (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            format!("{{\"text\": \"{} {what} {}; {ending}\", \"label\": \"{label}\"}}", WHO[at % 7], WHEN[at % 5])
        })
        .collect();
    lines.join("\n") + "\n"
}

fn workspace() -> tempfile::TempDir {
    let workspace = tempfile::tempdir().unwrap();
    std::fs::create_dir(workspace.path().join("tasks")).unwrap();
    std::fs::write(workspace.path().join("tasks/post.toml"), TASK).unwrap();
    workspace
}

#[test]
fn labelled_data_is_checked_counted_brought_into_form_and_split() {
    let (data, workspace) = (tempfile::tempdir().unwrap(), workspace());
    let here = |name: &str| workspace.path().join(name).to_string_lossy().into_owned();
    std::fs::write(here("good.jsonl"), messages(60)).unwrap();
    std::fs::write(here("bad.csv"), "text,topic\nA parcel!,parcel\na parcel,money\nx,letter\n,money\n").unwrap();
    std::fs::write(here("leak.jsonl"), messages(3)).unwrap();
    std::fs::write(here("one.jsonl"), "{\"text\": \"a\", \"label\": \"money\"}\n{\"text\": \"b\"}\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = at(data.path(), workspace.path(), arguments).output().unwrap();
        (output.status.code().unwrap(), text(&output))
    };
    for (arguments, code, parts) in [
        (&["data", "check", "post", &here("good.jsonl")][..], 0, &["60 examples, 0 rows"][..]),
        (
            &["data", "check", "post", &here("bad.csv"), "--label", "topic"],
            1,
            &[
                "2 examples, 2 rows",
                "row 3: its label",
                "row 4: the field `text`",
                "rows 1 and 2 say the same and have other labels",
            ],
        ),
        (
            &["data", "check", "post", &here("bad.csv")],
            1,
            &["0 examples, 4 rows", "say which column it is (label, on the command line --label)"],
        ),
        (
            &["data", "stats", "post", &here("bad.csv")],
            2,
            &["has no labelled row", "say which column it is (label, on the command line --label)"],
        ),
        (
            &["data", "check", "post", &here("good.jsonl"), &here("leak.jsonl")],
            1,
            &["leak: row 1 of", "100 % the same"],
        ),
        (&["data", "check", "post", &here("one.jsonl")], 1, &["one label", "no label", "no row is labelled parcel"]),
        (&["data", "stats", "post", &here("good.jsonl")], 0, &["parcel", "30", "50.0 %"]),
        (
            &["data", "split", "post", &here("good.jsonl"), "--out", &here("parts")],
            0,
            &["train.jsonl: 18", "test.jsonl: 24"],
        ),
        (
            &["data", "split", "post", &here("good.jsonl"), "--out", &here("parts"), "--test", "0.9"],
            2,
            &["smaller shares"],
        ),
        (
            &["data", "import", "post", &here("bad.csv"), "--label", "topic", "--out", &here("in.jsonl")],
            3,
            &["2 examples, 2 rows left out"],
        ),
        (&["data", "check", "nothing", &here("good.jsonl")], 1, &["there are post"]),
        (&["choose", "post", "--data", &here("one.jsonl")], 2, &["too few to choose by"]),
        (&["choose", "post", "--data", &here("good.jsonl"), "--routes", "guess"], 2, &["'guess' is no route"]),
        (&["choose", "post", "--data", &here("good.jsonl"), "--routes", "retrieval"], 2, &["knowledge_base"]),
        (&["choose", "post", "--data", &here("good.jsonl"), "--models", "nobody"], 1, &["nobody"]),
        (&["recheck", "post"], 2, &["nothing was decided"]),
        (&["task", "decision", "post"], 2, &["nothing was decided"]),
    ] {
        let (got, said) = run(arguments);
        assert_eq!(got, code, "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: '{part}' in {said}");
        }
    }
    let imported = std::fs::read_to_string(here("in.jsonl")).unwrap();
    assert_eq!(imported.lines().next().unwrap(), r#"{"input":{"text":"A parcel!"},"output":"parcel"}"#);
    let (_, said) = run(&["data", "check", "post", &here("parts/train.jsonl"), &here("parts/test.jsonl")]);
    assert!(!said.contains("leak"), "{said}");
}

#[test]
fn a_choice_is_made_goes_on_after_a_kill_and_is_followed() {
    let Some(data) = with_models() else { return };
    let workspace = workspace();
    let here = |name: &str| workspace.path().join(name).to_string_lossy().into_owned();
    std::fs::write(here("rows.jsonl"), messages(90)).unwrap();
    let choose = || {
        let mut command = at(data.path(), workspace.path(), &["choose", "post", "--data", &here("rows.jsonl")]);
        command.args([
            "--models",
            "smollm2-135m-instruct,multilingual-e5-small",
            "--routes",
            "prompt,few-shot:4,labels,classifier",
        ]);
        command.args(["--spend", "0.6", "--seed", "3"]);
        command
    };
    // Killed on its way.
    let part = workspace.path().join("decisions/post.part");
    let lines = || std::fs::read_to_string(&part).map_or(0, |text| text.lines().count());
    let mut child = choose().stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while lines() < 10 && begun.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    // Begun at once, while the first still dies with its files held, it goes on. Interrupted, it says how.
    let again = choose().stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.wait().unwrap();
    let (kept, child) = (lines(), again);
    assert!(kept >= 10, "it was killed on its way");
    while lines() < kept + 5 && begun.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.code() == Some(130) && text(&output).contains("the same command again goes on"),
        "{output:?}"
    );
    let kept = lines();
    // What it was told is beside its answers, in the words of the server: a browser can go on, too.
    let terms = workspace.path().join("decisions/post.terms");
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&terms).unwrap()).unwrap();
    let said = (told["spend"].as_f64(), told["seed"].as_u64(), told["routes"][1].as_str());
    assert_eq!(said, (Some(0.6), Some(3), Some("few-shot:4")));

    let output =
        choose().args(["--json", "--html", &here("report.html"), "--markdown", &here("report.md")]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("answers of a sitting that was cut are kept"), "{said}");
    let decided: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let decision = &decided["decision"];
    // Two words tell all of it: the regression on vectors learns it from 27 examples, a model of 135 million weights does not.
    let chosen = decision["chosen"].as_str().unwrap();
    assert!(chosen == "classifier@multilingual-e5-small" || chosen.starts_with("labels@"), "{decision}");
    assert_eq!(decision["data"]["examples"], 90);
    assert!(decision["asked"].as_u64() <= decision["grid"].as_u64(), "{decision}");
    let best = &decision["candidates"][0]["result"];
    assert!(best["quality"]["value"].as_f64().unwrap() > 0.9, "{decision}");
    assert!(best["quality"]["low"].as_f64() < best["quality"]["high"].as_f64(), "{decision}");
    assert!(!part.exists() && !terms.exists(), "what was under way has become the decision's outputs");
    let file = decided["file"].as_str().unwrap();
    let outputs = std::fs::read_to_string(file.replace(".json", ".outputs.jsonl")).unwrap();
    assert!(outputs.lines().count() >= kept && outputs.lines().all(|line| line.starts_with('{')), "nothing is lost");
    let page = std::fs::read_to_string(here("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains(chosen) && !page.contains("http"), "a page that needs nothing else");
    assert!(std::fs::read_to_string(here("report.md")).unwrap().contains(chosen));

    // The same seed decides the same, and nothing has changed.
    let again = json(&mut at(data.path(), workspace.path(), &["recheck", "post"]));
    assert_eq!(again["decision"]["chosen"], decision["chosen"], "{again}");
    assert!(again["file"].as_str().unwrap().ends_with("-2.json") && again["compared_with"] == file, "{again}");
    // Vectors alone, and no way that takes them.
    let choose =
        ["choose", "post", "--data", &here("rows.jsonl"), "--models", "multilingual-e5-small", "--routes", "prompt"];
    let none = at(data.path(), workspace.path(), &choose).output().unwrap();
    assert!(text(&none).contains("none of the models that were named can do this"), "{}", text(&none));
    // `run` does as was decided.
    std::fs::write(here("new.jsonl"), "{\"text\": \"The package got lost\"}\n").unwrap();
    let report = at(data.path(), workspace.path(), &["run", "post", &here("new.jsonl")]).output().unwrap();
    assert!(text(&report).contains(chosen) && text(&report).contains("\"output\":\"parcel\""), "{}", text(&report));
    let shown = at(data.path(), workspace.path(), &["task", "decision", "post"]).output().unwrap();
    assert!(text(&shown).contains(&format!("Chosen: {chosen}")), "{}", text(&shown));
}

/// Other words for a task are looked for, race, are kept with the decision, and are what is served and measured again.
#[test]
fn other_words_are_looked_for_and_what_was_found_is_kept() {
    let Some(data) = with_models() else { return };
    let workspace = workspace();
    let here = |name: &str| workspace.path().join(name).to_string_lossy().into_owned();
    std::fs::write(here("rows.jsonl"), messages(90)).unwrap();
    let choose = || {
        let mut command = at(data.path(), workspace.path(), &["choose", "post", "--data", &here("rows.jsonl")]);
        command.args(["--models", "smollm2-135m-instruct,multilingual-e5-small", "--routes", "prompt,few-shot:4"]);
        command.args(["--search", "4", "--examples", "16", "--spend", "0.8", "--seed", "1"]);
        command
    };
    // Killed while it writes or asks; what was written is not written anew.
    let part = workspace.path().join("decisions/post.part");
    let kept = || std::fs::read_to_string(&part).unwrap_or_default();
    let mut child = choose().stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !kept().contains("\"writer ") && begun.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text_before = kept();
    // A line that was being written is none.
    let before: Vec<&str> = text_before.rsplit_once('\n').map_or("", |(whole, _)| whole).lines().collect();

    let decided = json(&mut choose());
    let decision = &decided["decision"];
    let names = |decision: &serde_json::Value| -> Vec<String> {
        let all = decision["candidates"].as_array().unwrap().iter();
        let mut names: Vec<String> = all.map(|one| one["candidate"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let varied: Vec<String> = names(decision).into_iter().filter(|name| name.contains('~')).collect();
    assert!(varied.contains(&"few-shot:4~diverse@smollm2-135m-instruct".to_owned()), "{decision}");
    let search = &decision["search"];
    assert_eq!(search["writer"], "smollm2-135m-instruct");
    let (calls, asked) = (search["calls"].as_u64().unwrap(), decision["asked"].as_u64().unwrap());
    assert!(calls >= 1 && search["completion_tokens"].as_u64() > Some(0), "{search}");
    assert!(asked >= search["pilot"].as_u64().unwrap() + calls, "what came before the race counts: {decision}");
    assert!(asked <= decision["grid"].as_u64().unwrap() * 8 / 10, "{decision}");
    assert!(decision["prompt"]["instructions"].as_str().unwrap().contains("{{ text }}"), "{decision}");
    for (name, variant) in decision["variants"].as_object().unwrap() {
        match variant["instructions"].as_str() {
            Some(text) => assert!(text.contains("{{ text }}"), "{name}: {text}"),
            None => assert!(variant["examples"].as_array().is_some_and(|all| all.len() >= 4), "{name}: {variant}"),
        }
    }
    let file = decided["file"].as_str().unwrap();
    let outputs = std::fs::read_to_string(file.replace(".json", ".outputs.jsonl")).unwrap();
    assert!(before.iter().all(|line| outputs.contains(line)), "nothing is asked twice");
    let written = outputs.lines().filter(|line| line.contains("\"writer ")).count() as u64;
    assert_eq!(written, calls, "a line for each text");

    // Whatever won: a decision for other words is followed, word for word.
    let mut other = decision.clone();
    let wanted = "few-shot:4~diverse@smollm2-135m-instruct";
    other["chosen"] = wanted.into();
    other["variants"]["diverse"]["examples"][0]["input"]["text"] = "XYZZY went by post".into();
    let second = file.replace(".json", "-2.json");
    std::fs::write(&second, other.to_string()).unwrap();
    std::fs::copy(file.replace(".json", ".train.jsonl"), second.replace(".json", ".train.jsonl")).unwrap();
    std::fs::write(here("new.jsonl"), "{\"text\": \"The package got lost\"}\n").unwrap();
    let report = at(data.path(), workspace.path(), &["run", "post", &here("new.jsonl")]).output().unwrap();
    assert!(text(&report).contains(&format!("{wanted}: 1 of 1 rows answered")), "{}", text(&report));
    let pages =
        ["task", "decision", "post", "--html", &here("r.html"), "--markdown", &here("r.md"), "--language", "zh"];
    let shown = at(data.path(), workspace.path(), &pages).output().unwrap();
    assert!(text(&shown).contains("In these words (diverse)") && text(&shown).contains("XYZZY"), "{}", text(&shown));
    for page in ["r.html", "r.md"] {
        let page = std::fs::read_to_string(here(page)).unwrap();
        assert!(page.contains("选定者对模型说什么") && page.contains("XYZZY"), "{page}");
    }

    // Measured again in the same words; nobody writes.
    let again = json(&mut at(data.path(), workspace.path(), &["recheck", "post"]));
    let again = &again["decision"];
    assert_eq!(again["variants"], other["variants"]);
    assert!(again["search"].is_null(), "{again}");
    assert!(varied.iter().all(|name| names(again).contains(name)), "{again}");
}

/// A row that may not leave, a provider that counts: not one connection.
#[test]
fn no_byte_of_a_forbidden_row_reaches_a_socket() {
    let Some(data) = with_models() else { return };
    let workspace = workspace();
    let here = |name: &str| workspace.path().join(name).to_string_lossy().into_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    // Answers everyone, and tells what it was sent.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let told = told.clone();
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                let mut sent = Vec::new();
                let mut piece = [0; 4096];
                let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    sent.extend_from_slice(&piece[..count]);
                }
                let _ = told.send(String::from_utf8_lossy(&sent).into_owned());
                let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"money\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}"
                );
            });
        }
    });
    std::fs::write(
        here("models.toml"),
        format!("[[models]]\nname = 'far'\nbase_url = 'http://{address}/v1'\nmodel = 'x'\njurisdiction = 'other'\ncontext = 4096\n"),
    )
    .unwrap();
    let with_policy =
        |policy: &str| std::fs::write(here("tasks/post.toml"), format!("{TASK}[policy]\n{policy}\n")).unwrap();
    let everything = || -> Vec<String> { heard.try_iter().collect() };
    std::fs::write(here("rows.jsonl"), messages(40)).unwrap();
    let run = |arguments: &[&str]| {
        let output = at(data.path(), workspace.path(), arguments).output().unwrap();
        text(&output)
    };

    // Forbidden by the task: in run, and in choose, where it withdraws and the local one is chosen.
    with_policy("data = 'secret'");
    let said = run(&["run", "post", &here("rows.jsonl"), "--model", "far"]);
    assert!(said.contains("Secret data stays on this machine"), "{said}");
    let chosen = run(&[
        "choose",
        "post",
        "--data",
        &here("rows.jsonl"),
        "--models",
        "far,smollm2-135m-instruct",
        "--routes",
        "prompt",
    ]);
    assert!(
        chosen.contains("prompt@far withdraws: Secret data") && chosen.contains("Chosen: prompt@smollm2-135m-instruct"),
        "{chosen}"
    );
    assert_eq!(everything(), Vec::<String>::new(), "nothing was sent");

    // Forbidden by the row's own label: the others are sent, it is not.
    with_policy("data = 'public'\nlabel = 'how'");
    let rows = "{\"text\": \"open words\", \"how\": \"public\"}\n{\"text\": \"XYZZY\", \"how\": \"secret\"}\n{\"text\": \"PLUGH\", \"how\": \"top\"}\n";
    std::fs::write(here("mixed.jsonl"), rows).unwrap();
    let said = run(&["run", "post", &here("mixed.jsonl"), "--model", "far"]);
    assert!(
        said.contains("\"output\":\"money\"")
            && said.contains("refused: Secret data")
            && said.contains("is no label of data"),
        "{said}"
    );
    let sent = everything();
    assert!(sent.len() == 1 && sent[0].contains("open words"), "{sent:?}");
    assert!(!sent[0].contains("XYZZY") && !sent[0].contains("PLUGH"), "{sent:?}");

    // The same where candidates are measured, shown examples, and served: others go, these do not.
    let secret = "{\"text\": \"XYZZY came by post\", \"label\": \"money\", \"how\": \"secret\"}\n";
    let mixed: String = messages(40)
        .lines()
        .enumerate()
        .map(
            |(at, line)| {
                if at % 3 == 0 { secret.replace("came", &format!("came {at} times")) } else { format!("{line}\n") }
            },
        )
        .collect();
    std::fs::write(here("rows.jsonl"), mixed).unwrap();
    let decided =
        run(&["choose", "post", "--data", &here("rows.jsonl"), "--models", "far", "--routes", "prompt,few-shot:8"]);
    assert!(
        decided.contains("failed (most often: refused: Secret data"),
        "rows that it may not see are no answers: {decided}"
    );
    let sent = everything();
    assert!(sent.len() > 10 && sent.iter().all(|one| !one.contains("XYZZY")), "{sent:?}");
    let mut server = at(data.path(), workspace.path(), &["serve", "--port", "0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(server.stdout.as_mut().unwrap());
    let mut said = String::new();
    while !said.ends_with("}\n") {
        assert!(std::io::BufRead::read_line(&mut output, &mut said).unwrap() > 0, "{said}");
    }
    let address: serde_json::Value = serde_json::from_str(&said).unwrap();
    let post = |path: &str, body: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address["address"].as_str().unwrap()).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    };
    let rows = post("/v1/tasks/post/run", r#"{"rows": [{"text": "fine words"}, {"text": "XYZZY", "how": "secret"}]}"#);
    let chat = post(
        "/v1/chat/completions",
        r#"{"model": "task/post", "messages": [{"role": "user", "content": "{\"text\": \"XYZZY\", \"how\": \"secret\"}"}]}"#,
    );
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(rows.contains("money") && rows.contains("Secret data") && chat.contains("Secret data"), "{rows}\n{chat}");
    let sent = everything();
    assert!(sent.len() == 1 && sent[0].contains("fine words"), "{sent:?}");
    // And it is written down, without the row itself.
    let audit = std::fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
    assert!(audit.lines().count() >= 3 && audit.contains("secret_stays_local") && !audit.contains("XYZZY"), "{audit}");
}
