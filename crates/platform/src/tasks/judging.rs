//! `[judge]`: how a model grades answers; `[similarity]`: which embedding model compares them.

use std::path::Component;

use domain::{Judging, Metric, Task};
use toml::de::{DeTable, DeValue};

use super::file::{At, Problems, json, kind, unknown};

const JUDGE_KEYS: [&str; 4] = ["rubric", "model", "scale", "graded"];
const SIMILARITY_KEYS: [&str; 1] = ["model"];

/// Reads both tables into the task, whose metric and knowledge base are known, and says what they lack.
pub(super) fn read(table: &DeTable<'_>, task: &mut Task, problems: &mut Problems<'_>) {
    if let Some(value) = table.get("judge") {
        task.judging = judge(value, problems);
    }
    if let Some(value) = table.get("similarity") {
        task.similarity_model = similarity(value, problems);
    }
    let Some(metric) = table.get("metric") else { return };
    if task.metric == Metric::Judge && task.judging.rubric.trim().is_empty() {
        let said = table.get("judge").map_or(metric.span(), |value| value.span());
        problems.say(
            said,
            "judge.rubric",
            "a judge needs to be told what makes an answer good: `[judge]` with `rubric = \"...\"`",
        );
    }
    if task.metric == Metric::Citations && !table.contains_key("knowledge_base") {
        problems.say(
            metric.span(),
            "metric",
            "citations are looked for in a knowledge base's passages; name one with `knowledge_base`",
        );
    }
    if let Metric::Regex(text) = &task.metric
        && let Err(why) = evaluate::pattern(text)
    {
        problems.say(metric.span(), "metric", why);
    }
}

fn judge(value: At<'_, '_>, problems: &mut Problems<'_>) -> Judging {
    let mut judging = Judging::default();
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("it is {}, and must be a table", kind(value.get_ref()));
        problems.say(value.span(), "judge", message);
        return judging;
    };
    for (key, value) in table.iter() {
        let path = format!("judge.{}", key.get_ref());
        match key.get_ref().as_ref() {
            "rubric" => judging.rubric = words(value, &path, problems).unwrap_or_default(),
            "model" => judging.model = model(value, &path, problems),
            "graded" => judging.graded = inside(value, &path, problems),
            "scale" => match json(value.get_ref()).as_u64() {
                Some(scale @ 2..=10) => judging.scale = scale as u8,
                _ => problems.say(
                    value.span(),
                    &path,
                    "it must be a whole number from 2 (pass or fail) to 10: the best grade, 1 being the worst",
                ),
            },
            other => problems.say(key.span(), &path, unknown(other, &JUDGE_KEYS)),
        }
    }
    judging
}

fn similarity(value: At<'_, '_>, problems: &mut Problems<'_>) -> Option<String> {
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("it is {}, and must be a table", kind(value.get_ref()));
        problems.say(value.span(), "similarity", message);
        return None;
    };
    let mut found = None;
    for (key, value) in table.iter() {
        let path = format!("similarity.{}", key.get_ref());
        match key.get_ref().as_ref() {
            "model" => found = model(value, &path, problems),
            other => problems.say(key.span(), &path, unknown(other, &SIMILARITY_KEYS)),
        }
    }
    found
}

/// A file of the workspace's folder: whoever may change a task over HTTP is to read no other file of this machine by it.
fn inside(value: At<'_, '_>, path: &str, problems: &mut Problems<'_>) -> Option<String> {
    let name = words(value, path, problems)?;
    if std::path::Path::new(&name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Some(name);
    }
    problems.say(
        value.span(),
        path,
        "it must be a file beside tasks/, or in a folder there: `..` and `/` lead elsewhere",
    );
    None
}

/// The name of a model that reads for itself: what a task or a knowledge base passes on, a policy would not see.
fn model(value: At<'_, '_>, path: &str, problems: &mut Problems<'_>) -> Option<String> {
    let name = words(value, path, problems)?;
    if name.contains('/') {
        problems.say(
            value.span(),
            path,
            "it must be an installed model or one of models.toml, no task or knowledge base",
        );
        return None;
    }
    Some(name)
}

fn words(value: At<'_, '_>, path: &str, problems: &mut Problems<'_>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) if !text.trim().is_empty() => Some(text.to_string()),
        DeValue::String(_) => {
            problems.say(value.span(), path, "it is empty; say it, or leave the key out");
            None
        }
        other => {
            problems.say(value.span(), path, format!("it is {}, and must be a string", kind(other)));
            None
        }
    }
}
