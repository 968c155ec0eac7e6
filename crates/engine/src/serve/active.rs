//! What a request has said so far, and what it says next.

use std::sync::Arc;

use domain::{Error, FinishReason, TokenProbability};

use super::drafts::Drafts;
use super::prefixes::ROOT;
use super::worker::{Job, Out};
use crate::Tokenizer;
use crate::decoder::Page;
use crate::sample::{LogProbs, Sampler, has_nan};
use crate::typed::Masker;

/// What is wrong with a model that computes what is no number.
pub(super) const NO_NUMBERS: &str = "the model computed what is no number (NaN): a weight in its file is damaged, or its numbers grow beyond all bounds here; get the file again, or take another model";

/// A request on its way through the engine thread, with a slot or without.
pub(super) struct Active {
    pub(super) job: Job,
    pub(super) sampler: Sampler,
    /// The prompt, and what was drawn after it.
    pub(super) tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub(super) prompt: usize,
    /// Tokens of the prompt that were echoed.
    pub(super) echoed: usize,
    /// Its whole pages that are in the tree, and where they end there.
    pub(super) shared: usize,
    pub(super) node: usize,
    pub(super) order: u64,
    /// It had a slot before.
    pub(super) again: bool,
    pub(super) drafts: Drafts,
    /// Tokens guessed to come after the last one, which this pass reads, too.
    pub(super) guessed: Vec<u32>,
    /// The state before them, where one is kept, to go back to if they do not come.
    pub(super) before: Option<Arc<Page>>,
}

impl Active {
    pub(super) fn new(mut job: Job, order: u64) -> Self {
        let tokens = std::mem::take(&mut job.prompt);
        let sampler = Sampler::new(job.sampling.clone(), &tokens);
        Self {
            sampler,
            prompt: tokens.len(),
            tokens,
            echoed: 0,
            shared: 0,
            node: ROOT,
            order,
            again: false,
            drafts: Drafts::new(),
            guessed: Vec::new(),
            before: None,
            job,
        }
    }

    pub(super) fn written(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Draws the next token.
    pub(super) fn write(&mut self, tokenizer: &Tokenizer, logits: &mut [f32], context: usize) -> Option<Out> {
        if has_nan(logits) {
            return Some(Out::Failed(Error::failed(NO_NUMBERS)));
        }
        let told = self.job.logprobs.map(|_| logits.to_vec());
        if let Some(Err(why)) = self.job.constraint.as_mut().map(|constraint| constraint.mask(logits)) {
            return Some(Out::Failed(Error::Invalid {
                param: None,
                code: "invalid_grammar",
                message: format!("the answer cannot go on in its grammar: {why}"),
            }));
        }
        let token = self.sampler.draw(logits);
        if tokenizer.is_end(token) {
            return Some(Out::Done(FinishReason::Stop));
        }
        if let Some(constraint) = &mut self.job.constraint
            && let Err(why) = constraint.consume(token, tokenizer.piece(token))
        {
            return Some(Out::Failed(Error::failed(format!("the answer left its grammar: {why}"))));
        }
        let probability = match &told {
            Some(told) => probability(tokenizer, told, token, self.job.logprobs),
            None => TokenProbability { id: token, bytes: Vec::new(), logprob: None, rivals: Vec::new() },
        };
        self.say(probability, context)
    }

    /// Says the tokens of which there is only one.
    pub(super) fn go_on(&mut self, tokenizer: &Tokenizer, context: usize) -> Option<Out> {
        for id in self.job.constraint.as_mut()?.forced() {
            if tokenizer.is_end(id) {
                return Some(Out::Done(FinishReason::Stop));
            }
            let bytes = if self.job.logprobs.is_some() { tokenizer.token_bytes(id) } else { Vec::new() };
            let ended = self.say(TokenProbability { id, bytes, logprob: Some(0.0), rivals: Vec::new() }, context);
            if ended.is_some() {
                return ended;
            }
        }
        self.job.constraint.as_ref()?.is_over().then_some(Out::Done(FinishReason::Stop))
    }

    /// Begins to look for the tokens that may come next.
    pub(super) fn prepare(&mut self, masker: &Masker) {
        if let Some(constraint) = &mut self.job.constraint {
            constraint.prepare(masker);
        }
    }

    fn say(&mut self, token: TokenProbability, context: usize) -> Option<Out> {
        self.tokens.push(token.id);
        let _ = self.job.out.send(Out::Token(token)); // whoever left is noticed before the next step
        let full = self.written() >= self.job.max_tokens || self.tokens.len() >= context;
        full.then_some(Out::Done(FinishReason::Length))
    }

    /// Tokens that may be taken over instead of being read: not the last one, whose logits are wanted, and none if each of them is.
    pub(super) fn useful(&self) -> &[u32] {
        if self.job.echo { &[] } else { &self.tokens[..self.tokens.len() - 1] }
    }
}

/// What a token was given, and its likeliest rivals.
pub(super) fn probability(tokenizer: &Tokenizer, logits: &[f32], id: u32, count: Option<u8>) -> TokenProbability {
    let all = LogProbs::new(logits);
    let bytes = |id| tokenizer.token_bytes(id);
    TokenProbability { id, bytes: bytes(id), logprob: all.of(id), rivals: all.top(count.unwrap_or(0).into(), bytes) }
}
