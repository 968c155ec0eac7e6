//! Quantised weights as the products want them: eight rows side by side, so that each lane of a vector belongs to one row. They take as many
//! bytes as in the file (Q4_K and Q5_K 2 to 3 % more), and no product has to lay them out again.
//!
//! A panel is eight rows, block after block. A block is a head and one body for each group of 32 columns:
//!
//! | type | groups | head | body |
//! |---|---|---|---|
//! | Q4_0, Q5_0, Q8_0, IQ4_NL | 1 | 8 scales, f16 | codes |
//! | Q4_1, Q5_1 | 1 | 8 scales, 8 minima, f16 | codes |
//! | Q4_K, Q5_K | 8 | 8 scales, 8 minima, f16; for each group 8 scales and 8 minima, u8 | codes |
//! | Q6_K | 8 | 8 scales, f16; for each group 8 scales of its first half, 8 of its second, i8 | codes |
//! | IQ4_XS | 8 | 8 scales, f16; for each group 8 scales, i8 | codes |
//!
//! Codes of a group are eight vectors of 32 bytes: vector `i` holds columns `4i..4i + 4` of row 0, of row 1, and so on. Their lower four bits are
//! packed in 128 bytes, vector `i` beside vector `i + 4`; bits above follow, packed the same way: one bit a code for 5 bits, two for 6.

use std::sync::atomic::{AtomicBool, Ordering};

use half::f16;

use super::GROUP;
use crate::pool::Slots;
use crate::quant::{UNEVEN, are_finite, scale_min, uneven_scale};
use crate::{Dtype, Matrix, Pool};

/// Rows of a panel.
pub(crate) const ROWS: usize = 8;

/// Quantised weights of a linear map, repacked.
pub struct Packed {
    dtype: Dtype,
    rows: usize,
    cols: usize,
    /// Panels, the last one filled up with zeros.
    data: Vec<u8>,
    finite: bool,
}

/// How a block of eight rows lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Groups of 32 columns in a block.
    pub(crate) groups: usize,
    /// Bytes before the codes.
    pub(crate) head: usize,
    /// Bytes of a group's codes.
    pub(crate) body: usize,
}

impl Layout {
    pub(crate) const fn of(dtype: Dtype) -> Self {
        let (groups, head) = match dtype {
            Dtype::Q4_1 | Dtype::Q5_1 => (1, 32),
            Dtype::Q4K | Dtype::Q5K => (8, 32 + 8 * 16),
            Dtype::Q6K => (8, 16 + 8 * 16),
            Dtype::Iq4Xs => (8, 16 + 8 * 8),
            _ => (1, 16),
        };
        let body = match dtype {
            Dtype::Q5_0 | Dtype::Q5_1 | Dtype::Q5K => 160,
            Dtype::Q6K => 192,
            Dtype::Q8_0 => 256,
            _ => 128,
        };
        Self { groups, head, body }
    }

    /// The same with a byte for each code.
    pub(crate) const fn wide(self) -> Self {
        Self { body: GROUP * ROWS, ..self }
    }

    pub(crate) const fn block(self) -> usize {
        self.head + self.groups * self.body
    }

    /// Bytes of a panel of `cols` columns.
    pub(crate) const fn panel(self, cols: usize) -> usize {
        cols / (self.groups * GROUP) * self.block()
    }
}

impl Packed {
    /// Repacks a matrix on all threads of the pool. `None` for floating-point weights, which are used where they lie.
    pub fn new(pool: &Pool, matrix: &Matrix<'_>) -> Option<Self> {
        let &Matrix { dtype, rows, cols, .. } = matrix;
        if dtype.block_len() == 1 || cols == 0 {
            return None;
        }
        let size = Layout::of(dtype).panel(cols);
        let (count, chunk) = (rows.div_ceil(ROWS), 16);
        let mut data = vec![0; count * size];
        let panels = Slots::new(&mut data);
        let finite = AtomicBool::new(true);
        pool.run(count.div_ceil(chunk), &|task| {
            let mut codes = vec![0; ROWS * cols];
            for panel in task * chunk..((task + 1) * chunk).min(count) {
                // SAFETY: each panel is one task's.
                pack(matrix, panel * ROWS, &mut codes, unsafe { panels.part(panel * size, size) });
                let packed = panel * ROWS..((panel + 1) * ROWS).min(rows);
                if !packed.into_iter().all(|row| are_finite(dtype, matrix.row(row))) {
                    finite.store(false, Ordering::Relaxed);
                }
            }
        });
        Some(Self { dtype, rows, cols, data, finite: finite.into_inner() })
    }

