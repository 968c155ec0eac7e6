//! What is read from bodies, and what is said about bodies that cannot be.

use domain::{Error, Grammar, Part, Prompt, Role, SearchMode, ToolChoice};
use serde_json::{Value, json};

use super::{chat, completion};
use crate::openai::completion::Input;
use crate::openai::copies;
use crate::openai::embedding::{EmbeddingRequest, Encoding};
use crate::openai::error::ErrorBody;

/// `param` and `code` of a complaint, whose message must name the parameter.
fn complaint<T: std::fmt::Debug>(read: Result<T, Error>) -> (String, &'static str) {
    match read.unwrap_err() {
        Error::Invalid { param, code, message } => {
            let param = param.unwrap_or_default();
            assert!(message.contains(&param), "'{param}' is not in: {message}");
            (param, code)
        }
        other => panic!("{other:?}"),
    }
}

fn check<T: std::fmt::Debug>(read: impl Fn(Value) -> Result<T, Error>, table: &[(Value, &str, &str)]) {
    for (more, param, code) in table {
        let (got_param, got_code) = complaint(read(more.clone()));
        assert_eq!((got_param.as_str(), got_code), (*param, *code), "{more}");
    }
}

#[test]
fn chat_bodies_that_cannot_be_served_are_refused_by_name() {
    let invalid = "invalid_value";
    let kind = "invalid_type";
    let unsupported = "unsupported_parameter";
    let missing = "missing_required_parameter";
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    check(
        chat,
        &[
            (json!({"model": null}), "model", missing),
            (json!({"model": 3}), "model", kind),
            (json!({"model": ""}), "model", invalid),
            (json!({"messages": null}), "messages", missing),
            (json!({"messages": []}), "messages", invalid),
            (json!({"messages": "hi"}), "messages", kind),
            (json!({"messages": ["hi"]}), "messages[0]", kind),
            (json!({"messages": [{"content": "hi"}]}), "messages[0].role", missing),
            (json!({"messages": [{"role": "robot", "content": "hi"}]}), "messages[0].role", invalid),
            (json!({"messages": [{"role": "function", "content": "hi"}]}), "messages[0].role", unsupported),
            (json!({"messages": [{"role": "user"}]}), "messages[0].content", missing),
            (
                json!({"messages": [{"role": "user", "content": "a", "mood": 1}]}),
                "messages[0].mood",
                "unknown_parameter",
            ),
            (json!({"messages": [{"role": "tool", "content": "4"}]}), "messages[0].tool_call_id", missing),
            (
                json!({"messages": [{"role": "tool", "content": "4", "tool_call_id": "a"}]}),
                "messages[0].tool_call_id",
                invalid,
            ),
            (user(json!(5)), "messages[0].content", kind),
            (user(json!([])), "messages[0].content", invalid),
            (user(json!([{"type": "text"}])), "messages[0].content[0].text", missing),
            (user(json!([{"type": "image_url", "image_url": {}}])), "messages[0].content[0].type", unsupported),
            (user(json!([{"type": "poem", "poem": ""}])), "messages[0].content[0].type", invalid),
            (json!({"temperature": 2.5}), "temperature", invalid),
            (json!({"temperature": "hot"}), "temperature", kind),
            (json!({"top_p": -0.1}), "top_p", invalid),
            (json!({"n": 0}), "n", invalid),
            (json!({"n": 17}), "n", invalid),
            (json!({"seed": 1.5}), "seed", kind),
            (json!({"stop": [""]}), "stop[0]", invalid),
            (json!({"stop": vec!["x"; 17]}), "stop", invalid),
            (json!({"stop": ["a", 1]}), "stop[1]", kind),
            (json!({"logit_bias": {"hello": 1}}), "logit_bias.hello", invalid),
            (json!({"logit_bias": {"5": 101}}), "logit_bias.5", invalid),
            (json!({"logit_bias": []}), "logit_bias", kind),
            (json!({"max_tokens": 0}), "max_tokens", invalid),
            (json!({"max_tokens": 5, "max_completion_tokens": 6}), "max_tokens", invalid),
            (json!({"top_logprobs": 3}), "top_logprobs", invalid),
            (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs", invalid),
            (json!({"stream_options": {"include_usage": true}}), "stream_options", invalid),
            (
                json!({"stream": true, "stream_options": {"include_obfuscation": true}}),
                "stream_options.include_obfuscation",
                unsupported,
            ),
            (json!({"response_format": "json"}), "response_format", kind),
            (json!({"response_format": {"type": "xml"}}), "response_format.type", invalid),
            (
                json!({"response_format": {"type": "json_schema"}}),
                "response_format.json_schema",
                "missing_required_parameter",
            ),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}),
                "response_format.json_schema.schema",
                "missing_required_parameter",
            ),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"schema": []}}}),
                "response_format.json_schema.schema",
                kind,
            ),
            (
                json!({"response_format": {"type": "json_object", "schema": {}}}),
                "response_format.schema",
                "unknown_parameter",
            ),
            (json!({"regex": ""}), "regex", invalid),
            (json!({"regex": "a", "choice": ["a"]}), "choice", invalid),
            (json!({"choice": []}), "choice", invalid),
            (json!({"choice": ["a", 1]}), "choice[1]", kind),
            (json!({"choice": ["a", ""]}), "choice[1]", invalid),
            (json!({"grammar": 5}), "grammar", kind),
            (json!({"reasoning_effort": "high"}), "reasoning_effort", unsupported),
            (json!({"functions": []}), "functions", unsupported),
            (json!({"tool_choice": "auto"}), "tool_choice", invalid),
            (json!({"search_mode": "fuzzy"}), "search_mode", invalid),
            (json!({"temperatur": 1}), "temperatur", "unknown_parameter"),
            (json!({"suffix": "x"}), "suffix", "unknown_parameter"),
        ],
    );
}

