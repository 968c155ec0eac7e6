//! Streams: what chunks say, folded, is what a whole body says.

use domain::{Collected, Event, FinishReason, Progress, TokenProbability, ToolCall};
use futures_util::{FutureExt, stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{chat, citation, completion, finished, head, text, token};
use crate::openai::chat::ChatRequest;
use crate::openai::completion::CompletionRequest;
use crate::openai::response::{ChatCompletion, ChatWriter, Completion, CompletionWriter};

fn collected(events: &[Event]) -> Collected {
    let events: Vec<Result<Event, domain::Error>> = events.iter().cloned().map(Ok).collect();
    domain::collect(Box::pin(stream::iter(events))).now_or_never().unwrap().unwrap()
}

/// Everything a chat stream says, in order of arrival.
fn chat_chunks(asked: &ChatRequest, arrivals: &[(u32, Event)]) -> Vec<Value> {
    let mut writer = ChatWriter::new(head("m"), asked);
    let mut chunks: Vec<Value> = Vec::new();
    for (index, event) in arrivals {
        chunks
            .extend(writer.event(*index, event.clone()).into_iter().map(|chunk| serde_json::to_value(chunk).unwrap()));
    }
    chunks.extend(writer.end().map(|chunk| serde_json::to_value(chunk).unwrap()));
    chunks
}

fn completion_chunks(asked: &CompletionRequest, arrivals: &[(u32, Event)]) -> Vec<Value> {
    let mut writer = CompletionWriter::new(head("m"), asked);
    let mut chunks: Vec<Value> = Vec::new();
    for (index, event) in arrivals {
        chunks.extend(writer.event(*index, event.clone()).map(|chunk| serde_json::to_value(chunk).unwrap()));
    }
    chunks.extend(writer.end().map(|chunk| serde_json::to_value(chunk).unwrap()));
    chunks
}

#[test]
fn a_chat_stream_in_order() {
    let asked = chat(json!({"stream": true, "stream_options": {"include_usage": true}})).unwrap();
    let call = ToolCall { id: "c1".to_owned(), name: "add".to_owned(), arguments: "{}".to_owned() };
    let arrivals = [
        (0, Event::Progress(Progress::Prompt { done: 1, total: 2 })),
        (0, text("")),
        (0, text("he")),
        (0, Event::ToolCall(call.clone())),
        (0, Event::ToolCall(ToolCall { id: "c2".to_owned(), arguments: String::new(), ..call })),
        (0, Event::ToolArguments("{\"a\":".to_owned())),
        (0, Event::ToolArguments("1}".to_owned())),
        (0, Event::Citation(citation("a.md", [0, 3]))),
        (0, finished(FinishReason::ToolCalls, 7, 2)),
    ];
    let chunks = chat_chunks(&asked, &arrivals);
    let called = |index: u32, id: &str, arguments: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": "add", "arguments": arguments}}]});
    let more = |arguments: &str| json!({"tool_calls": [{"index": 1, "function": {"arguments": arguments}}]});
    let deltas: Vec<&Value> = chunks.iter().filter_map(|chunk| chunk["choices"].get(0)).map(|c| &c["delta"]).collect();
    assert_eq!(deltas.len(), 8);
    assert_eq!(*deltas[0], json!({"role": "assistant", "content": ""}));
    assert_eq!(*deltas[1], json!({"content": "he"}));
    assert_eq!(*deltas[2], called(0, "c1", "{}"));
    assert_eq!(*deltas[3], called(1, "c2", ""));
    assert_eq!([deltas[4], deltas[5]], [&more("{\"a\":"), &more("1}")]);
    assert_eq!(deltas[6]["annotations"][0]["citation"]["document"], "a.md");
    assert_eq!(*deltas[7], json!({}));
    assert_eq!(chunks[7]["choices"][0]["finish_reason"], "tool_calls");
    assert!(chunks[..8].iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)), "null until counted");
    let last = &chunks[8];
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 9);
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == "x-1"));
}

