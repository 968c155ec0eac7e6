//! Log-probabilities, in the form of chat completions and in the older one of completions.

use domain::TokenProbability;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What OpenAI writes for "as good as never"; JSON has no minus infinity.
const NEVER: f32 = -9999.0;

/// The form of chat completions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatLogprobs {
    /// The tokens of the content.
    pub content: Vec<ChatToken>,
    /// The tokens of a refusal: no model here refuses in a field of its own.
    pub refusal: Option<Vec<ChatToken>>,
}

/// One generated token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatToken {
    /// The token and its probability.
    #[serde(flatten)]
    pub token: Likely,
    /// The likeliest tokens at its place.
    pub top_logprobs: Vec<Likely>,
}

/// A token and its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Likely {
    /// Its text; of a token that holds part of a character, its bytes as `\xNN`.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Likely {
    fn new(bytes: &[u8], logprob: f32) -> Self {
        let token = std::str::from_utf8(bytes).map_or_else(|_| escaped(bytes), str::to_owned);
        Self { token, logprob: logprob.max(NEVER), bytes: bytes.to_vec() }
    }
}

impl ChatLogprobs {
    pub(super) fn new(tokens: &[TokenProbability]) -> Self {
        let token = |token: &TokenProbability| ChatToken {
            token: Likely::new(&token.bytes, token.logprob.unwrap_or(NEVER)),
            top_logprobs: token.rivals.iter().map(|rival| Likely::new(&rival.bytes, rival.logprob)).collect(),
        };
        Self { content: tokens.iter().map(token).collect(), refusal: None }
    }
}

/// The older form, of completions: four lists of one length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CompletionLogprobs {
    /// Each token's text; of one that holds part of a character, `bytes:\xNN...`.
    pub tokens: Vec<String>,
    /// Each token's log-probability; `null` for the first of an echoed prompt, which follows nothing.
    pub token_logprobs: Vec<Option<f32>>,
    /// The likeliest tokens at each place, and the token itself; `null` where nothing was predicted.
    pub top_logprobs: Vec<Option<Map<String, Value>>>,
    /// Where each token begins, in characters of the choice's `text`.
    pub text_offset: Vec<usize>,
}

impl CompletionLogprobs {
    /// `characters` is how many characters begin in the tokens before these, and is moved past these.
    pub(super) fn new(tokens: &[TokenProbability], characters: &mut usize) -> Self {
        let mut form = Self::default();
        for token in tokens {
            form.tokens.push(name(&token.bytes));
            form.token_logprobs.push(token.logprob.map(|logprob| logprob.max(NEVER)));
            form.top_logprobs.push(token.logprob.map(|logprob| rivals(token, logprob)));
            // A token that goes on with a character stands where the character began.
            let goes_on = token.bytes.first().is_some_and(|byte| !begins(*byte));
            form.text_offset.push(characters.saturating_sub(usize::from(goes_on)));
            *characters += token.bytes.iter().filter(|byte| begins(**byte)).count();
        }
        form
    }
}

/// Names are not unique: of two tokens with one name the likelier is kept, and the rivals come likeliest first.
fn rivals(token: &TokenProbability, logprob: f32) -> Map<String, Value> {
    let mut map = Map::new();
    let own = (token.bytes.as_slice(), logprob);
    for (bytes, logprob) in token.rivals.iter().map(|rival| (rival.bytes.as_slice(), rival.logprob)).chain([own]) {
        map.entry(name(bytes)).or_insert_with(|| json!(logprob.max(NEVER)));
    }
    map
}

/// Whether a byte begins a character of UTF-8.
fn begins(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

fn name(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("bytes:{}", escaped(bytes)), str::to_owned)
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}
