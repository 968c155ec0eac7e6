//! What sets one Transformer family apart from another: a table, not a second implementation.
//!
//! A family more is a row here: biases, tied output, and maps that lie in one tensor (`attn_qkv`, a doubled `ffn_up`) are read off the file.

use super::load::Find;
use super::ops::{Gate, Pairs, Rope};
use crate::LoadError;

/// One family's choices. Biases and tied output are read off the tensors that are there.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) pairs: Pairs,
    pub(super) gate: Gate,
    /// Queries and keys are normalised head by head.
    pub(super) qk_norm: bool,
    /// The output of attention and of the feed-forward net is normalised before it is added.
    pub(super) post_norms: bool,
    /// Embeddings are multiplied by the square root of their width.
    pub(super) scaled_embeddings: bool,
    /// Every so many layers one sees everything, the others only a window.
    pub(super) global_every: Option<usize>,
}

pub(super) const FAMILIES: [Family; 6] = [
    Family {
        name: "llama",
        pairs: Pairs::Neighbours,
        gate: Gate::Silu,
        qk_norm: false,
        post_norms: false,
        scaled_embeddings: false,
        global_every: None,
    },
    Family {
        name: "qwen2",
        pairs: Pairs::Halves,
        gate: Gate::Silu,
        qk_norm: false,
        post_norms: false,
        scaled_embeddings: false,
        global_every: None,
    },
    Family {
        name: "qwen3",
        pairs: Pairs::Halves,
        gate: Gate::Silu,
        qk_norm: true,
        post_norms: false,
        scaled_embeddings: false,
        global_every: None,
    },
    Family {
        name: "gemma3",
        pairs: Pairs::Halves,
        gate: Gate::Gelu,
        qk_norm: true,
        post_norms: true,
        scaled_embeddings: true,
        global_every: Some(6),
    },
    Family {
        name: "phi3",
        pairs: Pairs::Halves,
        gate: Gate::Silu,
        qk_norm: false,
        post_norms: false,
        scaled_embeddings: false,
        global_every: None,
    },
    Family {
        name: "glm4",
        pairs: Pairs::Neighbours,
        gate: Gate::Silu,
        qk_norm: false,
        post_norms: true,
        scaled_embeddings: false,
        global_every: None,
    },
];

/// The sizes and numbers of one model.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) width: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) inner: usize,
    pub(super) epsilon: f32,
    pub(super) attention_scale: f32,
    pub(super) softcap: Option<f32>,
    pub(super) window: Option<usize>,
    /// Of layers that see everything, and of those with a window.
    pub(super) ropes: [Rope; 2],
}

impl Config {
    /// Reads the numbers of a model that is to read `context` tokens at most.
    pub(super) fn read(find: &Find<'_>, family: &Family, context: usize) -> Result<Self, LoadError> {
        let (width, heads) = (find.size("embedding_length")?, find.size("attention.head_count")?);
        let layers = find.size("block_count")?;
        let kv_heads = find.number_or("attention.head_count_kv", heads)?;
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(find.wrong("attention.head_count_kv", format!("{kv_heads} does not divide {heads} heads")));
        }
        let head_dim = find.number_or("attention.key_length", width / heads)?;
        let value_dim = find.number_or("attention.value_length", head_dim)?;
        if head_dim == 0 || head_dim > 1 << 14 || !head_dim.is_multiple_of(2) || value_dim != head_dim {
            let why = format!("heads of {head_dim} and {value_dim} do not fit together");
            return Err(find.wrong("attention.key_length", why));
        }
        let rotated = find.number_or("rope.dimension_count", head_dim)?;
        if rotated == 0 || rotated > head_dim || !rotated.is_multiple_of(2) {
            return Err(find.wrong("rope.dimension_count", format!("{rotated} does not fit heads of {head_dim}")));
        }
        let (freqs, scale) = stretched(find, rotated, context)?;
        let everywhere = Rope { head: head_dim, pairs: family.pairs, freqs, scale, at: 0 };
        let window = find.number_or("attention.sliding_window", 0)?;
        // Gemma 3's layers with a window have positions of their own.
        let local = match family.global_every {
            Some(_) => Rope { freqs: frequencies(10_000.0, rotated), scale: 1.0, at: 1, ..everywhere.clone() },
            None => everywhere.clone(),
        };
        // Gemma 3's largest member scales by the width of a head as it would be without its own head width.
        let scale_dim = if family.name == "gemma3" && layers == 62 { width / heads } else { head_dim };
        let softcap = find.gguf().optional_f32(&find.key("attn_logit_softcapping"))?;
        Ok(Self {
            width,
            layers,
            heads,
            kv_heads,
            head_dim,
            inner: find.size("feed_forward_length")?,
            epsilon: find.float("attention.layer_norm_rms_epsilon")?,
            attention_scale: 1.0 / (scale_dim as f32).sqrt(),
            softcap: softcap.filter(|cap| *cap > 0.0),
            window: (window > 0).then_some(window),
            ropes: [everywhere, local],
        })
    }

    /// Whether a layer sees only a window.
    pub(super) fn is_local(&self, layer: usize, family: &Family) -> bool {
        self.window.is_some() && family.global_every.is_none_or(|every| !(layer + 1).is_multiple_of(every))
    }
}

