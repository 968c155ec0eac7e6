//! Decoders: one definition for each architecture, one way through all of them.

mod buffer;
mod cache;
mod count;
mod family;
mod load;
mod mamba;
mod ops;
mod pass;
mod rwkv;
mod tape;
#[cfg(test)]
mod tests;
mod transformer;

use std::path::Path;

use kernels::{Pool, Weights};

pub(crate) use cache::{CacheUse, Page, Pages, STATES_AT_ONCE, Sequence};
pub use count::{Footprint, footprint};
use load::{Find, rows_of};
use mamba::Mamba;
use ops::{Linear, Norm, Ops, Stored};
pub use pass::logits;
pub(crate) use pass::{Row, forward};
use rwkv::Rwkv;
pub use tape::{Gradients, gradients};
use transformer::Transformer;

use crate::LoadError;
use crate::gguf::{Gguf, TensorInfo};

/// A decoder ready to run. Weights are repacked in memory, or used in the mapped file where that is as good.
pub(crate) struct Decoder {
    gguf: Gguf,
    context: usize,
    width: usize,
    embeddings: TensorInfo,
    embedding_scale: f32,
    embedding_norm: Option<Norm>,
    blocks: Blocks,
    norm: Norm,
    output: Linear,
    final_softcap: Option<f32>,
}

/// The layers of each architecture.
enum Blocks {
    Transformer(Transformer, Vec<transformer::Layer>),
    Rwkv(Rwkv, Vec<rwkv::Layer>),
    Mamba(Mamba, Vec<mamba::Layer>),
}

/// Architectures that carry a state instead of looking back.
const RECURRENT: [&str; 4] = ["rwkv6", "rwkv7", "mamba", "mamba2"];

/// Whether a decoder of this family can be run.
///
/// # Errors
/// [`LoadError::Unsupported`], naming the families that can.
pub(crate) fn check_family(architecture: &str) -> Result<(), LoadError> {
    let known: Vec<&str> = family::FAMILIES.iter().map(|family| family.name).chain(RECURRENT).collect();
    if known.contains(&architecture) {
        return Ok(());
    }
    let known = known.join(", ");
    Err(LoadError::Unsupported(format!(
        "'{architecture}' is not a family this build generates with; it knows {known} (and bert for embeddings)"
    )))
}

impl Decoder {
    /// Opens a file, checks that every tensor is there with its shape, and repacks its matrices on the pool's threads, unless they
    /// are to be used exactly as they are: slower, for checking. It is to read `context` tokens at most.
    ///
    /// # Errors
    /// [`LoadError`] naming what is missing or does not fit.
    pub(crate) fn load(path: &Path, pool: &Pool, exact: bool, context: usize) -> Result<Self, LoadError> {
        let gguf = Gguf::open(path)?;
        check_family(gguf.architecture()?)?;
        let find = Find::new(&gguf, path, (!exact).then_some(pool))?;
        let (width, trained) = (find.size("embedding_length")?, find.size("context_length")?);
        let blocks = Blocks::load(&find, context.min(trained))?;
        let embeddings = find.matrix("token_embd.weight", None, width)?;
        let vocabulary = rows_of(&embeddings);
        let output = if find.has("output.weight") { "output" } else { "token_embd" }; // or tied
        let output = find.linear(output, vocabulary, width)?;
        let embedding_norm = find.has("token_embd_norm.weight");
        let (norm, embedding_norm) = match &blocks {
            Blocks::Rwkv(..) => {
                let epsilon = find.float("attention.layer_norm_epsilon")?;
                let norm = |name| find.layer_norm(name, width, epsilon);
                (norm("output_norm")?, embedding_norm.then(|| norm("token_embd_norm")).transpose()?)
            }
            _ => (find.rms_norm("output_norm", width, find.float("attention.layer_norm_rms_epsilon")?)?, None),
        };
        let embedding_scale = match &blocks {
            Blocks::Transformer(transformer, _) => transformer.embedding_scale(),
            _ => 1.0,
        };
        let final_softcap = gguf.optional_f32(&find.key("final_logit_softcapping"))?.filter(|cap| *cap > 0.0);
        Ok(Self {
            context: trained,
            width,
            embeddings,
            embedding_scale,
            embedding_norm,
            blocks,
            norm,
            output,
            final_softcap,
            gguf,
        })
    }

