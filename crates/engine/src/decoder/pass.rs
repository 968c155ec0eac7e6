//! One pass: tokens of several sequences in, logits of the rows that want them out.

use std::ops::Range;
use std::path::Path;

use kernels::{
    AttnShape, PAGE, Pool, Run, Scan, Scan2, Weights, Wkv, attention, gelu_mul, group_norm, group_rms_norm,
    matmul_each, rope_angles, rope_neox, rope_norm, silu_mul,
};

use super::buffer::Buffer;
use super::ops::{Gate, Linear, Map, Norm, Ops, Pairs, Rope, Vector};
use super::{Decoder, Sequence};
use crate::LoadError;

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

/// Runs `rows` through the decoder, extending the sequences, which have pages for them. Returns the wanted logits, one vector of the
/// vocabulary's size for each such row, in order.
///
/// `wanted` is asked before each layer; when it says no the pass is given up: nothing is returned, and no sequence is longer than it was.
pub(crate) fn forward(
    decoder: &Decoder,
    pool: &Pool,
    sequences: &mut [Sequence],
    rows: &[Row],
    wanted: &dyn Fn() -> bool,
) -> Option<Buffer> {
    let mut pass = Pass { decoder, pool, rows, sequences, layer: 0, angles: [Vec::new(), Vec::new()] };
    let embeddings = pass.embeddings();
    let enter = |pass: &mut Pass<'_>, layer| {
        pass.layer = layer;
        wanted()
    };
    let logits = decoder.run(&mut pass, embeddings, enter, |pass, x| pass.rows_with_logits(&x));
    for group in rows.chunk_by(|a, b| a.slot == b.slot) {
        let sequence = &mut sequences[group[0].slot];
        debug_assert_eq!(sequence.tokens.len(), group[0].position, "positions follow one another");
        match logits {
            Some(_) => sequence.tokens.extend(group.iter().map(|row| row.token)),
            // A state that went on is no longer that of the tokens before.
            None if decoder.is_recurrent() => sequence.truncate(sequence.tokens.len() / PAGE * PAGE),
            None => {}
        }
    }
    logits
}

/// The logits after each token of a text: one vector of the vocabulary's size for each, in order. With `exact` activations are not rounded
/// to 8 bits for the products. For comparing with other implementations; the model is loaded for this alone.
///
/// # Errors
/// [`LoadError`] if the file is damaged or of a kind this build does not run, or a token is not in its vocabulary.
pub fn logits(model: &Path, tokens: &[u32], exact: bool) -> Result<Vec<f32>, LoadError> {
    let pool = Pool::new(kernels::default_threads());
    let decoder = Decoder::load(model, &pool, exact, tokens.len())?;
    let vocabulary = decoder.vocabulary();
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
        return Err(LoadError::Unsupported(format!("token {token} is not in the vocabulary of {vocabulary}")));
    }
    let count = tokens.len().div_ceil(PAGE);
    let pages = decoder.pages(usize::MAX, tokens.len(), false);
    let pages = (0..count).filter_map(|_| pages.make()).collect();
    let mut sequences = [Sequence { tokens: Vec::new(), pages }];
    let rows: Vec<Row> =
        (0..).zip(tokens).map(|(position, &token)| Row { slot: 0, position, token, logits: true }).collect();
    let passes = rows.chunks(4 * PAGE).filter_map(|rows| forward(&decoder, &pool, &mut sequences, rows, &|| true));
    Ok(passes.flat_map(|logits| logits.to_vec()).collect())
}

struct Pass<'a> {
    decoder: &'a Decoder,
    pool: &'a Pool,
    rows: &'a [Row],
    sequences: &'a mut [Sequence],
    layer: usize,
    /// Sines and cosines of each row's position, of the ropes that were asked for so far.
    angles: [Vec<(f32, f32)>; 2],
}

