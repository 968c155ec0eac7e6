//! The Transformer families: Llama and Mistral, Qwen 2 and 3, Gemma 3, Phi 3, GLM 4.

use super::family::{Header, ends, only};
use super::json::Fields;
use super::rope::Positions;
use super::tensors::{Part, Plan, Step};
use crate::LoadError;

/// What sets a family's tensors apart.
#[derive(Clone, Copy)]
struct Layout {
    /// Pairs that are turned together lie side by side in our files, halves apart in theirs.
    interleaved: bool,
    /// Queries, keys and values are one tensor.
    qkv: bool,
    /// Gates and what they let through are one tensor.
    gate_up: bool,
    qk_norm: bool,
    plus_one: bool,
    /// A layer's norms: their name, ours.
    norms: &'static [(&'static str, &'static str)],
}

const PLAIN: Layout = Layout {
    interleaved: false,
    qkv: false,
    gate_up: false,
    qk_norm: false,
    plus_one: false,
    norms: &[("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm")],
};

/// The names of a model's text part; nothing for its other parts, and for buffers that are worked out anew.
pub(super) fn canonical(name: &str) -> Option<String> {
    let others = ["vision_tower.", "vision_model.", "multi_modal_projector.", "embed_vision."];
    let buffers = [".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"];
    if others.iter().any(|part| name.contains(part)) || buffers.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    Some(name.replace("language_model.", ""))
}

pub(super) struct Sizes {
    width: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    head: usize,
    inner: usize,
    context: usize,
    epsilon: f64,
}

impl Sizes {
    fn read(config: Fields<'_>) -> Result<Self, LoadError> {
        let width = config.needed(&["hidden_size"])?;
        let heads = config.needed(&["num_attention_heads"])?;
        let head = config.size(&["head_dim"])?.unwrap_or(width / heads);
        let sizes = Self {
            width,
            layers: config.needed(&["num_hidden_layers"])?,
            heads,
            kv_heads: config.size(&["num_key_value_heads"])?.unwrap_or(heads),
            head,
            inner: config.needed(&["intermediate_size"])?,
            context: config.needed(&["max_position_embeddings"])?,
            epsilon: config.float("rms_norm_eps")?.unwrap_or(1e-6),
        };
        sizes.check(config)
    }

    /// Gemma 3's configurations leave out what is as usual.
    fn read_gemma(config: Fields<'_>) -> Result<Self, LoadError> {
        let sizes = Self {
            width: config.needed(&["hidden_size"])?,
            layers: config.needed(&["num_hidden_layers"])?,
            heads: config.size(&["num_attention_heads"])?.unwrap_or(8),
            kv_heads: config.size(&["num_key_value_heads"])?.unwrap_or(4),
            head: config.size(&["head_dim"])?.unwrap_or(256),
            inner: config.needed(&["intermediate_size"])?,
            context: config.size(&["max_position_embeddings"])?.unwrap_or(131_072),
            epsilon: config.float("rms_norm_eps")?.unwrap_or(1e-6),
        };
        sizes.check(config)
    }

    fn check(self, config: Fields<'_>) -> Result<Self, LoadError> {
        let Self { heads, kv_heads, head, .. } = self;
        if !heads.is_multiple_of(kv_heads) {
            let why = format!("is {kv_heads}, which does not divide {heads} heads");
            return Err(config.wrong("num_key_value_heads", why));
        }
        if head == 0 || !head.is_multiple_of(2) {
            return Err(
                config.wrong("num_attention_heads", format!("is {heads}, which leaves heads of {head} numbers"))
            );
        }
        Ok(self)
    }

    fn write(&self, header: &mut Header<'_, '_>, base: f64) {
        for (key, value) in [
            ("block_count", self.layers),
            ("context_length", self.context),
            ("embedding_length", self.width),
            ("feed_forward_length", self.inner),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
        ] {
            header.number(key, value);
        }
        header.float("rope.freq_base", base);
        header.float("attention.layer_norm_rms_epsilon", self.epsilon);
    }

    fn write_head(&self, header: &mut Header<'_, '_>) {
        header.number("attention.key_length", self.head);
        header.number("attention.value_length", self.head);
    }

