//! Bodies of OpenAI requests.

use wire::openai::{chat, completion, embedding};

use super::{Answer, refusal};

pub(super) fn requests(bytes: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice(bytes) else { return Ok("not json".to_owned()) };
    let chat = chat::ChatRequest::read(&body).map_or_else(|error| refusal(&error), |_| "chat".to_owned());
    let completion =
        completion::CompletionRequest::read(&body).map_or_else(|error| refusal(&error), |_| "completion".to_owned());
    let embedding = embedding::EmbeddingRequest::read(&body);
    if let Ok(request) = &embedding {
        let _ = (request.fit(vec![0.5; 8]), request.fit(Vec::new()));
    }
    let embedding = embedding.map_or_else(|error| refusal(&error), |_| "embedding".to_owned());
    let part = |text: String| text.chars().filter(|c| c.is_ascii_alphabetic()).take(39).collect::<String>();
    Ok([part(chat), part(completion), part(embedding)].join(" "))
}