impl Pass<'_> {
    fn embeddings(&self) -> Buffer {
        let width = self.decoder.width;
        let mut x = Buffer::unset(self.rows.len() * width);
        let table = self.decoder.gguf.matrix(&self.decoder.embeddings);
        for (row, x) in self.rows.iter().zip(x.chunks_exact_mut(width)) {
            let token = (row.token as usize).min(table.rows - 1); // ids are checked where they enter
            kernels::dequantize_row(table.dtype, table.row(token), x);
        }
        x
    }

    fn rows_with_logits(&self, x: &[f32]) -> Buffer {
        let width = self.decoder.width;
        let all = self.rows.iter().zip(x.chunks_exact(width)).filter(|(row, _)| row.logits);
        let mut kept = Buffer::unset(all.clone().count() * width);
        all.zip(kept.chunks_exact_mut(width)).for_each(|((_, x), kept)| kept.copy_from_slice(x));
        kept
    }

    /// Takes rows through a part of the layer's state. Pages hold the state after their last token, so rows go page by page: `compute`
    /// is called with the runs of all sequences that are in their first page, then with those in their second, and so on.
    fn through_state(&mut self, part: &Range<usize>, compute: &mut dyn FnMut(&Pool, &mut [Run<'_>])) {
        let mut groups: Vec<(usize, Range<usize>)> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            match groups.last_mut() {
                Some((slot, rows)) if *slot == row.slot => rows.end = at + 1,
                _ => groups.push((row.slot, at..at + 1)),
            }
        }
        while !groups.is_empty() {
            let mut runs = Vec::new();
            let mut left = self.sequences.iter_mut().enumerate().collect::<Vec<_>>();
            for (slot, rows) in &mut groups {
                let position = self.rows[rows.start].position;
                let here = rows.len().min(PAGE - position % PAGE);
                let place = left.iter().position(|(at, _)| at == slot).expect("a sequence for every row");
                let (_, sequence) = left.swap_remove(place);
                let state = sequence.state(position, self.layer, part.clone());
                runs.push(Run { rows: rows.start..rows.start + here, state });
                rows.start += here;
            }
            compute(self.pool, &mut runs);
            groups.retain(|(_, rows)| !rows.is_empty());
        }
    }

    fn each_row(&self, x: &mut [f32], task: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        let width = self.width(x);
        self.pool.rows(x, width, task);
    }

    /// Numbers in a row. Logits are of some rows only; there it is any part that divides them.
    fn width(&self, x: &[f32]) -> usize {
        let rows = self.rows.len();
        if x.len().is_multiple_of(rows) { (x.len() / rows).max(1) } else { x.len() }
    }

    fn angles(&mut self, rope: &Rope) {
        let angles = &mut self.angles[rope.at];
        if angles.is_empty() {
            self.rows.iter().for_each(|row| rope_angles(row.position as f32, &rope.freqs, rope.scale, angles));
        }
    }
}

