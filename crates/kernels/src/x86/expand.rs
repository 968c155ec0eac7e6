//! Blocks to codes, scales and minima.

use std::arch::x86_64::*;

use crate::Dtype;
use crate::matmul::{Expanded, GROUP, Kind};
use crate::quant::{UNEVEN, uneven_scale};

/// Writes a row's codes, scales and minima.
///
/// # Safety
/// The machine has AVX2, FMA and F16C; `row` is whole blocks of `dtype`, and `out` has room for as many codes, scales and minima.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn expand(dtype: Dtype, row: &[u8], out: &mut Expanded) {
    let blocks = row.len() / dtype.block_bytes();
    let spans = dtype.block_len() / out.kind.span();
    assert!(
        out.codes.len() >= blocks * dtype.block_len() && out.scales.len() >= blocks * spans,
        "room for every block"
    );
    assert!(out.mins.len() >= blocks * spans || out.kind == Kind::Signed, "room for every minimum");
    let (codes, scales, mins) = (out.codes.as_mut_ptr(), out.scales.as_mut_ptr(), out.mins.as_mut_ptr());
    for b in 0..blocks {
        // SAFETY: block `b` lies within the row, and its codes, scales and minima within `out`, by the assertions above.
        unsafe {
            let block = row.as_ptr().add(b * dtype.block_bytes());
            let codes = codes.add(b * dtype.block_len());
            let scale = scales.add(b * spans);
            match dtype {
                Dtype::Q4_0 => {
                    put(codes, nibbles(block.add(2)));
                    *scale = half(block);
                    *mins.add(b) = -8.0 * half(block);
                }
                Dtype::Q4_1 => {
                    put(codes, nibbles(block.add(4)));
                    *scale = half(block);
                    *mins.add(b) = half(block.add(2));
                }
                Dtype::Q5_0 => {
                    put(codes, _mm256_or_si256(nibbles(block.add(6)), fifths(block.add(2))));
                    *scale = half(block);
                    *mins.add(b) = -16.0 * half(block);
                }
                Dtype::Q5_1 => {
                    put(codes, _mm256_or_si256(nibbles(block.add(8)), fifths(block.add(4))));
                    *scale = half(block);
                    *mins.add(b) = half(block.add(2));
                }
                Dtype::Q8_0 => {
                    put(codes, get(block.add(2)));
                    *scale = half(block);
                }
                Dtype::Q4K | Dtype::Q5K => {
                    four_or_five_k(block, dtype == Dtype::Q5K, codes);
                    scales_k(block, scale, mins.add(b * spans));
                }
                Dtype::Iq4Nl => {
                    put(codes, uneven(block.add(2)));
                    *scale = half(block);
                }
                Dtype::Iq4Xs => {
                    let bytes = std::slice::from_raw_parts(block, 8);
                    for j in 0..8 {
                        put(codes.add(j * GROUP), uneven(block.add(8 + j * 16)));
                        *scale.add(j) = half(block) * f32::from(uneven_scale(bytes, j));
                    }
                }
                Dtype::Q6K => six_k(block, codes, scale, mins.add(b * spans)),
                Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("these have no codes: this is a bug"),
            }
        }
    }
}

/// # Safety
/// 32 bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn get(from: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

/// # Safety
/// 32 bytes can be written.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn put(to: *mut u8, codes: __m256i) {
    // SAFETY: the caller's promise.
    unsafe { _mm256_storeu_si256(to.cast(), codes) }
}

/// # Safety
/// Two bytes can be read.
#[target_feature(enable = "f16c")]
#[inline]
pub(super) unsafe fn half(from: *const u8) -> f32 {
    // SAFETY: the caller's promise.
    let bits = unsafe { from.cast::<u16>().read_unaligned() };
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// The lower halves of 16 bytes, then the upper ones.
///
/// # Safety
/// 16 bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn nibbles(from: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    let packed = unsafe { _mm_loadu_si128(from.cast()) };
    _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(packed, 4), packed), _mm256_set1_epi8(15))
}

/// The steps that the lower halves of 16 bytes stand for, then the upper ones.
///
/// # Safety
/// 16 bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn uneven(from: *const u8) -> __m256i {
    // SAFETY: the table has 16 bytes; the caller's promise.
    unsafe {
        let steps = _mm256_broadcastsi128_si256(_mm_loadu_si128(UNEVEN.as_ptr().cast()));
        _mm256_shuffle_epi8(steps, nibbles(from))
    }
}

/// 16 for each of 32 bits that is set, 0 for the others.
///
/// # Safety
/// Four bytes can be read.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn fifths(from: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    let bits = unsafe { from.cast::<i32>().read_unaligned() };
    let lanes = _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), lanes);
    let own = _mm256_set1_epi64x(0x8040_2010_0804_0201u64 as i64);
    _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, own), own), _mm256_set1_epi8(16))
}

