//! Panels of eight rows with a tile of tokens: each of a vector's eight lanes sums one row, so scales are applied to eight sums at once.

use std::arch::x86_64::*;

use crate::Dtype;
use crate::matmul::{GROUP, Layout, Place, ROWS, Tile, Tokens};
use crate::quant::UNEVEN;

/// Multiplies a panel with all tokens; `wide` if it has a byte for each code.
///
/// # Safety
/// The machine has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn panel(dtype: Dtype, wide: bool, panel: &[u8], x: &Tokens, out: &Place<'_>) {
    let layout = if wide { Layout::of(dtype).wide() } else { Layout::of(dtype) };
    let blocks = x.cols() / (GROUP * layout.groups);
    assert!(panel.len() == blocks * layout.block() && x.cols() == blocks * GROUP * layout.groups, "whole blocks");
    for at in 0..x.tiles() {
        let (tile, first) = x.tile(at);
        // SAFETY: the panel is whole blocks, and the tile has the groups of all of them, by the assertions.
        unsafe {
            match (wide, tile.width) {
                (false, 1) => typed::<false, 1>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (false, 2) => typed::<false, 2>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (false, 4) => typed::<false, 4>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (false, _) => typed::<false, 8>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (true, 1) => typed::<true, 1>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (true, 2) => typed::<true, 2>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (true, 4) => typed::<true, 4>(dtype, panel.as_ptr(), blocks, tile, first, out),
                (true, _) => typed::<true, 8>(dtype, panel.as_ptr(), blocks, tile, first, out),
            }
        }
    }
}

/// Gives every code of a panel a byte.
///
/// # Safety
/// The machine has AVX2.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn widen(dtype: Dtype, panel: &[u8], out: &mut [u8]) {
    let (layout, wide) = (Layout::of(dtype), Layout::of(dtype).wide());
    let blocks = panel.len() / layout.block();
    assert!(out.len() >= blocks * wide.block(), "room for every block");
    for b in 0..blocks {
        // SAFETY: block `b` is in the panel, and there is room for it in `out`.
        unsafe {
            let (from, to) = (panel.as_ptr().add(b * layout.block()), out.as_mut_ptr().add(b * wide.block()));
            std::ptr::copy_nonoverlapping(from, to, layout.head);
            for g in 0..layout.groups {
                let (from, to) = (from.add(layout.head + g * layout.body), to.add(wide.head + g * wide.body));
                match dtype {
                    Dtype::Q4_0 | Dtype::Q4_1 | Dtype::Q4K => widen_group::<FOUR>(from, to),
                    Dtype::Q5_0 | Dtype::Q5_1 | Dtype::Q5K => widen_group::<FIVE>(from, to),
                    Dtype::Q6K => widen_group::<SIX>(from, to),
                    Dtype::Iq4Nl | Dtype::Iq4Xs => widen_group::<STEPS>(from, to),
                    _ => widen_group::<EIGHT>(from, to),
                }
            }
        }
    }
}

/// # Safety
/// A group of codes can be read, 256 bytes written.
#[target_feature(enable = "avx2")]
unsafe fn widen_group<const CODES: u8>(from: *const u8, to: *mut u8) {
    for i in 0..8 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_storeu_si256(to.add(i * 32).cast(), weight::<CODES, false>(from, i)) };
    }
}

/// How codes are stored.
pub(super) const FOUR: u8 = 4;
pub(super) const FIVE: u8 = 5;
pub(super) const SIX: u8 = 6;
pub(super) const EIGHT: u8 = 8;
/// Four bits that stand for signed bytes.
pub(super) const STEPS: u8 = 14;

/// How scales are stored: see the table of [`crate::matmul`]'s packed weights.
pub(super) const PLAIN: u8 = 0;
pub(super) const WITH_MIN: u8 = 1;
pub(super) const SUPER: u8 = 2;
pub(super) const SUPER_HALVES: u8 = 3;
pub(super) const SUPER_SIGNED: u8 = 4;

/// Groups of a block, and bytes before its codes.
pub(super) const fn head_of(scales: u8) -> (usize, usize) {
    match scales {
        PLAIN => (1, 16),
        WITH_MIN => (1, 32),
        SUPER => (8, 160),
        SUPER_HALVES => (8, 144),
        _ => (8, 80),
    }
}