#[test]
fn usage_is_said_only_when_asked_for() {
    let arrivals = [(0, text("a")), (0, finished(FinishReason::Length, 1, 1))];
    for chunk in chat_chunks(&chat(json!({"stream": true})).unwrap(), &arrivals) {
        assert!(chunk.get("usage").is_none(), "{chunk}");
    }
    let chunks = completion_chunks(&completion(json!({"stream": true})).unwrap(), &arrivals);
    assert_eq!(chunks.len(), 2);
    assert_eq!(chunks[0]["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], "length");
    assert!(chunks[0].get("usage").is_none());
}

/// A token that completes no character yet still says its probability.
#[test]
fn tokens_come_with_the_event_that_brings_them() {
    let silent = Event::Text { text: String::new(), tokens: vec![token(1, b"\xe4", Some(-1.0), &[])], prompt: false };
    let arrivals = [(0, silent), (0, finished(FinishReason::Stop, 1, 1))];
    let chunks = chat_chunks(&chat(json!({"stream": true, "logprobs": true})).unwrap(), &arrivals);
    assert_eq!(chunks[1]["choices"][0]["delta"], json!({"content": ""}));
    assert_eq!(chunks[1]["choices"][0]["logprobs"]["content"][0]["bytes"], json!([0xe4]));
    let chunks = completion_chunks(&completion(json!({"stream": true, "logprobs": 0})).unwrap(), &arrivals);
    assert_eq!(chunks[0]["choices"][0]["logprobs"]["tokens"], json!(["bytes:\\xe4"]));
}

fn any_token() -> impl Strategy<Value = TokenProbability> {
    let bytes = prop_oneof!["[a-z ]{1,3}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 1..4)];
    (any::<u32>(), bytes, proptest::option::of(-20.0f32..0.0))
        .prop_map(|(id, bytes, logprob)| token(id, &bytes, logprob, &[(b"x", -1.0)]))
}

/// The events of one answer that ends well.
fn any_answer() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => ("\\PC{0,4}", proptest::collection::vec(any_token(), 0..3))
            .prop_map(|(text, tokens)| Event::Text { text, tokens, prompt: false }),
        1 => Just(Event::Progress(Progress::Queued { ahead: 1 })),
        1 => "[a-z]{1,4}".prop_map(|id| Event::ToolCall(ToolCall { id, name: "f".to_owned(), arguments: "{}".to_owned() })),
        1 => (0usize..50).prop_map(|at| Event::Citation(citation("d", [at, at + 3]))),
    ];
    let reason = prop_oneof![Just(FinishReason::Stop), Just(FinishReason::Length), Just(FinishReason::ToolCalls)];
    (proptest::collection::vec(event, 0..8), reason, 0u32..1000, 0u32..1000).prop_map(
        |(mut events, reason, prompt, completion)| {
            events.push(finished(reason, prompt, completion));
            events
        },
    )
}

/// Answers, and an order their events arrive in: each pick takes the next event of one of them.
fn any_arrivals() -> impl Strategy<Value = (Vec<Vec<Event>>, Vec<(u32, Event)>)> {
    (proptest::collection::vec(any_answer(), 1..4), proptest::collection::vec(any::<u16>(), 40)).prop_map(
        |(answers, picks)| {
            let mut left: Vec<_> = (0u32..).zip(answers.iter().cloned().map(Vec::into_iter)).collect();
            let mut arrivals = Vec::new();
            for pick in picks.into_iter().cycle() {
                left.retain(|(_, events)| events.len() > 0);
                if left.is_empty() {
                    break;
                }
                let at = usize::from(pick) % left.len();
                let (index, events) = &mut left[at];
                arrivals.extend(events.next().map(|event| (*index, event)));
            }
            (answers, arrivals)
        },
    )
}

/// Appends what a list in `from` holds to the list in `to`.
fn extend(to: &mut Value, from: &Value) {
    if let Some(more) = from.as_array() {
        match to.as_array_mut() {
            Some(list) => list.extend(more.iter().cloned()),
            None => *to = from.clone(),
        }
    }
}

/// One answer's chunks put together, as a client does.
fn fold_chat(chunks: &[Value], index: usize) -> Value {
    let mut message = json!({"role": null, "content": "", "refusal": null});
    let (mut tokens, mut reason) = (json!([]), Value::Null);
    for choice in chunks.iter().filter_map(|c| c["choices"].get(0)).filter(|c| c["index"] == json!(index)) {
        assert_eq!(reason, Value::Null, "nothing comes after the end");
        let delta = &choice["delta"];
        if let Some(role) = delta.get("role") {
            assert_eq!(message["role"], Value::Null, "said once");
            message["role"] = role.clone();
        }
        assert_eq!(message["role"], "assistant", "said first");
        message["content"] =
            json!(format!("{}{}", message["content"].as_str().unwrap(), delta["content"].as_str().unwrap_or("")));
        for field in ["tool_calls", "annotations"] {
            if delta.get(field).is_some() {
                extend(&mut message[field], &delta[field]);
            }
        }
        extend(&mut tokens, &choice["logprobs"]["content"]);
        reason = choice["finish_reason"].clone();
    }
    if let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for (at, call) in calls.iter_mut().enumerate() {
            assert_eq!(call.as_object_mut().unwrap().remove("index"), Some(json!(at)));
        }
        if message["content"] == "" {
            message["content"] = Value::Null;
        }
    }
    let logprobs = json!({"content": tokens, "refusal": null});
    json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason})
}