    /// Whether every weight is a number: scales of damaged files may be none.
    pub fn is_finite(&self) -> bool {
        self.finite
    }

    /// How the weights are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes they take.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// `count` panels from `at` on.
    pub(crate) fn panels(&self, at: usize, count: usize) -> &[u8] {
        let size = Layout::of(self.dtype).panel(self.cols);
        &self.data[at * size..][..count * size]
    }
}

/// Lays up to eight rows from `first` on side by side; `codes` has room for a byte for each of their weights.
fn pack(matrix: &Matrix<'_>, first: usize, codes: &mut [u8], panel: &mut [u8]) {
    let (dtype, cols) = (matrix.dtype, matrix.cols);
    let layout = Layout::of(dtype);
    let count = (matrix.rows - first).min(ROWS);
    for r in 0..count {
        read_codes(dtype, matrix.row(first + r), &mut codes[r * cols..][..cols]);
    }
    codes[count * cols..].fill(if dtype == Dtype::Q8_0 { 0 } else { empty(dtype) });
    for (b, out) in panel.chunks_exact_mut(layout.block()).enumerate() {
        let (head, bodies) = out.split_at_mut(layout.head);
        for r in 0..count {
            let row = matrix.row(first + r);
            pack_head(dtype, &row[b * dtype.block_bytes()..][..dtype.block_bytes()], r, head);
        }
        for (g, body) in bodies.chunks_exact_mut(layout.body).enumerate() {
            pack_body(dtype, codes, cols, (b * layout.groups + g) * GROUP, body);
        }
    }
}

/// The code of rows that are not there; their scale is 0.
fn empty(dtype: Dtype) -> u8 {
    match dtype {
        Dtype::Iq4Nl | Dtype::Iq4Xs => 8, // stands for 1
        _ => 0,
    }
}

fn pack_head(dtype: Dtype, block: &[u8], r: usize, head: &mut [u8]) {
    let mut put = |at: usize, bytes: &[u8]| head[at..][..bytes.len()].copy_from_slice(bytes);
    match dtype {
        Dtype::Q4_1 | Dtype::Q5_1 => {
            put(r * 2, &block[..2]);
            put(16 + r * 2, &block[2..4]);
        }
        Dtype::Q4K | Dtype::Q5K => {
            put(r * 2, &block[..2]);
            put(16 + r * 2, &block[2..4]);
            for g in 0..8 {
                let (scale, min) = scale_min(&block[4..16], g);
                put(32 + g * 16 + r, &[scale]);
                put(32 + g * 16 + 8 + r, &[min]);
            }
        }
        Dtype::Q6K => {
            put(r * 2, &block[208..210]);
            for (half, scale) in block[192..208].iter().enumerate() {
                put(16 + half * 8 + r, &[*scale]);
            }
        }
        Dtype::Iq4Xs => {
            put(r * 2, &block[..2]);
            for g in 0..8 {
                put(16 + g * 8 + r, &[uneven_scale(block, g) as u8]);
            }
        }
        _ => put(r * 2, &block[..2]),
    }
}

