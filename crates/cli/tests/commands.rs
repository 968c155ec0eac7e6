//! The command line as a user meets it: results, errors and exit codes.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::process::Stdio;

mod support;
use support::{json, sumeru, text, with_models};

fn exit(command: &mut std::process::Command) -> (i32, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), text(&output))
}

#[test]
fn alone_it_says_what_to_do_first() {
    let data = tempfile::tempdir().unwrap();
    let (code, said) = exit(&mut sumeru(data.path()));
    assert_eq!(code, 0);
    assert!(said.contains("sumeru ingest") && said.contains("sumeru models pull"), "{said}");
}

#[test]
fn wrong_usage_is_2_and_suggests() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["serach", "x", "--kb", "y"][..], "search"),
        (&["search", "x"], "--kb"),
        (&["search", "x", "--kb", "y", "--mode", "fuzzy"], "hybrid"),
        (&["search", "x", "--kb", "y", "--top", "0"], "top"),
        (&["embed"], "no text"),
        (&["size", "7b", "--memory", "24G"], "--bandwidth"),
        (&["size", "7b", "--memory", "much", "--bandwidth", "1G", "--flops", "1T"], "24G"),
        (&["size", "7b", "--bits", "99"], "32"),
        (&["bench", "x", "--threads", "0"], "--threads"),
        (&["models", "pull", "smollm2-135m-instruct", "--mirror", "nowhere"], "KIND=URL"),
        (&["models", "add", "folder", "--as", "q4_0"], "q8_0, f16, f32"),
    ] {
        let (code, said) = exit(sumeru(data.path()).args(arguments));
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn what_is_not_there_is_named_with_the_remedy() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["search", "x", "--kb", "nothing"][..], &["nothing", "ingest"][..]),
        (&["kb", "show", "nothing"], &["nothing"]),
        (&["models", "show", "qwen2.5-coder-0.5b"], &["qwen2.5-coder-0.5b-instruct"]),
        (&["models", "add", env!("CARGO_MANIFEST_DIR"), "--as", "f16"], &["config.json"]),
        (&["complete", "x", "--model", "gpt-9"], &["gpt-9", "pull"]),
        (&["ingest", "/no/such/folder", "--kb", "a"], &["/no/such/folder"]),
    ] {
        let (code, said) = exit(sumeru(data.path()).args(arguments));
        assert!(code == 1 || code == 2, "{arguments:?}: {code} {said}");
        for word in expected {
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn words_are_found_without_any_model() {
    let data = tempfile::tempdir().unwrap();
    let documents = tempfile::tempdir().unwrap();
    std::fs::write(documents.path().join("leave.md"), "# 休假制度\n\n## 年假\n\n员工每年享有十天年假。\n").unwrap();
    std::fs::write(documents.path().join("travel.txt"), "Hotels in Berlin are paid up to 140 euros a night.\n")
        .unwrap();
    std::fs::write(documents.path().join("broken.pdf"), b"%PDF-1.4 not really").unwrap();
    let (code, said) = exit(sumeru(data.path()).arg("ingest").arg(documents.path()).args(["--kb", "work"]));
    assert_eq!(code, 3, "one document cannot be read: {said}");
    assert!(said.contains("broken.pdf"), "{said}");
    for (question, document) in [("年假有几天？", "leave.md"), ("hotel price in Berlin", "travel.txt")] {
        let found = json(sumeru(data.path()).args(["search", question, "--kb", "work", "--top", "1"]));
        assert_eq!(found["hits"][0]["document"], document, "{question}: {found}");
        let span = &found["hits"][0]["span"];
        assert!(span[0].as_u64() < span[1].as_u64(), "{found}");
    }
    let (code, said) = exit(sumeru(data.path()).arg("ingest").arg(documents.path()).args(["--kb", "work", "--json"]));
    assert_eq!(code, 3);
    assert!(said.contains("\"unchanged\": 2"), "nothing is done twice: {said}");
    std::fs::remove_file(documents.path().join("travel.txt")).unwrap();
    exit(sumeru(data.path()).arg("ingest").arg(documents.path()).args(["--kb", "work", "--prune"]));
    let left = json(sumeru(data.path()).args(["kb", "documents", "work"]));
    assert!(!left.to_string().contains("travel.txt"), "pruned: {left}");
}

#[test]
fn removing_asks_unless_told() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("a.txt");
    std::fs::write(&file, "hello").unwrap();
    exit(sumeru(data.path()).arg("ingest").arg(&file).args(["--kb", "a"]));
    let (code, said) = exit(sumeru(data.path()).args(["kb", "rm", "a"]));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(exit(sumeru(data.path()).args(["kb", "rm", "a", "--yes"])).0, 0);
    assert_eq!(json(sumeru(data.path()).args(["kb", "list"]))["knowledge_bases"].as_array().unwrap().len(), 0);
}

#[test]
fn a_second_writer_is_refused_by_name() {
    let data = tempfile::tempdir().unwrap();
    let mut server =
        sumeru(data.path()).args(["serve", "--port", "0", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.as_mut().unwrap()), &mut line).unwrap();
    let (code, said) = exit(sumeru(data.path()).args(["serve", "--port", "0"]));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&server.id().to_string()), "the process that holds it is named: {said}");
}

