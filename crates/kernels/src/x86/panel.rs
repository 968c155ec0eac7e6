//! Panels of eight rows: each of a vector's eight lanes sums one row.

use std::arch::x86_64::*;

use crate::matmul::{Activations, Expanded, GROUP, Kind, Panel, ROWS, TILE};

/// Lays eight rows side by side.
///
/// # Safety
/// The machine has AVX2; rows and panel have room for as many codes, scales and minima as each other.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn interleave(rows: &[Expanded; ROWS], panel: &mut Panel) {
    let cols = rows[0].codes.len();
    assert!(panel.codes.len() >= cols * ROWS, "room for eight rows");
    for row in rows {
        assert!(row.codes.len() == cols, "rows of one length");
    }
    let codes: [*const u8; ROWS] = std::array::from_fn(|r| rows[r].codes.as_ptr());
    for g in 0..cols / GROUP {
        // SAFETY: each row has 32 codes in group `g`, and the panel 256.
        unsafe {
            let group: [__m256i; ROWS] = std::array::from_fn(|r| _mm256_loadu_si256(codes[r].add(g * GROUP).cast()));
            for (i, column) in transpose(group).into_iter().enumerate() {
                _mm256_storeu_si256(panel.codes.as_mut_ptr().add(g * GROUP * ROWS + i * 32).cast(), column);
            }
        }
    }
    // SAFETY: spans are the same in rows and panel, checked within.
    unsafe {
        interleave_floats(std::array::from_fn(|r| rows[r].scales.as_slice()), &mut panel.scales);
        interleave_floats(std::array::from_fn(|r| rows[r].mins.as_slice()), &mut panel.mins);
    }
}

/// # Safety
/// The machine has AVX2.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn interleave_floats(rows: [&[f32]; ROWS], out: &mut [f32]) {
    let len = rows[0].len();
    assert!(out.len() >= len * ROWS && rows.iter().all(|row| row.len() == len), "as many for each row");
    let whole = len / 8 * 8;
    for at in (0..whole).step_by(8) {
        // SAFETY: at + 8 <= len in every row, and there is room for eight of each.
        unsafe {
            let eight = std::array::from_fn(|r| _mm256_loadu_si256(rows[r].as_ptr().add(at).cast()));
            for (i, column) in transpose(eight).into_iter().enumerate() {
                _mm256_storeu_si256(out.as_mut_ptr().add((at + i) * ROWS).cast(), column);
            }
        }
    }
    for at in whole..len {
        for (r, row) in rows.iter().enumerate() {
            out[at * ROWS + r] = row[at];
        }
    }
}

/// Eight vectors of eight 32-bit numbers, rows to columns.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let pairs = |x, y| (_mm256_unpacklo_epi32(x, y), _mm256_unpackhi_epi32(x, y));
    let ((ab0, ab1), (cd0, cd1), (ef0, ef1), (gh0, gh1)) = (pairs(a, b), pairs(c, d), pairs(e, f), pairs(g, h));
    let fours = |x, y| (_mm256_unpacklo_epi64(x, y), _mm256_unpackhi_epi64(x, y));
    let ((p0, p1), (p2, p3)) = (fours(ab0, cd0), fours(ab1, cd1));
    let ((q0, q1), (q2, q3)) = (fours(ef0, gh0), fours(ef1, gh1));
    let low = |x, y| _mm256_permute2x128_si256::<0x20>(x, y);
    let high = |x, y| _mm256_permute2x128_si256::<0x31>(x, y);
    [low(p0, q0), low(p1, q1), low(p2, q2), low(p3, q3), high(p0, q0), high(p1, q1), high(p2, q2), high(p3, q3)]
}

/// The sums of up to four tokens with each row of a panel.
///
/// # Safety
/// The machine has AVX2 and FMA; tokens `t..t + count` are in `x`, `count` is 1 to 4.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn panel(panel: &Panel, x: &Activations, t: usize, count: usize, sums: &mut [[f32; ROWS]; TILE]) {
    let spans = x.cols / panel.kind.span();
    assert!(panel.codes.len() == x.cols * ROWS && panel.scales.len() == spans * ROWS, "as long as the tokens");
    assert!(panel.kind == Kind::Signed || panel.mins.len() == spans * ROWS, "a minimum for each scale");
    // SAFETY: the caller's promises and the assertions are passed on.
    unsafe {
        match count {
            4 => kind::<4>(panel, x, t, sums),
            3 => kind::<3>(panel, x, t, sums),
            2 => kind::<2>(panel, x, t, sums),
            _ => kind::<1>(panel, x, t, sums),
        }
    }
}

