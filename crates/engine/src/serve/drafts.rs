//! Guessing what comes next from what was said before (prompt lookup decoding): where the last tokens stand in the text
//! once more, what followed them there may follow again. The model reads the guess in the same pass as the last token,
//! and each token is drawn as it would have been without it, so the guess changes the work and never the answer.
//!
//! A pass of eight tokens of one request costs about four times one of a single token, so a guess must be right more often
//! than every other token. Quotations, code that is edited and tables are; prose is not, and then guessing soon stops.

/// Tokens that must stand in the text as they stand at its end.
const SAME: usize = 3;
/// Tokens guessed at once, at most: with the last one that is a pass of eight, which the kernels are best at.
const LONGEST: usize = 7;
/// Tokens that are not guessed after a guess that went wrong, at first and at most.
const PAUSE: usize = 4;
const LONGEST_PAUSE: usize = 64;

/// How one answer's guesses went.
pub(super) struct Drafts {
    /// Tokens guessed at once now.
    length: usize,
    /// Draws until the next guess.
    wait: usize,
    pause: usize,
}

impl Drafts {
    pub(super) fn new() -> Self {
        Self { length: SAME, wait: 0, pause: PAUSE }
    }

    /// What may come after `tokens`, at most `room` of it; mostly nothing.
    pub(super) fn guess(&mut self, tokens: &[u32], room: usize) -> Vec<u32> {
        if self.wait > 0 {
            self.wait -= 1;
            return Vec::new();
        }
        let Some(start) = tokens.len().checked_sub(SAME) else { return Vec::new() };
        let end = &tokens[start..];
        // The last place is the likeliest to go on the same way.
        let place = tokens[..tokens.len() - 1].windows(SAME).rposition(|window| window == end);
        let Some(place) = place else { return Vec::new() };
        let after = &tokens[place + SAME..];
        after[..after.len().min(self.length).min(room)].to_vec()
    }

    /// How much of a guess came true.
    pub(super) fn learn(&mut self, guessed: usize, came: usize) {
        if came == guessed {
            (self.length, self.pause) = (LONGEST, PAUSE);
        } else if came * 2 < guessed {
            (self.length, self.wait) = (SAME, self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_before_is_guessed() {
        for (tokens, room, wanted) in [
            (&[1, 2, 3, 4, 5, 6, 7, 1, 2, 3][..], 9, &[4, 5, 6][..]),
            (&[1, 2, 3, 4, 5, 6, 7, 1, 2, 3], 2, &[4, 5]),
            (&[1, 2, 3, 4, 1, 2, 3, 9, 8, 1, 2, 3], 9, &[9, 8, 1]),
            (&[1, 2, 3, 4, 5], 9, &[]),
            (&[7, 7, 7, 7], 9, &[7]),
            (&[7, 7, 7], 9, &[]),
            (&[1, 2], 9, &[]),
            (&[], 9, &[]),
            (&[1, 2, 3, 4, 1, 2, 3], 0, &[]),
        ] {
            assert_eq!(Drafts::new().guess(tokens, room), wanted, "{tokens:?}");
        }
    }

    #[test]
    fn guesses_that_come_true_grow_and_others_pause() {
        let tokens: Vec<u32> = (0..20).chain(0..5).collect();
        let mut drafts = Drafts::new();
        assert_eq!(drafts.guess(&tokens, 99).len(), SAME);
        drafts.learn(SAME, SAME);
        assert_eq!(drafts.guess(&tokens, 99).len(), LONGEST);
        drafts.learn(LONGEST, 5);
        assert_eq!(drafts.guess(&tokens, 99).len(), LONGEST);
        for pause in [PAUSE, PAUSE * 2, PAUSE * 4] {
            drafts.learn(LONGEST, 1);
            for _ in 0..pause {
                assert!(drafts.guess(&tokens, 99).is_empty());
            }
            assert_eq!(drafts.guess(&tokens, 99).len(), SAME);
        }
    }
}
