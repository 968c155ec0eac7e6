//! What memory there is to use, and which models have it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Error, Result};

/// What loaded models may take together: weights, and what they remember of requests.
pub(crate) struct Budget {
    /// Bytes; `None`: no limit.
    most: Option<u64>,
    /// Bytes of each model, the one used longest ago first.
    held: Mutex<Vec<(String, u64)>>,
}

impl Budget {
    pub(crate) fn new(most: Option<u64>) -> Self {
        Self { most, held: Mutex::default() }
    }

    /// Bytes that a model with weights of this size may use for what it remembers of requests: a quarter of what is free
    /// or left, at most 1 GiB.
    pub(crate) fn cache_beside(&self, weights: u64) -> u64 {
        let left = self.most.map(|most| most.saturating_sub(weights));
        let free = available().unwrap_or(2 << 30).min(left.unwrap_or(u64::MAX));
        (free / 4).min(1 << 30)
    }

    /// Notes that a model takes so many bytes, and names those that have to go for it, none of which is busy.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it can never fit, [`Error::Busy`] if those that would have to go are at work.
    pub(crate) fn take(&self, name: &str, bytes: u64, busy: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
        let mut held = self.held();
        let most = self.most.unwrap_or(u64::MAX);
        if bytes > most {
            return Err(Error::invalid("model", "model_too_large", too_large(name, bytes, most)));
        }
        let mut total = bytes + held.iter().filter(|(other, _)| other != name).map(|(_, bytes)| bytes).sum::<u64>();
        let mut going = Vec::new();
        for (other, bytes) in held.iter() {
            if total <= most {
                break;
            }
            if other != name && !busy(other) {
                total -= bytes;
                going.push(other.clone());
            }
        }
        if total > most {
            let message = format!(
                "'{name}' needs {} of memory, and other models are at work in it; try again soon, or start with more --memory",
                size(bytes)
            );
            return Err(Error::Busy { message, retry_after_seconds: 5 });
        }
        held.retain(|(other, _)| other != name && !going.contains(other));
        held.push((name.to_owned(), bytes));
        Ok(going)
    }

    /// Notes that a model is used.
    pub(crate) fn touch(&self, name: &str) {
        let mut held = self.held();
        if let Some(at) = held.iter().position(|(other, _)| other == name) {
            let model = held.remove(at);
            held.push(model);
        }
    }

    /// Notes that a model is gone.
    pub(crate) fn give_back(&self, name: &str) {
        self.held().retain(|(other, _)| other != name);
    }

    fn held(&self) -> MutexGuard<'_, Vec<(String, u64)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_large(name: &str, bytes: u64, most: u64) -> String {
    format!(
        "'{name}' needs {} of memory with its context, and --memory allows {}; choose a smaller model or --context, or allow more",
        size(bytes),
        size(most)
    )
}

pub(crate) fn size(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// Bytes that this process could still take: what the machine has free, within what its control group allows.
fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").as_deref().and_then(free_of_meminfo);
    // Version 2 of control groups as seen from inside a container; version 1 beside it.
    let group = [
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ]
    .into_iter()
    .find_map(|(most, used)| left(&read(most)?, &read(used)?));
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

fn free_of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What a control group leaves; `None` if it sets no limit ("max").
fn left(most: &str, used: &str) -> Option<u64> {
    let most: u64 = most.trim().parse().ok()?;
    Some(most.saturating_sub(used.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn limits_are_read_and_their_absence_too() {
        assert_eq!(free_of_meminfo("MemTotal: 9 kB\nMemAvailable:   23842352 kB\n"), Some(23_842_352 * 1024));
        assert_eq!(free_of_meminfo("MemTotal: 9 kB\n"), None);
        for (most, used, expected) in
            [("max\n", "5\n", None), ("100\n", "30\n", Some(70)), ("100\n", "130\n", Some(0)), ("", "", None)]
        {
            assert_eq!(left(most, used), expected, "{most} {used}");
        }
    }

    #[test]
    fn there_is_some_here() {
        assert!((1 << 20..=1 << 30).contains(&Budget::new(None).cache_beside(0)));
        assert_eq!(Budget::new(Some(500)).cache_beside(100), 100);
        assert_eq!(Budget::new(Some(500)).cache_beside(600), 0);
    }

    #[test]
    fn who_was_used_longest_ago_goes_first() {
        let budget = Budget::new(Some(100));
        let idle = |_: &str| false;
        assert_eq!(budget.take("a", 40, &idle).unwrap(), Vec::<String>::new());
        assert_eq!(budget.take("b", 40, &idle).unwrap(), Vec::<String>::new());
        budget.touch("a");
        assert_eq!(budget.take("c", 30, &idle).unwrap(), ["b"]);
        // One that is at work stays, and the next goes.
        assert_eq!(budget.take("d", 60, &|name| name == "a").unwrap(), ["c"]);
        let refused = budget.take("e", 70, &|name| name == "a");
        assert!(matches!(&refused, Err(Error::Busy { .. })), "{refused:?}");
        let refused = budget.take("f", 101, &idle);
        assert!(matches!(&refused, Err(Error::Invalid { code: "model_too_large", .. })), "{refused:?}");
        // The same again, now that it is known better what it takes.
        assert_eq!(budget.take("d", 50, &idle).unwrap(), Vec::<String>::new());
        budget.give_back("a");
        assert_eq!(budget.take("g", 50, &idle).unwrap(), Vec::<String>::new());
        assert_eq!(Budget::new(None).take("h", u64::MAX, &idle).unwrap(), Vec::<String>::new());
    }
}