/// Frequencies of positions, stretched as the model wants it, and what sine and cosine are multiplied by.
fn stretched(find: &Find<'_>, rotated: usize, context: usize) -> Result<(Vec<f32>, f32), LoadError> {
    let gguf = find.gguf();
    let float = |name: &str| gguf.optional_f32(&find.key(name));
    let base = float("rope.freq_base")?.unwrap_or(10_000.0);
    if base < 1.0 {
        return Err(find.wrong("rope.freq_base", format!("{base} is below 1")));
    }
    let mut freqs = frequencies(base, rotated);
    let mut scale = 1.0;
    let factor = float("rope.scaling.factor")?.or(float("rope.scale_linear")?).unwrap_or(1.0);
    let attention = float("rope.scaling.attn_factor")?.unwrap_or(1.0);
    let kind = gguf.text(&find.key("rope.scaling.type"))?.unwrap_or(if factor == 1.0 { "none" } else { "linear" });
    match kind {
        _ if factor <= 0.0 => return Err(find.wrong("rope.scaling.factor", format!("{factor} is not above 0"))),
        "none" => scale = attention,
        "linear" => freqs.iter_mut().for_each(|freq| *freq /= factor),
        "yarn" => {
            let original = find.size("rope.scaling.original_context_length")?;
            yarn(&mut freqs, base, factor, original as f32);
            scale = (1.0 + 0.1 * factor.ln()) * attention;
        }
        "longrope" => scale = attention,
        other => {
            return Err(LoadError::Unsupported(format!(
                "this model stretches its positions by '{other}', which this build does not know; it knows none, linear, yarn, longrope, and Llama 3's factors"
            )));
        }
    }
    // Llama 3 has a factor for each frequency; Phi 3 has two sets, for short and for long contexts.
    let long = find.number_or("rope.scaling.original_context_length", usize::MAX >> 32)? < context;
    let sets = ["rope_freqs.weight", if long { "rope_factors_long.weight" } else { "rope_factors_short.weight" }];
    for set in sets.into_iter().filter(|set| gguf.has(set)) {
        let factors = gguf.floats(set, freqs.len())?;
        freqs.iter_mut().zip(factors).for_each(|(freq, factor)| *freq /= factor);
    }
    Ok((freqs, scale))
}

fn frequencies(base: f32, rotated: usize) -> Vec<f32> {
    (0..rotated / 2).map(|i| f64::from(base).powf(-2.0 * i as f64 / rotated as f64) as f32).collect()
}

/// YaRN (Peng et al. 2023): high frequencies stay, low ones are stretched, those between are mixed.
fn yarn(freqs: &mut [f32], base: f32, factor: f32, original: f32) {
    let rotated = 2.0 * freqs.len() as f32;
    let dimension = |turns: f32| rotated * (original / (turns * std::f32::consts::TAU)).ln() / (2.0 * base.ln());
    let low = dimension(32.0).floor().max(0.0);
    let high = dimension(1.0).ceil().min(rotated - 1.0);
    for (i, freq) in freqs.iter_mut().enumerate() {
        let ramp = ((i as f32 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
        *freq = *freq / factor * ramp + *freq * (1.0 - ramp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yarn_keeps_the_high_and_stretches_the_low() {
        let mut freqs = frequencies(10_000.0, 128);
        let before = freqs.clone();
        yarn(&mut freqs, 10_000.0, 4.0, 4096.0);
        assert_eq!(freqs[0], before[0]);
        assert!((freqs[63] * 4.0 / before[63] - 1.0).abs() < 1e-5);
        assert!(freqs.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
