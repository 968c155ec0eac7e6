//! Numbers on the CPU: quantised matrix products, attention, recurrences, norms, rotary positions, the vector scan, and the threads they run on.
//!
//! Each SIMD path stands beside a scalar reference that tests hold it to; which one runs is decided at run time.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop"))]
#![allow(unsafe_code, reason = "the one room with intrinsics; every block has its proof")]
#![allow(clippy::needless_range_loop, reason = "lanes, rows and tokens are numbered; several arrays go by one number")]

mod activations;
mod attention;
mod dtype;
mod floats;
mod limits;
mod matmul;
mod matrix;
mod norms;
mod pool;
mod quant;
mod recurrence;
mod rope;
mod scan;
mod simd;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activations::{
    add, exponential, gelu_erf, gelu_mul, mix, multiply, relu_squared, sigmoid, silu, silu_mul, softmax, softplus, tanh,
};
pub use attention::{
    AttnShape, BLOCK, FullShape, PAGE, Page, PageMut, Sequence, attention, attention_full, put_position,
};
pub use dtype::Dtype;
pub use limits::{Limits, limits};
pub use matmul::{Packed, Weights, matmul, matmul_each};
pub use matrix::{Matrix, MatrixError};
pub use norms::{group_norm, group_rms_norm, layer_norm, rms_norm, unit};
pub use pool::{Pool, default_threads};
pub use quant::{dequantize_row, quantize_row};
pub use recurrence::{Run, Scan, Scan2, Wkv, conv, scan, scan2, shift, wkv6, wkv7};
pub use rope::{rope_angles, rope_neox, rope_norm};
pub use scan::{dot_f16, scan_f16};
pub use simd::Instructions;
