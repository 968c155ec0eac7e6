//! Requests, streams and refusals, in the shapes that servers are known for.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use domain::{
    Collected, Error, Event, FinishReason, Grammar, Message, Part, Prompt, Request, Role, Sampling, Structured,
    ToolCall, ToolChoice, ToolSpec, Usage,
};
use futures_util::{FutureExt, stream};
use serde_json::{Value, json};

use super::{Chunks, chat_request, error_of};

fn asked(change: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request::new(Prompt::Chat(vec![Message::text(Role::User, "hi")]));
    change(&mut request);
    request
}

/// What a changed request has beyond what every request has.
fn more(change: impl FnOnce(&mut Request)) -> Value {
    let mut body = chat_request(&asked(change), "m", Structured::Schema, false).unwrap();
    for name in ["model", "messages", "stream", "stream_options"] {
        assert!(body.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    body
}

fn spec(strict: bool) -> ToolSpec {
    let parameters = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    ToolSpec { name: "add".to_owned(), description: "adds".to_owned(), parameters, strict }
}

#[test]
fn a_plain_request() {
    let expected = json!({
        "model": "far-1",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(chat_request(&asked(|_| {}), "far-1", Structured::Schema, false).unwrap(), expected);
    assert_eq!(
        chat_request(&Request::new(Prompt::Text("hi".to_owned())), "far-1", Structured::Schema, false).unwrap(),
        expected
    );
}

#[test]
fn what_is_set_is_sent_and_nothing_else() {
    let sampling = |change: fn(&mut Sampling)| move |request: &mut Request| change(&mut request.sampling);
    assert_eq!(more(|_| {}), json!({}));
    assert_eq!(more(|r| r.max_tokens = Some(7)), json!({"max_tokens": 7}));
    assert_eq!(more(|r| r.stop = vec!["\n".to_owned()]), json!({"stop": ["\n"]}));
    assert_eq!(more(|r| r.logprobs = Some(0)), json!({"logprobs": true}));
    assert_eq!(more(|r| r.logprobs = Some(5)), json!({"logprobs": true, "top_logprobs": 5}));
    assert_eq!(more(sampling(|s| s.temperature = Some(0.7))), json!({"temperature": 0.7}));
    assert_eq!(more(sampling(|s| s.temperature = Some(0.0))), json!({"temperature": 0.0}));
    assert_eq!(more(sampling(|s| s.top_p = 0.9)), json!({"top_p": 0.9}));
    assert_eq!(more(sampling(|s| s.presence_penalty = -0.5)), json!({"presence_penalty": -0.5}));
    assert_eq!(more(sampling(|s| s.frequency_penalty = 1.5)), json!({"frequency_penalty": 1.5}));
    assert_eq!(more(sampling(|s| s.seed = Some(3))), json!({"seed": 3}));
    assert_eq!(more(sampling(|s| s.seed = Some(u64::MAX))), json!({"seed": -1}));
    assert_eq!(more(sampling(|s| s.min_p = 0.0)), json!({}));
    assert_eq!(more(sampling(|s| s.min_p = 0.1)), json!({"min_p": 0.1}));
    assert_eq!(more(sampling(|s| s.top_k = 40)), json!({"top_k": 40}));
    assert_eq!(more(sampling(|s| s.repetition_penalty = 1.1)), json!({"repetition_penalty": 1.1}));
    let biased = |s: &mut Sampling| {
        s.logit_bias.insert(50, -100.0);
    };
    assert_eq!(more(sampling(biased)), json!({"logit_bias": {"50": -100.0}}));
    let ours = |r: &mut Request| {
        r.client = "somebody".to_owned();
        r.priority = 3;
        r.parallel_tool_calls = false;
    };
    assert_eq!(more(ours), json!({}), "who asks, and how urgently, is not the provider's business");
}

#[test]
fn a_model_that_thinks_takes_no_sampling() {
    let request = asked(|r| {
        r.max_tokens = Some(7);
        r.stop = vec!["\n".to_owned()];
        r.sampling = Sampling { temperature: Some(0.0), top_p: 0.9, seed: Some(3), ..Sampling::default() };
    });
    for (reasoning, expected) in [
        (false, json!({"max_tokens": 7, "stop": ["\n"], "temperature": 0.0, "top_p": 0.9, "seed": 3})),
        (true, json!({"max_completion_tokens": 7, "stop": ["\n"]})),
    ] {
        let mut body = chat_request(&request, "m", Structured::Schema, reasoning).unwrap();
        for name in ["model", "messages", "stream", "stream_options"] {
            assert!(body.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        assert_eq!(body, expected);
    }
}

#[test]
fn tools_and_the_choice_among_them() {
    let function = json!({"name": "add", "description": "adds", "parameters": spec(false).parameters});
    let tools = json!([{"type": "function", "function": function}]);
    let with = |choice: ToolChoice| {
        move |r: &mut Request| {
            r.tools = vec![spec(false)];
            r.tool_choice = choice;
        }
    };
    assert_eq!(more(with(ToolChoice::Auto)), json!({"tools": tools}));
    assert_eq!(more(with(ToolChoice::Required)), json!({"tools": tools, "tool_choice": "required"}));
    let named = json!({"type": "function", "function": {"name": "add"}});
    assert_eq!(more(with(ToolChoice::Named("add".to_owned()))), json!({"tools": tools, "tool_choice": named}));
    let strict = more(|r| {
        r.tools = vec![spec(true)];
        r.parallel_tool_calls = false;
    });
    assert_eq!(strict["tools"][0]["function"]["strict"], true);
    assert_eq!(strict["parallel_tool_calls"], false);
}

#[test]
fn messages_of_every_role() {
    let call = ToolCall { id: "c1".to_owned(), name: "add".to_owned(), arguments: "{}".to_owned() };
    let mut called = Message::text(Role::Assistant, "");
    called.tool_calls = vec![call];
    let mut result = Message::text(Role::Tool, "4");
    result.tool_call_id = Some("c1".to_owned());
    let mut named = Message::text(Role::User, "a");
    named.parts.push(Part::Text { text: "b".to_owned() });
    named.name = Some("eve".to_owned());
    let messages = vec![Message::text(Role::Developer, "be brief"), named, called, result];
    let body = chat_request(&asked(|r| r.prompt = Prompt::Chat(messages)), "m", Structured::Schema, false).unwrap();
    let calls = json!([{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]);
    let expected = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "ab", "name": "eve"},
        {"role": "assistant", "content": null, "tool_calls": calls},
        {"role": "tool", "content": "4", "tool_call_id": "c1"},
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn forms_of_answers() {
    let format = |grammar| more(|r| r.grammar = Some(grammar));
    assert_eq!(format(Grammar::JsonObject), json!({"response_format": {"type": "json_object"}}));
    assert_eq!(format(Grammar::Choice(vec!["a".to_owned()])), json!({}));
    let held = |structured| {
        let asked = asked(|r| r.grammar = Some(Grammar::JsonSchema(json!({"type": "object"}))));
        chat_request(&asked, "m", structured, false).unwrap().get("response_format").cloned()
    };
    assert_eq!(held(Structured::Object), Some(json!({"type": "json_object"})));
    assert_eq!(held(Structured::None), None);
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    for (schema, strict) in [
        (closed.clone(), true),
        (json!({"type": "string"}), true),
        (json!({"type": "array", "items": closed}), true),
        (json!({"type": "object"}), false),
        (json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false}), false),
        (json!({"type": "object", "properties": {}, "required": []}), false),
        (json!({"anyOf": [{"type": "null"}, {"type": "object", "properties": {}}]}), false),
    ] {
        let named = json!({"name": "answer", "schema": schema, "strict": strict});
        let expected = json!({"response_format": {"type": "json_schema", "json_schema": named}});
        assert_eq!(format(Grammar::JsonSchema(schema)), expected);
    }
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let refused = |request: &Request| match chat_request(request, "m", Structured::Schema, false).unwrap_err() {
        Error::Invalid { param: Some(param), code: "unsupported_parameter", message } => {
            assert!(message.contains(&param), "{message}");
            param
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&Request::new(Prompt::Tokens(vec![1]))), "prompt");
    assert_eq!(refused(&asked(|r| r.grammar = Some(Grammar::Regex("a+".to_owned())))), "regex");
    assert_eq!(refused(&asked(|r| r.grammar = Some(Grammar::Lark("start: \"a\"".to_owned())))), "grammar");
    assert_eq!(refused(&asked(|r| r.echo = true)), "echo");
    assert_eq!(refused(&asked(|r| r.max_tokens = Some(0))), "max_tokens");
}

/// All events of a stream's data, to its end or to its error.
fn events(data: &[&str]) -> Result<Vec<Event>, Error> {
    let mut chunks = Chunks::default();
    let mut all = Vec::new();
    for data in data {
        all.extend(chunks.feed(data)?);
    }
    all.push(chunks.finish()?);
    Ok(all)
}

fn collected(data: &[&str]) -> Collected {
    let events: Vec<Result<Event, Error>> = events(data).unwrap().into_iter().map(Ok).collect();
    domain::collect(Box::pin(stream::iter(events))).now_or_never().unwrap().unwrap()
}

fn counted(prompt_tokens: u32, cached_tokens: u32, completion_tokens: u32) -> Usage {
    Usage { prompt_tokens, cached_tokens, completion_tokens, ..Usage::default() }
}

/// A server's name, what it sends, and the tokens it counts: of the prompt, of these cached, written.
type Stream = (&'static str, &'static [&'static str], (u32, u32, u32));

/// Streams of one answer, "Hello!", as the servers of these names write them.
const STREAMS: [Stream; 8] = [
    (
        "OpenAI",
        &[
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}"#,
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"!"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":1200,"completion_tokens":2,"total_tokens":1202,"prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#,
            "[DONE]",
        ],
        (1200, 1024, 2),
    ),
    (
        "Azure: a first chunk of no choices",
        &[
            r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}"#,
            r#"{"choices":[{"content_filter_results":{},"delta":{"content":"Hello!","role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"usage":null}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop","index":0}],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#,
            "[DONE]",
        ],
        (9, 0, 2),
    ),
    (
        "vLLM: usage in every chunk, prompt_tokens_details null",
        &[
            r#"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"q","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null,"usage":{"prompt_tokens":5,"total_tokens":5,"completion_tokens":0}}"#,
            r#"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"q","choices":[{"index":0,"delta":{"content":"Hello!","reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2}}"#,
            r#"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"q","choices":[],"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2,"prompt_tokens_details":null}}"#,
            "[DONE]",
        ],
        (5, 0, 2),
    ),
    (
        "Ollama: the role in every chunk",
        &[
            r#"{"id":"chatcmpl-3","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}"#,
            r#"{"id":"chatcmpl-3","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"lo!"},"finish_reason":null}]}"#,
            r#"{"id":"chatcmpl-3","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}"#,
            r#"{"id":"chatcmpl-3","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":26,"completion_tokens":3,"total_tokens":29}}"#,
            "[DONE]",
        ],
        (26, 0, 3),
    ),
    (
        "llama-server: content null, timings",
        &[
            r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"chatcmpl-4","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk"}"#,
            r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hello!"}}],"created":1,"id":"chatcmpl-4","model":"m","object":"chat.completion.chunk"}"#,
            r#"{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"id":"chatcmpl-4","model":"m","object":"chat.completion.chunk"}"#,
            r#"{"choices":[],"created":1,"id":"chatcmpl-4","model":"m","object":"chat.completion.chunk","usage":{"completion_tokens":3,"prompt_tokens":11,"total_tokens":14},"timings":{"prompt_n":11,"predicted_n":3}}"#,
            "[DONE]",
        ],
        (11, 0, 3),
    ),
    (
        "DeepSeek: reasoning first, usage with the last choice",
        &[
            r#"{"id":"5","object":"chat.completion.chunk","created":1,"model":"deepseek-reasoner","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":""},"logprobs":null,"finish_reason":null}]}"#,
            r#"{"id":"5","object":"chat.completion.chunk","created":1,"model":"deepseek-reasoner","choices":[{"index":0,"delta":{"content":null,"reasoning_content":"They greet."},"logprobs":null,"finish_reason":null}]}"#,
            r#"{"id":"5","object":"chat.completion.chunk","created":1,"model":"deepseek-reasoner","choices":[{"index":0,"delta":{"content":"Hello!","reasoning_content":null},"logprobs":null,"finish_reason":null}]}"#,
            r#"{"id":"5","object":"chat.completion.chunk","created":1,"model":"deepseek-reasoner","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":70,"completion_tokens":6,"total_tokens":76,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":6}}"#,
            "[DONE]",
        ],
        (70, 64, 6),
    ),
    (
        "Spark: a code of 0, no finish_reason",
        &[
            r#"{"code":0,"message":"Success","sid":"cha1","id":"cha1","created":1,"choices":[{"delta":{"role":"assistant","content":"Hello"},"index":0}]}"#,
            r#"{"code":0,"message":"Success","sid":"cha1","id":"cha1","created":1,"choices":[{"delta":{"role":"assistant","content":"!"},"index":0}],"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}"#,
            "[DONE]",
        ],
        (4, 0, 2),
    ),
    (
        "a server that does not stream, usage in the choice",
        &[
            r#"{"id":"6","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop","usage":{"prompt_tokens":4,"completion_tokens":2,"cached_tokens":1}}]}"#,
            "[DONE]",
        ],
        (4, 1, 2),
    ),
];

#[test]
fn streams_of_many_servers_are_one_answer() {
    for (server, data, (prompt, cached, completion)) in STREAMS {
        let answer = collected(data);
        assert_eq!(answer.text, "Hello!", "{server}");
        assert_eq!(answer.reason, FinishReason::Stop, "{server}");
        assert_eq!(answer.usage, counted(prompt, cached, completion), "{server}");
        for event in events(data).unwrap() {
            assert!(!matches!(event, Event::Text { text, .. } if text.is_empty()), "{server}: an event of nothing");
        }
    }
}

#[test]
fn a_cut_before_the_reason_is_an_error_and_after_it_is_none() {
    for (server, data, _) in STREAMS {
        let reason = data.iter().position(|data| data.contains(r#""finish_reason":"stop""#));
        let whole = reason.unwrap_or(data.len() - 1) + 1;
        for kept in 0..=data.len() {
            match events(&data[..kept]) {
                Ok(_) => assert!(kept >= whole, "{server}: {kept} of {}", data.len()),
                Err(Error::Failed { message }) => {
                    assert!(kept < whole && message.contains("truncated"), "{server}: {kept}: {message}");
                }
                Err(other) => panic!("{server}: {other:?}"),
            }
        }
    }
    assert!(events(&["[DONE]"]).is_err(), "the end of nothing");
}

#[test]
fn nothing_is_read_after_the_end() {
    let mut chunks = Chunks::default();
    chunks.feed(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#).unwrap();
    assert!(!chunks.is_over());
    chunks.feed(" [DONE] ").unwrap();
    assert!(chunks.is_over());
    assert!(chunks.feed(r#"{"error":"late"}"#).unwrap().is_empty());
    assert_eq!(chunks.bytes(), 1);
}

#[test]
fn why_answers_end() {
    let ended = |word: &str| {
        events(&[json!({"choices": [{"delta": {"content": "a"}, "finish_reason": word}]}).to_string().as_str()])
    };
    for (word, expected) in [
        ("stop", FinishReason::Stop),
        ("eos", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("max_tokens", FinishReason::Length),
        ("tool_calls", FinishReason::ToolCalls),
    ] {
        let last = ended(word).unwrap().pop().unwrap();
        assert!(matches!(last, Event::Finished { reason, .. } if reason == expected), "{word}: {last:?}");
    }
    for word in ["content_filter", "sensitive"] {
        assert!(matches!(ended(word), Err(Error::Invalid { code: "content_filter", .. })), "{word}");
    }
    for word in ["network_error", "insufficient_system_resource"] {
        assert!(matches!(ended(word), Err(Error::Failed { message }) if message.contains(word)), "{word}");
    }
}

#[test]
fn tool_calls_of_many_servers() {
    let delta = |calls: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}).to_string();
    let first = |index: u32, id: &str, name: &str, arguments: &str| json!([{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]);
    let rest = |index: u32, arguments: &str| json!([{"index": index, "function": {"arguments": arguments}}]);
    let whole = |name: &str, arguments: Value| json!([{"function": {"name": name, "arguments": arguments}}]);
    let (a, b) = (r#"{"a":1}"#, r#"{"b":2}"#);
    for (server, deltas, ids) in [
        (
            "OpenAI: in pieces, by index",
            vec![first(0, "c1", "add", ""), rest(0, r#"{"a""#), rest(0, ":1}"), first(1, "c2", "sub", ""), rest(1, b)],
            ["c1", "c2"],
        ),
        (
            "DashScope: empty ids and names in later pieces",
            vec![
                first(0, "c1", "add", r#"{"a":"#),
                first(0, "", "", "1}"),
                first(1, "c2", "sub", b),
                first(1, "", "", ""),
            ],
            ["c1", "c2"],
        ),
        (
            "id and name in every piece",
            vec![first(0, "c1", "add", r#"{"a":"#), first(0, "c1", "add", "1}"), first(1, "c2", "sub", b)],
            ["c1", "c2"],
        ),
        ("Ollama: whole calls, one index", vec![first(0, "c1", "add", a), first(0, "c2", "sub", b)], ["c1", "c2"]),
        (
            "whole calls without id, index or text",
            vec![whole("add", json!({"a": 1})), whole("sub", json!(b))],
            ["call_0", "call_1"],
        ),
        (
            "the name after the id",
            vec![first(0, "c1", "", r#"{"a":"#), first(0, "c1", "add", ""), rest(0, "1}"), first(1, "c2", "sub", b)],
            ["c1", "c2"],
        ),
    ] {
        let mut data: Vec<String> = deltas.into_iter().map(delta).collect();
        data.push(json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}).to_string());
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let answer = collected(&data);
        let call = |at: usize, name: &str, arguments: &str| ToolCall {
            id: ids[at].to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        assert_eq!(answer.tool_calls, [call(0, "add", a), call(1, "sub", b)], "{server}");
        assert_eq!(answer.reason, FinishReason::ToolCalls, "{server}: 'stop' beside calls means calls");
    }
    let interleaved = [delta(first(0, "c1", "add", "")), delta(first(1, "c2", "sub", "")), delta(rest(0, "{}"))];
    let nameless = [delta(first(0, "c1", "", "{}")), r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.to_owned()];
    for data in [interleaved.as_slice(), nameless.as_slice()] {
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        assert!(matches!(events(&data), Err(Error::Failed { .. })), "{data:?}");
    }
}

#[test]
fn log_probabilities_come_with_their_tokens() {
    let content = json!([
        {"token": "好", "logprob": -0.5, "bytes": [229, 165, 189], "top_logprobs": [
            {"token": "好", "logprob": -0.5, "bytes": [229, 165, 189]},
            {"token": "hi", "logprob": -1.5, "bytes": null, "id": 7},
        ]},
    ]);
    let chunk =
        json!({"choices": [{"delta": {"content": "好"}, "logprobs": {"content": content}, "finish_reason": "stop"}]});
    let answer = collected(&[chunk.to_string().as_str()]);
    let [token] = answer.tokens.as_slice() else { panic!("{:?}", answer.tokens) };
    assert_eq!((token.bytes.as_slice(), token.logprob, token.id), ("好".as_bytes(), Some(-0.5), u32::MAX));
    let rivals: Vec<(&[u8], f32, u32)> = token.rivals.iter().map(|r| (r.bytes.as_slice(), r.logprob, r.id)).collect();
    assert_eq!(rivals, [("好".as_bytes(), -0.5, u32::MAX), (b"hi".as_slice(), -1.5, 7)]);
}

/// A kind of error, by the first letter of its name, and its code or how long to wait.
fn kind(error: &Error) -> (char, String) {
    match error {
        Error::Invalid { code, .. } => ('I', (*code).to_owned()),
        Error::NotFound { code, .. } => ('N', (*code).to_owned()),
        Error::Conflict { .. } => ('C', String::new()),
        Error::Busy { retry_after_seconds, .. } => ('B', retry_after_seconds.to_string()),
        Error::Failed { .. } => ('F', String::new()),
    }
}

#[test]
fn refusals_in_every_form() {
    let json_type = "application/json";
    let html = "<html>\n<head><title>502 Bad Gateway</title></head>";
    let long = format!("<html>{}", "x".repeat(500));
    let overlong = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    for (status, content_type, body, retry_after, expected, parts) in [
        (400, json_type, overlong, None, ('I', "context_length_exceeded"), ["8192", "400"]),
        (
            422,
            json_type,
            r#"{"detail":[{"loc":["body","messages"],"msg":"field required"}]}"#,
            None,
            ('I', "refused_by_provider"),
            ["field required", "422"],
        ),
        (
            400,
            json_type,
            r#"{"object":"error","message":"bad top_p","type":"BadRequestError","param":null,"code":400}"#,
            None,
            ('I', "refused_by_provider"),
            ["bad top_p", "400"],
        ),
        (
            400,
            json_type,
            r#"{"error":{"code":"data_inspection_failed","message":"Output data may contain inappropriate content."}}"#,
            None,
            ('I', "content_filter"),
            ["inappropriate", "reword"],
        ),
        (
            400,
            json_type,
            r#"{"error":{"code":"1301","message":"系统检测到输入或生成内容可能包含不安全或敏感内容"}}"#,
            None,
            ('I', "content_filter"),
            ["敏感", "reword"],
        ),
        (
            401,
            json_type,
            r#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            None,
            ('F', ""),
            ["Incorrect API key", "key_env"],
        ),
        (403, "text/plain", "no", None, ('F', ""), ["text/plain", "key_env"]),
        (
            402,
            json_type,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
            None,
            ('F', ""),
            ["Insufficient Balance", "nothing left"],
        ),
        (
            404,
            json_type,
            r#"{"error":{"message":"The model `x` does not exist","type":"NotFoundError","code":404}}"#,
            None,
            ('N', "model_not_found"),
            ["`x`", "base_url"],
        ),
        (404, "text/plain", "404 page not found", None, ('F', ""), ["404 page not found", "base_url"]),
        (
            429,
            json_type,
            r#"{"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}"#,
            Some(7),
            ('B', "7"),
            ["Rate limit", "concurrency"],
        ),
        (429, "text/html", html, None, ('B', "1"), ["Bad Gateway", "429"]),
        (
            429,
            json_type,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Some(7),
            ('F', ""),
            ["quota", "nothing left"],
        ),
        (
            500,
            json_type,
            r#"{"error":"llama runner process has terminated"}"#,
            None,
            ('F', ""),
            ["llama runner", "500"],
        ),
        (502, "text/html", html, None, ('F', ""), ["<html> <head>", "502"]),
        (503, "", "", None, ('F', ""), ["503", "nothing"]),
        (503, "", "", Some(3600), ('F', ""), ["503", "after 3600 seconds"]),
        (200, "text/html; charset=utf-8", long.as_str(), None, ('F', ""), ["text/html; charset=utf-8", "xxx…\""]),
        (301, json_type, "{}", None, ('F', ""), ["301", "base_url"]),
        (418, json_type, r#"{"msg":"teapot"}"#, None, ('F', ""), ["teapot", "418"]),
    ] {
        let error = error_of(status, content_type, body.as_bytes(), retry_after);
        let message = error.to_string();
        assert_eq!(kind(&error), (expected.0, expected.1.to_owned()), "{status} {body}: {message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{status} {body}: {message}");
        assert!(message.chars().count() < 800, "{message}");
    }
}

#[test]
fn errors_within_a_stream() {
    for (data, expected, part) in [
        (r#"{"error":{"message":"overloaded","type":"overloaded_error","code":null}}"#, ('B', "1"), "overloaded"),
        (
            r#"{"error":{"message":"too long","type":"invalid_request_error","code":400}}"#,
            ('I', "refused_by_provider"),
            "too long",
        ),
        (r#"{"error":{"message":"upstream","code":502},"choices":[]}"#, ('F', ""), "upstream"),
        (r#"{"error":"out of memory"}"#, ('F', ""), "out of memory"),
        (r#"{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#, ('B', "1"), "rate limit"),
        (r#"{"base_resp":{"status_code":1026,"status_msg":"input sensitive"}}"#, ('I', "content_filter"), "sensitive"),
        (r#"{"base_resp":{"status_code":1008,"status_msg":"balance"}}"#, ('F', ""), "nothing left"),
        (r#"{"code":10013,"message":"input refused","sid":"cha1"}"#, ('I', "content_filter"), "refused"),
        (r#"{"code":"Throttling.RateQuota","message":"slow down","request_id":"1"}"#, ('B', "1"), "slow down"),
        (r#"{"code":"InternalError","message":"oh","request_id":"1"}"#, ('F', ""), "oh"),
        (r#"{"choices":[{"delta":{"content":"cut"#, ('F', ""), "not JSON"),
    ] {
        let error = events(&[data]).unwrap_err();
        assert_eq!(kind(&error), (expected.0, expected.1.to_owned()), "{data}: {error}");
        assert!(error.to_string().contains(part), "{data}: {error}");
    }
    // What is beside an answer is none: codes of success, and fields that hold nothing.
    for data in [
        r#"{"error":null,"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"base_resp":{"status_code":0,"status_msg":""},"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"code":0,"message":"Success","choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
    ] {
        assert_eq!(collected(&[data]).text, "a", "{data}");
    }
}
