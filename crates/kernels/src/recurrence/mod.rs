//! What models without attention carry from token to token: RWKV's matrices, Mamba's scans, shifts and convolutions.
//!
//! Each takes rows of several sequences, in runs: the rows of one sequence stand together, go through its state in order, and leave it as it
//! is after the last. So a row has the same bits whatever else is computed beside it.

mod mamba;
mod rwkv;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use mamba::{Scan, Scan2, conv, scan, scan2};
pub use rwkv::{Wkv, wkv6, wkv7};

use crate::Pool;
use crate::pool::Slots;

/// Rows of one sequence, and the state they go through.
pub struct Run<'a> {
    /// Which rows.
    pub rows: Range<usize>,
    /// The state before the first of them; afterwards, after the last.
    pub state: &'a mut [f32],
}

/// Each row's predecessor: `out[row] = x[row - 1]`, and at the start of a run its state, which becomes the last row.
///
/// # Panics
/// If a state is not one row of `width`, or a run goes beyond `x`.
pub fn shift(out: &mut [f32], x: &[f32], width: usize, runs: &mut [Run<'_>]) {
    for run in runs {
        let (from, to) = (run.rows.start * width, run.rows.end * width);
        if from == to {
            continue;
        }
        out[from..from + width].copy_from_slice(run.state);
        out[from + width..to].copy_from_slice(&x[from..to - width]);
        run.state.copy_from_slice(&x[to - width..to]);
    }
}

/// What is done with a part of a run's state: its rows, the part's number, the part.
type Part<'a> = dyn Fn(Range<usize>, usize, &mut [f32]) + Sync + 'a;

/// Calls `task` for each run and each of `parts` equal parts of its state, on all threads.
fn each_part(pool: &Pool, runs: &mut [Run<'_>], parts: usize, task: &Part<'_>) {
    let states: Vec<_> =
        runs.iter_mut().map(|run| (run.rows.clone(), run.state.len() / parts, Slots::new(run.state))).collect();
    pool.run(states.len() * parts, &|at| {
        let (rows, size, state) = &states[at / parts];
        let part = at % parts;
        // SAFETY: each part is one task's.
        task(rows.clone(), part, unsafe { state.part(part * size, *size) });
    });
}
