//! Encoders: texts to vectors.
//!
//! [`LocalEmbedder`] owns one thread; callers put jobs in its queue and wait. The thread packs texts into groups of a
//! few hundred tokens and gives each worker whole groups, since workers that share no matrix need not wait for each
//! other. Questions overtake passages between two rounds of groups, so that a search during an ingest stays quick.

mod files;
mod forward;
#[cfg(test)]
mod tests;
mod weights;
mod worker;

use std::path::Path;
use std::sync::mpsc;

use domain::{Card, Embedder, Embeddings, Error, Pooling, Purpose};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kernels::Pool;
use tokio::sync::oneshot;

use crate::{LoadError, Tokenizer};
use worker::{Job, Worker};

/// Bytes of text read per token there is room for; the rest of a longer text cannot matter.
const BYTES_PER_TOKEN: usize = 128;

/// A local embedding model. Dropping it ends its thread once the work at hand is done.
pub struct LocalEmbedder {
    card: Card,
    tokenizer: Tokenizer,
    limit: usize,
    jobs: mpsc::Sender<Job>,
}

impl LocalEmbedder {
    /// Loads an encoder: a GGUF file, a directory with `model.gguf`, or one with `model.safetensors`,
    /// `tokenizer.json` and `config.json`.
    ///
    /// Pooling, prefixes and context are the card's; what the card leaves open is read from the files.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the model is not a BERT-like encoder.
    pub fn load(path: &Path, card: &Card) -> Result<Self, LoadError> {
        let pool = Pool::new(kernels::default_threads());
        let files::Loaded { weights, tokenizer, pooling, limit } =
            files::load(path, &pool).map_err(|error| error.of_file(path))?;
        let mut card = card.clone();
        let asked = if card.context == 0 { limit } else { card.context as usize };
        let limit = asked.min(limit);
        card.context = limit as u32;
        card.dimensions = Some(weights.width() as u32);
        let pooling = *card.pooling.get_or_insert(pooling.unwrap_or(Pooling::Mean));
        let (jobs, queue) = mpsc::channel();
        let worker = Worker::new(weights, pooling, pool, queue);
        let thread = std::thread::Builder::new().name("embedder".into()).spawn(move || worker.run());
        thread.map_err(|error| LoadError::io(path, error))?;
        Ok(Self { card, tokenizer, limit, jobs })
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn tokens(&self, text: &str, purpose: Purpose) -> Vec<u32> {
        let prefix = match purpose {
            Purpose::Query => &self.card.prefixes.query,
            Purpose::Passage => &self.card.prefixes.passage,
            Purpose::Plain => "",
        };
        let readable = text.floor_char_boundary(self.limit.saturating_mul(BYTES_PER_TOKEN));
        self.tokenizer.encode_framed(&format!("{prefix}{}", &text[..readable]), self.limit)
    }
}

impl Embedder for LocalEmbedder {
    fn card(&self) -> &Card {
        &self.card
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> BoxFuture<'static, Result<Embeddings, Error>> {
        let texts: Vec<Vec<u32>> = texts.iter().map(|text| self.tokens(text, purpose)).collect();
        let tokens = texts.iter().map(|ids| ids.len() as u32).fold(0, u32::saturating_add);
        let (reply, answer) = oneshot::channel();
        let name = self.card.name.clone();
        let sent = self.jobs.send(Job::new(texts, purpose == Purpose::Query, reply));
        async move {
            let gone =
                |_| Error::failed(format!("the thread of embedding model '{name}' is gone; restart the program"));
            sent.map_err(|_| gone(()))?;
            let vectors = answer.await.map_err(|_| gone(()))?;
            if vectors.iter().flatten().any(|number| !number.is_finite()) {
                let why = format!(
                    "embedding model '{name}' computed what is no number (NaN): its file is damaged; get it again"
                );
                return Err(Error::failed(why));
            }
            Ok(Embeddings { vectors, tokens })
        }
        .boxed()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer.encode(text).len()
    }
}