    /// Drops the copy of the vocabulary that the file's metadata is, once the tokenizer is made.
    pub(crate) fn forget_vocabulary(&mut self) {
        self.gguf.forget("tokenizer.");
    }

    pub(crate) fn gguf(&self) -> &Gguf {
        &self.gguf
    }

    pub(crate) fn vocabulary(&self) -> usize {
        self.output.rows
    }

    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// Whether it carries a state from token to token instead of looking back at what it read.
    pub(crate) fn is_recurrent(&self) -> bool {
        !matches!(self.blocks, Blocks::Transformer(..))
    }

    /// Pages for its sequences, as many as fit into `bytes`, but enough for one of `context` tokens; keys and values in 8 bits if `small`.
    pub(crate) fn pages(&self, bytes: usize, context: usize, small: bool) -> Pages {
        let layers = self.blocks.len();
        match &self.blocks {
            Blocks::Transformer(transformer, _) => Pages::of_keys(layers, transformer.keys(), small, bytes, context),
            Blocks::Rwkv(rwkv, _) => Pages::of_states(layers, rwkv.state(), bytes),
            Blocks::Mamba(mamba, _) => Pages::of_states(layers, mamba.state(), bytes),
        }
    }

    fn weights<'a>(&'a self, linear: &'a Linear) -> Weights<'a> {
        match &linear.weight {
            Stored::Packed(packed) => Weights::Packed(packed),
            Stored::File(info) => Weights::Plain(self.gguf.matrix(info)),
        }
    }

    /// The way through a decoder, from embeddings to logits. `select` keeps the rows whose logits are wanted; `enter` is told of each layer
    /// before it is run, and gives the pass up by saying no.
    fn run<O: Ops>(
        &self,
        ops: &mut O,
        embeddings: O::Rows,
        mut enter: impl FnMut(&mut O, usize) -> bool,
        select: impl FnOnce(&mut O, O::Rows) -> O::Rows,
    ) -> Option<O::Rows> {
        let mut x = embeddings;
        if self.embedding_scale != 1.0 {
            x = ops.scale(x, self.embedding_scale);
        }
        if let Some(norm) = &self.embedding_norm {
            x = ops.norm(norm, &x);
        }
        let mut first = None;
        for at in 0..self.blocks.len() {
            if !enter(ops, at) {
                return None;
            }
            x = self.blocks.layer(ops, at, x, &mut first);
        }
        let x = select(ops, x);
        let x = ops.norm(&self.norm, &x);
        let [logits] = ops.linear([&self.output], &x);
        let Some(cap) = self.final_softcap else { return Some(logits) };
        let logits = ops.scale(logits, 1.0 / cap);
        let logits = ops.map(ops::Map::Tanh, logits);
        Some(ops.scale(logits, cap))
    }
}

impl Blocks {
    fn load(find: &Find<'_>, context: usize) -> Result<Self, LoadError> {
        if let Some(family) = family::FAMILIES.iter().find(|family| family.name == find.architecture()) {
            let (shared, layers) = Transformer::load(find, family, context)?;
            return Ok(Self::Transformer(shared, layers));
        }
        if find.architecture().starts_with("rwkv") {
            let (shared, layers) = Rwkv::load(find)?;
            return Ok(Self::Rwkv(shared, layers));
        }
        let (shared, layers) = Mamba::load(find)?;
        Ok(Self::Mamba(shared, layers))
    }

    fn len(&self) -> usize {
        match self {
            Self::Transformer(_, layers) => layers.len(),
            Self::Rwkv(_, layers) => layers.len(),
            Self::Mamba(_, layers) => layers.len(),
        }
    }

    fn layer<O: Ops>(&self, ops: &mut O, at: usize, x: O::Rows, first: &mut Option<O::Rows>) -> O::Rows {
        match self {
            Self::Transformer(shared, layers) => shared.forward(ops, &layers[at], x),
            Self::Rwkv(shared, layers) => shared.forward(ops, &layers[at], at, x, first),
            Self::Mamba(shared, layers) => shared.forward(ops, &layers[at], x),
        }
    }
}