#[test]
fn a_server_beyond_loopback_needs_a_key() {
    let data = tempfile::tempdir().unwrap();
    let (code, said) = exit(sumeru(data.path()).args(["serve", "--host", "0.0.0.0", "--port", "0"]));
    assert_ne!(code, 0);
    assert!(said.contains("SUMERU_API_KEY"), "{said}");
}

#[test]
fn the_next_tokens_and_their_rivals() {
    let Some(data) = with_models() else { return };
    let complete = |prompt: &str, model: &str| {
        json(sumeru(data.path()).args(["complete", prompt, "--top", "5", "--max-tokens", "1", "--model", model]))
    };
    let english = complete("The capital of France is", "smollm2-135m-instruct");
    let top = english["tokens"][0]["top"].as_array().unwrap();
    assert_eq!(top.len(), 5);
    assert_eq!(top[0]["text"], " Paris", "{english}");
    assert!(top.windows(2).all(|pair| pair[0]["logprob"].as_f64() >= pair[1]["logprob"].as_f64()));
    let chinese = complete("今天我很", "qwen2.5-coder-0.5b-instruct");
    assert!(chinese["tokens"][0]["top"][0]["probability"].as_f64().unwrap() > 0.0);
}

#[test]
fn tokens_put_together_are_the_text() {
    let Some(data) = with_models() else { return };
    let text = "你好, world! 🦀 <|im_end|>";
    for model in ["smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct"] {
        let shown = json(sumeru(data.path()).args(["tokens", text, "--model", model]));
        let bytes: Vec<u8> = shown["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|token| token["bytes"].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8))
            .collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), text, "{model}");
    }
}

#[test]
fn likeness_crosses_languages() {
    let Some(data) = with_models() else { return };
    let embedded =
        json(sumeru(data.path()).args(["embed", "年假有几天", "How many days of annual leave", "The price of copper"]));
    let vector = |n: usize| -> Vec<f64> {
        embedded["vectors"][n].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let likeness = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>();
    assert!((likeness(vector(0), vector(0)) - 1.0).abs() < 1e-3, "unit length");
    assert!(likeness(vector(0), vector(1)) > likeness(vector(0), vector(2)), "{embedded}");
}

#[test]
fn the_sample_answers_in_both_languages() {
    let Some(data) = with_models() else { return };
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sample-kb");
    let (code, said) = exit(sumeru(data.path()).arg("ingest").arg(&sample).args(["--kb", "sample"]));
    assert_eq!(code, 0, "{said}");
    for question in ["标准校准多少钱一台？", "How long are access logs kept?"] {
        let answer = json(sumeru(data.path()).args(["ask", question, "--kb", "sample"]));
        let citations = answer["citations"].as_array().unwrap();
        assert!(!citations.is_empty(), "{question}: {answer}");
        for citation in citations {
            let marker = citation["marker"].as_str().unwrap();
            assert!(answer["answer"].as_str().unwrap().contains(marker), "{answer}");
        }
    }
    let off =
        json(sumeru(data.path()).args(["ask", "Who won the chess world championship in 1972?", "--kb", "sample"]));
    assert!(off["citations"].as_array().unwrap().is_empty(), "{off}");
}

#[test]
fn a_size_is_told_for_every_machine_of_the_table() {
    let data = tempfile::tempdir().unwrap();
    let told = json(sumeru(data.path()).args(["size", "7b", "--users", "8", "--context", "4096"]));
    let forecasts = told["forecasts"].as_array().unwrap();
    assert!(forecasts.len() > 20 && forecasts[0]["hardware"].as_str().unwrap().starts_with("this machine"));
    assert!(
        forecasts.iter().all(|one| one["decode_all"].as_f64().unwrap() >= 0.99 * one["decode_one"].as_f64().unwrap())
    );
    let (code, said) = exit(sumeru(data.path()).args(["size", "7b", "--hardware", "RTX 4090"]));
    assert!(code == 0 && said.contains("RTX 4090") && !said.contains("H100"), "{said}");
    for (model, expected) in [("nothing", "nothing"), ("7x", "7b")] {
        let (code, said) = exit(sumeru(data.path()).args(["size", model, "--hardware", "L4"]));
        assert!(code != 0 && said.contains(expected), "{said}");
    }
    let (code, said) = exit(sumeru(data.path()).args(["size", "7b", "--hardware", "Cray"]));
    assert!(code != 0 && said.contains("RTX 4090"), "{said}");
}

#[test]
fn a_bench_measures_and_draws() {
    let Some(data) = with_models() else { return };
    let plot = data.path().join("speed.svg");
    let plot = plot.to_str().unwrap();
    let told = json(sumeru(data.path()).args(["bench", "smollm2-135m-instruct", "--repeats", "1", "--plot", plot]));
    let rows = told[0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 9, "three prompts, two contexts, four batches");
    assert!(rows.iter().all(|row| row["tokens_per_second"].as_f64().unwrap() > 0.1), "{told}");
    assert!(std::fs::read_to_string(plot).unwrap().starts_with("<svg"));
    let (code, said) = exit(sumeru(data.path()).args(["bench", "nothing-here"]));
    assert!(code != 0 && said.contains("nothing-here"), "{said}");
}