const FOUR: u8 = 4;
const FIVE: u8 = 5;
const SIX: u8 = 6;
const SIGNED: u8 = 8;

/// # Safety
/// As for [`panel`].
#[target_feature(enable = "avx2,fma")]
unsafe fn kind<const T: usize>(panel: &Panel, x: &Activations, t: usize, sums: &mut [[f32; ROWS]; TILE]) {
    // SAFETY: the caller's promises are passed on.
    unsafe {
        match panel.kind {
            Kind::Four => tile::<T, FOUR>(panel, x, t, sums),
            Kind::Five => tile::<T, FIVE>(panel, x, t, sums),
            Kind::Six => tile::<T, SIX>(panel, x, t, sums),
            Kind::Signed => tile::<T, SIGNED>(panel, x, t, sums),
        }
    }
}

/// Pair sums are added in 16 bits for as long as they fit: codes below 16 for 32 weights (8 * 2 * 15 * 127), below 32 for 16,
/// below 64 for 8.
///
/// # Safety
/// As for [`panel`]; tokens `t..t + T` are in `x`.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn tile<const T: usize, const KIND: u8>(
    panel: &Panel,
    x: &Activations,
    t: usize,
    sums: &mut [[f32; ROWS]; TILE],
) {
    let groups = x.cols / GROUP;
    let ones = _mm256_set1_epi16(1);
    let zero = _mm256_setzero_si256();
    let mut total = [_mm256_setzero_ps(); T];
    let codes: [*const i8; T] = std::array::from_fn(|j| x.codes[(t + j) * x.cols..][..x.cols].as_ptr());
    let scales: [*const f32; T] = std::array::from_fn(|j| x.scales[(t + j) * groups..][..groups].as_ptr());
    let spans = if KIND == SIX { groups * 2 } else { groups };
    let all_sums = if KIND == SIX { &x.half_sums } else { &x.sums };
    let token_sums: [*const f32; T] = std::array::from_fn(|j| all_sums[(t + j) * spans..][..spans].as_ptr());
    for g in 0..groups {
        // SAFETY: group `g` is within the panel and the tokens, whose lengths the caller and the slices above vouch for.
        unsafe {
            let weights = panel.codes.as_ptr().add(g * GROUP * ROWS);
            let weight = |i: usize| _mm256_loadu_si256(weights.add(i * 32).cast());
            let four =
                |j: usize, i: usize| _mm256_set1_epi32(codes[j].add(g * GROUP + i * 4).cast::<i32>().read_unaligned());
            let scale_of = |j: usize, span: usize| {
                let own = _mm256_loadu_ps(panel.scales.as_ptr().add(span * ROWS));
                _mm256_mul_ps(own, _mm256_broadcast_ss(&*scales[j].add(g)))
            };
            if KIND == SIGNED {
                let mut whole = [zero; T];
                for i in 0..8 {
                    let weight = weight(i);
                    let size = _mm256_abs_epi8(weight);
                    for j in 0..T {
                        let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(four(j, i), weight));
                        whole[j] = _mm256_add_epi32(whole[j], _mm256_madd_epi16(pairs, ones));
                    }
                }
                for j in 0..T {
                    total[j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[j]), scale_of(j, g), total[j]);
                }
                continue;
            }
            let run = match KIND {
                FOUR => 8,
                FIVE => 4,
                _ => 2,
            };
            let per_span = if KIND == SIX { 4 } else { 8 };
            let mut whole = [zero; T];
            for start in (0..8).step_by(run) {
                let mut pairs = [zero; T];
                for i in start..start + run {
                    let weight = weight(i);
                    for j in 0..T {
                        let product = _mm256_maddubs_epi16(weight, four(j, i));
                        pairs[j] = if i == start { product } else { _mm256_add_epi16(pairs[j], product) };
                    }
                }
                for j in 0..T {
                    let sum = _mm256_madd_epi16(pairs[j], ones);
                    whole[j] = if start % per_span == 0 { sum } else { _mm256_add_epi32(whole[j], sum) };
                }
                if (start + run) % per_span == 0 {
                    let span = if KIND == SIX { g * 2 + start / 4 } else { g };
                    let min = _mm256_loadu_ps(panel.mins.as_ptr().add(span * ROWS));
                    for j in 0..T {
                        total[j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[j]), scale_of(j, span), total[j]);
                        total[j] = _mm256_fmadd_ps(min, _mm256_broadcast_ss(&*token_sums[j].add(span)), total[j]);
                    }
                }
            }
        }
    }
    for j in 0..T {
        // SAFETY: eight floats.
        unsafe { _mm256_storeu_ps(sums[j].as_mut_ptr(), total[j]) };
    }
}
