use domain::{Collected, FinishReason, LanguageModel, Prompt, collect};

use super::*;
use crate::tiny::Tiny;
use crate::{LoadOptions, LocalModel};

/// A model of random weights: left to itself it says nothing but noise.
fn model() -> (tempfile::TempDir, LocalModel) {
    let (folder, path) = Tiny::new("llama").write();
    let options = LoadOptions { slots: 16, threads: Some(2), ..LoadOptions::default() };
    let model = LocalModel::load(&path, &options).unwrap();
    (folder, model)
}

fn request(grammar: Grammar, seed: u64) -> Request {
    let mut request = Request::new(Prompt::Text(format!("Question {seed}")));
    (request.sampling.seed, request.sampling.min_p) = (Some(seed), 0.0);
    request.max_tokens = Some(400);
    request.grammar = Some(grammar);
    request
}

fn answers(model: &LocalModel, requests: Vec<Request>) -> Vec<Result<Collected, Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(futures_util::future::join_all(requests.into_iter().map(|one| collect(model.generate(one)))))
}

fn answer(model: &LocalModel, request: Request) -> Collected {
    answers(model, vec![request]).pop().unwrap().unwrap()
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec { name: name.to_owned(), description: String::new(), parameters, strict: false }
}

#[test]
fn noise_is_held_to_a_schema() {
    let (_folder, model) = model();
    let schema = json!({
        "type": "object",
        "properties": {
            "city": {"enum": ["北京", "Paris"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 30},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2},
            "open": {"type": "boolean"},
        },
        "required": ["city", "days", "tags", "open"],
        "additionalProperties": false,
    });
    let requests = (0..24).map(|seed| request(Grammar::JsonSchema(schema.clone()), seed)).collect();
    for answer in answers(&model, requests) {
        let answer = answer.unwrap();
        assert_eq!(answer.reason, FinishReason::Stop, "{}", answer.text);
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        assert!(["北京", "Paris"].contains(&value["city"].as_str().unwrap()), "{value}");
        assert!((1..=30).contains(&value["days"].as_i64().unwrap()), "{value}");
        assert!(value["tags"].as_array().unwrap().iter().all(|tag| tag.as_str().unwrap().chars().count() <= 3));
        assert!(value["open"].is_boolean() && value.as_object().unwrap().len() == 4, "{value}");
    }
}

#[test]
fn noise_is_held_to_patterns_choices_and_grammars() {
    let (_folder, model) = model();
    let choices = ["yes", "no", "不知道", "a \"b\"\n"];
    for seed in 0..8 {
        let said = |grammar| answer(&model, request(grammar, seed)).text;
        let date = said(Grammar::Regex("[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]".to_owned()));
        assert!(date.len() == 10 && date.as_bytes()[4] == b'-', "{date}");
        let choice = said(Grammar::Choice(choices.map(str::to_owned).to_vec()));
        assert!(choices.contains(&choice.as_str()), "{choice}");
        let sum = said(Grammar::Lark("start: NUMBER (\"+\" NUMBER)\nNUMBER: /[1-9][0-9]?/".to_owned()));
        assert!(sum.split('+').filter(|number| number.parse::<u8>().is_ok()).count() == 2, "{sum}");
        let object = answer(&model, request(Grammar::JsonObject, seed));
        assert!(object.text.starts_with('{'));
        if object.reason == FinishReason::Stop {
            assert!(serde_json::from_str::<Value>(&object.text).unwrap().is_object());
        }
    }
}

