//! Pairs of panels with a tile of tokens, by AVX-512 with VNNI: each of a vector's sixteen lanes sums one row, four products in one instruction.
//!
//! Sums are those of [`super::tile`] to the bit: whole numbers are the same in any order, and scales are applied in one.

use std::arch::x86_64::*;
use std::ops::Range;

use super::tile::{
    EIGHT, FIVE, FOUR, PLAIN, SIX, STEPS, SUPER, SUPER_HALVES, SUPER_SIGNED, WITH_MIN, body_of, each_vector, head_of,
};
use crate::Dtype;
use crate::matmul::{GROUP, Layout, PAIR, Place, ROWS, Tile, Tokens};
use crate::quant::UNEVEN;

/// Multiplies a pair of panels with the tokens of some tiles.
///
/// # Safety
/// The machine has AVX2, FMA, F16C, and AVX-512 with its parts F, BW, DQ, VL and VNNI.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) unsafe fn pair(dtype: Dtype, panels: &[u8], x: &Tokens, tiles: Range<usize>, out: &Place<'_>) {
    let layout = Layout::of(dtype);
    let blocks = x.cols() / (GROUP * layout.groups);
    assert!(panels.len() == PAIR * blocks * layout.block(), "two panels of whole blocks");
    assert!(x.cols() == blocks * GROUP * layout.groups, "as long as the tokens");
    let panels = [panels.as_ptr(), panels[panels.len() / 2..].as_ptr()];
    for at in tiles {
        let (tile, first) = x.tile(at);
        // SAFETY: the panels are whole blocks, and the tile has the groups of all of them, by the assertions.
        unsafe {
            match tile.width {
                1 => typed::<1>(dtype, panels, blocks, tile, first, out),
                2 => typed::<2>(dtype, panels, blocks, tile, first, out),
                4 => typed::<4>(dtype, panels, blocks, tile, first, out),
                _ => typed::<8>(dtype, panels, blocks, tile, first, out),
            }
        }
    }
}

/// # Safety
/// `panels` are two of `blocks` blocks; `x` has as many groups, and is `T` tokens wide.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn typed<const T: usize>(
    dtype: Dtype,
    panels: [*const u8; 2],
    blocks: usize,
    x: Tile<'_>,
    first: usize,
    out: &Place<'_>,
) {
    let to = (first, out);
    // SAFETY: the caller's promises are passed on; the constants are those of the type.
    unsafe {
        match dtype {
            Dtype::Q4_0 => tile::<FOUR, PLAIN, 8, T>(panels, blocks, x, to),
            Dtype::Q5_0 => tile::<FIVE, PLAIN, 16, T>(panels, blocks, x, to),
            Dtype::Q4_1 => tile::<FOUR, WITH_MIN, 0, T>(panels, blocks, x, to),
            Dtype::Q5_1 => tile::<FIVE, WITH_MIN, 0, T>(panels, blocks, x, to),
            Dtype::Q8_0 => tile::<EIGHT, PLAIN, 128, T>(panels, blocks, x, to),
            Dtype::Q4K => tile::<FOUR, SUPER, 0, T>(panels, blocks, x, to),
            Dtype::Q5K => tile::<FIVE, SUPER, 0, T>(panels, blocks, x, to),
            Dtype::Q6K => tile::<SIX, SUPER_HALVES, 32, T>(panels, blocks, x, to),
            Dtype::Iq4Nl => tile::<STEPS, PLAIN, 128, T>(panels, blocks, x, to),
            Dtype::Iq4Xs => tile::<STEPS, SUPER_SIGNED, 128, T>(panels, blocks, x, to),
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("these have no codes: this is a bug"),
        }
    }
}

/// 32 bytes of each panel, one panel's beside the other's.
///
/// # Safety
/// 32 bytes can be read from both.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn both([first, second]: [*const u8; 2]) -> __m512i {
    // SAFETY: the caller's promise.
    let (first, second) = unsafe { (_mm256_loadu_si256(first.cast()), _mm256_loadu_si256(second.cast())) };
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second)
}

