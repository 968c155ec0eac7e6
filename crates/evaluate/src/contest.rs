//! From many candidates to one: a race on the development split, then the finalists on the test split, within what may be spent.
//!
//! [`Contest`] decides what is asked next and takes the scores; it asks nobody. Whoever drives it may ask a round at once.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Beaten, Race};

/// How far a contest may go.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Of what is said about it: `0.95`.
    pub confidence: f64,
    /// Of all answers of all candidates to both splits, the share that may be asked for; two are measured whatever it is.
    pub spend: f64,
    /// Candidates that are measured on the test split, at most, if as many can be paid for.
    pub finalists: usize,
    /// Examples of a round.
    pub round: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self { confidence: 0.95, spend: 0.4, finalists: 3, round: 8 }
    }
}

/// What is to be asked next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// These candidates, these examples of the development split.
    Race {
        /// By their places.
        candidates: Vec<usize>,
        /// By their places in the split.
        examples: Range<usize>,
    },
    /// The same of the test split.
    Final {
        /// The finalists, best of the race first.
        candidates: Vec<usize>,
        /// By their places in the split.
        examples: Range<usize>,
    },
    /// All is known that may be.
    Done,
}

/// A race, and the measuring of those it leaves.
#[derive(Debug, Clone)]
pub struct Contest {
    terms: Terms,
    candidates: usize,
    development: usize,
    test: usize,
    race: Race,
    beaten: Vec<Beaten>,
    /// Answers asked for in the race, those of candidates dropped within a round among them.
    asked: usize,
    raced: usize,
    finalists: Option<Vec<usize>>,
    /// Of each finalist, on the test split.
    scores: Vec<Vec<f64>>,
    halted: bool,
    /// One of these is among the finalists, if one runs and there is room for two.
    seated: Vec<usize>,
    /// For each candidate a plainer one, if there is one: the leader's is among the finalists, if it runs and there is room for three.
    plainer: Vec<Option<usize>>,
    /// What each candidate is one of, if anything: of those that are as good, the one whose kind has the fewest places goes first.
    kinds: Vec<usize>,
}

