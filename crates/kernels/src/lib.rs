//! Numbers on the CPU: quantised matrix products, attention, norms, rotary positions, the vector scan, and the threads they run on.
//!
//! Each SIMD path stands beside a scalar reference that tests hold it to; which one runs is decided at run time.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop"))]
#![allow(unsafe_code, reason = "the one room with intrinsics; every block has its proof")]
#![allow(clippy::needless_range_loop, reason = "lanes, rows and tokens are numbered; several arrays go by one number")]

mod activations;
mod attention;
mod dtype;
mod floats;
mod matmul;
mod matrix;
mod norms;
mod pool;
mod quant;
mod rope;
mod scan;
mod simd;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activations::{add, gelu_erf, gelu_mul, silu_mul, softmax};
pub use attention::{AttnShape, FullShape, PAGE, Page, Sequence, attention, attention_full, put_position};
pub use dtype::Dtype;
pub use matmul::{Packed, Weights, matmul, matmul_each};
pub use matrix::{Matrix, MatrixError};
pub use norms::{layer_norm, rms_norm};
pub use pool::{Pool, default_threads};
pub use quant::dequantize_row;
pub use rope::{rope_angles, rope_neox, rope_norm};
pub use scan::{dot_f16, scan_f16};
