//! A decoder's tensors, found and checked once.

use std::path::Path;

use kernels::{Matrix, Packed, Pool, Weights};

use super::family::{self, Config, Family};
use crate::LoadError;
use crate::gguf::{Gguf, TensorInfo};

/// A decoder ready to run. Large weights stay in the mapped file.
pub(crate) struct Decoder {
    pub(super) gguf: Gguf,
    pub(super) family: &'static Family,
    pub(super) config: Config,
    pub(super) embeddings: TensorInfo,
    pub(super) norm: Vec<f32>,
    pub(super) output: Stored,
    pub(super) layers: Vec<Layer>,
}

pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) q: Linear,
    pub(super) k: Linear,
    pub(super) v: Linear,
    pub(super) o: Linear,
    pub(super) q_norm: Option<Vec<f32>>,
    pub(super) k_norm: Option<Vec<f32>>,
    pub(super) post_attention_norm: Option<Vec<f32>>,
    pub(super) ffn_norm: Vec<f32>,
    pub(super) gate: Linear,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) post_ffn_norm: Option<Vec<f32>>,
    pub(super) local: bool,
}

/// A matrix of a linear map.
pub(super) enum Stored {
    /// Repacked for the products.
    Packed(Packed),
    /// Used where it lies in the file.
    File(TensorInfo),
}

pub(super) struct Linear {
    pub(super) weight: Stored,
    pub(super) bias: Option<Vec<f32>>,
}

impl Decoder {
    /// Opens a file, checks that every tensor is there with its shape, and repacks its matrices on the pool's threads, unless they
    /// are to be used exactly as they are: slower, for checking.
    ///
    /// # Errors
    /// [`LoadError`] naming what is missing or does not fit.
    pub(crate) fn load(path: &Path, pool: &Pool, exact: bool) -> Result<Self, LoadError> {
        let gguf = Gguf::open(path)?;
        let family = family::of(gguf.architecture()?)?;
        let config = Config::read(&gguf, family)?;
        let find = Find { gguf: &gguf, path, pool: (!exact).then_some(pool) };
        let embeddings = find.matrix("token_embd.weight", None, config.width)?;
        let vocabulary = rows(&embeddings);
        let output = if gguf.has("output.weight") { "output.weight" } else { "token_embd.weight" }; // or tied
        let output = find.stored(output, Some(vocabulary), config.width)?;
        let layers = (0..config.layers).map(|layer| find.layer(layer, &config, family)).collect::<Result<_, _>>()?;
        let norm = gguf.floats("output_norm.weight", config.width)?;
        Ok(Self { family, embeddings, norm, output, layers, config, gguf })
    }

    /// Drops the copy of the vocabulary that the file's metadata is, once the tokenizer is made.
    pub(crate) fn forget_vocabulary(&mut self) {
        self.gguf.forget("tokenizer.");
    }

    pub(crate) fn gguf(&self) -> &Gguf {
        &self.gguf
    }

    pub(crate) fn vocabulary(&self) -> usize {
        rows(&self.embeddings)
    }

    pub(crate) fn context(&self) -> usize {
        self.config.context
    }

    /// Pages for its sequences, as many as fit into `bytes`, but enough for one of `context` tokens.
    pub(crate) fn pages(&self, bytes: usize, context: usize) -> super::Pages {
        super::Pages::new(self.config.layers, self.config.kv_heads * self.config.head_dim, bytes, context)
    }

    pub(super) fn matrix(&self, info: &TensorInfo) -> Matrix<'_> {
        self.gguf.matrix(info)
    }

    pub(super) fn weights<'a>(&'a self, stored: &'a Stored) -> Weights<'a> {
        match stored {
            Stored::Packed(packed) => Weights::Packed(packed),
            Stored::File(info) => Weights::Plain(self.gguf.matrix(info)),
        }
    }
}

fn rows(info: &TensorInfo) -> usize {
    info.shape[1..].iter().product()
}

struct Find<'a> {
    gguf: &'a Gguf,
    path: &'a Path,
    /// Threads that repack; without, matrices stay in the file.
    pool: Option<&'a Pool>,
}

impl Find<'_> {
    fn layer(&self, layer: usize, config: &Config, family: &Family) -> Result<Layer, LoadError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let (width, inner) = (config.width, config.inner);
        let norm = |part: &str, len: usize| self.gguf.floats(&name(&format!("{part}.weight")), len);
        let optional = |wanted: bool, part: &str, len: usize| wanted.then(|| norm(part, len)).transpose();
        Ok(Layer {
            attention_norm: norm("attn_norm", width)?,
            q: self.linear(&name("attn_q"), q, width)?,
            k: self.linear(&name("attn_k"), kv, width)?,
            v: self.linear(&name("attn_v"), kv, width)?,
            o: self.linear(&name("attn_output"), width, q)?,
            q_norm: optional(family.qk_norm, "attn_q_norm", config.head_dim)?,
            k_norm: optional(family.qk_norm, "attn_k_norm", config.head_dim)?,
            post_attention_norm: optional(family.post_norms, "post_attention_norm", width)?,
            ffn_norm: norm("ffn_norm", width)?,
            gate: self.linear(&name("ffn_gate"), inner, width)?,
            up: self.linear(&name("ffn_up"), inner, width)?,
            down: self.linear(&name("ffn_down"), width, inner)?,
            post_ffn_norm: optional(family.post_norms, "post_ffw_norm", width)?,
            local: config.is_local(layer, family),
        })
    }

    fn linear(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let bias = format!("{name}.bias");
        let bias = self.gguf.has(&bias).then(|| self.gguf.floats(&bias, rows)).transpose()?;
        Ok(Linear { weight: self.stored(&format!("{name}.weight"), Some(rows), cols)?, bias })
    }

    fn stored(&self, name: &str, expected: Option<usize>, cols: usize) -> Result<Stored, LoadError> {
        let info = self.matrix(name, expected, cols)?;
        let packed = self.pool.and_then(|pool| Packed::new(pool, &self.gguf.matrix(&info)));
        if packed.is_some() {
            self.gguf.let_go(&info);
        }
        Ok(packed.map_or(Stored::File(info), Stored::Packed))
    }

    fn matrix(&self, name: &str, expected: Option<usize>, cols: usize) -> Result<TensorInfo, LoadError> {
        let info = self.gguf.info(name)?;
        if info.shape[0] != cols || expected.is_some_and(|expected| expected != rows(info)) {
            let why = format!(
                "tensor '{name}' is {:?}, {} by {cols} expected",
                info.shape,
                expected.map_or("any".to_owned(), |rows| rows.to_string())
            );
            return Err(LoadError::damaged(self.path, why));
        }
        Ok(info.clone())
    }
}