impl Contest {
    /// A contest of so many candidates over two splits of so many examples.
    ///
    /// # Panics
    /// If the confidence is not between 0 and 1.
    pub fn new(candidates: usize, development: usize, test: usize, terms: Terms) -> Self {
        Self {
            terms,
            candidates,
            development,
            test,
            race: Race::new(candidates, terms.confidence),
            beaten: Vec::new(),
            asked: 0,
            raced: 0,
            finalists: None,
            scores: Vec::new(),
            halted: false,
            seated: Vec::new(),
            plainer: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// Counts answers that were asked for before the race, so that they are within what may be spent.
    pub fn charge(&mut self, answers: usize) {
        self.asked += answers;
    }

    /// Keeps a place among the finalists for the best of these that is still in the race then, so that the others are measured beside it.
    pub fn seat(&mut self, candidates: Vec<usize>) {
        self.seated = candidates;
    }

    /// Keeps a third place for the one that takes less than the leader of the race and is much like it, by candidate: so that what the leader
    /// costs more is measured against what it does better.
    pub fn beside(&mut self, plainer: Vec<Option<usize>>) {
        self.plainer = plainer;
    }

    /// Has ties for a place go to the kind that has the fewest, by candidate: a model that did as well as another is not left out for its name.
    pub fn spread(&mut self, kinds: Vec<usize>) {
        self.kinds = kinds;
    }

    /// What is to be asked next.
    pub fn next_round(&mut self) -> Next {
        if self.finalists.is_none() {
            let running = self.race.running();
            let examples = self.raced..self.raced + self.affordable(running.len());
            if !self.halted && running.len() > 1 && !examples.is_empty() {
                return Next::Race { candidates: running, examples };
            }
            self.begin_final();
        }
        let seen = self.scores.first().map_or(0, Vec::len);
        let finalists = self.finalists.clone().unwrap_or_default();
        let until = (seen + self.terms.round.max(1)).min(self.test);
        if self.halted || finalists.is_empty() || seen >= until {
            return Next::Done;
        }
        Next::Final { candidates: finalists, examples: seen..until }
    }

    /// Examples of the next round that may still be paid for, so that the final can be, too.
    fn affordable(&self, running: usize) -> usize {
        // Where all go to the final whatever they did, a race would tell nothing.
        if self.terms.finalists >= self.candidates && self.terms.spend >= 1.0 {
            return 0;
        }
        let finals = self.places(self.allowed()) * self.test;
        let rounds = self.allowed().saturating_sub(self.asked + finals) / running.max(1);
        // Where there is room for all, or nothing to save, all of it is raced.
        rounds.min(self.terms.round.max(1)).min(self.development - self.raced)
    }

    /// Answers that are asked for at most: what may be spent, or what a final of two takes.
    pub fn most(&self) -> usize {
        self.allowed().max(self.places(0) * self.test)
    }

    /// Answers that may be asked for in all.
    fn allowed(&self) -> usize {
        let grid = self.candidates * (self.development + self.test);
        (self.terms.spend * grid as f64) as usize
    }

    /// Finalists that so many answers pay for, between two and all that are wanted: one alone would be compared with nothing.
    fn places(&self, answers: usize) -> usize {
        let most = self.terms.finalists.min(self.candidates).max(1);
        (answers / self.test.max(1)).clamp(most.min(2), most)
    }

    fn begin_final(&mut self) {
        let mut running = self.ranked();
        let seat = running.iter().copied().find(|at| self.seated.contains(at));
        let leader = running.first().and_then(|leader| *self.plainer.get(*leader)?);
        let plainer = leader.filter(|at| running.contains(at));
        running.truncate(self.places(self.allowed().saturating_sub(self.asked)));
        if let Some(plainer) = plainer
            && running.len() > 2
            && !running.contains(&plainer)
        {
            running.pop();
            running.push(plainer);
        }
        if let Some(seat) = seat
            && running.len() > 1
            && !running.contains(&seat)
        {
            running.pop();
            running.push(seat);
        }
        self.scores = vec![Vec::new(); running.len()];
        self.finalists = Some(running);
    }

    /// Who is still in the race, from best to worst; those that are as good by their kinds, then in their order.
    fn ranked(&self) -> Vec<usize> {
        let mut left = self.race.running();
        left.sort_by(|a, b| self.race.mean(*b).total_cmp(&self.race.mean(*a)));
        let mut ranked: Vec<usize> = Vec::with_capacity(left.len());
        while let Some(best) = left.first().map(|at| self.race.mean(*at)) {
            let places = |at: &usize| ranked.iter().filter(|one| self.kinds.get(**one) == self.kinds.get(*at)).count();
            let tied = left.iter().take_while(|at| self.race.mean(**at) >= best).enumerate();
            let next = tied.min_by_key(|(_, at)| places(at)).map_or(0, |(place, _)| place);
            ranked.push(left.remove(next));
        }
        ranked
    }

    /// Takes the scores of a round of the race: for each of its examples those of its candidates, in their order. Returns who is dropped.
    ///
    /// # Panics
    /// If it is not what [`Contest::next_round`] asked for.
    pub fn raced(&mut self, scores: &[Vec<f64>]) -> Vec<Beaten> {
        let round = self.race.running();
        let mut dropped = Vec::new();
        for example in scores {
            assert_eq!(example.len(), round.len(), "a score of each candidate of the round");
            let running = self.race.running();
            let of = |candidate: &usize| round.iter().position(|one| one == candidate).map(|at| example[at]);
            let scores: Vec<f64> = running.iter().filter_map(of).collect();
            dropped.extend(self.race.example(&scores));
            self.asked += round.len();
            self.raced += 1;
        }
        self.beaten.extend(&dropped);
        dropped
    }

    /// Takes the scores of a round of the final, as [`Contest::raced`].
    ///
    /// # Panics
    /// If there is no final, or a score is missing.
    pub fn judged(&mut self, scores: &[Vec<f64>]) {
        for example in scores {
            assert_eq!(example.len(), self.scores.len(), "a score of each finalist");
            for (all, score) in self.scores.iter_mut().zip(example) {
                all.push(*score);
            }
        }
    }

    /// Takes a candidate out that cannot go on. Where the final has told nothing of the others, the next best of the race takes its place.
    pub fn withdraw(&mut self, candidate: usize) {
        self.race.withdraw(candidate);
        if let Some(finalists) = &mut self.finalists
            && let Some(at) = finalists.iter().position(|one| *one == candidate)
        {
            finalists.remove(at);
            self.asked += self.scores.remove(at).len();
            if !self.halted && self.scores.iter().all(Vec::is_empty) {
                self.begin_final();
            }
        }
    }

    /// Ends the race where it is: the final is next.
    pub fn end_race(&mut self) {
        if self.finalists.is_none() {
            self.begin_final();
        }
    }

    /// Ends everything where it is.
    pub fn halt(&mut self) {
        self.end_race();
        self.halted = true;
    }

    /// The finalists, once there are, best of the race first, with their scores on the test split.
    pub fn finals(&self) -> Vec<(usize, &[f64])> {
        let finalists = self.finalists.iter().flatten().copied();
        finalists.zip(self.scores.iter().map(Vec::as_slice)).collect()
    }

    /// Who was dropped, in order.
    pub fn beaten(&self) -> &[Beaten] {
        &self.beaten
    }

    /// The mean score of a candidate in the race; 0 if it did not take part.
    pub fn race_mean(&self, candidate: usize) -> f64 {
        self.race.mean(candidate)
    }

    /// Examples of the development split that were raced.
    pub fn raced_examples(&self) -> usize {
        self.raced
    }

    /// Answers asked for so far, and those that the full grid would take.
    pub fn spent(&self) -> (usize, usize) {
        let finals: usize = self.scores.iter().map(Vec::len).sum();
        (self.asked + finals, self.candidates * (self.development + self.test))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drives a contest whose candidates always score the same.
    fn drive(qualities: &[f64], development: usize, test: usize, terms: Terms) -> Contest {
        let mut contest = Contest::new(qualities.len(), development, test, terms);
        loop {
            match contest.next_round() {
                Next::Race { candidates, examples } => {
                    let one: Vec<f64> = candidates.iter().map(|at| qualities[*at]).collect();
                    contest.raced(&vec![one; examples.len()]);
                }
                Next::Final { candidates, examples } => {
                    let one: Vec<f64> = candidates.iter().map(|at| qualities[*at]).collect();
                    contest.judged(&vec![one; examples.len()]);
                }
                Next::Done => return contest,
            }
        }
    }

    #[test]
    fn the_best_are_measured_within_the_spend() {
        let contest = drive(&[0.1, 0.9, 0.2, 0.85, 0.0, 0.3], 100, 50, Terms::default());
        let finals = contest.finals();
        assert_eq!((finals[0].0, finals[0].1.len()), (1, 50));
        assert_eq!(finals[1].0, 3);
        let (spent, grid) = contest.spent();
        assert!(spent as f64 <= 0.4 * grid as f64, "{spent} of {grid}");
        assert!(contest.beaten().iter().any(|beaten| beaten.candidate == 4));
    }

    #[test]
    fn a_final_takes_no_more_than_is_left() {
        // Of 4 * 84 answers 134 may be asked for: two finalists on 48 examples, not three.
        let few = drive(&[0.4, 0.6, 0.5, 0.3], 36, 48, Terms::default());
        assert_eq!(few.finals().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2]);
        let (spent, grid) = few.spent();
        assert!(spent as f64 <= 0.4 * grid as f64 && few.raced_examples() > 0, "{spent} of {grid}");
        // What was asked before the race leaves less for the final; two are measured all the same.
        let mut before = Contest::new(10, 20, 20, Terms::default());
        before.charge(110);
        before.end_race();
        assert_eq!(before.finals().len(), 2);
        let mut more = Contest::new(10, 20, 20, Terms { finalists: 8, ..Terms::default() });
        more.charge(60);
        more.end_race();
        assert_eq!(more.finals().len(), 5, "160 may be asked for");
    }

    #[test]
    fn one_alone_two_and_none_come_to_an_end() {
        assert_eq!(drive(&[0.5], 10, 10, Terms::default()).finals(), [(0, [0.5; 10].as_slice())]);
        assert_eq!(drive(&[], 10, 10, Terms::default()).finals(), []);
        // Two cannot be told apart for less than it costs to measure both: both are finalists, unraced.
        let two = drive(&[0.5, 0.6], 10, 10, Terms::default());
        assert_eq!((two.finals().len(), two.spent().0, two.most()), (2, 20, 20));
        assert_eq!(Contest::new(10, 20, 20, Terms::default()).most(), 160);
        let no_test = drive(&[0.5, 0.6, 0.1], 10, 0, Terms::default());
        assert!(no_test.finals().iter().all(|(_, scores)| scores.is_empty()));
    }

    #[test]
    fn all_of_the_grid_is_measured_without_a_race() {
        let grid = drive(&[0.1, 0.9, 0.2], 100, 20, Terms { spend: 1.0, finalists: 3, ..Terms::default() });
        assert_eq!(grid.finals().iter().map(|(_, scores)| scores.len()).collect::<Vec<_>>(), [20; 3]);
        assert_eq!((grid.raced_examples(), grid.spent().0), (0, 60));
    }

    #[test]
    fn ties_for_a_place_go_to_the_kind_that_has_the_fewest() {
        let finalists = |kinds: Vec<usize>| {
            let mut contest = Contest::new(6, 8, 10, Terms { spend: 1.0, finalists: 4, ..Terms::default() });
            contest.spread(kinds);
            contest.raced(&vec![vec![0.5, 0.7, 0.7, 0.7, 0.7, 0.9]; 2]);
            contest.end_race();
            contest.finals().into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(finalists(vec![0, 0, 0, 1, 1, 0]), [5, 3, 1, 4], "the leader is of the first kind");
        assert_eq!(finalists(vec![0, 0, 0, 1, 2, 3]), [5, 1, 3, 4]);
        assert_eq!(finalists(Vec::new()), [5, 1, 2, 3]);
    }

    #[test]
    fn the_leaders_plainer_way_is_measured_beside_it() {
        let finalists = |plainer: Vec<Option<usize>>, most: usize| {
            let mut contest = Contest::new(5, 8, 10, Terms { spend: 1.0, finalists: most, ..Terms::default() });
            contest.beside(plainer);
            contest.raced(&vec![vec![0.5, 0.6, 0.7, 0.8, 0.9]; 2]);
            contest.end_race();
            contest.finals().into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        let of_the_last = vec![None, None, None, None, Some(0)];
        assert_eq!(finalists(of_the_last.clone(), 3), [4, 3, 0]);
        assert_eq!(finalists(of_the_last, 2), [4, 3], "two places are the two best's");
        assert_eq!(finalists(vec![None, None, None, Some(0), Some(3)], 3), [4, 3, 2], "it has a place of its own");
        assert_eq!(finalists(Vec::new(), 3), [4, 3, 2]);
    }

    #[test]
    fn a_seat_is_kept_and_what_was_asked_before_counts() {
        let qualities = [0.1, 0.2, 0.9, 0.8];
        let race = |terms: Terms, before: usize| {
            let mut contest = Contest::new(4, 8, 10, terms);
            contest.seat(vec![0, 1]);
            contest.charge(before);
            assert_eq!(contest.spent(), (before, 72));
            while let Next::Race { candidates, examples } = contest.next_round() {
                let one: Vec<f64> = candidates.iter().map(|at| qualities[*at]).collect();
                contest.raced(&vec![one; examples.len()]);
            }
            contest
        };
        let finalists = |contest: &Contest| contest.finals().into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        let all = Terms { spend: 1.0, ..Terms::default() };
        assert_eq!(finalists(&race(Terms { finalists: 2, ..all }, 0)), [2, 1]);
        assert_eq!(finalists(&race(Terms { finalists: 3, ..all }, 0)), [2, 3, 1]);
        assert_eq!(finalists(&race(Terms { finalists: 1, ..all }, 0)), [2], "the best has the only place");
        // 28 of 72 may be asked, 20 of them in the final: two examples for each, or one, or none if more was asked before.
        let raced = |before| race(Terms { finalists: 2, ..Terms::default() }, before).raced_examples();
        assert_eq!((raced(0), raced(4), raced(5)), (2, 1, 0));
    }

    #[test]
    fn the_next_best_takes_the_place_of_a_finalist_that_is_out() {
        let mut contest = Contest::new(4, 8, 20, Terms { spend: 1.0, finalists: 2, ..Terms::default() });
        let Next::Race { examples, .. } = contest.next_round() else { panic!("a race") };
        contest.raced(&vec![vec![0.9, 0.8, 0.7, 0.6]; examples.len()]);
        let finalists = |contest: &mut Contest| match contest.next_round() {
            Next::Final { candidates, examples } => (candidates, examples.start),
            other => panic!("a final: {other:?}"),
        };
        assert_eq!(finalists(&mut contest), (vec![0, 1], 0));
        contest.withdraw(0);
        assert_eq!(finalists(&mut contest), (vec![1, 2], 0), "nothing was told of either");
        contest.judged(&vec![vec![0.5, 0.5]; 8]);
        contest.withdraw(1);
        assert_eq!(finalists(&mut contest), (vec![2], 8), "what is measured goes on");
        contest.withdraw(2);
        assert_eq!(finalists(&mut contest), (vec![3], 0), "nobody is left");
        assert_eq!(contest.spent().0, 4 * 8 + 2 * 8, "what they were asked was asked");
    }

    #[test]
    fn those_that_cannot_go_on_are_out() {
        let mut contest = Contest::new(3, 50, 20, Terms { spend: 1.0, finalists: 2, ..Terms::default() });
        let Next::Race { candidates, .. } = contest.next_round() else { panic!("a race") };
        assert_eq!(candidates, [0, 1, 2]);
        contest.withdraw(1);
        let Next::Race { candidates, examples } = contest.next_round() else { panic!("a race") };
        assert_eq!(candidates, [0, 2]);
        contest.raced(&vec![vec![1.0, 0.9]; examples.len()]);
        contest.end_race();
        let Next::Final { candidates, examples } = contest.next_round() else { panic!("a final") };
        assert_eq!((candidates, examples), (vec![0, 2], 0..8));
        contest.withdraw(0);
        let Next::Final { candidates, .. } = contest.next_round() else { panic!("a final") };
        assert_eq!(candidates, [2], "and nobody is left to take its place");
        contest.halt();
        assert_eq!(contest.next_round(), Next::Done);
    }
}