crate::simd::wide! {
    /// The codes of 32 columns from `from` on.
    fn pack_body(dtype: Dtype, codes: &[u8], cols: usize, from: usize, out: &mut [u8]) {
        let mut wide = [0u8; GROUP * ROWS];
        for r in 0..ROWS {
            let row = &codes[r * cols + from..][..GROUP];
            for i in 0..8 {
                wide[i * 32 + r * 4..][..4].copy_from_slice(&row[i * 4..][..4]);
            }
        }
        if dtype == Dtype::Q8_0 {
            out.copy_from_slice(&wide);
            return;
        }
        for p in 0..128 {
            out[p] = wide[p] & 15 | wide[128 + p] << 4;
        }
        let high = &mut out[128..];
        match high.len() {
            32 => {
                for p in 0..32 {
                    high[p] = (0..8).fold(0, |bits, i| bits | (wide[i * 32 + p] >> 4 & 1) << i);
                }
            }
            64 => {
                for p in 0..64 {
                    let (half, at) = (p / 32, p % 32);
                    high[p] = (0..4).fold(0, |bits, i| bits | (wide[(half * 4 + i) * 32 + at] >> 4 & 3) << (2 * i));
                }
            }
            _ => {}
        }
    }
}

/// A row's codes in order, a byte each; for IQ4 the numbers of the steps.
fn read_codes(dtype: Dtype, row: &[u8], out: &mut [u8]) {
    let blocks = row.chunks_exact(dtype.block_bytes()).zip(out.chunks_exact_mut(dtype.block_len()));
    for (block, out) in blocks {
        match dtype {
            Dtype::Q4_0 | Dtype::Iq4Nl => nibbles(&block[2..], out),
            Dtype::Q4_1 => nibbles(&block[4..], out),
            Dtype::Q5_0 => fives(&block[2..], out),
            Dtype::Q5_1 => fives(&block[4..], out),
            Dtype::Q8_0 => out.copy_from_slice(&block[2..]),
            Dtype::Iq4Xs => {
                for (packed, out) in block[8..].chunks_exact(16).zip(out.chunks_exact_mut(32)) {
                    nibbles(packed, out);
                }
            }
            Dtype::Q4K => pairs(&block[16..], out),
            Dtype::Q5K => {
                pairs(&block[48..], out);
                for (g, out) in out.chunks_exact_mut(32).enumerate() {
                    for (code, high) in out.iter_mut().zip(&block[16..48]) {
                        *code |= (high >> g & 1) << 4;
                    }
                }
            }
            Dtype::Q6K => sixes(block, out),
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("floating-point rows have no codes: this is a bug"),
        }
    }
}

fn nibbles(packed: &[u8], out: &mut [u8]) {
    for i in 0..16 {
        out[i] = packed[i] & 15;
        out[i + 16] = packed[i] >> 4;
    }
}

fn fives(rest: &[u8], out: &mut [u8]) {
    nibbles(&rest[4..], out);
    let high = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
    for (i, code) in out.iter_mut().enumerate() {
        *code |= ((high >> i) as u8 & 1) << 4;
    }
}

fn pairs(packed: &[u8], out: &mut [u8]) {
    for (packed, out) in packed.chunks_exact(32).zip(out.chunks_exact_mut(64)) {
        for i in 0..32 {
            out[i] = packed[i] & 15;
            out[i + 32] = packed[i] >> 4;
        }
    }
}

fn sixes(block: &[u8], out: &mut [u8]) {
    for n in 0..2 {
        let (low, high, out) = (&block[n * 64..], &block[128 + n * 32..], &mut out[n * 128..]);
        for i in 0..32 {
            let (a, b, bits) = (low[i], low[32 + i], high[i]);
            out[i] = a & 15 | (bits & 3) << 4;
            out[32 + i] = b & 15 | (bits >> 2 & 3) << 4;
            out[64 + i] = a >> 4 | (bits >> 4 & 3) << 4;
            out[96 + i] = b >> 4 | (bits >> 6) << 4;
        }
    }
}

/// Code `c` of row `r` in the codes of a group, before steps are looked up.
fn code(body: &[u8], r: usize, c: usize) -> u8 {
    let (i, at) = (c / 4, r * 4 + c % 4);
    if body.len() == GROUP * ROWS {
        return body[i * 32 + at];
    }
    let low = body[i % 4 * 32 + at] >> (4 * (i / 4)) & 15;
    match body.len() {
        160 => low | (body[128 + at] >> i & 1) << 4,
        192 => low | (body[128 + i / 4 * 32 + at] >> (2 * (i % 4)) & 3) << 4,
        _ => low,
    }
}

