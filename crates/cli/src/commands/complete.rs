//! `sumeru complete`: a continuation, and each token's rivals.

use std::path::Path;

use anyhow::Context;
use domain::{Event, Grammar, Prompt, Request, Sampling, TokenProbability};
use futures_util::StreamExt;
use platform::{Access, Workspace};
use serde_json::json;

use super::text_of;
use super::tokens::shown;
use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer};

pub(crate) async fn run(options: args::Complete, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let name = match options.model {
        Some(model) => model,
        None => workspace.default_language_model()?,
    };
    let model = workspace.language_model(&name).await?;
    let mut request = Request::new(Prompt::Text(options.prompt.clone()));
    request.sampling = Sampling { temperature: Some(options.temperature), seed: options.seed, ..Sampling::default() };
    request.max_tokens = Some(options.max_tokens);
    request.stop = options.stop;
    request.grammar = grammar(options.form)?;
    request.logprobs = (options.top > 0 || printer.json).then_some(options.top);
    let live = !printer.json && options.top == 0;
    if live {
        printer.piece(&printer.ink(Ink::Dim, &options.prompt));
    }
    let mut text = String::new();
    let mut tokens: Vec<TokenProbability> = Vec::new();
    let mut events = model.generate(request);
    while let Some(event) = events.next().await {
        if event.is_err() && live {
            printer.line("");
        }
        match event? {
            Event::Text { text: more, tokens: new, .. } => {
                if live {
                    printer.piece(&printer.foreign(&more));
                }
                text.push_str(&more);
                tokens.extend(new);
            }
            Event::Finished { reason, usage, timings } => {
                if printer.json {
                    printer.json(&json!({
                        "model": name, "text": text, "finish_reason": reason, "usage": usage, "timings": timings,
                        "tokens": tokens.iter().map(as_json).collect::<Vec<_>>(),
                    }));
                } else if !live {
                    bars(&tokens, printer);
                }
                if live {
                    printer.line("");
                }
                printer.note(printer.ink(Ink::Dim, &speed(usage.completion_tokens, timings.generate_ms)));
            }
            Event::Progress(_) | Event::ToolCall(_) | Event::ToolArguments(_) | Event::Citation(_) => {}
        }
    }
    Ok(Exit::Done)
}

/// What the text must be, as the options say.
fn grammar(form: args::Form) -> anyhow::Result<Option<Grammar>> {
    if let Some(path) = form.schema {
        let schema = serde_json::from_str(&text_of(&path)?)
            .with_context(|| format!("{} holds no JSON; give a JSON Schema", path.display()))?;
        return Ok(Some(Grammar::JsonSchema(schema)));
    }
    if let Some(path) = form.grammar {
        return Ok(Some(Grammar::Lark(text_of(&path)?)));
    }
    let choice = Some(form.choice).filter(|texts| !texts.is_empty()).map(Grammar::Choice);
    Ok(form.regex.map(Grammar::Regex).or(choice))
}

/// Tokens, and how fast they came: time counts from the first to the last, so one has no speed, nor do some that came at once.
fn speed(tokens: u32, milliseconds: f64) -> String {
    match tokens {
        1 => "1 token".to_owned(),
        2.. if milliseconds > 1.0 => {
            format!("{tokens} tokens, {:.1} a second", f64::from(tokens - 1) / milliseconds * 1000.0)
        }
        _ => format!("{tokens} tokens"),
    }
}

fn as_json(token: &TokenProbability) -> serde_json::Value {
    let one = |id: u32, bytes: &[u8], logprob: Option<f32>| json!({"id": id, "text": String::from_utf8_lossy(bytes), "bytes": bytes, "logprob": logprob, "probability": logprob.map(f32::exp)});
    let mut value = one(token.id, &token.bytes, token.logprob);
    value["top"] = token.rivals.iter().map(|r| one(r.id, &r.bytes, Some(r.logprob))).collect();
    value
}

/// Each generated token with its rivals: a bar as long as its probability.
fn bars(tokens: &[TokenProbability], printer: Printer) {
    for (number, token) in tokens.iter().enumerate() {
        let chosen = token.logprob.map_or(0.0, f32::exp) * 100.0;
        printer.line(format!(
            "{} {}  {chosen:.1}%",
            printer.ink(Ink::Dim, &format!("{}.", number + 1)),
            printer.ink(Ink::Bold, &shown(&token.bytes))
        ));
        for rival in &token.rivals {
            let probability = rival.logprob.exp();
            let bar = "█".repeat((probability * 30.0).round() as usize);
            let text = shown(&rival.bytes);
            let pad = " ".repeat(14usize.saturating_sub(crate::print::width(&text)));
            let ink = if rival.id == token.id { Ink::Good } else { Ink::Dim };
            printer.line(format!("   {text}{pad} {:5.1}%  {}", probability * 100.0, printer.ink(ink, &bar)));
        }
    }
}
