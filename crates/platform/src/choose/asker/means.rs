//! What a choice has the time and the money for: half of both for the race, all of them in the end.

use evaluate::Next;

use super::Asker;
use crate::choose::ChooseEvent;
use crate::choose::limits::Bound;

impl Asker<'_> {
    /// What is to be asked next within the time and the money there are.
    pub(super) fn next_round(&mut self, watch: &mut impl FnMut(ChooseEvent)) -> Next {
        let used = self.options.max_time.map_or(0.0, |most| self.started.elapsed().as_secs_f64() / most.as_secs_f64());
        loop {
            let next = self.contest.next_round();
            match &next {
                Next::Race { .. } | Next::Final { .. } if used > 1.0 => {
                    self.contest.halt();
                    self.ended = self.ended.or(Some(Bound::Time));
                }
                Next::Race { .. } if used > 0.5 => {
                    self.contest.end_race();
                    self.ended = self.ended.or(Some(Bound::Time));
                }
                Next::Race { candidates, examples } if self.over(candidates, examples.len(), 0.5) => {
                    self.contest.end_race();
                    self.ended = self.ended.or(Some(Bound::Cost));
                }
                Next::Final { candidates, examples } if self.over(candidates, examples.len(), 1.0) => {
                    self.out_of_money(watch);
                }
                _ => return next,
            }
        }
    }

    /// Ends a round where the money ended, in the middle of it: what was asked in it counts as asked, and as nothing else.
    pub(super) fn cut_short(&mut self, before: usize, watch: &mut impl FnMut(ChooseEvent)) {
        self.contest.charge(self.asked - before);
        self.out_of_money(watch);
    }

    /// Whether a round is expected to go over this share of the money, by what each candidate's answers and grades cost so far.
    fn over(&self, candidates: &[usize], examples: usize, share: f64) -> bool {
        let each = |at: &usize| self.costs[*at].0 / self.costs[*at].1.max(1) as f64;
        let expected = candidates.iter().map(each).sum::<f64>() * examples as f64;
        let most = self.options.max_cost.map(|most| most * share);
        expected > 0.0 && most.is_some_and(|most| self.cost + expected > most)
    }

    /// Ends what is measured, as the money is gone. Where the final has told nothing yet, it goes on among those that cost nothing.
    fn out_of_money(&mut self, watch: &mut impl FnMut(ChooseEvent)) {
        self.ended = Some(Bound::Cost);
        let told = self.contest.finals().iter().any(|(_, scores)| !scores.is_empty());
        let out = |at: &usize| {
            self.withdrawn.contains_key(at) || self.contest.beaten().iter().any(|beaten| beaten.candidate == *at)
        };
        let (dear, free): (Vec<usize>, Vec<usize>) =
            (0..self.candidates.len()).filter(|at| !out(at)).partition(|at| self.takes_money(*at));
        if told || free.is_empty() {
            self.contest.halt();
            return;
        }
        for at in dear {
            let currency = self.answerers[at].as_ref().and_then(|one| one.price.as_ref()).map(|price| &price.currency);
            let (most, currency) = (self.options.max_cost.unwrap_or_default(), currency.map_or("", String::as_str));
            let why =
                format!("the money that the choice may take ({most} {currency}) was used up before it was measured");
            self.withdraw(at, why, watch);
        }
    }

    /// Whether a candidate's answers cost anything, or their grades.
    fn takes_money(&self, at: usize) -> bool {
        let price = self.answerers[at].as_ref().and_then(|answerer| answerer.price.as_ref());
        self.bench.takes_money() || price.is_some_and(|price| !price.is_free())
    }
}