fn fold_completion(chunks: &[Value], index: usize) -> Value {
    let mut whole = json!({"index": index, "text": "", "logprobs":
        {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}, "finish_reason": null});
    for choice in chunks.iter().filter_map(|c| c["choices"].get(0)).filter(|c| c["index"] == json!(index)) {
        assert_eq!(whole["finish_reason"], Value::Null, "nothing comes after the end");
        whole["text"] = json!(format!("{}{}", whole["text"].as_str().unwrap(), choice["text"].as_str().unwrap()));
        for list in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
            extend(&mut whole["logprobs"][list], &choice["logprobs"][list]);
        }
        whole["finish_reason"] = choice["finish_reason"].clone();
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chat_stream_folds_to_the_whole_body((answers, arrivals) in any_arrivals()) {
        let options = json!({"n": answers.len(), "stream": true, "stream_options": {"include_usage": true}, "logprobs": true});
        let asked = chat(options).unwrap();
        let chunks = chat_chunks(&asked, &arrivals);
        let whole = answers.iter().map(|events| collected(events)).collect();
        let body = serde_json::to_value(ChatCompletion::new(head("m"), &asked, whole)).unwrap();
        for index in 0..answers.len() {
            prop_assert_eq!(&fold_chat(&chunks, index), &body["choices"][index]);
        }
        prop_assert_eq!(&chunks.last().unwrap()["usage"], &body["usage"]);
    }

    #[test]
    fn a_completion_stream_folds_to_the_whole_body((answers, arrivals) in any_arrivals()) {
        let options = json!({"n": answers.len(), "stream": true, "stream_options": {"include_usage": true}, "logprobs": 1});
        let asked = completion(options).unwrap();
        let chunks = completion_chunks(&asked, &arrivals);
        let whole = answers.iter().map(|events| collected(events)).collect();
        let body = serde_json::to_value(Completion::new(head("m"), &asked, whole)).unwrap();
        for index in 0..answers.len() {
            prop_assert_eq!(&fold_completion(&chunks, index), &body["choices"][index]);
        }
        prop_assert_eq!(&chunks.last().unwrap()["usage"], &body["usage"]);
    }

    #[test]
    fn requests_never_panic(body in any_json()) {
        let _ = ChatRequest::read(&body);
        let _ = CompletionRequest::read(&body);
        let _ = crate::openai::embedding::EmbeddingRequest::read(&body);
    }
}

/// JSON in the shape of requests, mostly.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        "(user|tool|function|text|auto|a)?".prop_map(Value::String),
    ];
    let key = "(model|messages|role|content|type|text|tools|function|name|arguments|id|stop|n|logit_bias|5|prompt|input|stream|\
               stream_options|include_usage|tool_calls|tool_call_id|parameters|dimensions|logprobs|top_logprobs|x)";
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((key, inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}
