//! What sequences have been read as far as: their tokens, and pages of what was kept of them, which sequences that begin alike share.
//!
//! A Transformer keeps keys and values of every position, so its pages hold those of [`PAGE`] positions each. Others carry a state from
//! token to token; there a page holds the state after the last token read within it. Either way a page and those before it are what
//! is needed to go on after it, and of a state the page alone.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use half::f16;
use kernels::{AttnShape, BLOCK, PAGE, PageMut};

/// What is kept of [`PAGE`] positions in every layer.
pub(crate) struct Page {
    /// For each layer its keys, then its values; the scales of both where they are kept in 8 bits.
    halves: Box<[f16]>,
    /// For each layer its keys, then its values, in 8 bits.
    codes: Box<[i8]>,
    /// For each layer its state.
    states: Box<[f32]>,
    kept: Kept,
    /// Pages there are; those of no content do not count.
    live: Option<Arc<AtomicUsize>>,
}

/// Makes pages, no more at a time than there is memory for.
pub(crate) struct Pages {
    layers: usize,
    kept: Kept,
    most: usize,
    live: Arc<AtomicUsize>,
}

/// What is kept of a layer in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// So many numbers of keys, and as many of values.
    Halves(usize),
    /// The same in 8 bits, and so many scales of each.
    Codes(usize, usize),
    /// So many numbers of a state.
    State(usize),
    Nothing,
}

impl Kept {
    fn bytes(self) -> usize {
        let (halves, codes, states) = self.numbers();
        halves * size_of::<f16>() + codes + states * size_of::<f32>()
    }

    /// Halves, codes and numbers of a state.
    fn numbers(self) -> (usize, usize, usize) {
        match self {
            Self::Halves(part) => (2 * part, 0, 0),
            Self::Codes(part, scales) => (2 * scales, 2 * part, 0),
            Self::State(part) => (0, 0, part),
            Self::Nothing => (0, 0, 0),
        }
    }
}

/// Pages of a state that one sequence needs at once: one for each it goes through in a pass, and those it begins and ends with.
pub(crate) const STATES_AT_ONCE: usize = 8;

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

/// Halves, codes and states of a page.
type Numbers = (Box<[f16]>, Box<[i8]>, Box<[f32]>);

impl Pages {
    /// Pages for the keys and values of `layers` layers of `(heads, numbers of each)`, in 8 bits if `small`: as many as fit into `bytes`, but
    /// enough for `context` positions.
    pub(crate) fn of_keys(
        layers: usize,
        (heads, dim): (usize, usize),
        small: bool,
        bytes: usize,
        context: usize,
    ) -> Self {
        let part = heads * dim * PAGE;
        let kept = if small { Kept::Codes(part, heads * dim.div_ceil(BLOCK) * PAGE) } else { Kept::Halves(part) };
        // One more, to copy a part of a page that is remembered.
        Self::new(layers, kept, bytes, context.div_ceil(PAGE) + 1)
    }

    /// Pages for the states of `layers` layers of `numbers` each: as many as fit into `bytes`, but enough for one sequence.
    pub(crate) fn of_states(layers: usize, numbers: usize, bytes: usize) -> Self {
        Self::new(layers, Kept::State(numbers), bytes, STATES_AT_ONCE)
    }

    fn new(layers: usize, kept: Kept, bytes: usize, least: usize) -> Self {
        let most = bytes / (layers * kept.bytes()).max(1);
        Self { layers, kept, most: most.max(least), live: Arc::default() }
    }

    /// Whether a page is enough to go on after it, without those before.
    pub(crate) fn stand_alone(&self) -> bool {
        matches!(self.kept, Kept::State(_))
    }

    /// An empty page; `None` if all there may be are in use.
    pub(crate) fn make(&self) -> Option<Arc<Page>> {
        let (halves, codes, states) = self.kept.numbers();
        self.page(|| {
            (
                vec![f16::ZERO; self.layers * halves].into(),
                vec![0; self.layers * codes].into(),
                vec![0.0; self.layers * states].into(),
            )
        })
    }

    /// A page with another's numbers.
    pub(crate) fn copy(&self, other: &Page) -> Option<Arc<Page>> {
        self.page(|| (other.halves.clone(), other.codes.clone(), other.states.clone()))
    }

    fn page(&self, numbers: impl FnOnce() -> Numbers) -> Option<Arc<Page>> {
        if self.left() == 0 {
            return None;
        }
        self.live.fetch_add(1, Ordering::Relaxed);
        let (halves, codes, states) = numbers();
        Some(Arc::new(Page { halves, codes, states, kept: self.kept, live: Some(Arc::clone(&self.live)) }))
    }

    /// Bytes of a page.
    pub(crate) fn page_bytes(&self) -> u64 {
        (self.layers * self.kept.bytes()) as u64
    }

