//! A local model behind the `LanguageModel` wall: the caller's side lays out, encodes and decodes; one engine thread computes.

mod active;
mod answer;
mod clients;
mod drafts;
mod prefixes;
mod schedule;
#[cfg(test)]
mod tests;
mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use domain::{Card, Error, EventStream, LanguageModel, Prompt, Request};
use kernels::Pool;
use serde::Serialize;

use crate::decoder::{CacheUse, Decoder};
use crate::template::Template;
use crate::typed::{Grammars, Masker};
use crate::{LoadError, Tokenizer};
use worker::{Job, Worker};

/// How a model is loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The name its card carries.
    pub name: String,
    /// Requests computed at once.
    pub slots: usize,
    /// Requests that may wait beside them; one more is refused.
    pub queue: usize,
    /// Bytes for what requests have read: keys and values, shared where they begin alike, and kept for later ones. One request of the whole
    /// context is always given room.
    pub cache: usize,
    /// Whether keys and values are kept in 8 bits: half the memory for nearly the same answers. States of models without attention stay
    /// as they are.
    pub small_cache: bool,
    /// Whether tokens are guessed from the text before them and read ahead: the same answers, sooner where they quote.
    pub guess: bool,
    /// Tokens of context; `None`: the model's own, at most 8,192.
    pub context: Option<u32>,
    /// Threads; `None`: what the machine has.
    pub threads: Option<usize>,
    /// Whether activations stay 32-bit floats instead of being rounded to 8 bits for the products: several times slower, for checking.
    pub exact: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            slots: 16,
            queue: 64,
            cache: 1 << 30,
            small_cache: false,
            guess: true,
            context: None,
            threads: None,
            exact: false,
        }
    }
}

const DEFAULT_CONTEXT: usize = 8192;

/// What a model is doing, and what it has done since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests that have a slot or wait for one.
    pub pending: usize,
    /// Requests computed at once, at most.
    pub slots: usize,
    /// Bytes of what is remembered of requests, those under way among them.
    pub cache_used: u64,
    /// Bytes it may become.
    pub cache_most: u64,
    /// Tokens of prompts that were read.
    pub read_tokens: u64,
    /// Tokens of prompts that were remembered instead.
    pub cached_tokens: u64,
    /// Tokens written.
    pub written_tokens: u64,
    /// Tokens guessed.
    pub guessed_tokens: u64,
    /// Guesses that came true.
    pub accepted_tokens: u64,
}

/// What the engine thread counts.
#[derive(Default)]
struct Counters {
    read: AtomicU64,
    cached: AtomicU64,
    written: AtomicU64,
    guessed: AtomicU64,
    accepted: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// A model in this process. Dropping it ends its thread after the work at hand.
pub struct LocalModel {
    card: Card,
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    slots: usize,
    queue: usize,
    memory: u64,
    counters: Arc<Counters>,
    cache: CacheUse,
}

struct Shared {
    tokenizer: Tokenizer,
    template: Template,
    grammars: Grammars,
    vocabulary: usize,
    context: usize,
    pending: Arc<AtomicUsize>,
}

/// A place in the queue or a slot. The caller's side and the engine's hold it together; it is given back when the first of them drops it:
/// whoever leaves makes room at once, and so does an answer that is complete but not yet read.
struct Permit(Arc<Place>);

struct Place {
    pending: Arc<AtomicUsize>,
    held: AtomicBool,
}

impl Permit {
    fn shared(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.0.held.swap(false, Ordering::Relaxed) {
            self.0.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl LocalModel {
    /// Loads a GGUF file and starts its engine thread.
    ///
    /// # Errors
    /// [`LoadError`] if the file is damaged or of a kind this build does not run.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        Self::start(path, options).map_err(|error| error.of_file(path))
    }

    fn start(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let pool = Pool::new(options.threads.unwrap_or_else(kernels::default_threads));
        let context = options.context.map_or(DEFAULT_CONTEXT, |context| context as usize);
        let mut decoder = Decoder::load(path, &pool, options.exact, context)?;
        let tokenizer = Tokenizer::from_gguf(decoder.gguf())?;
        if tokenizer.vocab_size() > decoder.vocabulary() {
            let (tokens, rows) = (tokenizer.vocab_size(), decoder.vocabulary());
            let why = format!("the tokenizer has {tokens} tokens, the model rows for only {rows}");
            return Err(LoadError::damaged(path, why));
        }
        let template = Template::read(decoder.gguf(), &tokenizer)?;
        let mut card = crate::card::describe(decoder.gguf())?;
        decoder.forget_vocabulary();
        let decoder = Arc::new(decoder);
        if !options.name.is_empty() {
            card.name.clone_from(&options.name);
        }
        let context = context.min(decoder.context());
        card.context = context as u32;
        let slots = options.slots.max(1);
        let (jobs, queue) = mpsc::channel();
        let vocabulary = decoder.vocabulary();
        let pages = decoder.pages(options.cache, context, options.small_cache);
        let cache = pages.usage();
        let counters = Arc::<Counters>::default();
        let memory = std::fs::metadata(path).map_or(0, |file| file.len()) + cache.most();
        let masker = Masker::start(&card.name).map_err(|error| LoadError::io(path, error))?;
        let mut worker = Worker::new(decoder, tokenizer.clone(), (pool, masker), (slots, context), pages, queue);
        worker.guess = options.guess;
        worker.counters = Arc::clone(&counters);
        let thread = std::thread::Builder::new().name(format!("model {}", card.name)).spawn(move || worker.run());
        thread.map_err(|error| LoadError::io(path, error))?;
        let grammars = Grammars::new(tokenizer.clone(), vocabulary);
        let shared = Shared { tokenizer, template, grammars, vocabulary, context, pending: Arc::default() };
        Ok(Self { card, shared: Arc::new(shared), jobs, slots, queue: options.queue, memory, counters, cache })
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.shared.tokenizer
    }

    /// Bytes it takes at most: its weights, as large as in the file, and what it remembers of requests.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// What it is doing now.
    pub fn stats(&self) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            pending: self.shared.pending.load(Ordering::Relaxed),
            slots: self.slots,
            cache_used: self.cache.used(),
            cache_most: self.cache.most(),
            read_tokens: count(&self.counters.read),
            cached_tokens: count(&self.counters.cached),
            written_tokens: count(&self.counters.written),
            guessed_tokens: count(&self.counters.guessed),
            accepted_tokens: count(&self.counters.accepted),
        }
    }

