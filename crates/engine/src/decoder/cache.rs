//! What sequences have been read as far as: their tokens, and keys and values in pages, which sequences that begin alike share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use half::f16;
use kernels::{AttnShape, PAGE};

/// Keys and values of [`PAGE`] positions in every layer.
pub(crate) struct Page {
    /// For each layer its keys, then its values.
    numbers: Box<[f16]>,
    /// Numbers of a layer's keys.
    part: usize,
    live: Arc<AtomicUsize>,
}

/// Makes pages, no more at a time than there is memory for.
pub(crate) struct Pages {
    layers: usize,
    part: usize,
    most: usize,
    live: Arc<AtomicUsize>,
}

/// How much of the pages there may be is in use.
pub(crate) struct CacheUse {
    /// Bytes of one.
    page: u64,
    most: u64,
    live: Arc<AtomicUsize>,
}

impl CacheUse {
    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.live.load(Ordering::Relaxed) as u64 * self.page
    }

    /// Bytes there may be.
    pub(crate) fn most(&self) -> u64 {
        self.most * self.page
    }
}

/// One sequence. Its full pages may be others' too; one that is written to is its own.
#[derive(Default)]
pub(crate) struct Sequence {
    /// Tokens whose keys and values are held. Numbers beyond the last are leftovers.
    pub(crate) tokens: Vec<u32>,
    pub(crate) pages: Vec<Arc<Page>>,
}

impl Pages {
    /// Pages for `layers` layers of `width` numbers for a position's keys: as many as fit into `bytes`, but enough for `context` positions.
    pub(crate) fn new(layers: usize, width: usize, bytes: usize, context: usize) -> Self {
        let part = width * PAGE;
        let most = bytes / (layers * 2 * part * size_of::<f16>()).max(1);
        // One more, to copy a part of a page that is remembered.
        Self { layers, part, most: most.max(context.div_ceil(PAGE) + 1), live: Arc::default() }
    }

    /// An empty page; `None` if all there may be are in use.
    pub(crate) fn make(&self) -> Option<Arc<Page>> {
        self.page(|| vec![f16::ZERO; self.layers * 2 * self.part].into_boxed_slice())
    }

    /// A page with another's numbers.
    pub(crate) fn copy(&self, other: &Page) -> Option<Arc<Page>> {
        self.page(|| other.numbers.clone())
    }

    fn page(&self, numbers: impl FnOnce() -> Box<[f16]>) -> Option<Arc<Page>> {
        if self.left() == 0 {
            return None;
        }
        self.live.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Page { numbers: numbers(), part: self.part, live: Arc::clone(&self.live) }))
    }

    /// Pages that could still be made.
    pub(crate) fn left(&self) -> usize {
        self.most.saturating_sub(self.live.load(Ordering::Relaxed))
    }

    /// How much of them is in use, for whoever looks on.
    pub(crate) fn usage(&self) -> CacheUse {
        let page = self.layers * 2 * self.part * size_of::<f16>();
        CacheUse { page: page as u64, most: self.most as u64, live: Arc::clone(&self.live) }
    }

    /// Pages there may be.
    #[cfg(test)]
    pub(crate) fn most(&self) -> usize {
        self.most
    }
}

impl Page {
    pub(super) fn layer(&self, layer: usize) -> kernels::Page<'_> {
        let (keys, values) = self.numbers[layer * 2 * self.part..][..2 * self.part].split_at(self.part);
        kernels::Page { keys, values }
    }

    fn layer_mut(&mut self, layer: usize) -> (&mut [f16], &mut [f16]) {
        self.numbers[layer * 2 * self.part..][..2 * self.part].split_at_mut(self.part)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sequence {
    /// Pages that are missing before `more` tokens can be read.
    pub(crate) fn missing(&self, more: usize) -> usize {
        (self.tokens.len() + more).div_ceil(PAGE).saturating_sub(self.pages.len())
    }

    /// Puts a position's keys and values in.
    ///
    /// # Panics
    /// If the position has no page, or one that others hold, too: whoever plans a pass sees to that.
    pub(super) fn put(&mut self, shape: &AttnShape, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let page = self.pages.get_mut(position / PAGE).and_then(Arc::get_mut);
        let page = page.expect("a page of its own for every position that is read");
        kernels::put_position(shape, page.layer_mut(layer), position % PAGE, keys, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_pages_than_fit() {
        let pages = Pages::new(2, 8, 2 * 2 * 8 * PAGE * 2 * 3 + 1, PAGE);
        assert_eq!((pages.most(), pages.left()), (3, 3));
        let mut held: Vec<_> = (0..3).map(|_| pages.make().unwrap()).collect();
        assert!(pages.make().is_none());
        held.pop();
        assert_eq!(pages.left(), 1);
        assert!(pages.make().is_some());
        assert_eq!(Pages::new(2, 8, 0, PAGE * 4).most(), 5, "one sequence always fits");
    }

    #[test]
    fn pages_are_asked_for_before_they_are_written_to() {
        let pages = Pages::new(1, 8, 1 << 20, 1);
        let mut sequence = Sequence::default();
        for (held, made, more, missing) in
            [(0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 65, 2), (63, 1, 1, 0), (64, 1, 1, 1), (3, 2, 5, 0)]
        {
            sequence.tokens = vec![0; held];
            sequence.pages = (0..made).map(|_| pages.make().unwrap()).collect();
            assert_eq!(sequence.missing(more), missing, "{held} of {made} pages, {more} more");
        }
    }
}
