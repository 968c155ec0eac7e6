//! The Transformer's layer, for every family in the table.

use kernels::AttnShape;

use super::family::{Config, Family};
use super::load::Find;
use super::ops::{Linear, Norm, Ops};
use crate::LoadError;

/// What the layers of a model share.
pub(super) struct Transformer {
    family: &'static Family,
    config: Config,
}

pub(super) struct Layer {
    attention_norm: Norm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    post_attention_norm: Option<Norm>,
    ffn_norm: Norm,
    gate: Linear,
    up: Linear,
    down: Linear,
    post_ffn_norm: Option<Norm>,
    local: bool,
}

impl Transformer {
    pub(super) fn load(
        find: &Find<'_>,
        family: &'static Family,
        context: usize,
    ) -> Result<(Self, Vec<Layer>), LoadError> {
        let config = Config::read(find, family, context)?;
        let model = Self { family, config };
        let layers = (0..model.config.layers).map(|at| model.layer(&find.layer(at), at)).collect::<Result<_, _>>()?;
        Ok((model, layers))
    }

    /// Heads of keys, and numbers of each.
    pub(super) fn keys(&self) -> (usize, usize) {
        (self.config.kv_heads, self.config.head_dim)
    }

    /// What embeddings are multiplied by.
    pub(super) fn embedding_scale(&self) -> f32 {
        if self.family.scaled_embeddings { (self.config.width as f32).sqrt() } else { 1.0 }
    }

    fn layer(&self, find: &Find<'_>, at: usize) -> Result<Layer, LoadError> {
        let (config, family) = (&self.config, self.family);
        let (width, inner, q, kv) =
            (config.width, config.inner, config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let norm = |name: &str, len: usize| find.rms_norm(name, len, config.epsilon);
        let optional = |wanted: bool, name: &str, len: usize| wanted.then(|| norm(name, len)).transpose();
        // Some files hold several maps in one tensor, one after the other.
        let in_one = |one: &str, first: usize, name: &str, rows: usize| {
            let has = |name: &str| find.has(&format!("{name}.weight"));
            if has(one) && !has(name) {
                find.linear_part(one, first, rows, width)
            } else {
                find.linear(name, rows, width)
            }
        };
        let doubled = !find.has("ffn_gate.weight");
        Ok(Layer {
            attention_norm: norm("attn_norm", width)?,
            q: in_one("attn_qkv", 0, "attn_q", q)?,
            k: in_one("attn_qkv", q, "attn_k", kv)?,
            v: in_one("attn_qkv", q + kv, "attn_v", kv)?,
            o: find.linear("attn_output", width, q)?,
            q_norm: optional(family.qk_norm, "attn_q_norm", config.head_dim)?,
            k_norm: optional(family.qk_norm, "attn_k_norm", config.head_dim)?,
            post_attention_norm: optional(family.post_norms, "post_attention_norm", width)?,
            ffn_norm: norm("ffn_norm", width)?,
            gate: in_one("ffn_up", 0, "ffn_gate", inner)?,
            up: if doubled {
                find.linear_part("ffn_up", inner, inner, width)?
            } else {
                find.linear("ffn_up", inner, width)?
            },
            down: find.linear("ffn_down", width, inner)?,
            post_ffn_norm: optional(family.post_norms, "post_ffw_norm", width)?,
            local: config.is_local(at, family),
        })
    }

    /// One layer.
    pub(super) fn forward<O: Ops>(&self, ops: &mut O, layer: &Layer, x: O::Rows) -> O::Rows {
        let normed = ops.norm(&layer.attention_norm, &x);
        let out = self.attend(ops, layer, &normed);
        let x = add(ops, x, out, layer.post_attention_norm.as_ref());
        let normed = ops.norm(&layer.ffn_norm, &x);
        let [gate, up] = ops.linear([&layer.gate, &layer.up], &normed);
        let gate = ops.gate(self.family.gate, gate, &up);
        let [out] = ops.linear([&layer.down], &gate);
        add(ops, x, out, layer.post_ffn_norm.as_ref())
    }

    fn attend<O: Ops>(&self, ops: &mut O, layer: &Layer, x: &O::Rows) -> O::Rows {
        let config = &self.config;
        let [mut q, mut k, v] = ops.linear([&layer.q, &layer.k, &layer.v], x);
        if let (Some(q_norm), Some(k_norm)) = (&layer.q_norm, &layer.k_norm) {
            (q, k) = (ops.norm(q_norm, &q), ops.norm(k_norm, &k));
        }
        let rope = &config.ropes[usize::from(layer.local)];
        let (q, k) = (ops.turn(q, rope), ops.turn(k, rope));
        let shape = AttnShape {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            scale: config.attention_scale,
            softcap: config.softcap,
            window: config.window.filter(|_| layer.local),
        };
        let mixed = ops.attention(&shape, &q, &k, &v);
        let [out] = ops.linear([&layer.o], &mixed);
        out
    }
}

/// Adds what a block gave to what it was given, normed if the family does.
fn add<O: Ops>(ops: &mut O, x: O::Rows, out: O::Rows, norm: Option<&Norm>) -> O::Rows {
    match norm {
        None => ops.add(x, &out),
        Some(norm) => {
            let normed = ops.norm(norm, &out);
            ops.add(x, &normed)
        }
    }
}
