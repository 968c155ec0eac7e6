//! Graders that ask a model. It is held to the form of the verdict, so that there always is one: a label, or a number within the range.

use domain::{Collected, FinishReason, Grammar, Role};
use serde_json::{Value, json};

use super::answer::{ask, filled, reason, request};
use super::grader::Judged;
use super::template::Scope;
use super::{Fault, Grader, Said, Spent};
use crate::Workspace;

/// Tokens of a verdict with its reasons, at most, unless somebody says otherwise.
const SCORE_TOKENS: u32 = 1024;
/// The same, of a label.
const LABEL_TOKENS: u32 = 256;
/// Characters of reasons, at most: a small model does not find an end.
const REASONING: u32 = 400;

/// One of some labels.
pub(super) async fn label(
    workspace: &Workspace,
    model: &str,
    messages: &[Said],
    (labels, passing): (&[String], &[String]),
    scope: Scope<'_>,
) -> std::result::Result<Judged, Fault> {
    let mut said = filled(messages, scope)?;
    // A model elsewhere is held to JSON only.
    let here = workspace.models().installed(model).is_ok();
    let listed = labels.join(if is_chinese(&said) { "、" } else { ", " });
    let (english, chinese, grammar) = if here {
        let grammar = Grammar::Choice(labels.to_vec());
        (format!("Answer with one of: {listed}."), format!("只回答其中之一：{listed}。"), grammar)
    } else {
        let schema = json!({"type": "object", "properties": {"label": {"type": "string", "enum": labels}}, "required": ["label"], "additionalProperties": false});
        let english = format!("Answer in JSON, {{\"label\": …}}, with one of: {listed}.");
        let chinese = format!("用 JSON 回答，{{\"label\": …}}，只选其中之一：{listed}。");
        (english, chinese, Grammar::JsonSchema(schema))
    };
    tell(&mut said, english, chinese);
    let mut asked = request(&said);
    asked.sampling.temperature = Some(0.0);
    asked.max_tokens = Some(LABEL_TOKENS);
    asked.grammar = Some(grammar);
    let came = ask(workspace, model, asked).await.map_err(|error| Fault::from(&error))?;
    let text = came.text.trim();
    let chosen = if here {
        labels.iter().find(|label| label.trim() == text)
    } else {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        labels.iter().find(|label| answer["label"] == ***label)
    };
    let Some(label) = chosen else {
        let shown: String = text.chars().take(80).collect();
        return Err(Fault::new("label_unknown", format!("'{model}' answered none of the labels: {shown}")));
    };
    let passed = passing.contains(label);
    Ok(judged(model, &said, &came, (f64::from(passed), passed)))
}

/// A number within a range, with reasons.
pub(super) async fn score(
    workspace: &Workspace,
    grader: &Grader,
    scope: Scope<'_>,
) -> std::result::Result<Judged, Fault> {
    let Grader::ScoreModel { model, messages, range: (least, most), threshold, sampling, max_tokens } = grader else {
        return Err(Fault::new("internal_error", "a grader without a score was asked for one: this is a bug"));
    };
    let mut said = filled(messages, scope)?;
    let english = format!(
        "Then give a score, a number from {least} to {most}. Answer in JSON: {{\"reasoning\": your reasons in short, \"result\": the number}}."
    );
    let chinese = format!(
        "然后评分，给出 {least} 到 {most} 之间的数。用 JSON 回答：{{\"reasoning\": 简短的理由, \"result\": 该数}}。"
    );
    tell(&mut said, english, chinese);
    let mut asked = request(&said);
    asked.sampling = sampling.clone();
    asked.sampling.temperature.get_or_insert(0.0);
    asked.max_tokens = Some(max_tokens.unwrap_or(SCORE_TOKENS));
    asked.grammar = Some(Grammar::JsonSchema(json!({
        "type": "object",
        "properties": {
            "reasoning": {"type": "string", "maxLength": REASONING},
            "result": {"type": "number", "minimum": least, "maximum": most},
        },
        "required": ["reasoning", "result"],
        "additionalProperties": false,
    })));
    let came = ask(workspace, model, asked).await.map_err(|error| Fault::from(&error))?;
    if came.reason == FinishReason::Length {
        let tokens = came.usage.completion_tokens;
        let message = format!(
            "the answer of '{model}' was cut after {tokens} tokens; allow more in sampling_params.max_completions_tokens"
        );
        return Err(Fault::new("score_cut", message));
    }
    let answer: Value = serde_json::from_str(came.text.trim()).unwrap_or_default();
    match answer["result"].as_f64() {
        Some(score) if (*least..=*most).contains(&score) => {
            Ok(judged(model, &said, &came, (score, score >= *threshold)))
        }
        _ => {
            let shown: String = came.text.chars().take(80).collect();
            Err(Fault::new("score_unknown", format!("'{model}' gave no number from {least} to {most}: {shown}")))
        }
    }
}

fn judged(model: &str, said: &[Said], came: &Collected, (score, passed): (f64, bool)) -> Judged {
    let usage = came.usage;
    let sample = json!({
        "model": model,
        "input": said,
        "output": [{"role": "assistant", "content": came.text}],
        "finish_reason": reason(came.reason),
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "cached_tokens": usage.cached_tokens,
        },
    });
    Judged { score, passed, sample: Some(sample), spent: Some(Spent { model: model.to_owned(), usage }) }
}

/// Adds what is asked for to the standing instructions, in the language of the messages: what all rows have in common comes first.
fn tell(said: &mut Vec<Said>, english: String, chinese: String) {
    let words = if is_chinese(said) { chinese } else { english };
    match said.first_mut().filter(|first| matches!(first.role, Role::System | Role::Developer)) {
        Some(first) => first.content = format!("{}\n\n{words}", first.content.trim_end()),
        None => said.insert(0, Said { role: Role::System, content: words }),
    }
}

fn is_chinese(said: &[Said]) -> bool {
    said.iter().any(|said| said.content.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)))
}
