//! What is otherwise than it was when something was decided.

use domain::Price;

use super::Decision;
use crate::Candidate;

impl Decision {
    /// What is otherwise than in an earlier decision, a line each.
    pub fn changes(&self, earlier: &Self) -> Vec<String> {
        let mut all = Vec::new();
        let said = |candidate: &Option<Candidate>| candidate.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        if self.task_fingerprint != earlier.task_fingerprint {
            all.push("the task's file has changed".to_owned());
        }
        if self.data.fingerprint != earlier.data.fingerprint {
            all.push(format!(
                "the examples have changed: {} of them, {} before",
                self.data.examples, earlier.data.examples
            ));
        }
        let known = |one: &Self| !one.data.knowledge_fingerprint.is_empty();
        if known(self) && known(earlier) && self.data.knowledge_fingerprint != earlier.data.knowledge_fingerprint {
            all.push("the knowledge base holds something else".to_owned());
        }
        let judge = |one: &Self| one.judge.as_ref().map(|judge| (judge.model.clone(), judge.sha256.clone()));
        if judge(self) != judge(earlier) {
            all.push("the judge is another model, or another file of it".to_owned());
        }
        if self.version != earlier.version {
            all.push(format!("the program is {}, it was {}", self.version, earlier.version));
        }
        for was in &earlier.candidates {
            let name = &was.candidate;
            let Some(is) = self.candidates.iter().find(|entrant| entrant.candidate == *name) else {
                all.push(format!("{name} is no candidate any more"));
                continue;
            };
            // Who could not take part has none, nor had a provider's model in earlier versions.
            let known = !is.model_sha256.is_empty() && !was.model_sha256.is_empty();
            if known && is.model_sha256 != was.model_sha256 {
                all.push(format!("the model of {name} is another one than it was"));
            }
            if let (Some(was), Some(is)) = (&was.price, &is.price)
                && was != is
            {
                all.push(format!("the price of {name} is {}, it was {}", price(is), price(was)));
            }
            match (&was.withdrawn, &is.withdrawn) {
                (None, Some(why)) => all.push(format!("{name} can no longer take part: {why}")),
                (Some(_), None) => all.push(format!("{name} can take part now")),
                _ => {}
            }
            if let (Some(was), Some(is)) = (&was.result, &is.result) {
                if !(was.quality.low..=was.quality.high).contains(&is.quality.value) {
                    all.push(format!("{name} scores {:.3}, it was {:.3}", is.quality.value, was.quality.value));
                }
                if was.cost_per_1000 != is.cost_per_1000 {
                    all.push(format!(
                        "{name} costs {:.4} for 1,000 answers, it was {:.4}",
                        is.cost_per_1000, was.cost_per_1000
                    ));
                }
            }
        }
        for is in self.candidates.iter().filter(|is| earlier.candidates.iter().all(|was| was.candidate != is.candidate))
        {
            all.push(format!("{} is a new candidate", is.candidate));
        }
        if self.chosen != earlier.chosen {
            all.push(format!("the choice is {}, it was {}", said(&self.chosen), said(&earlier.chosen)));
        }
        all
    }
}

fn price(price: &Price) -> String {
    let cached = price.cached.map_or(String::new(), |cached| format!(", {cached} where it was read before"));
    format!("{} {} for a million tokens read{cached}, {} written", price.currency, price.input, price.output)
}