/// Gives every code of a panel a byte, one by one: steps are looked up.
pub(super) fn widen_reference(dtype: Dtype, panel: &[u8], out: &mut [u8]) {
    let (layout, wide) = (Layout::of(dtype), Layout::of(dtype).wide());
    for (block, out) in panel.chunks_exact(layout.block()).zip(out.chunks_exact_mut(wide.block())) {
        out[..layout.head].copy_from_slice(&block[..layout.head]);
        for g in 0..layout.groups {
            let body = &block[layout.head + g * layout.body..][..layout.body];
            for r in 0..ROWS {
                for c in 0..GROUP {
                    let code = code(body, r, c);
                    let steps = matches!(dtype, Dtype::Iq4Nl | Dtype::Iq4Xs);
                    let code = if steps { UNEVEN[usize::from(code & 15)].cast_unsigned() } else { code };
                    out[wide.head + g * wide.body + c / 4 * 32 + r * 4 + c % 4] = code;
                }
            }
        }
    }
}

/// One group of one row in plain numbers, the reference of every fast path: weights are `code * scale + min`, scales and minima one for each half.
pub(super) struct Group {
    pub(super) codes: [i32; GROUP],
    pub(super) scales: [f32; 2],
    pub(super) mins: [f32; 2],
}

impl Group {
    /// Row `r` of group `g` of a block.
    pub(super) fn read(dtype: Dtype, layout: Layout, block: &[u8], g: usize, r: usize) -> Self {
        let (head, body) = (&block[..layout.head], &block[layout.head + g * layout.body..][..layout.body]);
        let half = |at: usize| f16::from_le_bytes([head[at], head[at + 1]]).to_f32();
        let (d, byte) = (half(r * 2), |at: usize| f32::from(head[at]));
        let signed = |at: usize| f32::from(head[at].cast_signed());
        let codes = std::array::from_fn(|c| {
            let code = code(body, r, c);
            match dtype {
                Dtype::Q8_0 => i32::from(code.cast_signed()),
                // Looked up already where each code has a byte.
                Dtype::Iq4Nl | Dtype::Iq4Xs if body.len() == GROUP * ROWS => i32::from(code.cast_signed()),
                Dtype::Iq4Nl | Dtype::Iq4Xs => i32::from(UNEVEN[usize::from(code & 15)]),
                _ => i32::from(code),
            }
        });
        let both = |scale: f32, min: f32| ([scale; 2], [min; 2]);
        let (scales, mins) = match dtype {
            Dtype::Q4_0 => both(d, -8.0 * d),
            Dtype::Q5_0 => both(d, -16.0 * d),
            Dtype::Q4_1 | Dtype::Q5_1 => both(d, half(16 + r * 2)),
            Dtype::Q4K | Dtype::Q5K => both(d * byte(32 + g * 16 + r), -half(16 + r * 2) * byte(32 + g * 16 + 8 + r)),
            Dtype::Q6K => {
                let scales = [0, 1].map(|half| d * signed(16 + g * 16 + half * 8 + r));
                (scales, scales.map(|scale| -32.0 * scale))
            }
            Dtype::Iq4Xs => both(d * signed(16 + g * 8 + r), 0.0),
            _ => both(d, 0.0),
        };
        Self { codes, scales, mins }
    }
}

#[cfg(test)]
impl Packed {
    /// A weight in plain numbers.
    pub(super) fn weight(&self, row: usize, col: usize) -> f32 {
        let layout = Layout::of(self.dtype);
        let (b, g) = (col / GROUP / layout.groups, col / GROUP % layout.groups);
        let block = &self.panels(row / ROWS, 1)[b * layout.block()..][..layout.block()];
        let group = Group::read(self.dtype, layout, block, g, row % ROWS);
        let half = col % GROUP / 16;
        group.codes[col % GROUP] as f32 * group.scales[half] + group.mins[half]
    }
}
