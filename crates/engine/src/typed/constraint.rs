//! One answer on its way through its grammar.

use std::sync::mpsc::{Receiver, Sender, channel};

use llguidance::Matcher;
use llguidance::toktrie::SimpleVob;

use super::halted;
use crate::tool_calls::OPEN;

/// Follows one answer.
pub(crate) struct Constraint {
    state: State,
    /// What the body of each further call of a tool is matched with; none where the whole answer is.
    call: Option<Call>,
}

struct Call {
    /// At the beginning of a body.
    fresh: Matcher,
    /// Whether another call may follow.
    again: bool,
    /// The last bytes of the text, in which a call may be opened.
    tail: Vec<u8>,
}

enum State {
    /// Anything may be said until a call of a tool is opened.
    Free,
    /// The grammar decides, and nothing is being computed.
    Idle(Box<Matcher>),
    /// Its next mask is being computed.
    Masking(Receiver<Masked>),
    /// Nothing may follow.
    Over,
}

struct Masked {
    matcher: Box<Matcher>,
    mask: Result<SimpleVob, String>,
}

/// The thread that computes masks, while the model's own computes logits.
pub(crate) struct Masker(Sender<(Box<Matcher>, Sender<Masked>)>);

impl Masker {
    /// Starts the thread; it ends with this.
    pub(crate) fn start(name: &str) -> std::io::Result<Self> {
        let (tasks, queue) = channel::<(Box<Matcher>, Sender<Masked>)>();
        let work = move || {
            while let Ok((mut matcher, back)) = queue.recv() {
                let mask = next(&mut matcher);
                let _ = back.send(Masked { matcher, mask }); // nobody waits for it any more
            }
        };
        std::thread::Builder::new().name(format!("grammar {name}")).spawn(work)?;
        Ok(Self(tasks))
    }
}

/// Which tokens may come next.
fn next(matcher: &mut Matcher) -> Result<SimpleVob, String> {
    matcher.compute_mask_or_eos().map_err(|error| halted(&error.to_string()))
}

impl Constraint {
    /// The whole answer is in the grammar.
    pub(super) fn whole(matcher: Matcher) -> Self {
        Self { state: State::Idle(Box::new(matcher)), call: None }
    }

    /// Whatever is said, what follows the opening of a call of a tool is in the grammar.
    pub(super) fn of_calls(body: Matcher, again: bool) -> Self {
        Self { state: State::Free, call: Some(Call { fresh: body, again, tail: Vec::new() }) }
    }

    /// The tokens that come next, because no other could; they count as said.
    pub(crate) fn forced(&mut self) -> Vec<u32> {
        let State::Idle(matcher) = &mut self.state else { return Vec::new() };
        let tokens = matcher.consume_ff_tokens();
        self.leave();
        tokens
    }

    /// Begins to compute which tokens may come next.
    pub(crate) fn prepare(&mut self, masker: &Masker) {
        let State::Idle(_) = self.state else { return };
        let (back, masked) = channel();
        if let State::Idle(matcher) = std::mem::replace(&mut self.state, State::Masking(masked)) {
            let _ = masker.0.send((matcher, back)); // a thread that is gone is noticed where its answer is awaited
        }
    }

    /// How many of these tokens could come next, one after the other.
    pub(crate) fn possible(&mut self, tokens: &[u32]) -> usize {
        match &mut self.state {
            State::Free => tokens.len(),
            State::Idle(matcher) => matcher.validate_tokens(tokens).unwrap_or(0),
            State::Masking(_) | State::Over => 0,
        }
    }

    /// Makes the tokens impossible that may not come next.
    ///
    /// # Errors
    /// No token may, or the grammar took more work than is allowed for one.
    pub(crate) fn mask(&mut self, logits: &mut [f32]) -> Result<(), String> {
        let mask = match &mut self.state {
            State::Masking(masked) => {
                let Ok(Masked { matcher, mask }) = masked.recv() else { return Err("its thread is gone".to_owned()) };
                self.state = State::Idle(matcher);
                mask?
            }
            // After a guess that came true the next logits are here already.
            State::Idle(matcher) => next(matcher)?,
            State::Free | State::Over => return Ok(()),
        };
        let mut words = mask.as_slice().iter();
        for logits in logits.chunks_mut(32) {
            match words.next().copied().unwrap_or(0) {
                u32::MAX => {}
                0 => logits.fill(f32::NEG_INFINITY),
                word => {
                    for (bit, logit) in logits.iter_mut().enumerate() {
                        if word >> bit & 1 == 0 {
                            *logit = f32::NEG_INFINITY;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes on past a token with its bytes.
    ///
    /// # Errors
    /// The token is none the grammar allows.
    pub(crate) fn consume(&mut self, token: u32, bytes: &[u8]) -> Result<(), String> {
        match &mut self.state {
            State::Idle(matcher) => {
                matcher.consume_token(token).map_err(|error| error.to_string())?;
                self.leave();
            }
            State::Free => self.open(bytes),
            State::Masking(_) | State::Over => {}
        }
        Ok(())
    }

    /// Whether nothing may follow.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Leaves a grammar that is at its end.
    fn leave(&mut self) {
        if let State::Idle(matcher) = &self.state
            && matcher.get_error().is_none()
            && matcher.is_stopped()
        {
            let again = self.call.as_ref().is_some_and(|call| call.again);
            self.state = if again { State::Free } else { State::Over };
        }
    }

    /// Notices that a call was opened.
    fn open(&mut self, bytes: &[u8]) {
        let Some(call) = &mut self.call else { return };
        call.tail.extend_from_slice(bytes);
        let found = call.tail.windows(OPEN.len()).position(|window| window == OPEN.as_bytes());
        let Some(at) = found else {
            let keep = call.tail.len().saturating_sub(OPEN.len() - 1);
            call.tail.drain(..keep);
            return;
        };
        // A token that holds more than the tag has begun the body in its own way, which the grammar does not know of.
        let rest = call.tail.split_off(at + OPEN.len());
        call.tail.clear();
        if rest.iter().all(u8::is_ascii_whitespace) {
            self.state = State::Idle(Box::new(call.fresh.deep_clone()));
        }
    }
}
