//! Typed output: an answer that cannot leave its grammar.
//!
//! [`Grammars`] compiles what a request asks for, once the tokenizer is laid out as a trie of bytes; a [`Constraint`]
//! follows one answer token by token. Masks are computed on a thread of their own while the model computes logits, and
//! tokens of which there is only one are not asked for at all.

mod constraint;
mod env;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use domain::{Error, Grammar, Request, ToolChoice, ToolSpec};
use llguidance::api::{GrammarWithLexer, TopLevelGrammar};
use llguidance::toktrie::InferenceCapabilities;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

pub(crate) use constraint::{Constraint, Masker};

use crate::Tokenizer;
use crate::tool_calls::{CLOSE, OPEN};

/// Bytes of stack for compiling, of which only what is used is taken from memory.
const STACK: usize = 1 << 28;

/// Compiles grammars for one model.
pub(crate) struct Grammars {
    tokenizer: Tokenizer,
    vocabulary: usize,
    /// Made when the first request wants it: a trie of all tokens takes a tenth of a second and some megabytes.
    factory: OnceLock<Result<ParserFactory, String>>,
}

impl Grammars {
    /// `vocabulary` counts the model's logits.
    pub(crate) fn new(tokenizer: Tokenizer, vocabulary: usize) -> Self {
        Self { tokenizer, vocabulary, factory: OnceLock::new() }
    }

    /// What keeps the answer to a request in its grammar; `None` if it may say anything.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter, with what of it cannot be honoured.
    pub(crate) fn constraint(&self, request: &Request) -> Result<Option<Constraint>, Error> {
        if let Some(grammar) = &request.grammar {
            return Ok(Some(Constraint::whole(self.matcher(grammar.param(), compiled(grammar))?)));
        }
        let Some(first) = request.tools.first() else { return Ok(None) };
        let parallel = request.parallel_tool_calls;
        let must = |tools: &[ToolSpec]| {
            let opened = format!("\"{OPEN}\\n\"");
            Ok(Some(Constraint::whole(self.calls(tools, &opened, parallel)?)))
        };
        match &request.tool_choice {
            ToolChoice::Auto => {
                let body = self.calls(&request.tools, "/\\n?/", false)?;
                Ok(Some(Constraint::of_calls(body, parallel)))
            }
            ToolChoice::Required => must(&request.tools),
            ToolChoice::Named(name) => {
                let tool = request.tools.iter().find(|tool| tool.name == *name).unwrap_or(first);
                must(std::slice::from_ref(tool))
            }
        }
    }

    /// Arguments of tools that are not strict are held to their schemas where all of those can be honoured.
    fn calls(&self, tools: &[ToolSpec], open: &str, parallel: bool) -> Result<Matcher, Error> {
        let all = self.matcher("tools", calls(tools, open, parallel));
        if all.is_ok() || tools.iter().all(|tool| tool.strict) {
            return all;
        }
        let any = |tool: &ToolSpec| {
            let parameters = if tool.strict { tool.parameters.clone() } else { json!({}) };
            ToolSpec { parameters, ..tool.clone() }
        };
        let tools: Vec<ToolSpec> = tools.iter().map(any).collect();
        self.matcher("tools", calls(&tools, open, parallel))
    }

    fn matcher(&self, param: &str, grammar: TopLevelGrammar) -> Result<Matcher, Error> {
        let factory = self.factory.get_or_init(|| factory(&self.tokenizer, self.vocabulary));
        let factory = factory.as_ref().map_err(|why| Error::failed(format!("typed output: {why}")))?;
        // The compiler goes down into what it reads by recursion: a long chain of references must not end the program.
        let matcher = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("grammar".to_owned()).stack_size(STACK);
            let compiled = thread.spawn_scoped(scope, || begun(Matcher::new(factory.create_parser(grammar))));
            compiled.map_err(|error| error.to_string())?.join().map_err(|_| "it brings the compiler down".to_owned())
        });
        matcher.and_then(|matcher| matcher).map_err(|why| Error::invalid(param, "invalid_grammar", plain(param, &why)))
    }
}

