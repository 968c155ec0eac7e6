//! One pass: tokens of several sequences in, logits of the rows that want them out.

use kernels::{AttnShape, Pool, add, attention, gelu_mul, matmul, rms_norm, rope_neox, rope_norm, silu_mul};

use super::family::{Gate, Pairs};
use super::weights::{Decoder, Layer, Linear};
use super::Cache;

/// One token of a pass. Rows of one slot stand together, in order of position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Index of the sequence's cache.
    pub(crate) slot: usize,
    /// Its place in the sequence.
    pub(crate) position: usize,
    /// The token.
    pub(crate) token: u32,
    /// Whether the next token's logits are wanted.
    pub(crate) logits: bool,
}

/// Runs `rows` through the decoder, extending the caches. Returns the wanted logits, one vector of the vocabulary's size for each such row, in order.
pub(crate) fn forward(decoder: &Decoder, pool: &Pool, caches: &mut [Cache], rows: &[Row]) -> Vec<f32> {
    let mut pass = Pass::new(decoder, pool, rows);
    for (index, layer) in decoder.layers.iter().enumerate() {
        pass.attend(caches, index, layer);
        pass.feed_forward(layer);
    }
    for row in rows {
        let cache = &mut caches[row.slot];
        debug_assert_eq!(cache.tokens.len(), row.position, "positions follow one another");
        cache.tokens.push(row.token);
    }
    pass.logits()
}

struct Pass<'a> {
    decoder: &'a Decoder,
    pool: &'a Pool,
    rows: &'a [Row],
    x: Vec<f32>,
    normed: Vec<f32>,
}

impl<'a> Pass<'a> {
    fn new(decoder: &'a Decoder, pool: &'a Pool, rows: &'a [Row]) -> Self {
        let width = decoder.config.width;
        let mut x = vec![0.0; rows.len() * width];
        let table = decoder.matrix(&decoder.embeddings);
        for (row, x) in rows.iter().zip(x.chunks_exact_mut(width)) {
            let token = (row.token as usize).min(table.rows - 1); // ids are checked where they enter
            kernels::dequantize_row(table.dtype, table.row(token), x);
        }
        if decoder.family.scaled_embeddings {
            let scale = (width as f32).sqrt();
            x.iter_mut().for_each(|x| *x *= scale);
        }
        Self { decoder, pool, rows, normed: vec![0.0; x.len()], x }
    }

    fn attend(&mut self, caches: &mut [Cache], index: usize, layer: &Layer) {
        let config = &self.decoder.config;
        rms_norm(&mut self.normed, &self.x, &layer.attention_norm, config.epsilon);
        let mut q = self.apply(&layer.q, &self.normed);
        let mut k = self.apply(&layer.k, &self.normed);
        let v = self.apply(&layer.v, &self.normed);
        for (x, norm) in [(&mut q, &layer.q_norm), (&mut k, &layer.k_norm)] {
            if let Some(norm) = norm {
                let before = x.clone();
                rms_norm(x, &before, norm, config.epsilon);
            }
        }
        let (q_width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let (freqs, scale) = if layer.local { (&config.local_freqs, 1.0) } else { (&config.freqs, config.rope_scale) };
        let turn = match self.decoder.family.pairs {
            Pairs::Neighbours => rope_norm,
            Pairs::Halves => rope_neox,
        };
        for (at, row) in self.rows.iter().enumerate() {
            turn(&mut q[at * q_width..][..q_width], config.head_dim, row.position as f32, freqs, scale);
            turn(&mut k[at * kv_width..][..kv_width], config.head_dim, row.position as f32, freqs, scale);
            caches[row.slot].put(index, row.position, &k[at * kv_width..][..kv_width], &v[at * kv_width..][..kv_width]);
        }
        let shape = AttnShape {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            scale: config.attention_scale,
            softcap: config.softcap,
            window: config.window.filter(|_| layer.local),
        };
        let mut mixed = vec![0.0; q.len()];
        let mut start = 0;
        for group in self.rows.chunk_by(|a, b| a.slot == b.slot) {
            let part = start * q_width..(start + group.len()) * q_width;
            let cache = &caches[group[0].slot];
            let first = group[0].position;
            attention(self.pool, &shape, &mut mixed[part.clone()], &q[part], cache.keys(index), cache.values(index), first);
            start += group.len();
        }
        let mut out = self.apply(&layer.o, &mixed);
        self.normalise(&mut out, layer.post_attention_norm.as_deref());
        add(&mut self.x, &out);
    }

    fn feed_forward(&mut self, layer: &Layer) {
        rms_norm(&mut self.normed, &self.x, &layer.ffn_norm, self.decoder.config.epsilon);
        let mut gate = self.apply(&layer.gate, &self.normed);
        let up = self.apply(&layer.up, &self.normed);
        match self.decoder.family.gate {
            Gate::Silu => silu_mul(&mut gate, &up),
            Gate::Gelu => gelu_mul(&mut gate, &up),
        }
        let mut out = self.apply(&layer.down, &gate);
        self.normalise(&mut out, layer.post_ffn_norm.as_deref());
        add(&mut self.x, &out);
    }

    fn normalise(&self, out: &mut Vec<f32>, norm: Option<&[f32]>) {
        if let Some(norm) = norm {
            let before = std::mem::take(out);
            out.resize(before.len(), 0.0);
            rms_norm(out, &before, norm, self.decoder.config.epsilon);
        }
    }

    fn apply(&self, linear: &Linear, x: &[f32]) -> Vec<f32> {
        let weight = self.decoder.matrix(&linear.weight);
        let mut out = vec![0.0; self.rows.len() * weight.rows];
        matmul(self.pool, &mut out, x, &weight);
        if let Some(bias) = &linear.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                add(row, bias);
            }
        }
        out
    }

    fn logits(self) -> Vec<f32> {
        let width = self.decoder.config.width;
        let wanted: Vec<f32> = self
            .rows
            .iter()
            .zip(self.x.chunks_exact(width))
            .filter(|(row, _)| row.logits)
            .flat_map(|(_, x)| x.iter().copied())
            .collect();
        let mut normed = vec![0.0; wanted.len()];
        rms_norm(&mut normed, &wanted, &self.decoder.norm, self.decoder.config.epsilon);
        let output = self.decoder.matrix(&self.decoder.output);
        let mut logits = vec![0.0; wanted.len() / width * output.rows];
        matmul(self.pool, &mut logits, &normed, &output);
        if let Some(cap) = self.decoder.config.final_softcap {
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        logits
    }
}
