//! Fairness: who has had the least work done for them is next (the virtual token counter of Sheng et al. 2024).

use std::collections::HashMap;

/// When a request's turn is: its priority, the work done for its client, its age. The least is next.
pub(super) type Turn = (i32, u64, u64);

/// Tokens that were computed for each client.
#[derive(Default)]
pub(super) struct Clients {
    work: HashMap<String, u64>,
}

impl Clients {
    /// A client comes, beside others who are here. Who was away has not saved up: they begin with the least of those who are here.
    pub(super) fn come<'a>(&mut self, client: &str, here: impl Iterator<Item = &'a str>) {
        let mut least = None;
        for other in here {
            if other == client {
                return;
            }
            let work = self.of(other);
            least = Some(least.map_or(work, |least: u64| least.min(work)));
        }
        match least {
            Some(least) => {
                let work = self.work.entry(client.to_owned()).or_default();
                *work = (*work).max(least);
            }
            // Nobody is here: the past does not matter any more.
            None => self.work.clear(),
        }
    }

    /// So many tokens were computed for a client.
    pub(super) fn did(&mut self, client: &str, tokens: usize) {
        match self.work.get_mut(client) {
            Some(work) => *work += tokens as u64,
            None => {
                self.work.insert(client.to_owned(), tokens as u64);
            }
        }
    }

    /// Tokens computed for a client.
    pub(super) fn of(&self, client: &str) -> u64 {
        self.work.get(client).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_begins_with_the_least_of_those_who_are_here() {
        let mut clients = Clients::default();
        clients.come("a", [].into_iter());
        clients.did("a", 100);
        clients.come("b", ["a"].into_iter());
        assert_eq!(clients.of("b"), 100, "not before all that was done for others");
        clients.did("b", 50);
        clients.come("b", ["a", "b"].into_iter());
        assert_eq!(clients.of("b"), 150, "who is here keeps their count");
        clients.come("c", ["b", "a"].into_iter());
        assert_eq!(clients.of("c"), 100);
        clients.come("d", [].into_iter());
        assert_eq!((clients.of("a"), clients.of("d")), (0, 0));
    }
}
