//! `sumeru doctor`: what is installed, what is missing, what to do.

use std::path::Path;

use platform::{Access, Workspace};
use serde_json::json;

use crate::exit::Exit;
use crate::print::{Ink, Printer};

pub(crate) async fn run(data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let checks = workspace.doctor().await;
    let well = checks.iter().all(|check| check.ok);
    if printer.json {
        printer.json(&json!({"ok": well, "version": env!("CARGO_PKG_VERSION"), "data": data, "checks": checks}));
    } else {
        printer.line(format!("sumeru {}, data in {}", env!("CARGO_PKG_VERSION"), data.display()));
        for check in &checks {
            let mark = if check.ok { printer.ink(Ink::Good, "ok     ") } else { printer.ink(Ink::Bad, "missing") };
            printer.line(format!("{mark} {}: {}", check.name, check.detail));
            if let Some(remedy) = &check.remedy {
                printer.line(format!("        {remedy}"));
            }
        }
    }
    Ok(if well { Exit::Done } else { Exit::Failed })
}