/// Bytes of a group's codes.
pub(super) const fn body_of(codes: u8, wide: bool) -> usize {
    match codes {
        _ if wide => 256,
        EIGHT => 256,
        FIVE => 160,
        SIX => 192,
        _ => 128,
    }
}

/// # Safety
/// `panel` is `blocks` blocks, in the wide form if `WIDE`; `x` has as many groups, and is `T` tokens wide.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn typed<const WIDE: bool, const T: usize>(
    dtype: Dtype,
    panel: *const u8,
    blocks: usize,
    x: Tile<'_>,
    first: usize,
    out: &Place<'_>,
) {
    let to = (first, out);
    // SAFETY: the caller's promises are passed on; the constants are those of the type.
    unsafe {
        match dtype {
            Dtype::Q4_0 => tile::<FOUR, PLAIN, 8, WIDE, T>(panel, blocks, x, to),
            Dtype::Q5_0 => tile::<FIVE, PLAIN, 16, WIDE, T>(panel, blocks, x, to),
            Dtype::Q4_1 => tile::<FOUR, WITH_MIN, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::Q5_1 => tile::<FIVE, WITH_MIN, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::Q8_0 => tile::<EIGHT, PLAIN, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::Q4K => tile::<FOUR, SUPER, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::Q5K => tile::<FIVE, SUPER, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::Q6K => tile::<SIX, SUPER_HALVES, 32, WIDE, T>(panel, blocks, x, to),
            Dtype::Iq4Nl => tile::<STEPS, PLAIN, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::Iq4Xs => tile::<STEPS, SUPER_SIGNED, 0, WIDE, T>(panel, blocks, x, to),
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("these have no codes: this is a bug"),
        }
    }
}

/// Vector `i` of a group's codes.
///
/// # Safety
/// `codes` is a group's, stored as `CODES` says, or a byte each if `WIDE`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn weight<const CODES: u8, const WIDE: bool>(codes: *const u8, i: usize) -> __m256i {
    // SAFETY: the caller's promise.
    let get = |at: usize| unsafe { _mm256_loadu_si256(codes.add(at).cast()) };
    if WIDE || CODES == EIGHT {
        return get(i * 32);
    }
    let packed = get(i % 4 * 32);
    let low = _mm256_and_si256(if i < 4 { packed } else { _mm256_srli_epi16(packed, 4) }, _mm256_set1_epi8(15));
    match CODES {
        FIVE => {
            // Bit i of each byte becomes its fifth.
            let high = get(128);
            let shifted = match i {
                0 => _mm256_slli_epi16(high, 4),
                1 => _mm256_slli_epi16(high, 3),
                2 => _mm256_slli_epi16(high, 2),
                3 => _mm256_slli_epi16(high, 1),
                4 => high,
                5 => _mm256_srli_epi16(high, 1),
                6 => _mm256_srli_epi16(high, 2),
                _ => _mm256_srli_epi16(high, 3),
            };
            _mm256_or_si256(low, _mm256_and_si256(shifted, _mm256_set1_epi8(16)))
        }
        SIX => {
            let high = get(128 + i / 4 * 32);
            let shifted = match i % 4 {
                0 => _mm256_slli_epi16(high, 4),
                1 => _mm256_slli_epi16(high, 2),
                2 => high,
                _ => _mm256_srli_epi16(high, 2),
            };
            _mm256_or_si256(low, _mm256_and_si256(shifted, _mm256_set1_epi8(0x30)))
        }
        STEPS => {
            // SAFETY: the table has 16 bytes.
            let steps = unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(UNEVEN.as_ptr().cast())) };
            _mm256_shuffle_epi8(steps, low)
        }
        _ => low,
    }
}

/// Eight halves, widened.
///
/// # Safety
/// 16 bytes can be read.
#[target_feature(enable = "avx2,f16c")]
#[inline]
unsafe fn halves(from: *const u8) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
}

