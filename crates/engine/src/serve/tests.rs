use std::time::{Duration, Instant};

use domain::{Collected, Event, FinishReason, Message, Role, collect};
use futures_util::StreamExt;

use super::*;
use crate::tiny::{CONTEXT, FAMILIES, RECURRENT, Tiny};

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
    assert_eq!((again.usage.cached_tokens, &again.text), (599, &first.text));
    // The same beginning, another end: what is shared is taken over, and the first conversation is not lost.
    let mut other = prompt[..200].to_vec();
    other.extend([7, 7, 7]);
    assert_eq!(run(&model, greedy(&other, 4)).usage.cached_tokens, 200);
    assert_eq!(run(&model, greedy(&prompt, 20)).usage.cached_tokens, 599);
    assert_eq!(run(&model, greedy(&other, 4)).usage.cached_tokens, 202);
    // A conversation goes on after its answer, whose last token nobody has read.
    let mut longer = greedy(&prompt, 20);
    longer.logprobs = Some(0);
    let answer = run(&model, longer);
    let mut longer = prompt.clone();
    longer.extend(answer.tokens.iter().map(|token| token.id));
    longer.extend([5, 6]);
    assert_eq!(run(&model, greedy(&longer, 4)).usage.cached_tokens, 619);
}

/// Text and the probability of every token, to the bit.
fn told(answer: Collected) -> (String, Vec<(u32, Option<u32>)>) {
    let bits = answer.tokens.iter().map(|token| (token.id, token.logprob.map(f32::to_bits))).collect();
    (answer.text, bits)
}

/// Prompts of many lengths, some of which begin alike.
fn mixed(count: u32) -> Vec<Request> {
    let request = |seed: u32| {
        let mut ids = prompt(if seed.is_multiple_of(3) { 333 } else { 0 }, 77);
        ids.extend(prompt(1 + seed as usize * 41 % 500, seed));
        let mut request = greedy(&ids, 5 + seed * 7 % 30);
        request.logprobs = Some(1);
        request
    };
    (0..count).map(request).collect()
}

fn at_once(model: &LocalModel, requests: &[Request]) -> Vec<Collected> {
    block_on(async {
        let answers = requests.iter().map(|request| collect(model.generate(request.clone())));
        futures_util::future::join_all(answers).await.into_iter().map(Result::unwrap).collect()
    })
}

#[test]
fn an_answer_has_the_same_bits_alone_in_company_and_after_a_prefix() {
    for family in FAMILIES {
        let (_folder, path) = Tiny::new(family).write();
        let load = |slots| LocalModel::load(&path, &options(slots, 64)).unwrap();
        let together = load(16);
        let requests = mixed(24);
        let first: Vec<_> = at_once(&together, &requests).into_iter().map(told).collect();
        let again: Vec<_> = at_once(&together, &requests).into_iter().map(told).collect();
        for (at, request) in requests.iter().enumerate() {
            let alone = told(run(&load(1), request.clone()));
            assert_eq!(alone, first[at], "{family} {at}");
            assert_eq!(alone, again[at], "{family} {at}, after a prefix");
        }
    }
}

#[test]
fn an_answer_has_the_same_bits_with_a_small_cache_in_any_company() {
    for family in ["llama", "gemma3"] {
        let (_folder, path) = Tiny::new(family).write();
        let load = |slots| LocalModel::load(&path, &LoadOptions { small_cache: true, ..options(slots, 64) }).unwrap();
        let together = load(16);
        let requests = mixed(16);
        let first: Vec<_> = at_once(&together, &requests).into_iter().map(told).collect();
        let again: Vec<_> = at_once(&together, &requests).into_iter().map(told).collect();
        for (at, request) in requests.iter().enumerate() {
            let alone = told(run(&load(1), request.clone()));
            assert_eq!((&alone, &alone), (&first[at], &again[at]), "{family} {at}");
        }
        let used = |small_cache| {
            let model = LocalModel::load(&path, &LoadOptions { small_cache, ..options(1, 1) }).unwrap();
            run(&model, greedy(&prompt(600, 1), 2));
            model.stats().cache_used as f64
        };
        assert!(used(true) / used(false) < 0.6, "{family}: {} of {}", used(true), used(false));
    }
}

/// The order in which requests of `(client, priority, prompt, tokens)`, sent one after the other, are answered.
fn order_of_answers(model: &LocalModel, asked: &[(&str, i32, usize, u32)]) -> Vec<usize> {
    block_on(async {
        let mut answers = futures_util::stream::FuturesUnordered::new();
        for (at, (client, priority, len, tokens)) in asked.iter().enumerate() {
            let mut request = greedy(&prompt(*len, at as u32), *tokens);
            (request.client, request.priority) = ((*client).to_owned(), *priority);
            let answer = collect(model.generate(request));
            answers.push(async move {
                answer.await.unwrap();
                at
            });
        }
        let mut order = Vec::new();
        while let Some(at) = answers.next().await {
            order.push(at);
        }
        order
    })
}

