//! Whole bodies, as tables.

use domain::{Collected, FinishReason, ToolCall, Usage};
use serde_json::{Value, json};

use super::{chat, citation, completion, head, token};
use crate::openai::embedding::Encoding;
use crate::openai::response::{ChatCompletion, Completion, EmbeddingBody, ModelBody, ModelList};

fn answer(text: &str) -> Collected {
    Collected {
        text: text.to_owned(),
        usage: Usage {
            prompt_tokens: 7,
            completion_tokens: 2,
            cached_tokens: 3,
            guessed_tokens: 5,
            accepted_tokens: 1,
        },
        ..Collected::default()
    }
}

fn body(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn a_plain_answer_has_every_field_the_clients_require() {
    let got = body(ChatCompletion::new(head("m"), &chat(json!({})).unwrap(), vec![answer("hello")]));
    let fingerprint = concat!("sumeru-", env!("CARGO_PKG_VERSION"));
    let expected = json!({
        "id": "x-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
        "system_fingerprint": fingerprint,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "hello", "refusal": null},
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"accepted_prediction_tokens": 1, "rejected_prediction_tokens": 4}},
    });
    assert_eq!(got, expected);
}

#[test]
fn several_answers_count_their_prompt_once() {
    let asked = chat(json!({"n": 3})).unwrap();
    let got = body(ChatCompletion::new(head("m"), &asked, vec![answer("a"), answer("b"), answer("c")]));
    assert_eq!(got["usage"]["prompt_tokens"], 7);
    assert_eq!(got["usage"]["completion_tokens"], 6);
    assert_eq!(got["usage"]["total_tokens"], 13);
    assert_eq!(got["choices"][2]["index"], 2);
    let asked = completion(json!({"prompt": ["p", "q"], "n": 2})).unwrap();
    let answers = ["a", "b", "c", "d"].map(answer).to_vec();
    let got = body(Completion::new(head("m"), &asked, answers));
    assert_eq!(got["usage"]["prompt_tokens"], 14, "two prompts");
    assert_eq!(got["usage"]["completion_tokens"], 8);
}

#[test]
fn tool_calls_stand_beside_no_content() {
    let call = ToolCall { id: "c1".to_owned(), name: "add".to_owned(), arguments: "{\"a\":1}".to_owned() };
    let answer = Collected { tool_calls: vec![call], reason: FinishReason::ToolCalls, ..answer("") };
    let got = body(ChatCompletion::new(head("m"), &chat(json!({})).unwrap(), vec![answer]));
    let choice = &got["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let expected = json!([{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}]);
    assert_eq!(choice["message"]["tool_calls"], expected);
}

#[test]
fn citations_are_annotations_in_both_shapes() {
    for (model, document, url) in [
        ("kb/office", "leave.md", "/v1/knowledge_bases/office/document?name=leave.md"),
        ("kb/office@m", "a b/年假.md", "/v1/knowledge_bases/office/document?name=a%20b%2F%E5%B9%B4%E5%81%87.md"),
    ] {
        let answer = Collected { citations: vec![citation(document, [9, 12])], ..answer("Ten days [1]") };
        let got = body(ChatCompletion::new(head(model), &chat(json!({})).unwrap(), vec![answer]));
        let annotation = &got["choices"][0]["message"]["annotations"][0];
        assert_eq!(annotation["type"], "url_citation");
        let expected = json!({"start_index": 9, "end_index": 12, "title": document, "url": url});
        assert_eq!(annotation["url_citation"], expected);
        for (field, value) in [
            ("document", json!(document)),
            ("page", json!(3)),
            ("section", json!("A > B")),
            ("quote", json!("ten days")),
            ("span", json!([10, 18])),
            ("marker", json!("[1]")),
        ] {
            assert_eq!(annotation["citation"][field], value, "{field}");
        }
    }
}

#[test]
fn chat_logprobs_spell_partial_characters_in_bytes() {
    let tokens = vec![
        token(1, b"a", Some(-0.5), &[(b"a", -0.5), (b"\xe4", f32::NEG_INFINITY)]),
        token(2, b"\xe4\xbd", Some(-1.0), &[]),
    ];
    let answer = Collected { tokens, ..answer("a") };
    let got = body(ChatCompletion::new(head("m"), &chat(json!({"logprobs": true})).unwrap(), vec![answer.clone()]));
    let expected = json!({
        "content": [
            {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [
                {"token": "a", "logprob": -0.5, "bytes": [97]},
                {"token": "\\xe4", "logprob": -9999.0, "bytes": [228]},
            ]},
            {"token": "\\xe4\\xbd", "logprob": -1.0, "bytes": [228, 189], "top_logprobs": []},
        ],
        "refusal": null,
    });
    assert_eq!(got["choices"][0]["logprobs"], expected);
    let unasked = body(ChatCompletion::new(head("m"), &chat(json!({})).unwrap(), vec![answer]));
    assert_eq!(unasked["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn completion_logprobs_are_four_lists_with_offsets_into_the_text() {
    let tokens = vec![
        token(0, "你".as_bytes(), None, &[]),
        token(1, b"\xe5\xa5", Some(-1.0), &[(b"\xe5\xa5", -1.0), (b"x", -2.0), (b"x", -3.0)]),
        token(2, b"\xbd", Some(-0.25), &[(b"y", -0.125)]),
        token(3, b"!!", Some(-0.5), &[(b"!!", -0.5)]),
        token(4, b"z", Some(f32::NEG_INFINITY), &[]),
    ];
    let answer = Collected { tokens, echoed: "你".to_owned(), ..answer("好!!z") };
    let asked = completion(json!({"logprobs": 2, "echo": true})).unwrap();
    let got = body(Completion::new(head("m"), &asked, vec![answer]));
    let choice = &got["choices"][0];
    assert_eq!(choice["text"], "你好!!z");
    assert_eq!(got["object"], "text_completion");
    let expected = json!({
        "tokens": ["你", "bytes:\\xe5\\xa5", "bytes:\\xbd", "!!", "z"],
        "token_logprobs": [null, -1.0, -0.25, -0.5, -9999.0],
        "top_logprobs": [
            null,
            {"bytes:\\xe5\\xa5": -1.0, "x": -2.0},
            {"y": -0.125, "bytes:\\xbd": -0.25},
            {"!!": -0.5},
            {"z": -9999.0},
        ],
        "text_offset": [0, 1, 1, 2, 4],
    });
    assert_eq!(choice["logprobs"], expected);
}

#[test]
fn embeddings_as_numbers_and_as_base64() {
    let vectors = vec![vec![0.5f32, -1.0], vec![0.0, 2.0]];
    let got = body(EmbeddingBody::new("e".to_owned(), Encoding::Float, vectors.clone(), 4));
    let expected = json!({
        "object": "list", "model": "e", "usage": {"prompt_tokens": 4, "total_tokens": 4},
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.0, 2.0]},
        ],
    });
    assert_eq!(got, expected);
    let got = body(EmbeddingBody::new("e".to_owned(), Encoding::Base64, vectors, 4));
    assert_eq!(got["data"][0]["embedding"], "AAAAPwAAgL8=", "numpy.frombuffer(..., '<f4') reads 0.5, -1");
}

#[test]
fn model_lists() {
    let got = body(ModelList::new(vec![ModelBody::new("kb/office".to_owned(), 5)]));
    let model = json!({"id": "kb/office", "object": "model", "created": 5, "owned_by": "sumeru"});
    assert_eq!(got, json!({"object": "list", "data": [model]}));
}
