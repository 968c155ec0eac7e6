//! Labelled data as people have it: arrays, conversations, rows that are examples already, files that are there.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::process::{Command, Stdio};

mod support;
use support::{json, sumeru, text};

const TASK: &str = r#"
instructions = "Is this about a parcel or about money? {{ text }}"
output = ["parcel", "money"]

[[examples]]
input = { text = "Where is my parcel with the lamp?" }
output = "parcel"
"#;

/// A workspace with the task `post`, and a data directory.
struct House {
    data: tempfile::TempDir,
    workspace: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { data: tempfile::tempdir().unwrap(), workspace: tempfile::tempdir().unwrap() };
        std::fs::create_dir(house.workspace.path().join("tasks")).unwrap();
        house.write("tasks/post.toml", TASK);
        house
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.here(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn here(&self, name: &str) -> String {
        self.workspace.path().join(name).to_string_lossy().into_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sumeru(self.data.path());
        command.args(arguments).env("SUMERU_WORKSPACE", self.workspace.path()).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }

    /// Runs to the end with an exit code, and says all of these.
    fn says(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let output = self.command(arguments).output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: '{part}' in {said}");
        }
    }
}

#[test]
fn one_array_is_read_and_what_is_wrong_with_it_is_said() {
    let house = House::new();
    let alpaca = r#"[
  {"instruction": "My parcel did not come.", "input": "", "output": "parcel"},
  {"instruction": "I was charged twice.", "input": "", "output": "money"},
  "a note",
  {"conversations": [{"from": "human", "value": "The box is torn."}, {"from": "gpt", "value": "parcel"}]}
]"#;
    let rows = house.write("alpaca_data.json", alpaca);
    house.says(
        &["data", "check", "post", &rows],
        1,
        &["3 examples, 1 rows", "row 3: an element of the array is a JSON object, and this is a string"],
    );
    house.says(
        &["data", "import", "post", &rows, "--out", &house.here("in.jsonl")],
        3,
        &["3 examples, 1 rows left out"],
    );
    let imported = std::fs::read_to_string(house.here("in.jsonl")).unwrap();
    let last = r#"{"input":{"text":"The box is torn."},"output":"parcel"}"#;
    assert_eq!((imported.lines().count(), imported.lines().last().unwrap()), (3, last));

    let cut = house.write("cut.json", &alpaca[..alpaca.len() / 2]);
    house.says(&["data", "check", "post", &cut], 2, &["cut.json", "end of element 2", "line 3", "seems to be cut"]);
    let torn = house.write("torn.json", "[{\"text\": \"a\", \"label\": \"money\"}\n{\"text\": \"b\"}]");
    house.says(&["data", "check", "post", &torn], 2, &["element 2 of the array is no JSON", "line 2"]);
    // Rows to run are read as labelled ones are, before a model is looked for.
    house.says(&["run", "post", &cut], 2, &["seems to be cut"]);
    house.says(&["run", "post", &house.write("none.json", "[]")], 2, &["has no row"]);
}

#[test]
fn turns_that_are_not_read_and_rows_that_are_shown_are_told_of() {
    let house = House::new();
    let rows = house.write(
        "rows.jsonl",
        r#"{"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": [{"type": "text", "text": "The box "}, {"type": "text", "text": "is torn."}]}, {"role": "assistant", "content": "parcel"}]}
{"messages": [{"role": "user", "content": "Nobody paid me back."}, {"role": "assistant", "content": "money"}]}
{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, {"role": "assistant", "content": "parcel"}]}
{"text": "where is my parcel with the LAMP", "label": "parcel"}
"#,
    );
    let unread = "1 row has earlier turns or a system message, which are not read";
    house.says(
        &["data", "check", "post", &rows],
        1,
        &[
            "3 examples, 1 rows",
            "row 3: a turn has a part of type `image_url`, and only text is read",
            unread,
            "row 4 is an example of the task: choosing does not measure on it",
        ],
    );
    let report = json(&mut house.command(&["data", "check", "post", &rows]))["reports"][0].clone();
    assert_eq!((&report["shown"], &report["unread"]), (&serde_json::json!([4]), &1.into()), "{report}");
    house.says(&["data", "import", "post", &rows, "--out", &house.here("in.jsonl")], 3, &[unread]);
    let imported = std::fs::read_to_string(house.here("in.jsonl")).unwrap();
    assert!(imported.starts_with(r#"{"input":{"text":"The box is torn."},"output":"parcel"}"#), "{imported}");
    // It is the task's own: nothing is wrong with the data.
    let sound =
        house.write("sound.jsonl", "{\"text\": \"Where is my parcel with the lamp?\", \"label\": \"parcel\"}\n");
    house.says(&["data", "check", "post", &sound], 0, &["row 1 is an example of the task"]);
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let house = House::new();
    let lines: String = (0..20)
        .map(|at| {
            let (what, label) = if at % 2 == 0 { ("parcel", "parcel") } else { ("invoice", "money") };
            format!(
                "{{\"text\": \"{what} {:x}\", \"label\": \"{label}\"}}\n",
                (at + 1u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            )
        })
        .collect();
    let rows = house.write("rows.jsonl", &lines);
    let there = "is there already; name another, or remove it first";
    house.says(&["data", "import", "post", &rows, "--out", &rows], 1, &["rows.jsonl", there]);
    assert_eq!(std::fs::read_to_string(&rows).unwrap(), lines);
    let out = house.here("in.jsonl");
    house.says(&["data", "import", "post", &rows, "--out", &out], 0, &["20 examples, 0 rows left out"]);
    house.says(&["data", "import", "post", &rows, "--out", &out], 1, &["in.jsonl", there]);
    let output = house.command(&["data", "import", "post", &rows, "--out", "-"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(output.stdout, std::fs::read(&out).unwrap());
    assert!(!Path::new("-").exists() && text(&output).contains("20 examples"), "{}", text(&output));

    let parts = house.here("parts");
    let split = ["data", "split", "post", &rows, "--out", &parts];
    house.says(&split, 0, &["train.jsonl: ", "test.jsonl: "]);
    let test = std::fs::read(house.here("parts/test.jsonl")).unwrap();
    house.says(&[&split[..], &["--seed", "7"][..]].concat(), 1, &["train.jsonl", there]);
    std::fs::remove_file(house.here("parts/train.jsonl")).unwrap();
    house.says(&[&split[..], &["--seed", "7"][..]].concat(), 1, &["development.jsonl", there]);
    assert!(!Path::new(&house.here("parts/train.jsonl")).exists(), "all of them or none");
    assert_eq!(std::fs::read(house.here("parts/test.jsonl")).unwrap(), test);

    // Rows that are none are told of, and the exit code says so.
    let some = house.write("some.jsonl", &format!("{lines}{{\"text\": \"x\"}}\n"));
    house.says(&["data", "split", "post", &some, "--out", &house.here("some")], 3, &["1 rows left out"]);
    let said = json(&mut house.command(&["data", "split", "post", &some, "--out", &house.here("other")]));
    assert_eq!(said["wrong"][0][0], 21, "{said}");
}
