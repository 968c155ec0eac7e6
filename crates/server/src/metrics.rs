//! The server's figures, in the text format of Prometheus (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Usage;

/// Upper bounds of the histogram's buckets, in seconds: from a page out of memory to a long answer on a slow machine.
const BOUNDS: [f64; 14] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// The server's figures.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Labels, u64>>,
    durations: Mutex<BTreeMap<String, Histogram>>,
    in_flight: AtomicI64,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    completion_tokens: AtomicU64,
    guessed_tokens: AtomicU64,
    accepted_tokens: AtomicU64,
    embedded_tokens: AtomicU64,
}

/// Method, route and status.
type Labels = (String, String, u16);

#[derive(Debug, Default, Clone)]
struct Histogram {
    /// Observations up to each bound, not summed up.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// Counts a request in, until it is counted out.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request out. `route` is one of few: never what a caller wrote.
    pub(crate) fn end(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        *lock(&self.requests).entry((method.to_owned(), route.to_owned(), status)).or_default() += 1;
        let mut durations = lock(&self.durations);
        let histogram = durations.entry(route.to_owned()).or_default();
        let seconds = took.as_secs_f64();
        histogram.count += 1;
        histogram.sum += seconds;
        if let Some(at) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            histogram.buckets[at] += 1;
        }
    }

    /// Counts the tokens of an answer.
    pub(crate) fn answered(&self, usage: Usage) {
        self.prompt_tokens.fetch_add(usage.prompt_tokens.into(), Ordering::Relaxed);
        self.cached_tokens.fetch_add(usage.cached_tokens.into(), Ordering::Relaxed);
        self.completion_tokens.fetch_add(usage.completion_tokens.into(), Ordering::Relaxed);
        self.guessed_tokens.fetch_add(usage.guessed_tokens.into(), Ordering::Relaxed);
        self.accepted_tokens.fetch_add(usage.accepted_tokens.into(), Ordering::Relaxed);
    }

    /// Counts the tokens of embedded texts.
    pub(crate) fn embedded(&self, tokens: u32) {
        self.embedded_tokens.fetch_add(tokens.into(), Ordering::Relaxed);
    }

    /// Everything, with the queue of each loaded model.
    pub(crate) fn text(&self, started: SystemTime, queues: &[(String, usize)]) -> String {
        let mut out = String::new();
        head(&mut out, "sumeru_http_requests_total", "counter", "Requests answered.");
        for ((method, route, status), count) in lock(&self.requests).iter() {
            let labels = format!("method=\"{}\",route=\"{}\",status=\"{status}\"", quoted(method), quoted(route));
            line(&mut out, "sumeru_http_requests_total", &labels, *count);
        }
        self.write_durations(&mut out);
        let gauge = |out: &mut String, name: &str, help: &str, value: f64| {
            head(out, name, "gauge", help);
            line(out, name, "", value);
        };
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        gauge(
            &mut out,
            "sumeru_http_requests_in_flight",
            "Requests under way, streams to their end.",
            in_flight as f64,
        );
        for (name, help, counter) in [
            ("sumeru_prompt_tokens_total", "Tokens of prompts.", &self.prompt_tokens),
            ("sumeru_cached_tokens_total", "Of those, tokens that did not have to be read again.", &self.cached_tokens),
            ("sumeru_completion_tokens_total", "Tokens generated.", &self.completion_tokens),
            ("sumeru_guessed_tokens_total", "Tokens guessed and read ahead.", &self.guessed_tokens),
            ("sumeru_accepted_tokens_total", "Of those, tokens that came true.", &self.accepted_tokens),
            ("sumeru_embedded_tokens_total", "Tokens of texts embedded by request.", &self.embedded_tokens),
        ] {
            head(&mut out, name, "counter", help);
            line(&mut out, name, "", counter.load(Ordering::Relaxed));
        }
        head(&mut out, "sumeru_model_pending", "gauge", "Requests that have a slot of a loaded model or wait for one.");
        for (model, pending) in queues {
            line(&mut out, "sumeru_model_pending", &format!("model=\"{}\"", quoted(model)), pending);
        }
        if let Some(bytes) = resident_bytes() {
            gauge(&mut out, "process_resident_memory_bytes", "Memory in use.", bytes as f64);
        }
        let since = started.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        gauge(&mut out, "process_start_time_seconds", "When the server began, in seconds since 1970.", since);
        out
    }

    fn write_durations(&self, out: &mut String) {
        const NAME: &str = "sumeru_http_request_duration_seconds";
        head(out, NAME, "histogram", "Time from a request's head to the end of its answer.");
        for (route, histogram) in lock(&self.durations).iter() {
            let route = format!("route=\"{}\"", quoted(route));
            let mut so_far = 0;
            for (bound, count) in BOUNDS.iter().zip(histogram.buckets) {
                so_far += count;
                line(out, &format!("{NAME}_bucket"), &format!("{route},le=\"{bound}\""), so_far);
            }
            line(out, &format!("{NAME}_bucket"), &format!("{route},le=\"+Inf\""), histogram.count);
            line(out, &format!("{NAME}_sum"), &route, histogram.sum);
            line(out, &format!("{NAME}_count"), &route, histogram.count);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n"); // a String takes everything
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ =
        if labels.is_empty() { writeln!(out, "{name} {value}") } else { writeln!(out, "{name}{{{labels}}} {value}") };
}

fn quoted(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Memory in use, where the system says so in `/proc`.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_as_prometheus_has_it() {
        let metrics = Metrics::default();
        for (milliseconds, status) in [(2, 200), (300, 200), (600_000, 500)] {
            metrics.begin();
            metrics.end("POST", "/v1/\"x\"", status, Duration::from_millis(milliseconds));
        }
        metrics.begin();
        metrics.answered(Usage {
            prompt_tokens: 7,
            completion_tokens: 3,
            cached_tokens: 1,
            guessed_tokens: 4,
            accepted_tokens: 2,
        });
        let text = metrics.text(UNIX_EPOCH + Duration::from_secs(5), &[("m".to_owned(), 2)]);
        let route = "route=\"/v1/\\\"x\\\"\"";
        for line in [
            format!("sumeru_http_requests_total{{method=\"POST\",{route},status=\"200\"}} 2"),
            format!("sumeru_http_requests_total{{method=\"POST\",{route},status=\"500\"}} 1"),
            format!("sumeru_http_request_duration_seconds_bucket{{{route},le=\"0.001\"}} 0"),
            format!("sumeru_http_request_duration_seconds_bucket{{{route},le=\"0.005\"}} 1"),
            format!("sumeru_http_request_duration_seconds_bucket{{{route},le=\"0.5\"}} 2"),
            format!("sumeru_http_request_duration_seconds_bucket{{{route},le=\"300\"}} 2"),
            format!("sumeru_http_request_duration_seconds_bucket{{{route},le=\"+Inf\"}} 3"),
            format!("sumeru_http_request_duration_seconds_count{{{route}}} 3"),
            "sumeru_http_requests_in_flight 1".to_owned(),
            "sumeru_prompt_tokens_total 7".to_owned(),
            "sumeru_completion_tokens_total 3".to_owned(),
            "sumeru_guessed_tokens_total 4".to_owned(),
            "sumeru_accepted_tokens_total 2".to_owned(),
            "sumeru_model_pending{model=\"m\"} 2".to_owned(),
            "process_start_time_seconds 5".to_owned(),
        ] {
            assert!(text.lines().any(|got| got == line), "{line} is not in\n{text}");
        }
    }
}