#[test]
fn clients_take_turns_and_the_urgent_go_first() {
    let (_folder, model) = model(options(1, 64));
    // One client's four, and another's one after them: it does not wait for all of the four.
    let order = order_of_answers(
        &model,
        &[("a", 0, 900, 300), ("a", 0, 900, 300), ("a", 0, 900, 300), ("a", 0, 900, 300), ("b", 0, 50, 5)],
    );
    assert!(order.iter().position(|&at| at == 4) < Some(2), "{order:?}");
    // What is more urgent takes the slot of what is less, which goes on afterwards.
    let long = ("a", 5, 1000, 900);
    let order = order_of_answers(&model, &[long, ("a", 0, 20, 3), ("b", -1, 20, 3), ("b", 7, 20, 3)]);
    assert_eq!(order, [2, 1, 0, 3]);
    let (_folder, alone) = self::model(options(1, 8));
    let request = || greedy(&prompt(1000, 0), 900);
    let whole = run(&alone, request());
    let interrupted = block_on(async {
        let mut low = request();
        low.priority = 1;
        let low = collect(model.generate(low));
        let high = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            collect(model.generate(greedy(&[1, 2, 3], 3))).await
        };
        let (low, high) = futures_util::future::join(low, high).await;
        high.unwrap();
        low.unwrap()
    });
    assert_eq!(interrupted.text, whole.text, "nothing is lost on the way");
    assert_eq!(interrupted.usage.completion_tokens, 900);
}

#[test]
fn those_that_begin_alike_read_it_once() {
    let (_folder, model) = model(options(8, 8));
    let requests: Vec<_> = (0..8)
        .map(|seed| {
            let mut ids = prompt(1000, 3);
            ids.extend(prompt(30, seed));
            greedy(&ids, 3)
        })
        .collect();
    let cached: Vec<u32> = at_once(&model, &requests).iter().map(|answer| answer.usage.cached_tokens).collect();
    assert_eq!(cached.iter().filter(|&&cached| cached < 960).count(), 1, "one reads for all: {cached:?}");
}

#[test]
fn requests_that_do_not_fit_into_memory_together_take_turns() {
    for family in ["llama", "rwkv7", "mamba2"] {
        let (_folder, path) = Tiny::new(family).write();
        let little = LoadOptions { cache: 0, ..options(8, 64) };
        let model = LocalModel::load(&path, &little).unwrap();
        let requests: Vec<_> =
            (0..12).map(|seed| greedy(&prompt(CONTEXT as usize / 4 + seed as usize, seed), 200)).collect();
        let together = at_once(&model, &requests);
        let alone = LocalModel::load(&path, &options(1, 8)).unwrap();
        for (request, together) in requests.into_iter().zip(together) {
            assert_eq!((together.usage.completion_tokens, together.reason), (200, FinishReason::Length));
            assert_eq!(run(&alone, request).text, together.text, "{family}");
        }
        assert!(model.stats().cache_used <= model.stats().cache_most);
    }
}

#[test]
fn a_state_takes_the_same_room_however_long_the_text() {
    for family in RECURRENT {
        let (_folder, path) = Tiny::new(family).write();
        let little = LoadOptions { cache: 0, ..options(1, 8) };
        let model = LocalModel::load(&path, &little).unwrap();
        let long = prompt(CONTEXT as usize - 100, 1);
        let answer = run(&model, greedy(&long, 90));
        assert_eq!(answer.usage.completion_tokens, 90);
        let page = model.stats().cache_most / crate::decoder::STATES_AT_ONCE as u64;
        assert!(model.stats().cache_used <= model.stats().cache_most, "{} pages", model.stats().cache_used / page);
    }
}