#[test]
fn what_an_answer_must_be_is_read() {
    let schema = json!({"type": "integer"});
    let format = |format: Value| json!({"response_format": format});
    for (body, wanted) in [
        (format(json!({"type": "text"})), None),
        (format(json!({"type": "json_object"})), Some(Grammar::JsonObject)),
        (
            format(json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}})),
            Some(Grammar::JsonSchema(schema.clone())),
        ),
        (json!({"regex": "a+"}), Some(Grammar::Regex("a+".to_owned()))),
        (json!({"choice": ["yes", "no"]}), Some(Grammar::Choice(vec!["yes".to_owned(), "no".to_owned()]))),
        (json!({"grammar": "start: /a/"}), Some(Grammar::Lark("start: /a/".to_owned()))),
    ] {
        assert_eq!(chat(body.clone()).unwrap().request.grammar, wanted, "{body}");
    }
}

#[test]
fn tools_are_read_and_their_mistakes_named() {
    let tool = json!({"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}});
    let read = chat(json!({"tools": [tool], "tool_choice": "auto"})).unwrap();
    assert_eq!(read.request.tools[0].name, "add");
    assert_eq!(read.request.tools[0].description, "");
    assert!(chat(json!({"tools": [tool], "tool_choice": "none"})).unwrap().request.tools.is_empty());
    let named = json!({"type": "function", "function": {"name": "add"}});
    for (choice, wanted) in [(json!("required"), ToolChoice::Required), (named, ToolChoice::Named("add".to_owned()))] {
        let read = chat(json!({"tools": [tool], "tool_choice": choice, "parallel_tool_calls": false})).unwrap().request;
        assert_eq!((read.tool_choice, read.parallel_tool_calls), (wanted, false));
    }
    let function = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    check(
        chat,
        &[
            (json!({"tools": [{"type": "retrieval"}]}), "tools[0].type", "unsupported_parameter"),
            (json!({"tools": [{"type": "function"}]}), "tools[0].function", "missing_required_parameter"),
            (function(json!({"name": "a b"})), "tools[0].function.name", "invalid_value"),
            (function(json!({"name": "a", "strict": 1})), "tools[0].function.strict", "invalid_type"),
            (function(json!({"name": "a", "parameters": "x"})), "tools[0].function.parameters", "invalid_type"),
            (
                json!({"tools": [tool], "tool_choice": {"type": "function"}}),
                "tool_choice.function",
                "missing_required_parameter",
            ),
            (
                json!({"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "sub"}}}),
                "tool_choice.function.name",
                "invalid_value",
            ),
            (json!({"tools": [tool], "tool_choice": "required", "regex": "a"}), "tool_choice", "invalid_value"),
            (json!({"tools": [tool], "tool_choice": "some"}), "tool_choice", "invalid_value"),
            (json!({"tools": [tool], "parallel_tool_calls": 0}), "parallel_tool_calls", "invalid_type"),
        ],
    );
}

#[test]
fn a_chat_body_is_read_whole() {
    let read = chat(json!({
        "messages": [
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "1+"}, {"type": "text", "text": "1?"}], "name": "Ann"},
            {"role": "assistant", "content": null, "annotations": [], "tool_calls":
                [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]},
            {"role": "tool", "content": "2", "tool_call_id": "c1"},
        ],
        "stream": true, "stream_options": {"include_usage": true},
        "n": 2, "seed": -1, "temperature": 0, "top_k": -1, "stop": "\n", "logprobs": true, "top_logprobs": 5,
        "logit_bias": {"5": -100}, "max_completion_tokens": 7.0, "search_mode": "lexical",
        "user": "u", "metadata": {"a": "b"}, "store": true, "service_tier": "auto",
        "response_format": {"type": "text"}, "modalities": ["text"],
    }))
    .unwrap();
    let Prompt::Chat(messages) = &read.request.prompt else { panic!("{read:?}") };
    let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Developer, Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(messages[1].joined_text(), "1+1?");
    assert_eq!(messages[1].name.as_deref(), Some("Ann"));
    assert_eq!(messages[2].parts, Vec::<Part>::new());
    assert_eq!(messages[2].tool_calls[0].id, "c1");
    assert!(read.delivery.stream && read.delivery.include_usage);
    assert_eq!((read.n, read.request.max_tokens, read.request.logprobs), (2, Some(7), Some(5)));
    assert_eq!(read.request.stop, ["\n"]);
    assert_eq!(read.request.sampling.top_k, 0);
    assert_eq!(read.request.sampling.logit_bias[&5], -100.0);
    assert_eq!(read.request.search, Some(SearchMode::Lexical));
    let seeds: Vec<Option<u64>> = copies(read.request, 2).into_iter().map(|copy| copy.sampling.seed).collect();
    assert_eq!(seeds, [Some(u64::MAX), Some(0)], "answers of one seed differ, and the same call gives them again");
}

#[test]
fn completion_bodies() {
    check(
        completion,
        &[
            (json!({"prompt": null}), "prompt", "missing_required_parameter"),
            (json!({"prompt": []}), "prompt", "invalid_value"),
            (json!({"prompt": {"a": 1}}), "prompt", "invalid_type"),
            (json!({"prompt": [1, -1]}), "prompt[1]", "invalid_type"),
            (json!({"prompt": ["a", 1]}), "prompt[1]", "invalid_type"),
            (json!({"prompt": [[1], []]}), "prompt[1]", "invalid_value"),
            (json!({"prompt": vec!["a"; 65], "n": 2}), "prompt", "invalid_value"),
            (json!({"suffix": "end"}), "suffix", "unsupported_parameter"),
            (json!({"best_of": 3}), "best_of", "unsupported_parameter"),
            (json!({"best_of": 1, "n": 2}), "best_of", "invalid_value"),
            (json!({"max_tokens": 0}), "max_tokens", "invalid_value"),
            (json!({"logprobs": 21}), "logprobs", "invalid_value"),
            (json!({"logprobs": true}), "logprobs", "invalid_type"),
            (json!({"messages": []}), "messages", "unknown_parameter"),
        ],
    );
    let read = completion(json!({"prompt": ["a", "b"], "n": 2, "seed": 5, "echo": true, "max_tokens": 0})).unwrap();
    let asked: Vec<_> =
        read.requests.iter().map(|r| (r.prompt.clone(), r.sampling.seed, r.max_tokens, r.echo)).collect();
    let one = |text: &str, seed| (Prompt::Text(text.to_owned()), Some(seed), Some(0), true);
    assert_eq!(asked, [one("a", 5), one("a", 6), one("b", 5), one("b", 6)]);
    let tokens = completion(json!({"prompt": [[1, 2], [3]]})).unwrap();
    assert_eq!(tokens.requests[1].prompt, Prompt::Tokens(vec![3]));
    assert_eq!(tokens.requests[0].max_tokens, Some(16), "as the specification has it");
}

#[test]
fn embedding_bodies() {
    let read = |more: Value| {
        let mut body = json!({"model": "e", "input": "hi"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        EmbeddingRequest::read(&body)
    };
    check(
        read,
        &[
            (json!({"input": null}), "input", "missing_required_parameter"),
            (json!({"input": ""}), "input", "invalid_value"),
            (json!({"input": ["a", ""]}), "input[1]", "invalid_value"),
            (json!({"input": vec!["a"; 2049]}), "input", "invalid_value"),
            (json!({"encoding_format": "hex"}), "encoding_format", "invalid_value"),
            (json!({"dimensions": 0}), "dimensions", "invalid_value"),
            (json!({"task": "query"}), "task", "unknown_parameter"),
        ],
    );
    let two = read(json!({"input": ["a", [1, 2]], "encoding_format": "base64", "dimensions": 2})).unwrap();
    assert_eq!(two.inputs, [Input::Text("a".to_owned()), Input::Tokens(vec![1, 2])]);
    assert_eq!(two.encoding, Encoding::Base64);
    assert_eq!(two.fit(vec![3.0, 4.0, 12.0]).unwrap(), [0.6, 0.8]);
    assert_eq!(complaint(two.fit(vec![1.0])), ("dimensions".to_owned(), "invalid_value"));
}

#[test]
fn errors_have_openais_shape() {
    let shape = |error: &Error| serde_json::to_value(ErrorBody::from(error)).unwrap()["error"].clone();
    for (error, kind, param, code) in [
        (Error::invalid("top_p", "invalid_value", "m"), "invalid_request_error", json!("top_p"), "invalid_value"),
        (Error::not_found("model_not_found", "m"), "invalid_request_error", json!("model"), "model_not_found"),
        (Error::not_found("document_not_found", "m"), "invalid_request_error", json!(null), "document_not_found"),
        (Error::Conflict { message: "m".to_owned() }, "invalid_request_error", json!(null), "conflict"),
        (
            Error::Busy { message: "m".to_owned(), retry_after_seconds: 1 },
            "rate_limit_error",
            json!(null),
            "queue_full",
        ),
        (Error::failed("m"), "server_error", json!(null), "internal_error"),
    ] {
        assert_eq!(shape(&error), json!({"message": "m", "type": kind, "param": param, "code": code}));
    }
}
