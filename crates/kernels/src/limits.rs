//! What the machine can do at most, measured: what speeds are held against.

use std::hint::black_box;
use std::time::Instant;

use crate::Pool;
use crate::simd::wide;

/// Measured limits of this machine, all threads of a pool together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Threads they were measured with.
    pub threads: usize,
    /// Bytes read from memory in a second.
    pub bandwidth: f64,
    /// Operations on 32-bit floats in a second; a multiplication and an addition are two.
    pub floats: f64,
    /// The same of 8-bit integers, by the instructions of the products.
    pub integers: f64,
}

/// More than caches hold.
const BUFFER: usize = 1 << 30;
/// Parts a thread takes at a time.
const PART: usize = 1 << 20;
/// Of so many tries the best counts, where others may only have been disturbed; of the bandwidth, which neighbours on the same machine
/// share, the middle one.
const TRIES: usize = 5;

/// Measures the limits; takes about a second and a gigabyte.
pub fn limits(pool: &Pool) -> Limits {
    let numbers = vec![1u64; BUFFER / size_of::<u64>()];
    let parts: Vec<&[u64]> = numbers.chunks(PART / size_of::<u64>()).collect();
    let bandwidth = BUFFER as f64 / seconds(|| pool.run(parts.len(), &|at| _ = black_box(sum(parts[at])))).1;
    let threads = pool.threads();
    let each = |operations: usize, seconds: f64| (threads * operations) as f64 / seconds;
    let floats = each(FLOATS, seconds(|| pool.run(threads, &|_| _ = black_box(float_chain()))).0);
    let bytes = if crate::simd::has_avx512() { 64 } else { 32 };
    let integers = each(ROUNDS * CHAINS * bytes * 2, seconds(|| pool.run(threads, &|_| _ = black_box(integers()))).0);
    Limits { threads, bandwidth, floats, integers }
}

/// Seconds of the quickest and of the middle of several tries.
fn seconds(mut run: impl FnMut()) -> (f64, f64) {
    let once = |_| {
        let started = Instant::now();
        run();
        started.elapsed().as_secs_f64()
    };
    let mut tries: Vec<f64> = (0..TRIES).map(once).collect();
    tries.sort_by(f64::total_cmp);
    (tries[0], tries[TRIES / 2])
}

wide! {
    fn sum(numbers: &[u64]) -> u64 {
        let mut lanes = [0u64; 16];
        for numbers in numbers.as_chunks::<16>().0 {
            for i in 0..16 {
                lanes[i] = lanes[i].wrapping_add(numbers[i]);
            }
        }
        lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
    }
}

const ROUNDS: usize = 400_000;
/// Sums that do not wait for one another: enough to hide how long one takes.
const CHAINS: usize = 10;
const FLOATS: usize = ROUNDS * CHAINS * 8 * 2;

fn float_chain() -> f32 {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2 and FMA.
        return unsafe { crate::x86::float_chain::<CHAINS>(ROUNDS) };
    }
    let mut sums = [[1.0f32; 8]; CHAINS];
    for _ in 0..ROUNDS {
        sums.iter_mut().flatten().for_each(|sum| *sum = *sum * 0.5 + 0.25);
    }
    sums.iter().flatten().sum()
}

fn integers() -> i32 {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx512() {
        // SAFETY: the machine has AVX-512 with VNNI.
        return unsafe { crate::x86::integer_chain_512::<CHAINS>(ROUNDS) };
    }
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { crate::x86::integer_chain::<CHAINS>(ROUNDS) };
    }
    let mut sums = [1i32; 32];
    for round in 0..(ROUNDS * CHAINS) as i32 {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = sum.wrapping_add((round & 127).wrapping_mul(i as i32 & 127));
        }
    }
    sums.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_a_machine() {
        let limits = limits(&Pool::new(1));
        assert_eq!(limits.threads, 1);
        for (name, value) in [("bandwidth", limits.bandwidth), ("floats", limits.floats), ("integers", limits.integers)]
        {
            assert!((1e7..1e14).contains(&value), "{name}: {value}");
        }
    }
}