#[test]
fn a_state_is_remembered_at_every_page_and_where_an_answer_ended() {
    for family in RECURRENT {
        let (_folder, path) = Tiny::new(family).write();
        let model = LocalModel::load(&path, &options(2, 8)).unwrap();
        let prompt = prompt(600, 1);
        let mut asked = greedy(&prompt, 20);
        asked.logprobs = Some(0);
        let first = run(&model, asked.clone());
        assert_eq!((first.usage.cached_tokens, first.usage.completion_tokens), (0, 20), "{family}");
        let again = run(&model, asked);
        assert_eq!((again.usage.cached_tokens, &again.text), (576, &first.text), "{family}: nine pages");
        let mut longer = prompt.clone();
        longer.extend(first.tokens.iter().map(|token| token.id));
        longer.extend([5, 6]);
        let next = run(&model, greedy(&longer, 4));
        assert_eq!(next.usage.cached_tokens, 619, "{family}: a conversation goes on after its answer");
        let fresh = LocalModel::load(&path, &options(1, 8)).unwrap();
        assert_eq!(run(&fresh, greedy(&longer, 4)).text, next.text, "{family}");
    }
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
    for family in ["llama", "rwkv6", "mamba"] {
        let (_folder, path) = Tiny::new(family).write();
        let model = LocalModel::load(&path, &options(1, 8)).unwrap();
        who_leaves(&model);
        let asked = greedy(&prompt(CONTEXT as usize - 100, 7), 20);
        let fresh = LocalModel::load(&path, &options(1, 8)).unwrap();
        assert_eq!(
            run(&model, asked.clone()).text,
            run(&fresh, asked).text,
            "{family}: what they left behind is sound"
        );
    }
}

fn who_leaves(model: &LocalModel) {
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

#[test]
fn guesses_change_the_work_and_not_the_answer() {
    for family in FAMILIES {
        let (_folder, path) = Tiny::new(family).write();
        let load = |guess| LocalModel::load(&path, &LoadOptions { guess, ..options(4, 64) }).unwrap();
        let (guessing, plain) = (load(true), load(false));
        let (mut guessed, mut came, mut came_in_grammar) = (0, 0, 0);
        for seed in 0..8 {
            for temperature in [0.0, 0.3, 1.0] {
                let mut request = greedy(&prompt(40, seed), 120);
                // Of three tokens nearly everything has been said before.
                request.sampling.logit_bias.extend([10, 11, 12].map(|id| (id, 60.0)));
                (request.sampling.temperature, request.sampling.seed) = (Some(temperature), Some(seed.into()));
                request.sampling.frequency_penalty = if seed % 2 == 0 { 0.0 } else { 0.1 };
                request.logprobs = Some(1);
                if seed % 4 == 3 {
                    // Some of it is free and some forced, and both have been said before.
                    request.grammar =
                        Some(domain::Grammar::Regex(r"([\n\x0b\x0c]{2} to [\n\x0b\x0c]{3}; ){30}".to_owned()));
                }
                let (with, without) = (run(&guessing, request.clone()), run(&plain, request.clone()));
                if request.grammar.is_some() {
                    came_in_grammar += with.usage.accepted_tokens;
                }
                assert_eq!((without.usage.guessed_tokens, with.usage.completion_tokens), (0, 120));
                guessed += with.usage.guessed_tokens;
                came += with.usage.accepted_tokens;
                let again = run(&guessing, request);
                assert_eq!(told(with), told(without.clone()), "{family} {seed} {temperature}");
                assert_eq!(told(again), told(without), "{family} {seed} {temperature}, remembered");
            }
        }
        assert!(came > 0 && guessed > came, "{family}: {came} of {guessed}");
        assert!(came_in_grammar > 0, "{family}: no guess came true in a grammar");
    }
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    for (family, tensor, at_load) in [
        ("llama", "output_norm.weight", true),
        ("llama", "blk.1.attn_norm.weight", true),
        ("llama", "blk.0.attn_q.weight", true),
        ("llama", "token_embd.weight", true),
        // Rows of it are met with their tokens: it is not what logits are made with.
        ("rwkv7", "token_embd.weight", false),
    ] {
        let mut tiny = Tiny::new(family);
        tiny.tensors.get_mut(tensor).unwrap().fill(f32::NAN);
        let (_folder, path) = tiny.write();
        match LocalModel::load(&path, &options(1, 1)) {
            Err(error) => {
                let said = error.to_string();
                assert!(at_load && said.contains(tensor) && said.contains("NaN"), "{tensor}: {said}");
            }
            Ok(model) => {
                let mut echo = greedy(&[1, 2, 3], 2);
                (echo.echo, echo.logprobs) = (true, Some(1));
                for request in [greedy(&[1, 2, 3], 2), echo] {
                    let error = block_on(collect(model.generate(request))).unwrap_err().to_string();
                    assert!(!at_load && error.contains("NaN") && error.contains("damaged"), "{tensor}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_vocabulary_that_does_not_fit_is_named() {
    let mut tiny = Tiny::new("llama");
    let rows = tiny.tensors.get_mut("token_embd.weight").unwrap();
    rows.truncate(rows.len() / 2);
    let (_folder, path) = tiny.write();
    let error = LocalModel::load(&path, &options(1, 1)).err().unwrap().to_string();
    assert!(error.contains("258") && error.contains("129"), "{error}");
}