/// # Safety
/// `block` is a Q4_K or Q5_K block, and 256 bytes can be written.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn four_or_five_k(block: *const u8, five: bool, codes: *mut u8) {
    let low = _mm256_set1_epi8(15);
    // SAFETY: a Q4_K block has 128 bytes of codes from 16 on; a Q5_K block has them from 48 on, and 32 bytes of high bits from 16 on.
    unsafe {
        let high = get(block.add(16)); // of a Q4_K block these are codes, and not used
        let packed = block.add(if five { 48 } else { 16 });
        for pair in 0..4 {
            let both = get(packed.add(pair * 32));
            let mut first = _mm256_and_si256(both, low);
            let mut second = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
            if five {
                let bit = |group: usize| {
                    let own = _mm256_set1_epi8((1u8 << group).cast_signed());
                    _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(high, own), own), _mm256_set1_epi8(16))
                };
                first = _mm256_or_si256(first, bit(pair * 2));
                second = _mm256_or_si256(second, bit(pair * 2 + 1));
            }
            put(codes.add(pair * 64), first);
            put(codes.add(pair * 64 + 32), second);
        }
    }
}

/// The eight scales and minima of a Q4_K or Q5_K block, packed in 6 bits each.
///
/// # Safety
/// `block` is such a block; eight floats can be written to each of `scales` and `mins`.
#[target_feature(enable = "avx2,f16c")]
#[inline]
pub(super) unsafe fn scales_k(block: *const u8, scales: *mut f32, mins: *mut f32) {
    // SAFETY: the block begins with two halves and 12 bytes of scales.
    let (d, dmin, a, b, c) = unsafe {
        let word = |at: usize| block.add(4 + at * 4).cast::<u32>().read_unaligned();
        (half(block), half(block.add(2)), word(0), word(1), word(2))
    };
    let (six, four, two) = (0x3f3f_3f3f, 0x0f0f_0f0f, 0x0303_0303);
    let lower = u64::from(a & six) | u64::from(c & four | (a >> 6 & two) << 4) << 32;
    let upper = u64::from(b & six) | u64::from(c >> 4 & four | (b >> 6 & two) << 4) << 32;
    let widen = |bytes: u64| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes.cast_signed())));
    // SAFETY: the caller's promise.
    unsafe {
        _mm256_storeu_ps(scales, _mm256_mul_ps(widen(lower), _mm256_set1_ps(d)));
        _mm256_storeu_ps(mins, _mm256_mul_ps(widen(upper), _mm256_set1_ps(-dmin)));
    }
}

/// The codes of half a Q6_K block, 32 to a vector.
///
/// # Safety
/// `block` is a Q6_K block; `n` is 0 or 1.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn six_k_codes(block: *const u8, n: usize) -> [__m256i; 4] {
    // SAFETY: a Q6_K block begins with 128 bytes of lower bits and 64 of upper ones.
    let (a, b, high) = unsafe { (get(block.add(n * 64)), get(block.add(n * 64 + 32)), get(block.add(128 + n * 32))) };
    let code = |nibble: __m256i, bits: __m256i| {
        let (low, upper) = (_mm256_set1_epi8(15), _mm256_set1_epi8(0x30));
        _mm256_or_si256(_mm256_and_si256(nibble, low), _mm256_and_si256(bits, upper))
    };
    [
        code(a, _mm256_slli_epi16(high, 4)),
        code(b, _mm256_slli_epi16(high, 2)),
        code(_mm256_srli_epi16(a, 4), high),
        code(_mm256_srli_epi16(b, 4), _mm256_srli_epi16(high, 2)),
    ]
}

/// # Safety
/// `block` is a Q6_K block; 256 bytes and twice 16 floats can be written.
#[target_feature(enable = "avx2,f16c")]
#[inline]
unsafe fn six_k(block: *const u8, codes: *mut u8, scales: *mut f32, mins: *mut f32) {
    // SAFETY: a Q6_K block has 16 scales after its codes, and a half; the caller vouches for the room.
    unsafe {
        for n in 0..2 {
            for (quarter, vector) in six_k_codes(block, n).into_iter().enumerate() {
                put(codes.add(n * 128 + quarter * 32), vector);
            }
        }
        let d = _mm256_set1_ps(half(block.add(208)));
        for eight in 0..2 {
            let bytes = _mm_loadl_epi64(block.add(192 + eight * 8).cast());
            let scale = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), d);
            _mm256_storeu_ps(scales.add(eight * 8), scale);
            _mm256_storeu_ps(mins.add(eight * 8), _mm256_mul_ps(scale, _mm256_set1_ps(-32.0)));
        }
    }
}
