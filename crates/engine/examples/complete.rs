//! Continues a prompt: `complete MODEL.gguf PROMPT [TOKENS]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints and may stop")]

use domain::{Event, LanguageModel, Message, Prompt, Request, Role};
use futures_util::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let model = engine::LocalModel::load(arguments[1].as_ref(), &engine::LoadOptions::default()).unwrap();
    let prompt = match arguments[2].strip_prefix("chat:") {
        Some(question) => Prompt::Chat(vec![Message::text(Role::User, question)]),
        None => Prompt::Text(arguments[2].clone()),
    };
    let mut request = Request::new(prompt);
    request.sampling.temperature = Some(0.0);
    request.max_tokens = Some(arguments.get(3).map_or(64, |n| n.parse().unwrap()));
    let mut events = model.generate(request);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::Text { text, .. } => print!("{text}"),
            Event::Finished { usage, timings, reason } => {
                let read = f64::from(usage.prompt_tokens) / timings.prompt_ms * 1000.0;
                let wrote = f64::from(usage.completion_tokens.saturating_sub(1)) / timings.generate_ms * 1000.0;
                println!(
                    "\n-- {reason:?}: {} tokens read at {read:.1}/s, {} written at {wrote:.1}/s",
                    usage.prompt_tokens, usage.completion_tokens
                );
            }
            _ => {}
        }
    }
}
