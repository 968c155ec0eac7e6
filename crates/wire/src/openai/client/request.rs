//! The body of a request.

use domain::{Error, Grammar, Message, Prompt, Request, Role, Sampling, Structured, ToolCall, ToolChoice, ToolSpec};
use serde_json::{Map, Value, json};

use crate::fields::unsupported;

/// The body of `POST /chat/completions` for a model by the provider's name; the answer is to be streamed, with usage.
///
/// `structured` is what the provider can be held to; less than that is sent of a JSON Schema where it is less. With
/// `reasoning`, of a model that thinks before it answers and takes no temperature, `max_completion_tokens` is sent for
/// `max_tokens`, and none of the sampling fields: OpenAI's refuse both. A
/// `Grammar::Choice` is not sent, since servers have no common word for it: who asks must look at the answer.
/// `priority` and `client` stay here. A sampling field that OpenAI does not know is sent, spelled as vLLM does, only if
/// it is set to other than what servers do by themselves.
///
/// # Errors
/// [`Error::Invalid`] naming a parameter that cannot be said in this dialect.
pub fn chat_request(request: &Request, model: &str, structured: Structured, reasoning: bool) -> Result<Value, Error> {
    if request.echo {
        return Err(unsupported("echo", "Remote chat models do not report the prompt's tokens; use a local model."));
    }
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("model", model.into());
    put("messages", messages(&request.prompt)?);
    put("stream", true.into());
    put("stream_options", json!({"include_usage": true}));
    match request.max_tokens {
        Some(0) => {
            return Err(unsupported(
                "max_tokens",
                "Remote chat models generate at least one token; set it to 1 or more.",
            ));
        }
        Some(most) => put(if reasoning { "max_completion_tokens" } else { "max_tokens" }, most.into()),
        None => {}
    }
    if !request.stop.is_empty() {
        put("stop", json!(request.stop));
    }
    if !reasoning {
        for (name, value) in sampling(&request.sampling) {
            put(name, value);
        }
    }
    if let Some(rivals) = request.logprobs {
        put("logprobs", true.into());
        if rivals > 0 {
            put("top_logprobs", rivals.into());
        }
    }
    if let Some(grammar) = &request.grammar
        && let Some(format) = response_format(grammar, structured)?
    {
        put("response_format", format);
    }
    if !request.tools.is_empty() {
        put("tools", request.tools.iter().map(tool).collect());
        match &request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::Required => put("tool_choice", "required".into()),
            ToolChoice::Named(name) => put("tool_choice", json!({"type": "function", "function": {"name": name}})),
        }
        // Several are what servers allow by themselves, and some do not know the field.
        if !request.parallel_tool_calls {
            put("parallel_tool_calls", false.into());
        }
    }
    Ok(Value::Object(body))
}

fn messages(prompt: &Prompt) -> Result<Value, Error> {
    match prompt {
        Prompt::Chat(messages) => Ok(messages.iter().map(message).collect()),
        Prompt::Text(text) => Ok(json!([message(&Message::text(Role::User, text.as_str()))])),
        Prompt::Tokens(_) => {
            Err(unsupported("prompt", "Remote chat models take text, not token ids; send text or messages."))
        }
    }
}

/// Content goes as one string: some servers drop lists of parts in silence.
fn message(message: &Message) -> Value {
    let role = match message.role {
        // The newer name is refused by many, the older one by none.
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let text = message.joined_text();
    let content = if text.is_empty() && !message.tool_calls.is_empty() { Value::Null } else { text.into() };
    let mut body = json!({"role": role, "content": content});
    if let Some(name) = &message.name {
        body["name"] = json!(name);
    }
    if !message.tool_calls.is_empty() {
        body["tool_calls"] = message.tool_calls.iter().map(tool_call).collect();
    }
    if let Some(id) = &message.tool_call_id {
        body["tool_call_id"] = json!(id);
    }
    body
}

fn tool_call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

fn tool(tool: &ToolSpec) -> Value {
    let mut function = json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
    if tool.strict {
        function["strict"] = json!(true);
    }
    json!({"type": "function", "function": function})
}

fn sampling(sampling: &Sampling) -> Vec<(&'static str, Value)> {
    let usual = Sampling::default();
    let mut fields: Vec<(&'static str, Value)> = Vec::new();
    fields.extend(sampling.temperature.map(|temperature| ("temperature", decimal(temperature))));
    for (name, value, off) in [
        ("top_p", sampling.top_p, usual.top_p),
        ("presence_penalty", sampling.presence_penalty, usual.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty, usual.frequency_penalty),
        ("repetition_penalty", sampling.repetition_penalty, usual.repetition_penalty),
        ("typical_p", sampling.typical_p, usual.typical_p),
    ] {
        if value != off {
            fields.push((name, decimal(value)));
        }
    }
    // Our own usual value is not theirs: only one that somebody chose is sent, and 0 is what they do anyway.
    if sampling.min_p != usual.min_p && sampling.min_p != 0.0 {
        fields.push(("min_p", decimal(sampling.min_p)));
    }
    if sampling.top_k > 0 {
        fields.push(("top_k", Value::from(sampling.top_k)));
    }
    if !sampling.logit_bias.is_empty() {
        let biases = sampling.logit_bias.iter().map(|(id, bias)| (id.to_string(), decimal(*bias)));
        fields.push(("logit_bias", Value::Object(biases.collect())));
    }
    fields.extend(sampling.seed.map(|seed| ("seed", Value::from(seed.cast_signed()))));
    fields
}

/// 0.7 as 0.7, not as the 0.699999988079071 that is nearest to it in 32 bits.
fn decimal(number: f32) -> Value {
    json!(number.to_string().parse().unwrap_or(f64::from(number)))
}

fn response_format(grammar: &Grammar, structured: Structured) -> Result<Option<Value>, Error> {
    match (grammar, structured) {
        (Grammar::JsonObject | Grammar::JsonSchema(_), Structured::None) => Ok(None),
        (Grammar::JsonObject, _) | (Grammar::JsonSchema(_), Structured::Object) => {
            Ok(Some(json!({"type": "json_object"})))
        }
        (Grammar::JsonSchema(schema), Structured::Schema) => {
            let named = json!({"name": "answer", "schema": schema, "strict": is_closed(schema)});
            Ok(Some(json!({"type": "json_schema", "json_schema": named})))
        }
        (Grammar::Choice(_), _) => Ok(None),
        (Grammar::Regex(_) | Grammar::Lark(_), _) => Err(unsupported(
            grammar.param(),
            "Remote models cannot be held to it; use a JSON schema, or a local model.",
        )),
    }
}

/// Whether every object of a schema requires all its properties and allows no others: OpenAI refuses to be strict else.
fn is_closed(schema: &Value) -> bool {
    let Value::Object(map) = schema else {
        return schema.as_array().is_none_or(|items| items.iter().all(is_closed));
    };
    let properties = map.get("properties").and_then(Value::as_object);
    let of_objects = properties.is_some() || map.get("type").is_some_and(|kind| kind == "object");
    let required = map.get("required").and_then(Value::as_array);
    let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|required| required == name));
    let closed = map.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_none_or(|properties| properties.keys().all(is_required));
    (closed || !of_objects) && map.values().all(is_closed)
}
