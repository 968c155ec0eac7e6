//! Which hardware runs a model, for how many, and how fast: arithmetic from what a token costs.
//!
//! A step of writing reads every weight once, and what is kept of each text; reading prompts is bound by multiplications. The shares of a
//! machine's limits that are really reached, and the time a layer takes whatever is in it, are [`Reached`]'s: for processors measured with our
//! engine (`sumeru bench`; see `docs/en/models.md`), for accelerators what well-made engines publish.

mod hardware;

use std::path::Path;

use engine::{Footprint, Limits};
use serde::Serialize;

pub use hardware::{HARDWARE, Hardware, Kind};

use crate::bench::{EACH, SHORT};
use crate::{Error, Result};

/// Who is to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Texts at once.
    pub users: u64,
    /// Tokens of each.
    pub context: u64,
}

/// How a model would run on one machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The machine.
    pub hardware: String,
    /// Bytes it has.
    pub memory: f64,
    /// Bytes that are needed.
    pub needed: f64,
    /// Whether they are there.
    pub fits: bool,
    /// Tokens written in a second for one text, at its full length.
    pub decode_one: f64,
    /// The same of all texts together.
    pub decode_all: f64,
    /// Tokens of a prompt of the full length read in a second.
    pub prompt: f64,
    /// Seconds until the first token after such a prompt.
    pub first_token: f64,
}

/// What is reached of a machine's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reached {
    /// Of the bandwidth, when writing.
    bandwidth: f64,
    /// Of the peak of integers (or of matrix units), when reading prompts.
    prompts: f64,
    /// The same, when several write.
    batches: f64,
    /// Of the peak of floats, in attention and recurrences of prompts.
    attention: f64,
    /// Seconds that a layer takes in each pass, whatever is in it.
    layer: f64,
    /// Tokens of prompts in one pass.
    chunk: f64,
}

impl Reached {
    fn by(kind: Kind) -> Self {
        match kind {
            Kind::Cpu => {
                Self { bandwidth: 0.92, prompts: 0.50, batches: 0.30, attention: 0.70, layer: 22e-6, chunk: 256.0 }
            }
            Kind::Gpu => {
                Self { bandwidth: 0.7, prompts: 0.5, batches: 0.4, attention: 0.3, layer: 10e-6, chunk: 2048.0 }
            }
        }
    }
}

/// What programs and the system need beside.
const OVERHEAD: f64 = 0.3e9;

/// What a model takes, from its file.
///
/// # Errors
/// If it is no model this build runs.
pub fn footprint(file: &Path) -> Result<Footprint> {
    Ok(engine::footprint(file)?)
}

/// A model that is known by its size alone, such as `7b` or `0.5B`, of the shape that Transformers of that size have.
///
/// # Errors
/// [`Error::Invalid`] if it is not a number of parameters.
pub fn typical(parameters: &str, bits: f64) -> Result<Footprint> {
    let wrong = || {
        let why = format!(
            "'{parameters}' is neither an installed model, nor a GGUF file, nor a number of parameters such as 7b"
        );
        Error::invalid("model", "invalid_value", why)
    };
    let lower = parameters.to_lowercase();
    let (number, unit) = match (lower.strip_suffix('b'), lower.strip_suffix('m')) {
        (Some(number), _) => (number, 1e9),
        (None, Some(number)) => (number, 1e6),
        _ => return Err(wrong()),
    };
    let count = number.parse::<f64>().ok().filter(|count| *count > 0.0 && *count < 1e5).ok_or_else(wrong)? * unit;
    // Layers and width grow alike: parameters are about 12 layers width^2, and width about 100 layers.
    let layers = (count / 12.0 / 1e4).cbrt().round().clamp(12.0, 128.0);
    let width = (count / 12.0 / layers).sqrt();
    let weights = (count * bits / 8.0) as u64;
    // A quarter of the heads keep keys and values.
    let kept_per_token = (layers * 2.0 * width / 4.0 * 2.0) as u64;
    Ok(Footprint {
        weights,
        read: weights,
        products: count as u64,
        scores: 0,
        attention: (2.0 * layers * width) as u64,
        recurrence: 0,
        kept_per_token,
        kept_per_text: 0,
        layers: layers as u64,
        context: 32_768,
    })
}

/// This machine, as measured.
pub fn this_machine(threads: Option<usize>) -> Hardware {
    let Limits { threads, bandwidth, floats, integers } = engine::limits(threads);
    Hardware {
        name: format!("this machine, {threads} threads").into(),
        kind: Kind::Cpu,
        memory: memory().unwrap_or(0.0),
        bandwidth,
        integers,
        floats,
    }
}

/// Bytes of memory, or of the control group's part of it.
fn memory() -> Option<f64> {
    let total = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = total.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let bytes = line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    Some(limit.and_then(|limit| limit.trim().parse::<f64>().ok()).map_or(bytes, |limit| limit.min(bytes)))
}

