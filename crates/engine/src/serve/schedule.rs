//! What runs in the next pass: pure, so that it can be tested without a model.

use super::clients::Turn;

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
        /// When its turn is.
        turn: Turn,
    },
    /// One token a pass.
    Writing,
}

/// Prompt tokens in one pass.
pub(super) const CHUNK: usize = 256;
/// Prompt tokens in one pass while others write: nobody waits longer for their next word than such a pass takes.
const CHUNK_BESIDE: usize = 64;

/// One slot's share of the next pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) slot: usize,
    /// Tokens to read: a piece of a prompt, or the one written last.
    pub(super) tokens: usize,
}

/// Every writer gets its token; what is left of the pass goes to prompts, by their turns.
pub(super) fn plan(stages: &[Stage]) -> Vec<Share> {
    let mut shares: Vec<Share> = stages
        .iter()
        .enumerate()
        .filter(|(_, stage)| **stage == Stage::Writing)
        .map(|(slot, _)| Share { slot, tokens: 1 })
        .collect();
    let mut room = if shares.is_empty() { CHUNK } else { CHUNK_BESIDE };
    let mut readers: Vec<(Turn, usize, usize)> = stages
        .iter()
        .enumerate()
        .filter_map(|(slot, stage)| match stage {
            Stage::Reading { done, total, turn } => Some((*turn, slot, total - done)),
            _ => None,
        })
        .collect();
    readers.sort_unstable();
    for (_, slot, left) in readers {
        let tokens = left.min(room);
        if tokens > 0 {
            shares.push(Share { slot, tokens });
        }
        room -= tokens;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_come_first_and_prompts_by_their_turns() {
        let reading = |done, total, order| Stage::Reading { done, total, turn: (0, 0, order) };
        for (stages, expected) in [
            (vec![Stage::Free, Stage::Free], vec![]),
            (vec![reading(0, 1000, 1)], vec![(0, 256)]),
            (vec![reading(990, 1000, 1), reading(0, 1000, 0)], vec![(1, 256)]),
            (vec![reading(0, 10, 1), reading(0, 1000, 2)], vec![(0, 10), (1, 246)]),
            (vec![reading(0, 1000, 1), Stage::Writing, Stage::Writing], vec![(1, 1), (2, 1), (0, 64)]),
            // The oldest is of a client for whom much was done; the youngest is more urgent.
            (
                vec![
                    Stage::Reading { done: 0, total: 100, turn: (0, 900, 1) },
                    Stage::Reading { done: 0, total: 100, turn: (0, 10, 2) },
                    Stage::Reading { done: 0, total: 100, turn: (-1, 900, 3) },
                ],
                vec![(2, 100), (1, 100), (0, 56)],
            ),
        ] {
            let got: Vec<_> = plan(&stages).into_iter().map(|share| (share.slot, share.tokens)).collect();
            assert_eq!(got, expected, "{stages:?}");
        }
    }
}