    /// Pages that could still be made.
    pub(crate) fn left(&self) -> usize {
        self.most.saturating_sub(self.live.load(Ordering::Relaxed))
    }

    /// How much of them is in use, for whoever looks on.
    pub(crate) fn usage(&self) -> CacheUse {
        CacheUse { page: self.page_bytes(), most: self.most as u64, live: Arc::clone(&self.live) }
    }

    /// Pages there may be.
    #[cfg(test)]
    pub(crate) fn most(&self) -> usize {
        self.most
    }
}

impl Page {
    /// The place of a page that is no longer needed.
    fn gone() -> Arc<Self> {
        let (halves, codes, states) = Numbers::default();
        Arc::new(Self { halves, codes, states, kept: Kept::Nothing, live: None })
    }

    /// A layer's keys and values.
    pub(super) fn layer(&self, layer: usize) -> kernels::Page<'_> {
        let (halves, codes, _) = self.kept.numbers();
        let own = &self.halves[layer * halves..][..halves];
        let (keys, values) = own.split_at(halves / 2);
        if codes == 0 {
            return kernels::Page::Halves { keys, values };
        }
        let (key_scales, value_scales) = (keys, values);
        let (keys, values) = self.codes[layer * codes..][..codes].split_at(codes / 2);
        kernels::Page::Codes { keys, key_scales, values, value_scales }
    }

    fn layer_mut(&mut self, layer: usize) -> PageMut<'_> {
        let (halves, codes, _) = self.kept.numbers();
        let (keys, values) = self.halves[layer * halves..][..halves].split_at_mut(halves / 2);
        if codes == 0 {
            return PageMut::Halves { keys, values };
        }
        let (key_scales, value_scales) = (keys, values);
        let (keys, values) = self.codes[layer * codes..][..codes].split_at_mut(codes / 2);
        PageMut::Codes { keys, key_scales, values, value_scales }
    }

    fn state(&self, layer: usize) -> &[f32] {
        let (_, _, states) = self.kept.numbers();
        &self.states[layer * states..][..states]
    }

    fn state_mut(&mut self, layer: usize) -> &mut [f32] {
        let (_, _, states) = self.kept.numbers();
        &mut self.states[layer * states..][..states]
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            live.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Sequence {
    /// The beginning of a sequence, from the pages that are remembered of it. Where a page stands alone, that is its last only.
    pub(crate) fn begin(tokens: &[u32], pages: Vec<Option<Arc<Page>>>) -> Self {
        let pages = pages.into_iter().map(|page| page.unwrap_or_else(Page::gone)).collect();
        Self { tokens: tokens.to_vec(), pages }
    }

    /// Pages that are missing before `more` tokens can be read.
    pub(crate) fn missing(&self, more: usize) -> usize {
        (self.tokens.len() + more).div_ceil(PAGE).saturating_sub(self.pages.len())
    }

    /// Goes back to its first `tokens` tokens, and lets go of pages beyond them.
    pub(crate) fn truncate(&mut self, tokens: usize) {
        self.tokens.truncate(tokens);
        self.pages.truncate(tokens.div_ceil(PAGE));
    }

    /// Lets go of the pages before page `last`, where pages stand alone.
    pub(crate) fn keep_from(&mut self, last: usize) {
        let before = self.pages.iter_mut().take(last).rev();
        before.take_while(|page| page.live.is_some()).for_each(|page| *page = Page::gone());
    }

    /// A part of a layer's state, to be gone on with at `position`: zeros at the beginning, the page before's at the beginning of a page.
    ///
    /// # Panics
    /// As [`Self::put`].
    pub(super) fn state(&mut self, position: usize, layer: usize, part: Range<usize>) -> &mut [f32] {
        let (before, page) = self.pages.split_at_mut(position / PAGE);
        let page = page.first_mut().and_then(Arc::get_mut).expect("a page of its own for every position that is read");
        let state = &mut page.state_mut(layer)[part.clone()];
        if position.is_multiple_of(PAGE) {
            match before.last() {
                Some(before) => state.copy_from_slice(&before.state(layer)[part]),
                None => state.fill(0.0),
            }
        }
        state
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
        let pages = Pages::of_keys(2, (1, 8), false, 2 * 2 * 8 * PAGE * 2 * 3 + 1, PAGE);
        assert_eq!((pages.most(), pages.left()), (3, 3));
        let mut held: Vec<_> = (0..3).map(|_| pages.make().unwrap()).collect();
        assert!(pages.make().is_none());
        held.pop();
        assert_eq!(pages.left(), 1);
        assert!(pages.make().is_some());
        assert_eq!(Pages::of_keys(2, (1, 8), false, 0, PAGE * 4).most(), 5, "one sequence always fits");
    }

    #[test]
    fn pages_are_asked_for_before_they_are_written_to() {
        let pages = Pages::of_keys(1, (1, 8), false, 1 << 20, 1);
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