/// Vector `i` of a group's codes of both panels, none below 0: signed codes are 128 more than they are.
///
/// # Safety
/// `codes` are a group's, stored as `CODES` says.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
#[inline]
unsafe fn weight<const CODES: u8>(codes: [*const u8; 2], i: usize) -> __m512i {
    // SAFETY: the caller's promise.
    let get = |at: usize| unsafe { both(codes.map(|codes| codes.add(at))) };
    if CODES == EIGHT {
        return _mm512_xor_si512(get(i * 32), _mm512_set1_epi8(-128));
    }
    let packed = get(i % 4 * 32);
    let low = _mm512_and_si512(if i < 4 { packed } else { _mm512_srli_epi16::<4>(packed) }, _mm512_set1_epi8(15));
    match CODES {
        FIVE => {
            // Bit i of each byte becomes its fifth.
            let high = get(128);
            let shifted = match i {
                0 => _mm512_slli_epi16::<4>(high),
                1 => _mm512_slli_epi16::<3>(high),
                2 => _mm512_slli_epi16::<2>(high),
                3 => _mm512_slli_epi16::<1>(high),
                4 => high,
                5 => _mm512_srli_epi16::<1>(high),
                6 => _mm512_srli_epi16::<2>(high),
                _ => _mm512_srli_epi16::<3>(high),
            };
            _mm512_or_si512(low, _mm512_and_si512(shifted, _mm512_set1_epi8(16)))
        }
        SIX => {
            let high = get(128 + i / 4 * 32);
            let shifted = match i % 4 {
                0 => _mm512_slli_epi16::<4>(high),
                1 => _mm512_slli_epi16::<2>(high),
                2 => high,
                _ => _mm512_srli_epi16::<2>(high),
            };
            _mm512_or_si512(low, _mm512_and_si512(shifted, _mm512_set1_epi8(0x30)))
        }
        STEPS => {
            // SAFETY: the table has 16 bytes.
            let steps = unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(UNEVEN.as_ptr().cast())) };
            _mm512_shuffle_epi8(_mm512_xor_si512(steps, _mm512_set1_epi8(-128)), low)
        }
        _ => low,
    }
}

/// Eight halves of each panel, widened.
///
/// # Safety
/// 16 bytes can be read from both.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn halves([first, second]: [*const u8; 2]) -> __m512 {
    // SAFETY: the caller's promise.
    let (first, second) = unsafe { (_mm_loadu_si128(first.cast()), _mm_loadu_si128(second.cast())) };
    _mm512_cvtph_ps(_mm256_set_m128i(second, first))
}

/// Eight bytes of each panel.
///
/// # Safety
/// Eight bytes can be read from both.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn bytes([first, second]: [*const u8; 2]) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe { _mm_unpacklo_epi64(_mm_loadl_epi64(first.cast()), _mm_loadl_epi64(second.cast())) }
}

