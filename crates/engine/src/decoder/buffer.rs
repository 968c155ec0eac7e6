//! Rows of numbers in memory that is used again: fresh memory costs a long prompt a third of its time, as every page of it is cleared first.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local! {
    /// What this thread's buffers leave behind, the smallest first.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Spare buffers a thread keeps at most; a layer has fewer at a time.
const KEPT: usize = 24;

/// Numbers, in memory that another has left.
pub(crate) struct Buffer {
    data: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// So many numbers, which are whatever they were: to be written before they are read.
    pub(super) fn unset(len: usize) -> Self {
        let spare = SPARE.with_borrow_mut(|spare| {
            let fits = spare.iter().position(|data| data.len() >= len);
            // One that is too small grows, so that no more are kept than are used.
            fits.or(spare.len().checked_sub(1)).map(|at| spare.remove(at))
        });
        let mut data = spare.unwrap_or_default();
        if data.len() < len {
            data.clear();
            data.resize(len, 0.0);
        }
        Self { data, len }
    }

    pub(super) fn copy_of(numbers: &[f32]) -> Self {
        let mut copy = Self::unset(numbers.len());
        copy.copy_from_slice(numbers);
        copy
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // A thread that ends has no spare buffers any more.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let at = spare.partition_point(|other| other.len() < data.len());
            spare.insert(at, data);
            spare.truncate(KEPT);
        });
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again() {
        let first = Buffer::unset(1000);
        let at = first.as_ptr();
        drop(first);
        let mut again = Buffer::unset(10);
        assert_eq!((again.as_ptr(), again.len()), (at, 10));
        again.fill(3.0);
        let other = Buffer::copy_of(&again);
        assert!(other.as_ptr() != at && *other == [3.0; 10]);
    }
}