#[test]
fn what_can_only_be_said_is_not_asked_for() {
    let (_folder, model) = model();
    let schema = json!({"type": "object", "properties": {"kind": {"const": "leave"}}, "required": ["kind"], "additionalProperties": false});
    let text = r#"{"kind": "leave"}"#;
    for limit in [5, 400] {
        let mut asked = request(Grammar::JsonSchema(schema.clone()), 1);
        asked.max_tokens = Some(limit);
        asked.logprobs = Some(0);
        let answer = answer(&model, asked);
        let end = text.len().min(limit as usize);
        assert_eq!(answer.text, text[..end]);
        assert!(answer.tokens.iter().all(|token| token.logprob == Some(0.0)));
        assert_eq!(answer.reason, if end < text.len() { FinishReason::Length } else { FinishReason::Stop });
    }
    assert_eq!(model.stats().pending, 0);
}

#[test]
fn an_answer_in_a_grammar_is_the_same_in_any_company() {
    let (_folder, model) = model();
    let schema = json!({"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3});
    let asked = |seed| {
        let mut request = request(Grammar::JsonSchema(schema.clone()), seed);
        request.sampling.temperature = Some(0.0);
        request
    };
    let alone: Vec<String> = (0..16).map(|seed| answer(&model, asked(seed)).text).collect();
    let together = answers(&model, (0..16).map(asked).collect());
    let together: Vec<String> = together.into_iter().map(|answer| answer.unwrap().text).collect();
    assert_eq!(alone, together);
}

#[test]
fn what_cannot_be_honoured_is_named() {
    let (_folder, model) = model();
    let schema = "response_format";
    let deep = (0..120).fold(json!({"type": "null"}), |inner, _| json!({"type": "array", "items": inner}));
    let wide: Vec<Value> =
        (0..3000).map(|at| json!({"const": format!("value {at} {}", "x".repeat(at % 50))})).collect();
    for (grammar, param, part) in [
        (Grammar::JsonSchema(json!({"type": "array", "uniqueItems": true})), schema, "uniqueItems"),
        (Grammar::JsonSchema(json!({"type": "thing"})), schema, "thing"),
        (Grammar::JsonSchema(json!({"type": "string", "minLength": 5, "maxLength": 2})), schema, ""),
        (Grammar::JsonSchema(json!({"$ref": "#/$defs/none"})), schema, "none"),
        (Grammar::JsonSchema(json!({"$ref": "#"})), schema, "no text fulfils it"),
        (Grammar::JsonSchema(json!({"$ref": "https://example.com/schema.json"})), schema, "example.com"),
        (Grammar::Regex("(unclosed".to_owned()), "regex", ""),
        (Grammar::Lark("begin: /a/".to_owned()), "grammar", "start"),
        (Grammar::Lark("start: missing".to_owned()), "grammar", "missing"),
    ] {
        let begun = std::time::Instant::now();
        match answers(&model, vec![request(grammar.clone(), 1)]).pop().unwrap() {
            Err(Error::Invalid { param: named, message, .. }) => {
                assert_eq!(named.as_deref(), Some(param), "{grammar:?}");
                assert!(message.contains(part), "{grammar:?}: {message}");
            }
            other => panic!("{grammar:?}: {other:?}"),
        }
        assert!(begun.elapsed().as_secs() < 20, "{grammar:?}");
    }
    // One that never ends is known only by its end.
    let endless = request(Grammar::Lark("start: \"a\" start".to_owned()), 1);
    match answers(&model, vec![endless]).pop().unwrap() {
        Err(Error::Invalid { message, .. }) => assert!(message.contains("too much work"), "{message}"),
        other => panic!("{other:?}"),
    }
    // Large ones are held to their bounds, whichever way they end.
    let chain = (0..3000).map(|at| (format!("d{at}"), json!({"$ref": format!("#/$defs/d{}", at + 1)})));
    let chain: serde_json::Map<String, Value> = chain.chain([("d3000".to_owned(), json!({"type": "null"}))]).collect();
    let chain = json!({"$ref": "#/$defs/d0", "$defs": chain});
    let nested = Grammar::Regex("(((a{1,1000}){1,1000}){1,1000})".to_owned());
    let parentheses = Grammar::Lark(format!("start: {}\"a\"{}", "(".repeat(20_000), ")".repeat(20_000)));
    let schemas = [deep, json!({"anyOf": wide}), chain].map(Grammar::JsonSchema);
    for large in schemas.into_iter().chain([nested, parentheses]) {
        let mut asked = request(large, 1);
        asked.max_tokens = Some(20);
        let begun = std::time::Instant::now();
        let _ = answers(&model, vec![asked]);
        assert!(begun.elapsed().as_secs() < 20);
    }
}

#[test]
fn calls_that_must_be_are() {
    let mut tiny = Tiny::new("llama");
    tiny.template = Some("{% for m in messages %}{{ m.content }}{% endfor %}");
    let (_folder, path) = tiny.write();
    let model = LocalModel::load(&path, &LoadOptions { threads: Some(2), ..LoadOptions::default() }).unwrap();
    let day = json!({"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["day"], "additionalProperties": false});
    let tools = vec![tool("weather", day.clone()), tool("train", day)];
    for seed in 0..6 {
        for (choice, parallel) in [(ToolChoice::Required, false), (ToolChoice::Named("train".to_owned()), true)] {
            let mut asked = request(Grammar::JsonObject, seed);
            asked.prompt = Prompt::Chat(vec![domain::Message::text(domain::Role::User, "When?")]);
            (asked.grammar, asked.tools, asked.max_tokens) = (None, tools.clone(), Some(300));
            (asked.tool_choice, asked.parallel_tool_calls) = (choice.clone(), parallel);
            let answer = answer(&model, asked);
            assert!(!answer.tool_calls.is_empty() && (parallel || answer.tool_calls.len() == 1), "{answer:?}");
            for call in &answer.tool_calls {
                assert!(call.name == "train" || call.name == "weather" && choice == ToolChoice::Required);
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                assert!((1..10).contains(&arguments["day"].as_i64().unwrap()), "{arguments}");
            }
        }
    }
}

#[test]
fn a_call_that_is_begun_is_ended_well() {
    let (_folder, path) = Tiny::new("llama").write();
    let gguf = crate::gguf::Gguf::open(&path).unwrap();
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    let grammars = Grammars::new(tokenizer.clone(), tokenizer.vocab_size());
    let masker = Masker::start("test").unwrap();
    let mut asked = Request::new(Prompt::Text(String::new()));
    asked.tools = vec![tool("weather", json!({"properties": {"day": {"type": "boolean"}}, "required": ["day"]}))];
    for (parallel, after) in [(true, "free"), (false, "over")] {
        asked.parallel_tool_calls = parallel;
        let mut constraint = grammars.constraint(&asked).unwrap().unwrap();
        let say = |constraint: &mut Constraint, text: &str| {
            for id in tokenizer.encode(text) {
                constraint.consume(id, tokenizer.piece(id)).unwrap();
            }
        };
        let allowed = |constraint: &mut Constraint| {
            constraint.prepare(&masker);
            let mut logits = vec![0.0; tokenizer.vocab_size()];
            constraint.mask(&mut logits).unwrap();
            let ids = (0..logits.len() as u32).filter(|id| logits[*id as usize] == 0.0);
            ids.map(|id| String::from_utf8_lossy(tokenizer.piece(id)).into_owned()).collect::<String>()
        };
        say(&mut constraint, "Let me see. <tool_call");
        assert!(constraint.forced().is_empty() && allowed(&mut constraint).len() > 255);
        say(&mut constraint, ">");
        assert_eq!(allowed(&mut constraint), "\n{");
        say(&mut constraint, "{");
        let forced = tokenizer.decode(&constraint.forced());
        assert_eq!(forced, r#""name": "weather", "arguments": {"day": "#);
        assert_eq!(allowed(&mut constraint), "ft");
        say(&mut constraint, "true");
        say(&mut constraint, "}");
        let forced = tokenizer.decode(&constraint.forced());
        assert_eq!(forced, "}\n</tool_call>");
        assert_eq!(constraint.is_over(), after == "over");
    }
}
