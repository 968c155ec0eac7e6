//! What sets one Transformer family apart from another: a table, not a second implementation.

use crate::LoadError;
use crate::gguf::Gguf;

/// How rotary positions pair numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// (2i, 2i + 1), as Llama's files are laid out.
    Neighbours,
    /// (i, i + half).
    Halves,
}

/// The gate's activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Silu,
    Gelu,
}

/// One family's choices. Biases and tied output are read off the tensors that are there.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
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

const FAMILIES: [Family; 4] = [
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
];

/// The family of a file.
///
/// # Errors
/// [`LoadError::Unsupported`] for one that is not in the table, naming those that are.
pub(super) fn of(architecture: &str) -> Result<&'static Family, LoadError> {
    FAMILIES.iter().find(|family| family.name == architecture).ok_or_else(|| {
        let known: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        LoadError::Unsupported(format!(
            "'{architecture}' is not a family this build generates with; it knows {} (and bert for embeddings)",
            known.join(", ")
        ))
    })
}

/// The sizes and numbers of one model.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) width: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) inner: usize,
    pub(super) context: usize,
    pub(super) epsilon: f32,
    pub(super) attention_scale: f32,
    pub(super) softcap: Option<f32>,
    pub(super) final_softcap: Option<f32>,
    pub(super) window: Option<usize>,
    /// Inverse frequencies of layers that see everything.
    pub(super) freqs: Vec<f32>,
    /// Of layers with a window.
    pub(super) local_freqs: Vec<f32>,
    /// Multiplies sine and cosine (YaRN).
    pub(super) rope_scale: f32,
}

impl Config {
    pub(super) fn read(gguf: &Gguf, family: &Family) -> Result<Self, LoadError> {
        let key = |name: &str| format!("{}.{name}", family.name);
        let size = |name: &str| match gguf.u32(&key(name))? as usize {
            0 => Err(LoadError::metadata(&key(name), "0; at least 1 expected")),
            size if size > 1 << 24 => Err(LoadError::metadata(&key(name), format!("{size} is beyond any model"))),
            size => Ok(size),
        };
        let (width, heads, layers) = (size("embedding_length")?, size("attention.head_count")?, size("block_count")?);
        let kv_heads = gguf.u32_or(&key("attention.head_count_kv"), heads as u32)? as usize;
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(LoadError::metadata(
                &key("attention.head_count_kv"),
                format!("{kv_heads} does not divide {heads} heads"),
            ));
        }
        let head_dim = gguf.u32_or(&key("attention.key_length"), (width / heads) as u32)? as usize;
        let value_dim = gguf.u32_or(&key("attention.value_length"), head_dim as u32)? as usize;
        if head_dim == 0 || head_dim > 1 << 14 || !head_dim.is_multiple_of(2) || value_dim != head_dim {
            return Err(LoadError::metadata(
                &key("attention.key_length"),
                format!("heads of {head_dim} and {value_dim} do not fit together"),
            ));
        }
        let rotated = gguf.u32_or(&key("rope.dimension_count"), head_dim as u32)? as usize;
        if rotated == 0 || rotated > head_dim || !rotated.is_multiple_of(2) {
            return Err(LoadError::metadata(
                &key("rope.dimension_count"),
                format!("{rotated} does not fit heads of {head_dim}"),
            ));
        }
        let rope = Rope::read(gguf, family.name, rotated)?;
        let window = gguf
            .optional_u32(&key("attention.sliding_window"))?
            .filter(|&window| window > 0)
            .map(|window| window as usize);
        // Gemma 3's largest member scales by the width of a head as it would be without its own head width.
        let scale_dim = if family.name == "gemma3" && layers == 62 { width / heads } else { head_dim };
        Ok(Self {
            width,
            layers,
            heads,
            kv_heads,
            head_dim,
            inner: size("feed_forward_length")?,
            context: size("context_length")?,
            epsilon: gguf.f32(&key("attention.layer_norm_rms_epsilon"))?,
            attention_scale: 1.0 / (scale_dim as f32).sqrt(),
            softcap: gguf.optional_f32(&key("attn_logit_softcapping"))?.filter(|cap| *cap > 0.0),
            final_softcap: gguf.optional_f32(&key("final_logit_softcapping"))?.filter(|cap| *cap > 0.0),
            window,
            freqs: rope.freqs,
            local_freqs: frequencies(10_000.0, rotated),
            rope_scale: rope.scale,
        })
    }

    /// Whether a layer sees only a window.
    pub(super) fn is_local(&self, layer: usize, family: &Family) -> bool {
        self.window.is_some() && family.global_every.is_none_or(|every| !(layer + 1).is_multiple_of(every))
    }
}

struct Rope {
    freqs: Vec<f32>,
    scale: f32,
}

impl Rope {
    fn read(gguf: &Gguf, family: &str, rotated: usize) -> Result<Self, LoadError> {
        let key = |name: &str| format!("{family}.{name}");
        let base = gguf.optional_f32(&key("rope.freq_base"))?.unwrap_or(10_000.0);
        if base < 1.0 {
            return Err(LoadError::metadata(&key("rope.freq_base"), format!("{base} is below 1")));
        }
        let mut freqs = frequencies(base, rotated);
        let mut scale = 1.0;
        let old = gguf.optional_f32(&key("rope.scale_linear"))?;
        let factor = gguf.optional_f32(&key("rope.scaling.factor"))?.or(old).unwrap_or(1.0);
        let kind = gguf.text(&key("rope.scaling.type"))?.unwrap_or(if factor == 1.0 { "none" } else { "linear" });
        match kind {
            _ if factor <= 0.0 => {
                return Err(LoadError::metadata(&key("rope.scaling.factor"), format!("{factor} is not above 0")));
            }
            "none" => {}
            "linear" => freqs.iter_mut().for_each(|freq| *freq /= factor),
            "yarn" => {
                let original = gguf.u32(&key("rope.scaling.original_context_length"))?;
                yarn(&mut freqs, base, factor, original as f32);
                scale = 1.0 + 0.1 * factor.ln();
                if let Some(attention) = gguf.optional_f32(&key("rope.scaling.attn_factor"))? {
                    scale *= attention;
                }
            }
            other => {
                return Err(LoadError::Unsupported(format!(
                    "this model stretches its positions by '{other}', which this build does not know; it knows none, linear, yarn, and Llama 3's factors"
                )));
            }
        }
        if gguf.has("rope_freqs.weight") {
            // Llama 3: a factor for each frequency.
            let factors = gguf.floats("rope_freqs.weight", freqs.len())?;
            freqs.iter_mut().zip(factors).for_each(|(freq, factor)| *freq /= factor);
        }
        Ok(Self { freqs, scale })
    }
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
    fn an_unknown_family_is_refused_by_name() {
        let error = of("mamba").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("mamba") && error.contains("llama, qwen2, qwen3, gemma3"), "{error}");
    }

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
