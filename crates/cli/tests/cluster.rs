//! Texts into groups, as a user meets it: lines and tables in, a table, JSON, rows and a page out.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

mod support;
use support::{json, sumeru, text, with_models};

const THINGS: [(&str, [&str; 3]); 3] = [
    ("parcel", ["My parcel has not arrived", "The delivery is a week late", "Where is my package, tracking is stuck"]),
    ("battery", ["The battery is empty by noon", "My phone must be charged twice a day", "Battery life is terrible"]),
    (
        "breakfast",
        ["The hotel breakfast was delicious", "Breakfast buffet had fresh fruit", "Loved the pancakes at breakfast"],
    ),
];

/// Sixty different complaints about three things, in turn.
fn complaints() -> Vec<(usize, String)> {
    let extra = [
        "",
        " again",
        ", sadly",
        " this week",
        ", as always",
        ", my friend says",
        " and more",
        " for me",
        " here",
        ", really",
        " today",
        " in May",
        ", I think",
        " so far",
        " once more",
        " as before",
        " by the way",
        ", in short",
        " on Monday",
        " since then",
    ];
    let mut all = Vec::new();
    for (at, extra) in extra.iter().enumerate() {
        for (thing, (_, said)) in THINGS.iter().enumerate() {
            all.push((thing, format!("{}{extra}", said[at % 3])));
        }
    }
    all
}

fn run(data: &Path, arguments: &[&str], input: &str) -> std::process::Output {
    let mut command = sumeru(data);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A refusal may come before anything is read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn what_cannot_be_grouped_is_refused_with_the_remedy() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let here = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(here("two.csv"), "id,note\n1,a\n").unwrap();
    for (arguments, code, part) in [
        (&["cluster", "-"][..], 2, "there is no text"),
        (&["cluster", &here("two.csv")], 2, "Name it with --field; there are id, note"),
        (&["cluster", &here("two.csv"), "--field", "text"], 2, "no row has the field 'text'"),
        (&["cluster", &here("two.csv"), "--field", "note", "--k", "2"], 2, "1 different texts"),
        (&["cluster", &here("two.csv"), "--out", &here("two.csv")], 2, "would be overwritten"),
        (&["cluster", &here("two.csv"), "--out", &here("two.xlsx")], 2, "workbooks are read"),
        (&["cluster", &here("none.csv")], 1, "none.csv"),
        (&["cluster", "-", "--k", "0"], 2, "--k"),
        (&["cluster", "-", "--k", "2", "--min-size", "3"], 2, "--min-size"),
    ] {
        let output = run(data.path(), arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(part), "{arguments:?}: {}", text(&output));
    }
    let output = run(data.path(), &["cluster", "-", "--labels", "words"], "one\ntwo\n");
    assert!(text(&output).contains("models pull"), "{}", text(&output));
}

#[test]
fn texts_are_grouped_named_and_drawn() {
    let Some(data) = with_models() else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let complaints = complaints();
    let mut table = "id,text\n".to_owned();
    complaints.iter().enumerate().for_each(|(at, (_, said))| table.push_str(&format!("{at},\"{said}\"\n")));
    table.push_str("60,\n");
    std::fs::write(here("all.csv"), &table).unwrap();

    // As many groups as are asked for are the three things, the same each time.
    let arguments = |rest: &[&str]| {
        let mut command = sumeru(data.path());
        command.args(["cluster", &here("all.csv"), "--k", "3"]).args(rest);
        command
    };
    let first = json(&mut arguments(&[
        "--labels",
        "words",
        "--out",
        &here("out.csv"),
        "--html",
        &here("map.html"),
        "--language",
        "zh",
    ]));
    assert_eq!(
        (&first["texts"], &first["empty"], &first["unclustered"]),
        (&60.into(), &1.into(), &0.0.into()),
        "{first}"
    );
    for cluster in 1..=3 {
        let things: std::collections::BTreeSet<usize> = first["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["cluster"] == cluster)
            .map(|row| complaints[row["row"].as_u64().unwrap() as usize - 1].0)
            .collect();
        assert_eq!(things.len(), 1, "{first}");
        let thing = THINGS[*things.first().unwrap()].0;
        assert!(first["clusters"][cluster - 1]["keywords"].to_string().contains(thing), "{thing}: {first}");
    }
    assert_eq!(first, json(&mut arguments(&["--labels", "words"])));
    let written = std::fs::read_to_string(here("out.csv")).unwrap();
    assert!(
        written.starts_with("id,text,cluster,cluster_name,map_x,map_y\n") && written.lines().count() == 62,
        "{written}"
    );
    assert!(written.ends_with("60,,,,,\n"), "{written}");
    let page = std::fs::read_to_string(here("map.html")).unwrap();
    assert!(page.contains("lang=\"zh-CN\"") && page.contains("all.csv") && !page.contains("http"), "{page}");

    // A model names them, each differently; broken rows are told of.
    let mut lines = String::new();
    complaints.iter().for_each(|(_, said)| lines.push_str(&format!("{{\"message\": \"{said}\"}}\n")));
    lines.push_str("no row\n");
    std::fs::write(here("all.jsonl"), lines).unwrap();
    let output = run(
        data.path(),
        &["cluster", &here("all.jsonl"), "--k", "3", "--labels", "smollm2-135m-instruct", "--json"],
        "",
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("row 61 is left out"), "{}", text(&output));
    let named: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: std::collections::BTreeSet<&str> =
        named["clusters"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.len() == 3 && !names.contains(""), "{names:?}");
    assert_eq!(named["labeller"], "smollm2-135m-instruct");

    // Lines of standard input, grouped by density; equal lines are one group.
    let said: String = complaints.iter().map(|(_, said)| format!("{said}\n")).collect();
    let output = run(data.path(), &["cluster", "--labels", "none"], &said);
    assert!(output.status.success() && text(&output).contains("60 texts in"), "{}", text(&output));
    let output = run(data.path(), &["cluster", "--labels", "none", "--json"], &"好\n".repeat(40));
    let alike: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&alike["clusters"][0]["size"], &alike["silhouette"]),
        (&40.into(), &serde_json::Value::Null),
        "{alike}"
    );
}