impl Ops for Pass<'_> {
    type Rows = Buffer;

    fn linear<const N: usize>(&mut self, maps: [&Linear; N], x: &Buffer) -> [Buffer; N] {
        let rows = x.len() / maps[0].cols;
        let weights: [Weights<'_>; N] = maps.map(|linear| self.decoder.weights(linear));
        let mut out: [Buffer; N] = std::array::from_fn(|i| Buffer::unset(rows * weights[i].rows()));
        let mut jobs: Vec<_> = weights.into_iter().zip(out.iter_mut().map(|out| &mut **out)).collect();
        matmul_each(self.pool, x, &mut jobs);
        for (linear, out) in maps.iter().zip(&mut out) {
            if let Some(bias) = &linear.bias {
                self.pool.rows(out, bias.data.len(), &|_, row| kernels::add(row, &bias.data));
            }
        }
        out
    }

    fn norm(&mut self, norm: &Norm, x: &Buffer) -> Buffer {
        let mut out = Buffer::unset(x.len());
        let width = norm.weight.data.len();
        self.pool.rows(&mut out, width, &|row, out| {
            let x = &x[row * width..][..width];
            match &norm.bias {
                Some(bias) => group_norm(out, x, &norm.weight.data, &bias.data, norm.size, norm.epsilon),
                None => group_rms_norm(out, x, &norm.weight.data, norm.size, norm.epsilon),
            }
        });
        out
    }

    fn unit(&mut self, mut x: Buffer, size: usize) -> Buffer {
        self.each_row(&mut x, &|_, x| kernels::unit(x, size, 1e-12));
        x
    }

    fn map(&mut self, map: Map, mut x: Buffer) -> Buffer {
        let function = match map {
            Map::Silu => kernels::silu,
            Map::Sigmoid => kernels::sigmoid,
            Map::Tanh => kernels::tanh,
            Map::Softplus => kernels::softplus,
            Map::ReluSquared => kernels::relu_squared,
            Map::Exp => kernels::exponential,
        };
        self.each_row(&mut x, &|_, x| function(x));
        x
    }

    fn copy(&mut self, x: &Buffer) -> Buffer {
        Buffer::copy_of(x)
    }

    fn scale(&mut self, mut x: Buffer, by: f32) -> Buffer {
        x.iter_mut().for_each(|x| *x *= by);
        x
    }

    fn add(&mut self, mut a: Buffer, b: &Buffer) -> Buffer {
        let width = self.width(&a);
        self.each_row(&mut a, &|row, a| kernels::add(a, &b[row * width..][..width]));
        a
    }

    fn multiply(&mut self, mut a: Buffer, b: &Buffer) -> Buffer {
        let width = self.width(&a);
        self.each_row(&mut a, &|row, a| kernels::multiply(a, &b[row * width..][..width]));
        a
    }

    fn add_vector(&mut self, mut x: Buffer, vector: &Vector) -> Buffer {
        self.pool.rows(&mut x, vector.data.len(), &|_, x| kernels::add(x, &vector.data));
        x
    }

    fn multiply_vector(&mut self, mut x: Buffer, vector: &Vector) -> Buffer {
        self.pool.rows(&mut x, vector.data.len(), &|_, x| kernels::multiply(x, &vector.data));
        x
    }

    fn mix(&mut self, x: &Buffer, other: &Buffer, by: &Vector) -> Buffer {
        let mut out = Buffer::unset(x.len());
        let width = by.data.len();
        self.pool.rows(&mut out, width, &|row, out| {
            let here = row * width..(row + 1) * width;
            kernels::mix(out, &x[here.clone()], &other[here], &by.data);
        });
        out
    }

    fn mix_rows(&mut self, x: &Buffer, other: &Buffer, by: &Buffer) -> Buffer {
        let mut out = Buffer::unset(x.len());
        let width = self.width(x);
        self.each_row(&mut out, &|row, out| {
            let here = row * width..(row + 1) * width;
            kernels::mix(out, &x[here.clone()], &other[here.clone()], &by[here]);
        });
        out
    }

    fn gate(&mut self, kind: Gate, mut gate: Buffer, up: &Buffer) -> Buffer {
        let open = match kind {
            Gate::Silu => silu_mul,
            Gate::Gelu => gelu_mul,
        };
        let width = self.width(&gate);
        self.each_row(&mut gate, &|row, gate| open(gate, &up[row * width..][..width]));
        gate
    }

    fn columns(&mut self, x: &Buffer, columns: Range<usize>) -> Buffer {
        let width = self.width(x);
        let mut out = Buffer::unset(x.len() / width * columns.len());
        let rows = x.chunks_exact(width).zip(out.chunks_exact_mut(columns.len()));
        rows.for_each(|(row, out)| out.copy_from_slice(&row[columns.clone()]));
        out
    }

    fn part_sums(&mut self, mut x: Buffer, size: usize) -> Buffer {
        for part in x.chunks_exact_mut(size) {
            let sum: f32 = part.iter().sum();
            part.fill(sum);
        }
        x
    }

    fn turn(&mut self, mut x: Buffer, rope: &Rope) -> Buffer {
        self.angles(rope);
        let turn = match rope.pairs {
            Pairs::Neighbours => rope_norm,
            Pairs::Halves => rope_neox,
        };
        let angles = &self.angles[rope.at];
        let per_row = rope.freqs.len();
        self.each_row(&mut x, &|row, x| turn(x, rope.head, &angles[row * per_row..][..per_row]));
        x
    }

    fn attention(&mut self, shape: &AttnShape, q: &Buffer, k: &Buffer, v: &Buffer) -> Buffer {
        let width = shape.kv_heads * shape.head_dim;
        for (row, (k, v)) in self.rows.iter().zip(k.chunks_exact(width).zip(v.chunks_exact(width))) {
            self.sequences[row.slot].put(shape, self.layer, row.position, k, v);
        }
        let groups = self.rows.chunk_by(|a, b| a.slot == b.slot);
        let seen: Vec<_> = groups
            .map(|rows| kernels::Sequence {
                first: rows[0].position,
                rows: rows.len(),
                pages: self.sequences[rows[0].slot].pages.iter().map(|page| page.layer(self.layer)).collect(),
            })
            .collect();
        let mut mixed = Buffer::unset(q.len());
        attention(self.pool, shape, &mut mixed, q, &seen);
        mixed
    }

    fn shift(&mut self, x: &Buffer, state: Range<usize>) -> Buffer {
        let mut out = Buffer::unset(x.len());
        let width = state.len();
        self.through_state(&state, &mut |_, runs| kernels::shift(&mut out, x, width, runs));
        out
    }

    fn conv(&mut self, x: &Buffer, weight: &Vector, bias: Option<&Vector>, state: Range<usize>) -> Buffer {
        let mut out = Buffer::unset(x.len());
        let width = x.len() / self.rows.len();
        let bias = bias.map(|bias| bias.data.as_slice());
        self.through_state(&state, &mut |_, runs| kernels::conv(&mut out, x, &weight.data, bias, width, runs));
        out
    }

    fn wkv6(&mut self, x: [&Buffer; 4], bonus: &Vector, head: usize, state: Range<usize>) -> Buffer {
        let [receptance, decay, key, value] = x.map(|x| &**x);
        let x = Wkv { head, heads: bonus.data.len() / head, receptance, decay, key, value };
        let mut out = Buffer::unset(value.len());
        self.through_state(&state, &mut |pool, runs| kernels::wkv6(pool, &mut out, x, &bonus.data, runs));
        out
    }

    fn wkv7(&mut self, x: [&Buffer; 6], head: usize, state: Range<usize>) -> Buffer {
        let [receptance, decay, key, value, removed, added] = x.map(|x| &**x);
        let heads = value.len() / self.rows.len() / head;
        let x = Wkv { head, heads, receptance, decay, key, value };
        let mut out = Buffer::unset(value.len());
        self.through_state(&state, &mut |pool, runs| kernels::wkv7(pool, &mut out, x, removed, added, runs));
        out
    }

    fn scan(&mut self, x: [&Buffer; 4], decay: &Vector, by: &Vector, state: Range<usize>) -> Buffer {
        let [x, delta, put, take] = x.map(|x| &**x);
        let states = decay.data.len() / by.data.len();
        let scan = Scan { states, x, delta, decay: &decay.data, put, take, by: &by.data };
        let mut out = Buffer::unset(x.len());
        self.through_state(&state, &mut |pool, runs| kernels::scan(pool, &mut out, scan, runs));
        out
    }

    fn scan2(&mut self, x: [&Buffer; 4], decay: &Vector, by: &Vector, groups: usize, state: Range<usize>) -> Buffer {
        let [x, delta, put, take] = x.map(|x| &**x);
        let states = put.len() / self.rows.len() / groups;
        let heads = decay.data.len();
        let scan = Scan2 { states, heads, groups, x, delta, decay: &decay.data, put, take, by: &by.data };
        let mut out = Buffer::unset(x.len());
        self.through_state(&state, &mut |pool, runs| kernels::scan2(pool, &mut out, scan, runs));
        out
    }
}
