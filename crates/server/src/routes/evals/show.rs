//! Evals, runs and output items as OpenAI writes them.

use domain::Usage;
use platform::evals::{Eval, EvalRow, Fault, Graded, Item, Run, Said, Verdict, item_id};
use serde_json::{Map, Value, json};

pub(super) fn eval(eval: &Eval) -> Value {
    let sent: Vec<&Value> = eval.criteria.iter().map(|criterion| &criterion.sent).collect();
    json!({
        "id": eval.id,
        "object": "eval",
        "created_at": eval.created / 1_000_000,
        "name": eval.name,
        "metadata": eval.metadata,
        "data_source_config": {"type": "custom", "schema": schema(eval)},
        "testing_criteria": sent,
    })
}

/// The schema of rows: the item, and what a model says of it.
fn schema(eval: &Eval) -> Value {
    if !eval.include_sample_schema {
        let properties = json!({"item": eval.item_schema});
        return json!({"type": "object", "properties": properties, "required": ["item"]});
    }
    let sample = json!({
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "output_text": {"type": "string"},
            "output_json": {"type": ["object", "array"]},
            "output_tools": {"type": "array", "items": {"type": "object"}},
            "choices": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["output_text"],
    });
    let properties = json!({"item": eval.item_schema, "sample": sample});
    json!({"type": "object", "properties": properties, "required": ["item", "sample"]})
}

/// A run, with the rows that were sent with it.
pub(super) fn run(run: &Run, rows: Option<&[EvalRow]>) -> Value {
    let tally = &run.tally;
    let used = |used: &platform::evals::Used| {
        let mut counted = usage(used.usage);
        counted.insert("model_name".to_owned(), json!(used.model));
        counted.insert("invocation_count".to_owned(), json!(used.invocations));
        Value::Object(counted)
    };
    let counted = |counted: &platform::evals::Counted| json!({"testing_criteria": counted.name, "passed": counted.passed, "failed": counted.failed});
    let mut source = run.data_source.clone();
    if let Some(rows) = rows {
        source["source"]["content"] = json!(rows);
    }
    json!({
        "id": run.id,
        "object": "eval.run",
        "eval_id": run.eval,
        "created_at": run.created / 1_000_000,
        "name": run.name,
        "metadata": run.metadata,
        "status": run.status,
        "model": run.ask.as_ref().map_or("", |ask| ask.model.as_str()),
        "report_url": format!("/v1/evals/{}/runs/{}", run.eval, run.id),
        "data_source": source,
        "error": error(run.error.as_ref()),
        "result_counts": {"total": tally.total(), "passed": tally.passed, "failed": tally.failed, "errored": tally.errored},
        "per_model_usage": tally.models.iter().map(used).collect::<Vec<Value>>(),
        "per_testing_criteria_results": tally.criteria.iter().map(counted).collect::<Vec<Value>>(),
    })
}

pub(super) fn item(eval: &str, run: &str, item: &Item) -> Value {
    let sample = &item.sample;
    let said = |said: &Said| json!({"role": said.role, "content": said.content});
    let mut output = Vec::new();
    if sample.output.is_some() || !sample.tool_calls.is_empty() {
        let mut message = json!({"role": "assistant", "content": sample.output});
        if !sample.tool_calls.is_empty() {
            message["tool_calls"] = json!(sample.tool_calls);
        }
        output.push(message);
    }
    let status = match item.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Error => "error",
    };
    json!({
        "id": item_id(run, item.index),
        "object": "eval.run.output_item",
        "eval_id": eval,
        "run_id": run,
        "created_at": item.created,
        "status": status,
        "datasource_item_id": item.index,
        "datasource_item": item.item,
        "results": item.results.iter().map(graded).collect::<Vec<Value>>(),
        "sample": {
            "model": sample.model,
            "input": sample.input.iter().map(said).collect::<Vec<Value>>(),
            "output": output,
            "finish_reason": sample.finish_reason,
            "usage": usage(sample.usage),
            "max_completion_tokens": sample.max_tokens,
            "temperature": sample.sampling.temperature.map(decimal),
            "top_p": decimal(sample.sampling.top_p),
            "seed": sample.sampling.seed.map(u64::cast_signed),
            "error": error(sample.error.as_ref()),
        },
    })
}

fn graded(graded: &Graded) -> Value {
    let mut shown = json!({
        "name": graded.name,
        "type": format!("{}-grader", graded.kind.replace('_', "-")),
        "passed": graded.passed,
        "score": graded.score,
        "sample": graded.sample,
    });
    if let Some(fault) = &graded.error {
        shown["error"] = error(Some(fault));
    }
    shown
}

fn usage(usage: Usage) -> Map<String, Value> {
    let counts = [
        ("prompt_tokens", usage.prompt_tokens),
        ("completion_tokens", usage.completion_tokens),
        ("total_tokens", usage.prompt_tokens.saturating_add(usage.completion_tokens)),
        ("cached_tokens", usage.cached_tokens),
    ];
    counts.into_iter().map(|(name, count)| (name.to_owned(), Value::from(count))).collect()
}

fn error(fault: Option<&Fault>) -> Value {
    fault.map_or(Value::Null, |fault| json!({"code": fault.code, "message": fault.message}))
}

/// 0.7 as 0.7, not as the 0.699999988079071 that is nearest to it in 32 bits.
fn decimal(number: f32) -> Value {
    json!(number.to_string().parse().unwrap_or(f64::from(number)))
}
