//! How fast a model runs here, beside what the machine can do at most.

use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::{LanguageModel, Prompt, Request};
use engine::{Footprint, Limits, LoadOptions, LocalModel};
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::{Error, Result, Workspace};

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Lengths of prompts, in tokens.
    pub prompts: Vec<usize>,
    /// Tokens before the ones that are written.
    pub contexts: Vec<usize>,
    /// Requests at once.
    pub batches: Vec<usize>,
    /// The median of so many tries counts.
    pub repeats: usize,
    /// Threads; `None`: what the machine has.
    pub threads: Option<usize>,
    /// Keys and values are kept in 8 bits.
    pub small_cache: bool,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self {
            prompts: vec![128, 512, 2048],
            contexts: vec![0, 2048],
            batches: vec![2, 4, 8, 16],
            repeats: 3,
            threads: None,
            small_cache: false,
        }
    }
}

/// One thing measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchRow {
    /// What it is.
    #[serde(flatten)]
    pub workload: Workload,
    /// Tokens read or written in a second, of all requests together: the median of the tries.
    pub tokens_per_second: f64,
    /// The slowest and the fastest try.
    pub between: (f64, f64),
    /// Milliseconds to the first token.
    pub first_token_ms: f64,
    /// Bytes of weights read in a second as a share of the bandwidth, where one request writes.
    pub of_bandwidth: Option<f64>,
    /// Operations with weights as a share of the integers' peak, where prompts are read.
    pub of_peak: Option<f64>,
}

/// A thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "workload", content = "tokens", rename_all = "snake_case")]
pub enum Workload {
    /// A prompt of so many tokens is read.
    Prompt(usize),
    /// One request writes, after so many tokens.
    Decode(usize),
    /// So many requests at once read a short prompt and write.
    Batch(usize),
}

/// A model's speed on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchReport {
    /// The model.
    pub model: String,
    /// Threads.
    pub threads: usize,
    /// Bytes read from memory in a second, at most.
    pub bandwidth: f64,
    /// Operations on 8-bit integers in a second, at most.
    pub integer_peak: f64,
    /// Operations on floats in a second, at most.
    pub float_peak: f64,
    /// What the model takes.
    pub footprint: Footprint,
    /// Seconds it took to load.
    pub load_seconds: f64,
    /// What was measured.
    pub rows: Vec<BenchRow>,
    /// What was not, because it does not fit into the model's context.
    pub left_out: Vec<Workload>,
}

/// Tokens that one request writes.
const WRITTEN: u32 = 64;
/// Tokens that each of several requests reads.
pub(crate) const SHORT: usize = 64;
/// Tokens that each of several requests writes.
pub(crate) const EACH: u32 = 48;

impl Workspace {
    /// The file of an installed model that writes, or the file itself if `model` is a path to one.
    ///
    /// # Errors
    /// If it is neither, or makes vectors.
    pub fn model_file(&self, model: &str) -> Result<PathBuf> {
        if Path::new(model).is_file() {
            return Ok(PathBuf::from(model));
        }
        let installed = self.models().installed(model)?;
        if installed.card.embeds() {
            let why = format!("'{model}' makes vectors, not text; choose a generating model");
            return Err(Error::invalid("model", "invalid_model", why));
        }
        Ok(installed.path)
    }

    /// Measures a model, and the machine beside it. `progress` is told what is measured next, and of how many it is.
    ///
    /// # Errors
    /// If the model cannot be loaded or run.
    pub async fn bench(
        &self,
        model: &str,
        options: &BenchOptions,
        mut progress: impl FnMut(usize, usize, &str) + Send,
    ) -> Result<BenchReport> {
        let path = self.model_file(model)?;
        let footprint = engine::footprint(&path)?;
        let longest = options.prompts.iter().chain(&options.contexts).copied().max().unwrap_or(0);
        let context = (longest + 512).min(footprint.context as usize).max(64);
        let fits = |tokens: &usize| tokens + WRITTEN as usize + 8 < context;
        let prompts = options.prompts.iter().map(|&tokens| (fits(&tokens), Workload::Prompt(tokens)));
        let contexts = options.contexts.iter().map(|&tokens| (fits(&tokens), Workload::Decode(tokens)));
        let (mut workloads, mut left_out) = (Vec::new(), Vec::new());
        for (fits, workload) in prompts.chain(contexts) {
            if fits { workloads.push(workload) } else { left_out.push(workload) }
        }
        workloads.extend(options.batches.iter().copied().map(Workload::Batch));
        let total = workloads.len() + 2;
        progress(0, total, "the machine's limits");
        let threads = options.threads;
        let limits = blocking(move || engine::limits(threads)).await?;
        progress(1, total, "loading");
        let started = Instant::now();
        let load = LoadOptions {
            name: model.to_owned(),
            threads,
            guess: false,
            slots: options.batches.iter().copied().max().unwrap_or(1).clamp(1, 256),
            context: Some(context as u32),
            small_cache: options.small_cache,
            ..LoadOptions::default()
        };
        let loaded = blocking(move || LocalModel::load(&path, &load)).await??;
        let load_seconds = started.elapsed().as_secs_f64();
        let mut bench = Bench { model: loaded, footprint, limits, seed: 1 };
        let mut rows = Vec::new();
        bench.prepare().await?;
        for (at, workload) in workloads.iter().enumerate() {
            progress(at + 2, total, &workload.name());
            rows.push(bench.row(*workload, options.repeats.max(1)).await?);
        }
        let Limits { threads, bandwidth, floats, integers } = limits;
        let (float_peak, integer_peak) = (floats, integers);
        let model = model.to_owned();
        Ok(BenchReport { model, threads, bandwidth, integer_peak, float_peak, footprint, load_seconds, rows, left_out })
    }
}

