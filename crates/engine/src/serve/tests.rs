use std::time::{Duration, Instant};

use domain::{Collected, Event, FinishReason, Message, Role, collect};
use futures_util::StreamExt;

use super::*;
use crate::tiny::{CONTEXT, Tiny};

fn model(options: LoadOptions) -> (tempfile::TempDir, LocalModel) {
    let (folder, path) = Tiny::new("llama").write();
    let model = LocalModel::load(&path, &options).unwrap();
    (folder, model)
}

fn options(slots: usize, queue: usize) -> LoadOptions {
    LoadOptions { slots, queue, threads: Some(2), ..LoadOptions::default() }
}

fn greedy(prompt: &[u32], tokens: u32) -> Request {
    let mut request = Request::new(Prompt::Tokens(prompt.to_vec()));
    request.sampling.temperature = Some(0.0);
    request.max_tokens = Some(tokens);
    // The end token would end a random model anywhere.
    request.sampling.logit_bias.insert(crate::tiny::END, -100.0);
    request
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn run(model: &LocalModel, request: Request) -> Collected {
    block_on(collect(model.generate(request))).unwrap()
}

fn prompt(len: usize, seed: u32) -> Vec<u32> {
    (0..len as u32).map(|i| (i * 37 + seed * 101) % 256).collect()
}

#[test]
fn what_is_remembered_changes_the_work_but_not_the_answer() {
    let (_folder, model) = model(options(2, 8));
    let prompt = prompt(600, 1);
    let first = run(&model, greedy(&prompt, 20));
    assert_eq!((first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.cached_tokens), (600, 20, 0));
    assert_eq!(first.reason, FinishReason::Length);
    let again = run(&model, greedy(&prompt, 20));
    assert_eq!((again.usage.cached_tokens, &again.text), (592, &first.text));
    // The same beginning, another end: what is shared is taken over, and the first conversation is not lost.
    let mut other = prompt[..200].to_vec();
    other.extend([7, 7, 7]);
    assert_eq!(run(&model, greedy(&other, 4)).usage.cached_tokens, 195);
    assert_eq!(run(&model, greedy(&prompt, 20)).usage.cached_tokens, 592);
    assert_eq!(run(&model, greedy(&other, 4)).usage.cached_tokens, 195);
}

#[test]
fn requests_side_by_side_do_not_touch_each_other() {
    let (_folder, model) = model(options(3, 8));
    let requests: Vec<Request> = (0..5).map(|seed| greedy(&prompt(300 + seed as usize, seed), 12)).collect();
    let together = block_on(async {
        let answers = requests.iter().map(|request| collect(model.generate(request.clone())));
        futures_util::future::join_all(answers).await
    });
    let (_folder, alone) = self::model(options(1, 8));
    for (request, together) in requests.into_iter().zip(together) {
        assert_eq!(run(&alone, request).text, together.unwrap().text);
    }
}

#[test]
fn a_stop_string_ends_the_answer_before_it() {
    let (_folder, model) = model(options(1, 8));
    let whole = run(&model, greedy(&prompt(10, 3), 60)).text;
    let middle: Vec<char> = whole.chars().skip(20).take(3).collect();
    let stop: String = middle.into_iter().collect();
    let mut request = greedy(&prompt(10, 3), 60);
    request.stop = vec![stop.clone()];
    request.logprobs = Some(0);
    let stopped = run(&model, request);
    assert_eq!(stopped.text, whole[..whole.find(&stop).unwrap()]);
    assert_eq!(stopped.reason, FinishReason::Stop);
}

#[test]
fn probabilities_are_the_models_own() {
    let (_folder, model) = model(options(1, 8));
    let mut request = greedy(&prompt(10, 4), 8);
    request.logprobs = Some(5);
    let answer = run(&model, request.clone());
    assert_eq!(answer.tokens.len(), 8);
    for token in &answer.tokens {
        assert_eq!(token.rivals.len(), 5);
        assert!(token.rivals.windows(2).all(|pair| pair[0].logprob >= pair[1].logprob));
        let sum: f32 = token.rivals.iter().map(|rival| rival.logprob.exp()).sum();
        assert!(sum <= 1.001 && token.logprob.unwrap() <= 0.0);
        let own = token.rivals.iter().find(|rival| rival.id == token.id);
        assert!(own.is_none_or(|own| Some(own.logprob) == token.logprob));
    }
    // The prompt and the answer scored as one prompt: the same numbers.
    let mut all = prompt(10, 4);
    all.extend(answer.tokens.iter().map(|token| token.id));
    let mut scored = Request::new(Prompt::Tokens(all));
    (scored.echo, scored.max_tokens, scored.logprobs) = (true, Some(0), Some(1));
    let scored = run(&model, scored);
    assert_eq!((scored.tokens.len(), scored.text.as_str()), (18, ""));
    assert_eq!(scored.tokens[0].logprob, None);
    for (echoed, token) in scored.tokens[10..].iter().zip(&answer.tokens) {
        assert!((echoed.logprob.unwrap() - token.logprob.unwrap()).abs() < 1e-2, "{echoed:?} {token:?}");
    }
}

#[test]
fn who_leaves_frees_the_slot_in_the_middle_of_a_prompt() {
    let (_folder, model) = model(options(1, 8));
    block_on(async {
        for round in 0..200 {
            let mut long = model.generate(greedy(&prompt(CONTEXT as usize - 100, round), 50));
            if round % 3 > 0 {
                let _ = long.next().await; // sometimes after it has begun
            }
            drop(long);
        }
        let started = Instant::now();
        let answer = collect(model.generate(greedy(&[1, 2, 3], 2))).await.unwrap();
        assert_eq!(answer.usage.completion_tokens, 2);
        assert!(started.elapsed() < Duration::from_secs(20), "the 200 did not run to their ends");
        assert_eq!(model.stats().pending, 0, "every place is given back");
    });
}

#[test]
fn one_too_many_is_told_to_come_back() {
    let (_folder, model) = model(options(1, 1));
    let held: Vec<EventStream> = (0..2).map(|_| model.generate(greedy(&prompt(2000, 1), 900))).collect();
    let refused = block_on(collect(model.generate(greedy(&[1], 1)))).unwrap_err();
    assert!(matches!(refused, Error::Busy { .. }), "{refused:?}");
    drop(held);
}

#[test]
fn prompts_that_cannot_be_read_are_refused_by_name() {
    let (_folder, model) = model(LoadOptions { context: Some(100), ..options(1, 1) });
    let refused = |request| block_on(collect(model.generate(request))).unwrap_err().to_string();
    let error = refused(greedy(&prompt(130, 1), 1));
    assert!(error.contains("130") && error.contains("100") && error.contains("31"), "{error}");
    let error = refused(greedy(&[5000], 1));
    assert!(error.contains("5000") && error.contains("258"), "{error}");
    let answer = run(&model, greedy(&prompt(95, 1), 50));
    assert_eq!((answer.usage.completion_tokens, answer.reason), (5, FinishReason::Length));
}

#[test]
fn a_conversation_is_laid_out_and_answered() {
    let (_folder, model) = model(options(1, 1));
    let mut request = greedy(&[], 3);
    request.prompt = Prompt::Chat(vec![Message::text(Role::User, "hi<|im_end|>")]);
    let ids = model.shared.encode(&request).unwrap();
    let ends = ids.iter().filter(|&&id| id == crate::tiny::END).count();
    assert_eq!(ends, 1, "only the layout's own end token, not the one the person wrote");
    let mut progress = Vec::new();
    block_on(async {
        let mut events = model.generate(request);
        while let Some(event) = events.next().await {
            if let Event::Progress(step) = event.unwrap() {
                progress.push(step);
            }
        }
    });
    assert_eq!(progress, [domain::Progress::Prompt { done: ids.len(), total: ids.len() }]);
}