/// Products of a panel with `T` tokens. A group's are summed as whole numbers, then scaled and added to the totals.
///
/// Pair sums are added in 16 bits for as long as they fit: codes below 16 for 32 weights (8 * 2 * 15 * 127), below 32 for 16, below 64 for 8.
///
/// # Safety
/// As for [`typed`]; codes and scales are stored as `CODES` and `SCALES` say, and `OFFSET` is taken off each code.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile<const CODES: u8, const SCALES: u8, const OFFSET: i32, const WIDE: bool, const T: usize>(
    panel: *const u8,
    blocks: usize,
    x: Tile<'_>,
    (first, out): (usize, &Place<'_>),
) {
    let (groups, head) = const { head_of(SCALES) };
    let body = const { body_of(CODES, WIDE) };
    let ones = _mm256_set1_epi16(1);
    let mut total = [_mm256_setzero_ps(); T];
    for b in 0..blocks {
        for g in 0..groups {
            let at = b * groups + g;
            // SAFETY: block `b` is in the panel, and group `at` in the tile, by the caller's promises.
            unsafe {
                let head_at = panel.add(b * (head + groups * body));
                let codes = head_at.add(head + g * body);
                let tokens = x.codes.as_ptr().add(at * GROUP * T);
                let bytes = |at: usize| _mm_loadl_epi64(head_at.add(at).cast());
                let mut whole = if matches!(CODES, EIGHT | STEPS) {
                    signed_products::<CODES, WIDE, T>(codes, tokens)
                } else {
                    let factors =
                        if SCALES == SUPER_HALVES { half_scales(head_at.add(16 + g * 16)) } else { [ones; 2] };
                    products::<CODES, WIDE, T>(codes, tokens, factors)
                };
                if OFFSET > 0 {
                    let scales = if SCALES == SUPER_HALVES { pair_scales(head_at.add(16 + g * 16)) } else { ones };
                    take_off::<OFFSET, T>(&mut whole, scales, x.halves.as_ptr().add(at * T));
                }
                let d = halves(head_at);
                let scale = match SCALES {
                    SUPER => _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes(32 + g * 16)))),
                    SUPER_SIGNED => _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes(16 + g * 8)))),
                    _ => d,
                };
                for j in 0..T {
                    let factor = _mm256_mul_ps(scale, _mm256_broadcast_ss(&*x.scales.as_ptr().add(at * T + j)));
                    total[j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[j]), factor, total[j]);
                }
                if SCALES == WITH_MIN || SCALES == SUPER {
                    let min = halves(head_at.add(16));
                    let min = if SCALES == SUPER {
                        let steps = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes(40 + g * 16)));
                        _mm256_mul_ps(_mm256_mul_ps(min, _mm256_set1_ps(-1.0)), steps)
                    } else {
                        min
                    };
                    for j in 0..T {
                        let sum = _mm256_broadcast_ss(&*x.sums.as_ptr().add(at * T + j));
                        total[j] = _mm256_fmadd_ps(min, sum, total[j]);
                    }
                }
            }
        }
    }
    for (j, total) in total.into_iter().enumerate().take(x.here) {
        let out = out.sums(first + j, ROWS);
        if out.len() == ROWS {
            // SAFETY: eight floats.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), total) };
        } else {
            let mut sums = [0.0; ROWS];
            // SAFETY: eight floats.
            unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), total) };
            out.copy_from_slice(&sums[..out.len()]);
        }
    }
}

/// Takes `OFFSET`, a power of two, off each code: the sums of a group's halves, times their scales, off the products.
///
/// # Safety
/// `halves` are the sums of `T` tokens.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn take_off<const OFFSET: i32, const T: usize>(whole: &mut [__m256i; T], scales: __m256i, halves: *const i32) {
    for j in 0..T {
        // SAFETY: the caller's promise.
        let sum = _mm256_madd_epi16(_mm256_set1_epi32(unsafe { *halves.add(j) }), scales);
        let off = match OFFSET {
            8 => _mm256_slli_epi32(sum, 3),
            16 => _mm256_slli_epi32(sum, 4),
            _ => _mm256_slli_epi32(sum, 5),
        };
        whole[j] = _mm256_sub_epi32(whole[j], off);
    }
}

/// Does something for each of a group's vectors, by name: a loop would choose what to do with each again and again.
macro_rules! each_vector {
    ($i:ident, $body:block) => {
        $crate::x86::tile::each_vector!($i, $body, 0 1 2 3 4 5 6 7)
    };
    ($i:ident, $body:block, $($n:literal)*) => {
        $({
            let $i = $n;
            $body
        })*
    };
}
pub(super) use each_vector;

