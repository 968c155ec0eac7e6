//! `sumeru kb`: looking into knowledge bases.

use std::path::Path;

use platform::{Access, Workspace};
use serde_json::json;

use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer, bytes, confirm};

pub(crate) async fn run(command: args::Kb, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    match command {
        args::Kb::List => list(&Workspace::open(data, Access::Read)?, printer),
        args::Kb::Show { name } => show(&Workspace::open(data, Access::Read)?, &name, printer),
        args::Kb::Documents { name } => documents(&Workspace::open(data, Access::Read)?, &name, printer),
        args::Kb::Rm { name, document, yes } => {
            let workspace = Workspace::open(data, Access::Write)?;
            remove(&workspace, &name, document.as_deref(), yes, printer).await
        }
    }
}

fn list(workspace: &Workspace, printer: Printer) -> anyhow::Result<Exit> {
    let all = workspace.knowledge_bases().list()?;
    if printer.json {
        printer.json(&json!({"knowledge_bases": all}));
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        printer.note("No knowledge base yet; `sumeru ingest PATH --kb NAME` makes one.");
    }
    let rows: Vec<_> = all
        .iter()
        .map(|kb| {
            [
                kb.name.clone(),
                kb.documents.to_string(),
                kb.passages.to_string(),
                kb.vectors.to_string(),
                bytes(kb.bytes),
                kb.embedder.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    printer.table(["knowledge base", "documents", "passages", "vectors", "size", "embedder"], &rows);
    for (name, error) in all.iter().filter_map(|kb| Some((&kb.name, kb.error.as_ref()?))) {
        printer.note(format!("{name}: {error}"));
    }
    Ok(Exit::Done)
}

fn show(workspace: &Workspace, name: &str, printer: Printer) -> anyhow::Result<Exit> {
    let kb = workspace.knowledge_bases().show(name)?;
    if printer.json {
        printer.json(&kb);
        return Ok(Exit::Done);
    }
    printer.line(printer.ink(Ink::Bold, &kb.name));
    for (what, value) in [
        ("documents", kb.documents.to_string()),
        ("passages", kb.passages.to_string()),
        ("vectors", format!("{} of {}", kb.vectors, kb.passages)),
        ("embedder", kb.embedder.clone().unwrap_or_else(|| "none yet".to_owned())),
        ("size", bytes(kb.bytes)),
        ("fingerprint", kb.fingerprint.clone()),
    ] {
        printer.line(format!("  {what:12} {value}"));
    }
    Ok(Exit::Done)
}

fn documents(workspace: &Workspace, name: &str, printer: Printer) -> anyhow::Result<Exit> {
    let all = workspace.knowledge_bases().documents(name)?;
    if printer.json {
        printer.json(&json!({"documents": all}));
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = all
        .iter()
        .map(|document| {
            [
                document.name.clone(),
                document.format.clone(),
                document.pages.to_string(),
                document.passages.to_string(),
                document.vectors.to_string(),
                bytes(document.bytes),
                document.warnings.join("; "),
            ]
        })
        .collect();
    printer.table(["document", "format", "pages", "passages", "vectors", "size", "warnings"], &rows);
    Ok(Exit::Done)
}

async fn remove(
    workspace: &Workspace,
    name: &str,
    document: Option<&str>,
    yes: bool,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let what = match (document, workspace.knowledge_bases().info(name)) {
        (Some(document), _) => format!("Remove {document} from {name}?"),
        (None, Ok(kb)) => format!("Remove {name} with {} documents and {} passages?", kb.documents, kb.passages),
        (None, Err(error @ domain::Error::NotFound { .. })) => return Err(error.into()),
        (None, Err(_)) => format!("Remove {name}, which is damaged?"),
    };
    if !yes && !confirm(&what)? {
        return Ok(Exit::Failed);
    }
    match document {
        Some(document) => workspace.remove_document(name, document).await?,
        None => workspace.knowledge_bases().remove(name)?,
    }
    printer.note(format!("{} removed", document.unwrap_or(name)));
    Ok(Exit::Done)
}
