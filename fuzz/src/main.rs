//! Feeds damaged files and requests to every reader of foreign bytes and keeps what breaks one.
//!
//! `fuzz TARGET [--seconds N] [--seed N] [--corpus DIR]`, `fuzz TARGET FILE...` to try files again, `fuzz list`.
//! Inputs are mutated from small sound ones made in code. There is no coverage feedback, which needs another
//! compiler; instead an input that draws a new kind of answer from the reader joins the sound ones.
//! A finding is a panic, a broken promise of the reader, a case that takes 10 s of the processor, or one that takes 512 MiB.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the house that talks to its user")]

mod mutate;
mod seeds;
mod targets;
mod watch;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use targets::Target;
use watch::{Finding, Watch};

/// Larger files of a corpus only slow the mutations down.
const LARGEST: usize = 1 << 20;
/// Inputs kept for mutation.
const MOST_INPUTS: usize = 4000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("fuzz: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<usize, String> {
    let mut names = Vec::new();
    let (mut seconds, mut seed, mut corpus) = (60, fastrand::u64(..), None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{argument} {text}: not a number"));
        match argument.as_str() {
            "--seconds" => seconds = number(value()?)?,
            "--seed" => seed = number(value()?)?,
            "--corpus" => corpus = Some(PathBuf::from(value()?)),
            _ => names.push(argument.clone()),
        }
    }
    let all: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
    let usage = format!(
        "usage: fuzz TARGET [--seconds N] [--seed N] [--corpus DIR], or fuzz TARGET FILE...; targets: all {}",
        all.join(" ")
    );
    let (first, files) = names.split_first().ok_or_else(|| usage.clone())?;
    if first == "list" {
        println!("{}", all.join("\n"));
        return Ok(0);
    }
    let chosen: Vec<&'static Target> =
        targets::ALL.iter().filter(|target| first == "all" || target.name == first).collect();
    if chosen.is_empty() {
        return Err(format!("no target '{first}'; {usage}"));
    }
    let watch = Watch::start(Path::new("fuzz/crashes"))?;
    let mut findings = 0;
    for target in &chosen {
        findings += if files.is_empty() {
            let time = Duration::from_secs(seconds) / chosen.len() as u32;
            campaign(target, &watch, time, seed, &inputs(target, corpus.as_deref())?)
        } else {
            again(target, &watch, files)?
        };
    }
    Ok(findings)
}

/// The sound inputs of a target, and the files of a corpus directory.
fn inputs(target: &'static Target, corpus: Option<&Path>) -> Result<Vec<Vec<u8>>, String> {
    let mut inputs = (target.seeds)();
    if let Some(directory) = corpus {
        let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries.flatten() {
            if let Ok(bytes) = std::fs::read(entry.path())
                && bytes.len() <= LARGEST
            {
                inputs.push(bytes);
            }
        }
    }
    Ok(inputs)
}

fn again(target: &'static Target, watch: &Watch, files: &[String]) -> Result<usize, String> {
    let mut findings = 0;
    for file in files {
        let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        let (answer, finding) = watch.case(target, &bytes);
        println!("{file}: {}", answer.as_deref().unwrap_or("no answer"));
        if let Some(finding) = finding {
            println!("  {finding}");
            findings += 1;
        }
    }
    Ok(findings)
}

/// Mutates inputs until the time is up; returns how many different findings there were.
fn campaign(target: &'static Target, watch: &Watch, time: Duration, seed: u64, sound: &[Vec<u8>]) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pool = sound.to_vec();
    let mut answers = HashSet::new();
    let mut found: HashSet<String> = HashSet::new();
    let (start, mut cases) = (Instant::now(), 0u64);
    let mut fresh = sound.iter().cloned();
    while start.elapsed() < time {
        let bytes = match fresh.next() {
            Some(bytes) => bytes,
            None => mutate::mutate(&mut rng, &pool, target.shape),
        };
        let (answer, finding) = watch.case(target, &bytes);
        cases += 1;
        if let Some(finding) = finding {
            report(target, watch, &bytes, &finding, &mut found);
        } else if let Some(answer) = answer
            && answers.insert(kind(&answer))
            && pool.len() < MOST_INPUTS
        {
            pool.push(bytes);
        }
    }
    watch.rest();
    println!(
        "{}: {cases} cases in {:.0} s, {} kinds of answers, {} findings, seed {seed}",
        target.name,
        start.elapsed().as_secs_f64(),
        answers.len(),
        found.len()
    );
    found.len()
}

fn report(target: &'static Target, watch: &Watch, bytes: &[u8], finding: &Finding, found: &mut HashSet<String>) {
    if found.insert(finding.place.clone()) {
        let path = watch.keep(target, finding, bytes);
        println!("{}: {finding}\n  input: {}", target.name, path.display());
    }
}

/// An answer without its numbers and quoted parts, so that like answers count as one.
fn kind(answer: &str) -> String {
    let mut quoted = false;
    answer
        .chars()
        .filter(|c| {
            quoted ^= matches!(c, '\'' | '"' | '`');
            !quoted && c.is_ascii() && !c.is_ascii_digit()
        })
        .take(120)
        .collect()
}