/// Four codes of token `j`, those that meet vector `i`, in every lane.
///
/// # Safety
/// `tokens` are a group's of a tile `T` wide.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn four<const T: usize>(tokens: *const i8, i: usize, j: usize) -> __m256i {
    // SAFETY: the caller's promise.
    _mm256_set1_epi32(unsafe { tokens.add((i * T + j) * 4).cast::<i32>().read_unaligned() })
}

/// Whole sums of a group of unsigned codes; those of its halves are multiplied by `factors`.
///
/// # Safety
/// `codes` are a group's, stored as `CODES` and `WIDE` say, `tokens` a group's of a tile `T` wide.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn products<const CODES: u8, const WIDE: bool, const T: usize>(
    codes: *const u8,
    tokens: *const i8,
    factors: [__m256i; 2],
) -> [__m256i; T] {
    let run = const {
        match CODES {
            FOUR => 8,
            FIVE => 4,
            _ => 2,
        }
    };
    let mut whole = [_mm256_setzero_si256(); T];
    let mut pairs = [_mm256_setzero_si256(); T];
    each_vector!(i, {
        // SAFETY: the caller's promises.
        let weights = unsafe { weight::<CODES, WIDE>(codes, i) };
        for j in 0..T {
            // SAFETY: the caller's promises.
            let product = _mm256_maddubs_epi16(weights, unsafe { four::<T>(tokens, i, j) });
            pairs[j] = in_order(if i % run == 0 { product } else { _mm256_add_epi16(pairs[j], product) });
        }
        if i % run == run - 1 {
            for j in 0..T {
                let sum = _mm256_madd_epi16(pairs[j], factors[i / 4]);
                whole[j] = if i < run { sum } else { _mm256_add_epi32(whole[j], sum) };
            }
        }
    });
    whole
}

/// Whole sums of a group of signed codes.
///
/// # Safety
/// As for [`products`].
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn signed_products<const CODES: u8, const WIDE: bool, const T: usize>(
    codes: *const u8,
    tokens: *const i8,
) -> [__m256i; T] {
    let mut whole = [_mm256_setzero_si256(); T];
    each_vector!(i, {
        // SAFETY: the caller's promises.
        let weights = unsafe { weight::<CODES, WIDE>(codes, i) };
        let sizes = _mm256_abs_epi8(weights);
        for j in 0..T {
            // SAFETY: the caller's promises.
            let signed = _mm256_sign_epi8(unsafe { four::<T>(tokens, i, j) }, weights);
            // At most 2 * 128 * 127, which fits 16 bits.
            let sum = _mm256_madd_epi16(_mm256_maddubs_epi16(sizes, signed), _mm256_set1_epi16(1));
            whole[j] = in_order(_mm256_add_epi32(whole[j], sum));
        }
    });
    whole
}

/// The same vector, which the compiler must have at this point: left to itself it adds up the steps of one sum before it begins the next, and
/// puts on the stack what all of them need.
#[target_feature(enable = "avx2")]
#[inline]
fn in_order(mut x: __m256i) -> __m256i {
    // SAFETY: there are no instructions.
    unsafe { std::arch::asm!("/* {0} */", inout(ymm_reg) x, options(pure, nomem, nostack, preserves_flags)) };
    x
}

/// A group's scales of its first half and of its second, each twice in its row's lane.
///
/// # Safety
/// 16 bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn half_scales(from: *const u8) -> [__m256i; 2] {
    // SAFETY: the caller's promise.
    let (first, second) = unsafe { (wide_bytes(from), wide_bytes(from.add(8))) };
    let twice = |x| _mm256_set_m128i(_mm_unpackhi_epi16(x, x), _mm_unpacklo_epi16(x, x));
    [twice(first), twice(second)]
}

/// A group's scales of both halves, in the two places of each row's lane.
///
/// # Safety
/// 16 bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn pair_scales(from: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    let (first, second) = unsafe { (wide_bytes(from), wide_bytes(from.add(8))) };
    _mm256_set_m128i(_mm_unpackhi_epi16(first, second), _mm_unpacklo_epi16(first, second))
}

/// # Safety
/// Eight bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn wide_bytes(from: *const u8) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe { _mm_cvtepi8_epi16(_mm_loadl_epi64(from.cast())) }
}
