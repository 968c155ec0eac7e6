//! What runs in the next pass: pure, so that it can be tested without a model.

/// Where a slot's request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody is here.
    Free,
    /// Tokens of the prompt are still to be read; every one of them wants logits if `echo`.
    Reading {
        /// Tokens read.
        done: usize,
        /// Tokens in all.
        total: usize,
        /// When the request came, for fairness.
        order: u64,
    },
    /// One token a pass.
    Writing,
}

/// Prompt tokens in one pass.
pub(super) const CHUNK: usize = 256;
/// Prompt tokens in one pass while others write: they should not wait long for their next word.
const CHUNK_BESIDE: usize = 64;

/// One slot's share of the next pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) slot: usize,
    /// Prompt tokens to read; 0 for one written token.
    pub(super) prompt: usize,
}

/// Every writer gets its token; what is left of the pass goes to prompts, oldest first.
pub(super) fn plan(stages: &[Stage]) -> Vec<Share> {
    let mut shares: Vec<Share> = stages
        .iter()
        .enumerate()
        .filter(|(_, stage)| **stage == Stage::Writing)
        .map(|(slot, _)| Share { slot, prompt: 0 })
        .collect();
    let mut room = if shares.is_empty() { CHUNK } else { CHUNK_BESIDE };
    let mut readers: Vec<(u64, usize, usize)> = stages
        .iter()
        .enumerate()
        .filter_map(|(slot, stage)| match stage {
            Stage::Reading { done, total, order } => Some((*order, slot, total - done)),
            _ => None,
        })
        .collect();
    readers.sort_unstable();
    for (_, slot, left) in readers {
        let prompt = left.min(room);
        if prompt > 0 {
            shares.push(Share { slot, prompt });
        }
        room -= prompt;
    }
    shares
}

/// What a slot could bring to a new request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Nobody is in it.
    pub(super) free: bool,
    /// Tokens at the beginning of the prompt that it has read already.
    pub(super) common: usize,
    /// Tokens it holds in all.
    pub(super) held: usize,
    /// Its last request; later ones have higher numbers.
    pub(super) used: u64,
}

/// The slot a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) slot: usize,
    /// The slot whose beginning is to be copied first.
    pub(super) copy_from: Option<usize>,
}

/// Shorter beginnings are read again rather than copied.
const WORTH_COPYING: usize = 16;

/// A free slot for a request: the one that remembers most of its prompt, if that is most of what it holds; otherwise the one used
/// longest ago, with the beginning copied from whoever has it, so that what others remember is kept. `None` if all are taken.
pub(super) fn choose(slots: &[Remembered]) -> Option<Choice> {
    let (best, most) = slots.iter().enumerate().max_by_key(|(_, slot)| (slot.common, slot.free))?;
    if most.free && most.common > 0 && most.held <= most.common * 2 {
        return Some(Choice { slot: best, copy_from: None });
    }
    let free = slots.iter().enumerate().filter(|(_, slot)| slot.free);
    let (oldest, own) = free.min_by_key(|(at, slot)| (*at == best && slot.common > 0, slot.held > 0, slot.used))?;
    let copy = oldest != best && most.common > own.common && most.common >= WORTH_COPYING;
    Some(Choice { slot: oldest, copy_from: copy.then_some(best) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_the_slot_that_serves_it_and_spares_the_others() {
        let slot = |free, common, held, used| Remembered { free, common, held, used };
        let choice = |slot, copy_from| Some(Choice { slot, copy_from });
        for (slots, expected, why) in [
            (vec![slot(false, 0, 9, 1)], None, "none is free"),
            (vec![slot(true, 0, 9, 2), slot(true, 0, 0, 0)], choice(1, None), "an empty one is nobody's loss"),
            (vec![slot(true, 0, 9, 2), slot(true, 0, 9, 1)], choice(1, None), "the one used longest ago"),
            (vec![slot(true, 90, 100, 1), slot(true, 0, 0, 0)], choice(0, None), "a conversation goes on where it was"),
            (vec![slot(true, 90, 900, 2), slot(true, 0, 5, 1)], choice(1, Some(0)), "the long one is kept"),
            (vec![slot(false, 90, 95, 2), slot(true, 2, 5, 1)], choice(1, Some(0)), "a slot at work is copied from"),
            (vec![slot(true, 90, 900, 2), slot(false, 0, 5, 1)], choice(0, None), "the only one"),
            (vec![slot(true, 3, 900, 2), slot(true, 0, 5, 1)], choice(1, None), "too little to copy"),
        ] {
            assert_eq!(choose(&slots), expected, "{why}");
        }
    }

    #[test]
    fn writers_come_first_and_the_oldest_prompt_next() {
        let reading = |done, total, order| Stage::Reading { done, total, order };
        for (stages, expected) in [
            (vec![Stage::Free, Stage::Free], vec![]),
            (vec![reading(0, 1000, 1)], vec![(0, 256)]),
            (vec![reading(990, 1000, 1), reading(0, 1000, 0)], vec![(1, 256)]),
            (vec![reading(0, 10, 1), reading(0, 1000, 2)], vec![(0, 10), (1, 246)]),
            (vec![reading(0, 1000, 1), Stage::Writing, Stage::Writing], vec![(1, 0), (2, 0), (0, 64)]),
        ] {
            let got: Vec<_> = plan(&stages).into_iter().map(|share| (share.slot, share.prompt)).collect();
            assert_eq!(got, expected, "{stages:?}");
        }
    }
}