    fn tensors(&self, plan: &mut Plan<'_>, config: Fields<'_>, layout: Layout) -> Result<(), LoadError> {
        let norm = if layout.plus_one { Step::PlusOne } else { Step::Same };
        ends(plan, config, ["model.embed_tokens.weight", "lm_head.weight"], self.width)?;
        plan.vector("model.norm.weight", "output_norm.weight", self.width, norm)?;
        for at in 0..self.layers {
            self.layer(plan, at, layout, norm)?;
        }
        Ok(())
    }

    fn layer(&self, plan: &mut Plan<'_>, at: usize, layout: Layout, norm: Step) -> Result<(), LoadError> {
        let (from, to) = (format!("model.layers.{at}"), format!("blk.{at}"));
        let (width, inner) = (self.width, self.inner);
        let (q, kv) = (self.heads * self.head, self.kv_heads * self.head);
        let turned = |heads: usize| if layout.interleaved { Step::Interleave(heads) } else { Step::Same };
        let mut linear = |name: &str, ours: &str, size: [usize; 2], step: Step| {
            plan.linear(&format!("{from}.{name}"), &format!("{to}.{ours}"), size, step)
        };
        if layout.qkv {
            linear("self_attn.qkv_proj", "attn_qkv", [q + 2 * kv, width], Step::Same)?;
        } else {
            linear("self_attn.q_proj", "attn_q", [q, width], turned(self.heads))?;
            linear("self_attn.k_proj", "attn_k", [kv, width], turned(self.kv_heads))?;
            linear("self_attn.v_proj", "attn_v", [kv, width], Step::Same)?;
        }
        linear("self_attn.o_proj", "attn_output", [width, q], Step::Same)?;
        if layout.gate_up {
            linear("mlp.gate_up_proj", "ffn_up", [2 * inner, width], Step::Same)?;
        } else {
            linear("mlp.gate_proj", "ffn_gate", [inner, width], Step::Same)?;
            linear("mlp.up_proj", "ffn_up", [inner, width], Step::Same)?;
        }
        linear("mlp.down_proj", "ffn_down", [width, inner], Step::Same)?;
        let heads = [("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm")];
        let heads = heads.iter().filter(|_| layout.qk_norm).map(|names| (names, self.head));
        for ((name, ours), len) in layout.norms.iter().map(|names| (names, width)).chain(heads) {
            plan.vector(&format!("{from}.{name}.weight"), format!("{to}.{ours}.weight"), len, norm)?;
        }
        Ok(())
    }
}

pub(super) fn llama(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    only(config, "hidden_act", &["silu"])?;
    let (sizes, positions) = (Sizes::read(config)?, Positions::read(config)?);
    sizes.write(header, positions.base(10_000.0)?);
    sizes.write_head(header);
    header.number("vocab_size", plan.size("model.embed_tokens.weight", 0)?);
    header.number("rope.dimension_count", sizes.head);
    positions.write(header, plan, sizes.head, sizes.context)?;
    sizes.tensors(plan, config, Layout { interleaved: true, ..PLAIN })
}

pub(super) fn qwen2(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    qwen(header, config, plan, PLAIN)
}

pub(super) fn qwen3(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    qwen(header, config, plan, Layout { qk_norm: true, ..PLAIN })
}

fn qwen(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>, layout: Layout) -> Result<(), LoadError> {
    only(config, "hidden_act", &["silu"])?;
    let (sizes, positions) = (Sizes::read(config)?, Positions::read(config)?);
    sizes.write(header, positions.base(10_000.0)?);
    if config.has("head_dim") {
        sizes.write_head(header);
    }
    positions.write(header, plan, sizes.head, sizes.context)?;
    sizes.tensors(plan, config, layout)
}

/// Layers of Gemma 3 of which one sees everything.
const PATTERN: usize = 6;

