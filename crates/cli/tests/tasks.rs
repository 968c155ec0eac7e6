//! Tasks from a template to answers, as a user meets them: `task`, `run`, and a run that is killed.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod support;
use support::{json, sumeru, text, with_models};

fn at(data: &Path, workspace: &Path, arguments: &[&str]) -> Command {
    let mut command = sumeru(data);
    command.args(arguments).env("SUMERU_WORKSPACE", workspace).env("LC_ALL", "zh_CN.UTF-8").stdin(Stdio::null());
    command
}

#[test]
fn a_task_is_begun_checked_and_shown() {
    let (data, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let task = |arguments: &[&str]| {
        let output = at(data.path(), workspace.path(), arguments).output().unwrap();
        (output.status.code().unwrap(), text(&output))
    };
    let table = workspace.path().join("mine.csv").to_string_lossy().into_owned();
    std::fs::write(&table, "编号,内容,类别\n1,灯不亮了,故障\n2,想要深色模式,建议\n3,一按就死机,故障\n").unwrap();
    let fitted = ["task", "new", "mine", "--from", "classify", "--language", "zh", "--data", &table, "--label", "类别"];
    for (arguments, code, expected) in [
        (&["task", "list"][..], 0, "sumeru task new"),
        (&["run", "reviews", &table], 1, "`--workspace` names another folder"),
        (&fitted, 0, "labels: 故障, 建议 (no row has 账单"),
        (&fitted, 1, "is there already"),
        (&["data", "check", "mine", &table, "--label", "类别"], 0, "3 examples, 0 rows that are none"),
        (&fitted[..9], 2, "say which column it is (label, on the command line --label)"),
        (&["task", "new", "other", "--from", "classify", "--data", "none.csv"], 1, "none.csv cannot be read"),
        (&["task", "new", "留言", "--from", "classify"], 2, "no name for a task"),
        (&["task", "new", "topics"], 2, "call-quality, classify, extract"),
        (&["task", "new", "topics", "--from", "nothing"], 2, "'nothing' is no template"),
        (&["task", "new", "topics", "--from", "classify"], 0, "topics.sample.jsonl"),
        (&["task", "new", "topics", "--from", "classify"], 1, "is there already"),
        (&["task", "new", "reviews", "--from", "opinion", "--language", "en"], 0, "reviews.toml"),
        (&["task", "check"], 0, "topics.toml: good"),
        (&["task", "list"], 0, "账单 | 配送"),
        (&["task", "show", "reviews"], 0, "aspects: [{ aspect: text"),
        (&["task", "show", "nothing"], 1, "there are mine, reviews, topics"),
        (&["task", "schema"], 0, "\"$schema\""),
        (&["run", "nothing"], 1, "there are mine, reviews, topics"),
        (&["run", "topics"], 2, "has no row"),
        (&["run", "topics", "table.pdf"], 2, "'.pdf'"),
        (&["run", "topics", "--out", "answers.csv"], 2, ".jsonl"),
    ] {
        let (got, said) = task(arguments);
        assert_eq!(got, code, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    std::fs::write(workspace.path().join("tasks/bad.toml"), "instructions = 'x'\noutput = ['a']\nmodel = 'y'\n")
        .unwrap();
    let (code, said) = task(&["task", "check"]);
    assert!(code == 1 && said.contains("bad.toml:2:10: output: ") && said.contains("bad.toml:3:1: model: "), "{said}");
    assert!(task(&["run", "bad"]).1.contains("bad.toml:2:10"));
    let checked = json(&mut at(data.path(), workspace.path(), &["task", "check"]));
    assert_eq!(checked["tasks"][0]["problems"][0]["line"], 2, "{checked}");
}

#[test]
fn a_run_answers_every_row_in_order_and_goes_on_after_a_kill() {
    let Some(data) = with_models() else { return };
    let workspace = tempfile::tempdir().unwrap();
    let here = |name: &str| workspace.path().join(name).to_string_lossy().into_owned();
    let run = |arguments: &[&str]| {
        let mut command = at(data.path(), workspace.path(), &["run", "topics"]);
        command.args(arguments).args(["--model", "smollm2-135m-instruct"]);
        command
    };
    let begun = at(data.path(), workspace.path(), &["task", "new", "topics", "--from", "classify", "--language", "en"]);
    assert!({ begun }.status().unwrap().success());
    let mut table = "text,number\n".to_owned();
    (0..150).for_each(|number| table.push_str(&format!("\"Parcel {number} is late, again\",{number}\n")));
    std::fs::write(here("rows.csv"), table).unwrap();

    // Whole, to standard output.
    let output = run(&[&here("rows.csv"), "--concurrency", "3"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let whole = String::from_utf8(output.stdout).unwrap();
    let labels = ["billing", "delivery", "defect", "account", "other"];
    for (at, line) in whole.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["row"], &line["input"]["number"]), (&(at + 1).into(), &at.to_string().into()), "{line}");
        assert!(labels.contains(&line["output"].as_str().unwrap()), "{line}");
    }
    assert_eq!(whole.lines().count(), 150);

    // Killed when a few rows are answered, then again: the same file, and those rows are not asked again.
    let (out, part) = (here("out.jsonl"), here("out.jsonl.part"));
    let mut child =
        run(&[&here("rows.csv"), "--out", &out, "--concurrency", "3"]).stderr(Stdio::null()).spawn().unwrap();
    let lines = || std::fs::read_to_string(&part).map_or(0, |text| text.lines().count());
    let begun = Instant::now();
    while lines() < 6 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!Path::new(&out).exists() && lines() >= 6, "it was killed on its way");
    let report = json(&mut run(&[&here("rows.csv"), "--out", &out]));
    assert!(report["resumed"].as_u64().unwrap() >= 4 && report["answered"] == 150, "{report}");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), whole);
    assert!(!Path::new(&part).exists());

    // Rows that cannot be answered are kept, and the exit code says so.
    std::fs::write(here("some.jsonl"), "{\"text\": \"Where is my parcel?\"}\nno row\n").unwrap();
    let output = run(&[&here("some.jsonl")]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("\"error\":\"this line is no JSON"), "{}", text(&output));
    std::fs::write(here("other.tsv"), "body\twho\na\tb\n").unwrap();
    let output = run(&[&here("other.tsv")]).output().unwrap();
    assert!(output.status.code() == Some(2) && text(&output).contains("there are body, who"), "{}", text(&output));
}
