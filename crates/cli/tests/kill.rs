//! `kill -9` at any moment of an ingest, then the same command again: the index equals an uninterrupted one.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

mod support;
use support::{json, sumeru, text, with_models};

/// Documents enough that words, vectors and their commits are all under way at some moment.
fn write_documents(folder: &Path) {
    for number in 0..60 {
        let mut text = format!("# 手册 {number} / Manual {number}\n\n");
        for section in 0..4 {
            text.push_str(&format!(
                "## Section {section}\n\nDevice {number}-{section} draws {} watts. 第 {section} 节：设备编号 {number}，功率 {} 瓦。\n\n",
                number * 7 + section,
                number * 3 + section
            ));
        }
        std::fs::write(folder.join(format!("manual-{number:02}.md")), text).unwrap();
    }
}

fn ingest(data: &Path, documents: &Path) -> std::process::Command {
    let mut command = sumeru(data);
    command.arg("ingest").arg(documents).args(["--kb", "manuals"]);
    command
}

/// What must be equal: counts, and the fingerprint over documents, passages and vectors.
fn state(data: &Path) -> serde_json::Value {
    let shown = json(sumeru(data).args(["kb", "show", "manuals"]));
    let hits =
        json(sumeru(data).args(["search", "device 31-2 功率", "--kb", "manuals", "--mode", "lexical", "--top", "10"]));
    serde_json::json!({
        "documents": shown["documents"], "passages": shown["passages"], "vectors": shown["vectors"],
        "fingerprint": shown["fingerprint"], "hits": hits["hits"],
    })
}

#[test]
fn killed_twenty_times_and_run_again_the_index_is_the_same() {
    let Some(whole) = with_models() else { return };
    let documents = tempfile::tempdir().unwrap();
    write_documents(documents.path());
    let started = Instant::now();
    let output = ingest(whole.path(), documents.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let uninterrupted = started.elapsed();
    let expected = state(whole.path());
    assert_eq!(expected["documents"], 60);
    assert_eq!(expected["vectors"], expected["passages"]);

    let mut killed_midway = 0;
    for moment in 0..20u32 {
        let data = with_models().unwrap();
        let mut child =
            ingest(data.path(), documents.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Spread over the whole run, with a jitter that differs from run to run.
        let jitter = Duration::from_micros(u64::from(std::process::id()) * 7919 % 20_000);
        std::thread::sleep(uninterrupted * moment / 20 + jitter);
        if child.try_wait().unwrap().is_none() {
            killed_midway += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let again = ingest(data.path(), documents.path()).output().unwrap();
        assert!(again.status.success(), "killed at {moment}/20: {}", text(&again));
        assert_eq!(state(data.path()), expected, "killed at {moment}/20 of {uninterrupted:?}");
    }
    assert!(
        killed_midway >= 10,
        "only {killed_midway} of 20 kills came before the end; the test is too quick for this machine"
    );
}
