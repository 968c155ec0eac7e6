//! Bodies of OpenAI requests.

use wire::openai::{chat, completion, embedding};

use super::{Answer, refusal};

/// A body is sound when any of the three endpoints takes it; what the others say of it still tells inputs apart.
pub(super) fn requests(bytes: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice(bytes) else { return Ok("not json".to_owned()) };
    let chat = chat::ChatRequest::read(&body).map(drop);
    let completion = completion::CompletionRequest::read(&body).map(drop);
    let embedding = embedding::EmbeddingRequest::read(&body).map(|request| {
        let _ = (request.fit(vec![0.5; 8]), request.fit(Vec::new()));
    });
    let answers = [chat, completion, embedding];
    let refused = answers.iter().all(Result::is_err);
    let said = answers.map(|answer| answer.map_or_else(|error| letters(&error), |()| "read".to_owned())).join(" ");
    Ok(if refused { refusal(&said) } else { said })
}

/// The beginning of a message without what it quotes of the input's marks.
fn letters(error: &impl std::fmt::Display) -> String {
    error.to_string().chars().filter(char::is_ascii_alphabetic).take(39).collect()
}