pub(super) fn gemma3(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    only(config, "hidden_activation", &["gelu_pytorch_tanh"])?;
    let (sizes, positions) = (Sizes::read_gemma(config)?, Positions::read(config)?);
    let pattern = config.size(&["sliding_window_pattern", "_sliding_window_pattern"])?.unwrap_or(PATTERN);
    let kinds = config.list("layer_types")?.iter().enumerate();
    let odd = |(at, kind): (usize, &serde_json::Value)| (kind == "full_attention") != (at + 1).is_multiple_of(PATTERN);
    if pattern != PATTERN || kinds.clone().any(odd) {
        let why = "has layers that see everything elsewhere than at every sixth, which is not run here";
        return Err(config.wrong("layer_types", why));
    }
    // The largest member scales by the width of a head as it would be without its own head width.
    let scaled_by = if sizes.layers == 62 { sizes.width / sizes.heads } else { sizes.head };
    let set = config.float("query_pre_attn_scalar")?.unwrap_or(256.0);
    if set != scaled_by as f64 {
        return Err(
            config.wrong("query_pre_attn_scalar", format!("is {set}, and this size is run here with {scaled_by} only"))
        );
    }
    if config.has("attn_logit_softcapping") {
        return Err(
            config.wrong("attn_logit_softcapping", "is set, which Gemma 3 has not; the file is of another model")
        );
    }
    let local = positions.local_base()?.unwrap_or(10_000.0);
    if local != 10_000.0 {
        return Err(
            config.wrong("rope_local_base_freq", format!("is {local}, and Gemma 3 is run here with 10000 only"))
        );
    }
    sizes.write(header, positions.base(1_000_000.0)?);
    sizes.write_head(header);
    header.float("rope.freq_base_swa", local);
    header.number("attention.sliding_window", config.size(&["sliding_window"])?.unwrap_or(4096));
    if let Some(cap) = config.float("final_logit_softcapping")?.filter(|cap| *cap > 0.0) {
        header.float("final_logit_softcapping", cap);
    }
    positions.write(header, plan, sizes.head, sizes.context)?;
    let norms = &[
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "post_attention_norm"),
        ("pre_feedforward_layernorm", "ffn_norm"),
        ("post_feedforward_layernorm", "post_ffw_norm"),
    ];
    sizes.tensors(plan, config, Layout { qk_norm: true, plus_one: true, norms, ..PLAIN })
}

pub(super) fn phi3(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    only(config, "hidden_act", &["silu"])?;
    let (sizes, positions) = (Sizes::read(config)?, Positions::read(config)?);
    let rotated = positions.rotated(sizes.head, 1.0)?;
    let original = positions.original()?.unwrap_or(sizes.context);
    sizes.write(header, positions.base(10_000.0)?);
    if sizes.head != sizes.width / sizes.heads {
        sizes.write_head(header);
    }
    header.number("rope.scaling.original_context_length", original);
    header.number("rope.dimension_count", rotated);
    header.number("attention.sliding_window", config.size(&["sliding_window"])?.unwrap_or(0));
    match positions.kind {
        "longrope" | "su" => {
            let scale = sizes.context as f64 / original as f64;
            let attention = if scale > 1.0 { (1.0 + scale.ln() / (original as f64).ln()).sqrt() } else { 1.0 };
            header.float("rope.scaling.attn_factor", attention);
            for (key, to) in
                [("long_factor", "rope_factors_long.weight"), ("short_factor", "rope_factors_short.weight")]
            {
                let factors = positions.factors(key, rotated / 2)?;
                plan.exact(to, &[rotated / 2], vec![Part::Computed(factors)]);
            }
        }
        _ => positions.write(header, plan, rotated, sizes.context)?,
    }
    sizes.tensors(plan, config, Layout { qkv: true, gate_up: true, ..PLAIN })
}

pub(super) fn glm4(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    only(config, "hidden_act", &["silu"])?;
    let (sizes, positions) = (Sizes::read(config)?, Positions::read(config)?);
    sizes.write(header, positions.base(10_000.0)?);
    sizes.write_head(header);
    header.number("rope.dimension_count", positions.rotated(sizes.head, 0.5)?);
    positions.write(header, plan, sizes.head, sizes.context)?;
    let norms = &[
        ("input_layernorm", "attn_norm"),
        ("post_self_attn_layernorm", "post_attention_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("post_mlp_layernorm", "post_ffw_norm"),
    ];
    sizes.tensors(plan, config, Layout { gate_up: true, norms, ..PLAIN })
}
