//! `sumeru serve`: the HTTP door.

use std::path::Path;
use std::sync::Arc;

use platform::{Access, Settings, Workspace};
use serde_json::json;
use server::{Limits, Options};

use crate::args;
use crate::exit::Exit;
use crate::print::Printer;

pub(crate) async fn run(options: args::Serve, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let models = Settings {
        slots: options.slots.map(|slots| slots as usize),
        context: options.context,
        queue: options.queue.map(|queue| queue as usize),
        no_guessing: options.no_guessing,
        small_cache: options.cache_type == args::CacheType::Q8_0,
        memory: options.memory,
    };
    let workspace = Arc::new(
        Workspace::open_with(data, Access::Write, models)?
            .with_folder(&options.folder.workspace)
            .with_environment(super::choose::variable),
    );
    // Whoever has a place in a model's queue has one at the door, and so have those who ask for other things.
    let places = options.slots.unwrap_or(16) + options.queue.unwrap_or(64) + 64;
    let usual = Limits::default();
    let settings = Options {
        limits: Limits { in_flight: usual.in_flight.max(places as usize), ..usual },
        host: options.host,
        port: options.port,
        api_key: options.api_key,
        allowed_hosts: options.allow_host,
        pull: super::models::from_environment(),
    };
    let shown = move |address: std::net::SocketAddr| {
        if printer.json {
            printer.json(&json!({"address": address, "url": format!("http://{address}")}));
        } else {
            printer.line(format!("Sumeru is at http://{address} (API under http://{address}/v1). Ctrl-C stops it."));
        }
    };
    server::serve(workspace, settings, shown, stop_signal()).await?;
    Ok(Exit::Done)
}

/// Resolves at the first Ctrl-C or SIGTERM; the server then lets streams finish.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            let _ = interrupt.await;
            return;
        };
        tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