/// Runs what blocks on a thread that may be blocked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::failed(error.to_string()))
}

impl Workload {
    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::Prompt(tokens) => format!("prompt of {tokens}"),
            Self::Decode(0) => "decode".to_owned(),
            Self::Decode(tokens) => format!("decode after {tokens}"),
            Self::Batch(requests) => format!("{requests} at once"),
        }
    }
}

struct Bench {
    model: LocalModel,
    footprint: Footprint,
    limits: Limits,
    seed: u32,
}

/// Tokens in a second, and milliseconds to the first.
type Speed = (f64, f64);

impl Bench {
    /// Pages of the file and of memory are touched once before anything counts.
    async fn prepare(&mut self) -> Result<()> {
        self.run(SHORT, 8).await.map(|_| ())
    }

    async fn row(&mut self, workload: Workload, repeats: usize) -> Result<BenchRow> {
        let mut tries = Vec::new();
        for _ in 0..repeats {
            tries.push(self.measure(workload).await?);
        }
        let sorted = |of: fn(&Speed) -> f64| {
            let mut all: Vec<f64> = tries.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (speeds, firsts) = (sorted(|speed| speed.0), sorted(|speed| speed.1));
        let (tokens_per_second, first_token_ms) = (speeds[speeds.len() / 2], firsts[firsts.len() / 2]);
        let read = self.footprint.read as f64 * tokens_per_second / self.limits.bandwidth;
        let products = (self.footprint.products - self.footprint.scores) as f64;
        let computed = 2.0 * products * tokens_per_second / self.limits.integers;
        Ok(BenchRow {
            workload,
            tokens_per_second,
            between: (speeds[0], speeds[speeds.len() - 1]),
            first_token_ms,
            of_bandwidth: matches!(workload, Workload::Decode(_)).then_some(read),
            of_peak: matches!(workload, Workload::Prompt(_)).then_some(computed),
        })
    }

    async fn measure(&mut self, workload: Workload) -> Result<Speed> {
        match workload {
            Workload::Prompt(tokens) => {
                let (prompt_ms, _, _) = self.run(tokens, 1).await?;
                Ok((tokens as f64 * 1000.0 / prompt_ms, prompt_ms))
            }
            Workload::Decode(context) => {
                let (prompt_ms, generate_ms, written) = self.run(context.max(8), WRITTEN).await?;
                Ok(((written - 1.0) * 1000.0 / generate_ms, prompt_ms))
            }
            Workload::Batch(requests) => {
                let asked: Vec<Request> = (0..requests).map(|_| self.request(SHORT, EACH)).collect();
                let started = Instant::now();
                let answers =
                    try_join_all(asked.into_iter().map(|one| domain::collect(self.model.generate(one)))).await?;
                let seconds = started.elapsed().as_secs_f64();
                let written: u32 = answers.iter().map(|answer| answer.usage.completion_tokens).sum();
                let first = answers.iter().map(|answer| answer.timings.queue_ms + answer.timings.prompt_ms);
                Ok((f64::from(written) / seconds, first.sum::<f64>() / requests.max(1) as f64))
            }
        }
    }

    /// Milliseconds of reading and of writing, and tokens written.
    async fn run(&mut self, prompt: usize, tokens: u32) -> Result<(f64, f64, f64)> {
        let asked = self.request(prompt, tokens);
        let answer = domain::collect(self.model.generate(asked)).await?;
        let written = f64::from(answer.usage.completion_tokens.max(2));
        Ok((answer.timings.prompt_ms.max(1e-3), answer.timings.generate_ms.max(1e-3), written))
    }

    /// A prompt like no other, so that nothing of it is remembered.
    fn request(&mut self, prompt: usize, tokens: u32) -> Request {
        let vocabulary = (self.model.tokenizer().vocab_size() as u32).max(2);
        let mut next = || {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.seed >> 8) % vocabulary
        };
        let ids: Vec<u32> = (0..prompt).map(|_| next()).collect();
        let mut request = Request::new(Prompt::Tokens(ids));
        request.max_tokens = Some(tokens);
        request.sampling.temperature = Some(0.0);
        let tokenizer = self.model.tokenizer();
        // No answer ends before its time.
        let ends = (0..tokenizer.vocab_size() as u32).filter(|&id| tokenizer.is_end(id));
        request.sampling.logit_bias = ends.map(|id| (id, -100.0)).collect();
        request
    }
}
