//! `sumeru size`: which hardware runs a model, for how many, and how fast.

use std::path::Path;

use platform::size::{self, Forecast, HARDWARE, Hardware, Kind, Load};
use platform::{Access, BenchOptions, BenchRow, Footprint, Workload, Workspace};
use serde_json::json;

use crate::args;
use crate::exit::{self, Exit};
use crate::print::{Ink, Printer};

pub(crate) async fn run(options: args::Size, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let file = workspace.model_file(&options.model);
    let model = match &file {
        Ok(path) => size::footprint(path)?,
        Err(error) => match size::typical(&options.model, options.bits) {
            Ok(model) => model,
            // A name that looks like no size: what is said of names is more to the point.
            Err(_) if !options.model.starts_with(|c: char| c.is_ascii_digit()) => return Err(error.clone().into()),
            Err(error) => return Err(error.into()),
        },
    };
    let load = Load { users: options.users.into(), context: options.context.into() };
    let machines = machines(&options, printer)?;
    let mut forecasts: Vec<Forecast> = machines.iter().map(|machine| size::forecast(&model, load, machine)).collect();
    // The machine at hand first, then those that can, the fastest first.
    let own = usize::from(options.hardware.is_none() && options.memory.is_none());
    forecasts[own.min(machines.len())..].sort_by(|a, b| {
        (b.fits, b.decode_all).partial_cmp(&(a.fits, a.decode_all)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let measured =
        if options.measure { Some(measure(&workspace, &options, &model, load, printer).await?) } else { None };
    if printer.json {
        printer.json(&json!({"model": options.model, "footprint": model, "load": load, "forecasts": forecasts, "measured": measured}));
        return Ok(Exit::Done);
    }
    show(&options.model, &model, load, &forecasts, printer);
    for line in measured.iter().flatten() {
        let gap = (line.predicted / line.measured - 1.0) * 100.0;
        printer.line(format!(
            "{}: {:.1} tokens/s predicted, {:.1} measured ({gap:+.0} %)",
            line.what, line.predicted, line.measured
        ));
    }
    Ok(Exit::Done)
}

fn machines(options: &args::Size, printer: Printer) -> anyhow::Result<Vec<Hardware>> {
    if let Some(name) = &options.hardware {
        return Ok(vec![size::named(name)?]);
    }
    match (options.memory, options.bandwidth, options.flops) {
        (None, None, None) => {
            printer.note("measuring this machine");
            let mut all = vec![size::this_machine(None)];
            all.extend(HARDWARE.iter().cloned());
            Ok(all)
        }
        (Some(memory), Some(bandwidth), Some(flops)) => {
            let kind = if options.gpu { Kind::Gpu } else { Kind::Cpu };
            let floats = if options.gpu { flops / 4.0 } else { flops / 2.0 };
            Ok(vec![Hardware { name: "as described".into(), kind, memory, bandwidth, integers: flops, floats }])
        }
        _ => Err(exit::usage(
            "a machine is described by all of --memory, --bandwidth and --flops; give the others too, or --hardware NAME",
        )),
    }
}

/// A forecast beside what was measured.
#[derive(serde::Serialize)]
struct Measured {
    what: String,
    predicted: f64,
    measured: f64,
}

async fn measure(
    workspace: &Workspace,
    options: &args::Size,
    model: &Footprint,
    load: Load,
    printer: Printer,
) -> anyhow::Result<Vec<Measured>> {
    let context = (load.context as usize).clamp(16, 2048);
    let batch = (load.users as usize).clamp(1, 64);
    let asked = BenchOptions {
        prompts: vec![context],
        contexts: vec![context],
        batches: (batch > 1).then_some(batch).into_iter().collect(),
        ..BenchOptions::default()
    };
    let mut bar = printer.steps();
    let report = workspace.bench(&options.model, &asked, |at, of, what| bar.at(at, of, what)).await;
    bar.end();
    let report = report?;
    let machine = Hardware {
        name: "this machine".into(),
        kind: Kind::Cpu,
        memory: 0.0,
        bandwidth: report.bandwidth,
        integers: report.integer_peak,
        floats: report.float_peak,
    };
    let forecast = size::forecast(model, Load { users: batch as u64, context: context as u64 }, &machine);
    let measured = |row: &BenchRow| {
        let predicted = match row.workload {
            Workload::Prompt(_) => forecast.prompt,
            Workload::Decode(_) => forecast.decode_one,
            Workload::Batch(requests) => size::together(model, requests as u64, &machine),
        };
        Measured { what: row.workload.name(), predicted, measured: row.tokens_per_second }
    };
    Ok(report.rows.iter().map(measured).collect())
}

fn show(name: &str, model: &Footprint, load: Load, forecasts: &[Forecast], printer: Printer) {
    let kept = model.kept_per_token as f64 * load.context as f64 + model.kept_per_text as f64;
    printer.line(printer.ink(Ink::Bold, &format!("{name}, {} at once, {} tokens each", load.users, load.context)));
    printer.line(format!(
        "weights {}, kept for each {}, {} in all",
        bytes(model.weights as f64),
        bytes(kept),
        bytes(forecasts.first().map_or(0.0, |forecast| forecast.needed)),
    ));
    let rows: Vec<[String; 7]> = forecasts
        .iter()
        .map(|forecast| {
            let speed = |speed: f64| if forecast.fits { figure(speed) } else { String::new() };
            [
                forecast.hardware.clone(),
                bytes(forecast.memory),
                if forecast.fits { "yes" } else { "no" }.to_owned(),
                speed(forecast.decode_one),
                speed(forecast.decode_all),
                speed(forecast.prompt),
                if forecast.fits { format!("{:.2} s", forecast.first_token) } else { String::new() },
            ]
        })
        .collect();
    printer.table(["", "memory", "fits", "one, tokens/s", "all, tokens/s", "prompt, tokens/s", "first token"], &rows);
}

fn figure(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

fn bytes(count: f64) -> String {
    match count {
        count if count >= 1e9 => format!("{:.1} GB", count / 1e9),
        count if count >= 1e6 => format!("{:.0} MB", count / 1e6),
        count => format!("{:.0} kB", count / 1e3),
    }
}