/// Products of two panels with `T` tokens. A group's are summed as whole numbers, then scaled and added to the totals.
///
/// # Safety
/// As for [`typed`]; codes and scales are stored as `CODES` and `SCALES` say, and `OFFSET` is taken off each code.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile<const CODES: u8, const SCALES: u8, const OFFSET: i32, const T: usize>(
    panels: [*const u8; 2],
    blocks: usize,
    x: Tile<'_>,
    (first, out): (usize, &Place<'_>),
) {
    let (groups, head) = const { head_of(SCALES) };
    let body = const { body_of(CODES, false) };
    let mut total = [_mm512_setzero_ps(); T];
    let mut before = [_mm512_setzero_si512(); T];
    for b in 0..blocks {
        let heads = panels.map(|panel| panel.wrapping_add(b * (head + groups * body)));
        let head_at = |at: usize| heads.map(|head| head.wrapping_add(at));
        for g in 0..groups {
            let at = b * groups + g;
            let codes = head_at(head + g * body);
            // SAFETY: block `b` is in both panels, and group `at` in the tile, by the caller's promises.
            unsafe {
                let tokens = x.codes.as_ptr().add(at * GROUP * T);
                let [begin, middle] = offsets::<OFFSET, SCALES, T>(x.halves.as_ptr().add(at * T));
                let mut whole = [_mm512_setzero_si512(); T];
                // Loops, not closures: what these call is not compiled for these instructions.
                for j in 0..T {
                    whole[j] = _mm512_set1_epi32(begin[j]);
                }
                each_vector!(i, {
                    let weights = weight::<CODES>(codes, i);
                    for j in 0..T {
                        let four = tokens.add((i * T + j) * 4).cast::<i32>().read_unaligned();
                        whole[j] = _mm512_dpbusd_epi32(whole[j], weights, _mm512_set1_epi32(four));
                    }
                    if SCALES == SUPER_HALVES && i == 3 {
                        // The second half's sum begins anew, and the first's, scaled, waits to be added.
                        let scale = _mm512_cvtepi8_epi32(bytes(head_at(16 + g * 16)));
                        for j in 0..T {
                            before[j] = _mm512_mullo_epi32(whole[j], scale);
                            whole[j] = _mm512_set1_epi32(middle[j]);
                        }
                    }
                });
                if SCALES == SUPER_HALVES {
                    let scale = _mm512_cvtepi8_epi32(bytes(head_at(24 + g * 16)));
                    for j in 0..T {
                        whole[j] = _mm512_add_epi32(before[j], _mm512_mullo_epi32(whole[j], scale));
                    }
                }
                let d = halves(heads);
                let scale = match SCALES {
                    SUPER => _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes(head_at(32 + g * 16))))),
                    SUPER_SIGNED => {
                        _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(head_at(16 + g * 8)))))
                    }
                    _ => d,
                };
                for j in 0..T {
                    let factor = _mm512_mul_ps(scale, _mm512_set1_ps(*x.scales.as_ptr().add(at * T + j)));
                    total[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[j]), factor, total[j]);
                }
                if SCALES == WITH_MIN || SCALES == SUPER {
                    let min = halves(head_at(16));
                    let min = if SCALES == SUPER {
                        let steps = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes(head_at(40 + g * 16))));
                        _mm512_mul_ps(_mm512_mul_ps(min, _mm512_set1_ps(-1.0)), steps)
                    } else {
                        min
                    };
                    for j in 0..T {
                        total[j] = _mm512_fmadd_ps(min, _mm512_set1_ps(*x.sums.as_ptr().add(at * T + j)), total[j]);
                    }
                }
            }
        }
    }
    for (j, total) in total.into_iter().enumerate().take(x.here) {
        let out = out.sums(first + j, PAIR * ROWS);
        let mask = u16::MAX >> (PAIR * ROWS - out.len());
        // SAFETY: as many floats as the mask has ones.
        unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, total) };
    }
}

/// What each token's sums begin with, so that `OFFSET` is taken off each code: the sums of its codes, those of both halves apart where these
/// have scales of their own.
///
/// # Safety
/// `halves` are the sums of `T` tokens.
#[inline]
unsafe fn offsets<const OFFSET: i32, const SCALES: u8, const T: usize>(halves: *const i32) -> [[i32; T]; 2] {
    let mut sums = [[0; T]; 2];
    if OFFSET > 0 {
        for j in 0..T {
            // SAFETY: the caller's promise.
            let both = unsafe { *halves.add(j) };
            let (first, second) = (i32::from(both as i16) * -OFFSET, (both >> 16) * -OFFSET);
            (sums[0][j], sums[1][j]) = if SCALES == SUPER_HALVES { (first, second) } else { (first + second, 0) };
        }
    }
    sums
}
