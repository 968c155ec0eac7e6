//! What memory there is to use.

/// Bytes that models may use for what they remember of requests: a quarter of what is free now, at most 1 GiB.
pub(crate) fn for_cache() -> usize {
    let free = available().unwrap_or(2 << 30);
    usize::try_from(free / 4).unwrap_or(usize::MAX).min(1 << 30)
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
        assert!((1 << 20..=1 << 30).contains(&for_cache()));
    }
}