    /// The tokens a request's prompt becomes, so that they can be continued by hand.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are none, or more than the context holds.
    pub fn encode(&self, request: &Request) -> Result<Vec<u32>, Error> {
        self.shared.encode(request)
    }

    fn permit(&self) -> Result<Permit, Error> {
        let pending = &self.shared.pending;
        let room = self.slots + self.queue;
        let before = pending.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::new(Place { pending: Arc::clone(pending), held: AtomicBool::new(true) }));
        if before >= room {
            return Err(Error::Busy {
                message: format!(
                    "{before} requests are ahead and '{}' takes {room}; try again soon, or start with more slots",
                    self.card.name
                ),
                retry_after_seconds: 2,
            });
        }
        Ok(permit)
    }

    fn submit(&self, request: Request) -> Result<EventStream, Error> {
        let permit = self.permit()?;
        let prompt = self.shared.encode(&request)?;
        let constraint = self.shared.grammars.constraint(&request)?;
        let room = self.shared.context - prompt.len();
        let max_tokens = request.max_tokens.map_or(room, |wanted| (wanted as usize).min(room));
        let (out, results) = tokio::sync::mpsc::unbounded_channel();
        let (prompt_tokens, certain) = (prompt.len(), constraint.is_some());
        let job = Job {
            prompt,
            sampling: request.sampling.clone(),
            max_tokens,
            logprobs: request.logprobs,
            echo: request.echo,
            constraint,
            priority: request.priority,
            client: request.client.clone(),
            came: Instant::now(),
            out,
            _permit: permit.shared(),
        };
        let gone = || Error::failed(format!("the thread of model '{}' is gone; restart the program", self.card.name));
        self.jobs.send(job).map_err(|_| gone())?;
        let ahead = self.shared.pending.load(Ordering::Relaxed).saturating_sub(1 + self.slots);
        let answer = answer::Answer::new(self.shared.tokenizer.clone(), &request, prompt_tokens, certain);
        Ok(answer::stream(answer, results, permit, ahead))
    }
}

impl LanguageModel for LocalModel {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, request: Request) -> EventStream {
        self.submit(request).unwrap_or_else(|error| Box::pin(futures_util::stream::once(async { Err(error) })))
    }
}

impl Shared {
    /// The prompt's tokens, which leave room for at least one more.
    fn encode(&self, request: &Request) -> Result<Vec<u32>, Error> {
        let (param, ids) = match &request.prompt {
            Prompt::Chat(messages) => {
                let ids = self.template.encode(&self.tokenizer, messages, &request.tools);
                ("messages", ids.map_err(|why| Error::invalid("messages", "invalid_value", why))?)
            }
            Prompt::Text(text) => {
                let mut ids: Vec<u32> = self.tokenizer.bos().filter(|_| self.tokenizer.add_bos()).into_iter().collect();
                ids.extend(self.tokenizer.encode(text));
                ("prompt", ids)
            }
            Prompt::Tokens(ids) => {
                if let Some(id) = ids.iter().find(|&&id| id as usize >= self.vocabulary) {
                    let why = format!("token {id} is not in the model's vocabulary of {}", self.vocabulary);
                    return Err(Error::invalid("prompt", "invalid_value", why));
                }
                ("prompt", ids.clone())
            }
        };
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= self.vocabulary) {
            return Err(Error::failed(format!(
                "the tokenizer knows token {id}, the model only {}; the file is damaged",
                self.vocabulary
            )));
        }
        let ids =
            if ids.is_empty() { self.tokenizer.bos().or(self.tokenizer.eos()).into_iter().collect() } else { ids };
        if ids.is_empty() {
            return Err(Error::invalid(param, "invalid_value", "the prompt is empty; give at least one token"));
        }
        let full = if request.max_tokens == Some(0) { self.context + 1 } else { self.context };
        if ids.len() >= full {
            let why = format!(
                "the prompt is {} tokens and this model's context is {}; shorten it by at least {} tokens",
                ids.len(),
                self.context,
                ids.len() + 1 - self.context
            );
            return Err(Error::invalid(param, "context_length_exceeded", why));
        }
        Ok(ids)
    }
}