/// A grammar that compiled, if an answer can begin in it: one that only refers to itself, say, has none.
fn begun(mut matcher: Matcher) -> Result<Matcher, String> {
    if let Some(why) = matcher.get_error() {
        return Err(why);
    }
    match matcher.compute_mask_or_eos() {
        Ok(_) => Ok(matcher),
        Err(error) => Err(halted(&error.to_string())),
    }
}

/// Why an answer cannot go on in its grammar. The matcher's own reason is lost by its error, whose text begins with it.
fn halted(error: &str) -> String {
    match error.lines().next().unwrap_or_default() {
        reason if reason.contains("NoExtension") => "no text fulfils it".to_owned(),
        reason => format!("it takes too much work: {reason}"),
    }
}

fn factory(tokenizer: &Tokenizer, vocabulary: usize) -> Result<ParserFactory, String> {
    let env = env::Env::new(tokenizer.clone(), vocabulary);
    let capabilities = InferenceCapabilities { ff_tokens: env.is_canonical(), ..InferenceCapabilities::default() };
    let slices = llguidance::earley::SlicedBiasComputer::general_slices();
    let env: llguidance::toktrie::TokEnv = std::sync::Arc::new(env);
    let mut factory = ParserFactory::new(&env, capabilities, &slices).map_err(|error| error.to_string())?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// A grammar in the compiler's terms.
fn compiled(grammar: &Grammar) -> TopLevelGrammar {
    match grammar {
        Grammar::JsonObject => schema(&json!({"type": "object"})),
        Grammar::JsonSchema(value) => schema(value),
        Grammar::Regex(pattern) => TopLevelGrammar::from_regex(pattern),
        Grammar::Choice(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
            TopLevelGrammar::from_lark(format!("start: {}", texts.join(" | ")))
        }
        Grammar::Lark(text) => TopLevelGrammar::from_lark(text.clone()),
    }
}

fn schema(value: &Value) -> TopLevelGrammar {
    TopLevelGrammar::from_json_schema(spaced(value))
}

/// The schema, with JSON written as models write it: a blank after each comma and colon, no other white space. A choice
/// of white space is one that a small model gets lost in.
fn spaced(schema: &Value) -> Value {
    let mut schema = match schema {
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        other => other.clone(),
    };
    if let Value::Object(map) = &mut schema {
        let style = json!({"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false});
        map.insert("x-guidance".to_owned(), style);
    }
    schema
}

/// Calls of tools as the templates write them, the first of them opened by `open`.
fn calls(tools: &[ToolSpec], open: &str, parallel: bool) -> TopLevelGrammar {
    let next = if parallel { format!(" (\"\\n{OPEN}\\n\" call)*") } else { String::new() };
    let names: Vec<String> = (0..tools.len()).map(|at| format!("call_{at}")).collect();
    let mut lark = format!("start: {open} call{next}\ncall: ({}) \"\\n{CLOSE}\"\n", names.join(" | "));
    let mut grammars = vec![GrammarWithLexer::default()];
    for (at, tool) in tools.iter().enumerate() {
        let head = Value::from(format!("{{\"name\": {}, \"arguments\": ", Value::from(tool.name.as_str())));
        lark.push_str(&format!("call_{at}: {head} @arguments_{at} \"}}\"\n"));
        let mut arguments = tool.parameters.clone();
        if let Value::Object(map) = &mut arguments {
            map.entry("type").or_insert_with(|| "object".into());
        }
        let mut grammar = GrammarWithLexer::from_json_schema(spaced(&arguments));
        grammar.name = Some(format!("arguments_{at}"));
        grammars.push(grammar);
    }
    grammars[0] = GrammarWithLexer::from_lark(lark);
    TopLevelGrammar { grammars, max_tokens: None }
}

/// A compiler's message in one line.
fn plain(param: &str, why: &str) -> String {
    let lines: Vec<&str> = why.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let why: String = lines.join(" ").chars().take(300).collect();
    format!("'{param}' cannot be honoured: {why}. Leave that part out, or say it in the prompt.")
}
