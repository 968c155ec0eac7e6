//! One pass: tokens of several sequences in, logits of the rows that want them out.

use kernels::{
    AttnShape, Pool, Weights, add, attention, gelu_mul, matmul_each, rms_norm, rope_angles, rope_neox, rope_norm,
    silu_mul,
};

use super::Sequence;
use super::family::{Gate, Pairs};
use super::weights::{Decoder, Layer, Linear};

/// One token of a pass. Rows of one slot stand together, in order of position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Index of its sequence.
    pub(crate) slot: usize,
    /// Its place in the sequence.
    pub(crate) position: usize,
    /// The token.
    pub(crate) token: u32,
    /// Whether the next token's logits are wanted.
    pub(crate) logits: bool,
}

/// Runs `rows` through the decoder, extending the sequences, which have pages for them. Returns the wanted logits, one vector of the vocabulary's size for each such row, in order.
///
/// `wanted` is asked before each layer; when it says no the pass is given up: nothing is returned and no sequence is longer than it was.
pub(crate) fn forward(
    decoder: &Decoder,
    pool: &Pool,
    sequences: &mut [Sequence],
    rows: &[Row],
    wanted: &dyn Fn() -> bool,
) -> Option<Vec<f32>> {
    let mut pass = Pass::new(decoder, pool, rows);
    for (index, layer) in decoder.layers.iter().enumerate() {
        if !wanted() {
            return None;
        }
        pass.attend(sequences, index, layer);
        pass.feed_forward(layer);
    }
    for row in rows {
        let sequence = &mut sequences[row.slot];
        debug_assert_eq!(sequence.tokens.len(), row.position, "positions follow one another");
        sequence.tokens.push(row.token);
    }
    Some(pass.logits())
}

struct Pass<'a> {
    decoder: &'a Decoder,
    pool: &'a Pool,
    rows: &'a [Row],
    x: Vec<f32>,
    normed: Vec<f32>,
    /// Sines and cosines of each row's position, for layers that see everything and for those with a window.
    angles: [Vec<(f32, f32)>; 2],
}

impl<'a> Pass<'a> {
    fn new(decoder: &'a Decoder, pool: &'a Pool, rows: &'a [Row]) -> Self {
        let config = &decoder.config;
        let width = config.width;
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
        let mut angles = [Vec::new(), Vec::new()];
        for row in rows {
            rope_angles(row.position as f32, &config.freqs, config.rope_scale, &mut angles[0]);
            if decoder.layers.iter().any(|layer| layer.local) {
                rope_angles(row.position as f32, &config.local_freqs, 1.0, &mut angles[1]);
            }
        }
        Self { decoder, pool, rows, normed: vec![0.0; x.len()], x, angles }
    }

    fn attend(&mut self, sequences: &mut [Sequence], index: usize, layer: &Layer) {
        let config = &self.decoder.config;
        self.norm_into_normed(&layer.attention_norm);
        let [mut q, mut k, v] = self.apply([&layer.q, &layer.k, &layer.v], &self.normed);
        let (q_width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        self.place(&mut q, q_width, layer.q_norm.as_deref(), layer.local);
        self.place(&mut k, kv_width, layer.k_norm.as_deref(), layer.local);
        let shape = AttnShape {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            scale: config.attention_scale,
            softcap: config.softcap,
            window: config.window.filter(|_| layer.local),
        };
        for (row, (k, v)) in self.rows.iter().zip(k.chunks_exact(kv_width).zip(v.chunks_exact(kv_width))) {
            sequences[row.slot].put(&shape, index, row.position, k, v);
        }
        let groups = self.rows.chunk_by(|a, b| a.slot == b.slot);
        let seen: Vec<_> = groups
            .map(|rows| kernels::Sequence {
                first: rows[0].position,
                rows: rows.len(),
                pages: sequences[rows[0].slot].pages.iter().map(|page| page.layer(index)).collect(),
            })
            .collect();
        let mut mixed = vec![0.0; q.len()];
        attention(self.pool, &shape, &mut mixed, &q, &seen);
        let [out] = self.apply([&layer.o], &mixed);
        self.add_normed(out, layer.post_attention_norm.as_deref());
    }

    fn feed_forward(&mut self, layer: &Layer) {
        self.norm_into_normed(&layer.ffn_norm);
        let [mut gate, up] = self.apply([&layer.gate, &layer.up], &self.normed);
        let inner = self.decoder.config.inner;
        let act = match self.decoder.family.gate {
            Gate::Silu => silu_mul,
            Gate::Gelu => gelu_mul,
        };
        self.pool.rows(&mut gate, inner, &|row, gate| act(gate, &up[row * inner..][..inner]));
        let [out] = self.apply([&layer.down], &gate);
        self.add_normed(out, layer.post_ffn_norm.as_deref());
    }

    /// Norms heads, if the family does, and turns them to their positions.
    fn place(&self, x: &mut [f32], width: usize, norm: Option<&[f32]>, local: bool) {
        let config = &self.decoder.config;
        let angles = &self.angles[usize::from(local)];
        let per_row = angles.len() / self.rows.len();
        let turn = match self.decoder.family.pairs {
            Pairs::Neighbours => rope_norm,
            Pairs::Halves => rope_neox,
        };
        self.pool.rows(x, width, &|row, x| {
            if let Some(norm) = norm {
                let before = x.to_vec();
                rms_norm(x, &before, norm, config.epsilon);
            }
            turn(x, config.head_dim, &angles[row * per_row..][..per_row]);
        });
    }

    fn norm_into_normed(&mut self, weight: &[f32]) {
        let (width, epsilon) = (self.decoder.config.width, self.decoder.config.epsilon);
        let x = &self.x;
        self.pool.rows(&mut self.normed, width, &|row, out| rms_norm(out, &x[row * width..][..width], weight, epsilon));
    }

    /// Adds what a block gave to what it was given, normed if the family does.
    fn add_normed(&mut self, out: Vec<f32>, norm: Option<&[f32]>) {
        let (width, epsilon) = (self.decoder.config.width, self.decoder.config.epsilon);
        self.pool.rows(&mut self.x, width, &|row, x| {
            let out = &out[row * width..][..width];
            match norm {
                None => add(x, out),
                Some(norm) => {
                    let mut normed = vec![0.0; width];
                    rms_norm(&mut normed, out, norm, epsilon);
                    add(x, &normed);
                }
            }
        });
    }

    /// Several linear maps of the same rows.
    fn apply<const N: usize>(&self, linears: [&Linear; N], x: &[f32]) -> [Vec<f32>; N] {
        let weights: [Weights<'_>; N] = linears.map(|linear| self.decoder.weights(&linear.weight));
        let mut out: [Vec<f32>; N] = std::array::from_fn(|i| vec![0.0; self.rows.len() * weights[i].rows()]);
        let mut jobs: Vec<_> = weights.into_iter().zip(out.iter_mut().map(Vec::as_mut_slice)).collect();
        matmul_each(self.pool, x, &mut jobs);
        for (linear, out) in linears.iter().zip(&mut out) {
            if let Some(bias) = &linear.bias {
                self.pool.rows(out, bias.len(), &|_, row| add(row, bias));
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
        let output = self.decoder.weights(&self.decoder.output);
        let mut logits = vec![0.0; wanted.len() / width * output.rows()];
        matmul_each(self.pool, &normed, &mut [(output, &mut logits)]);
        if let Some(cap) = self.decoder.config.final_softcap {
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        logits
    }
}