/// How a model would run on a machine.
pub fn forecast(model: &Footprint, load: Load, machine: &Hardware) -> Forecast {
    let reached = Reached::by(machine.kind);
    let (users, context) = (load.users as f64, load.context as f64);
    let kept = model.kept_per_token as f64 * context + model.kept_per_text as f64;
    let needed = model.weights as f64 + users * kept + OVERHEAD;
    let layers = model.layers as f64 * reached.layer;
    let step = |texts: f64| {
        let weights = model.read as f64 / (machine.bandwidth * reached.bandwidth);
        let products = 2.0 * model.products as f64 * texts / (machine.integers * reached.batches);
        let others = 2.0 * (model.attention as f64 * context + model.recurrence as f64) * texts;
        let kept =
            (texts * kept / (machine.bandwidth * reached.bandwidth)).max(others / (machine.floats * reached.attention));
        // Together is never slower than one after the other.
        weights.max(products.min(texts * weights)) + kept + layers
    };
    let products = 2.0 * (model.products - model.scores) as f64 * context / (machine.integers * reached.prompts);
    let others = 2.0 * (model.attention as f64 * context / 2.0 + model.recurrence as f64) * context;
    let reading = products + others / (machine.floats * reached.attention) + layers * (context / reached.chunk).ceil();
    Forecast {
        hardware: machine.name.to_string(),
        memory: machine.memory,
        needed,
        fits: needed <= machine.memory,
        decode_one: 1.0 / step(1.0),
        decode_all: users / step(users),
        prompt: context / reading,
        first_token: reading + step(1.0),
    }
}

/// Tokens written in a second by requests at once of the kind that [`Workspace::bench`](crate::Workspace::bench) measures: their short prompts
/// are read first.
pub fn together(model: &Footprint, requests: u64, machine: &Hardware) -> f64 {
    let (read, written) = (SHORT as f64, f64::from(EACH));
    let reading = forecast(model, Load { users: 1, context: SHORT as u64 }, machine).prompt;
    let writing =
        forecast(model, Load { users: requests, context: SHORT as u64 + u64::from(EACH) / 2 }, machine).decode_all;
    let all = requests as f64;
    all * written / (all * read / reading + all * written / writing)
}

/// The hardware of a name, or of the beginning of one.
///
/// # Errors
/// [`Error::Invalid`], listing the names.
pub fn named(name: &str) -> Result<Hardware> {
    let plain = |text: &str| text.to_lowercase().replace([' ', '-', '_'], "");
    let wanted = plain(name);
    let exact = HARDWARE.iter().find(|hardware| plain(&hardware.name) == wanted);
    let found = exact
        .or_else(|| HARDWARE.iter().find(|hardware| plain(&hardware.name).contains(&wanted) && !wanted.is_empty()));
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = HARDWARE.iter().map(|hardware| &*hardware.name).collect();
        Error::invalid(
            "hardware",
            "invalid_value",
            format!("'{name}' is not in the table; it has {}", names.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVEN: Load = Load { users: 1, context: 2048 };

    #[test]
    fn sizes_are_read_and_shaped() {
        let seven = typical("7b", 4.5).unwrap();
        assert_eq!(seven.weights, 3_937_500_000);
        assert!((30..=48).contains(&seven.layers) && seven.kept_per_token > 50_000, "{seven:?}");
        assert_eq!(typical("500M", 8.0).unwrap().weights, 500_000_000);
        for wrong in ["", "b", "seven", "-1b", "7", "1e9b", "NaNb"] {
            assert!(typical(wrong, 4.0).unwrap_err().to_string().contains("such as 7b"), "{wrong}");
        }
    }

    #[test]
    fn more_bandwidth_writes_faster_and_more_texts_take_more() {
        let model = typical("7b", 4.5).unwrap();
        let slow = forecast(&model, SEVEN, &named("Raspberry Pi 5").unwrap());
        let fast = forecast(&model, SEVEN, &named("H100").unwrap());
        assert!(fast.decode_one > 20.0 * slow.decode_one && fast.prompt > 100.0 * slow.prompt, "{slow:?} {fast:?}");
        let many = forecast(&model, Load { users: 16, ..SEVEN }, &named("RTX 4090").unwrap());
        let one = forecast(&model, SEVEN, &named("RTX 4090").unwrap());
        assert!(
            many.needed > one.needed
                && many.decode_all > 4.0 * one.decode_all
                && many.decode_all < 16.0 * one.decode_all
        );
        assert!(one.fits && !forecast(&typical("70b", 16.0).unwrap(), SEVEN, &named("rtx4090").unwrap()).fits);
    }

    #[test]
    fn a_name_that_is_not_in_the_table_is_answered_with_those_that_are() {
        let error = named("Cray-1").unwrap_err().to_string();
        assert!(error.contains("Cray-1") && error.contains("RTX 4090") && error.contains("Raspberry Pi 5"), "{error}");
        assert!(named("").is_err());
    }
}
