//! What is installed, what is missing, what to do.

use serde::Serialize;

use crate::lock::Lock;
use crate::models::free_space;
use crate::{ModelState, Workspace};

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do, where there is something to do.
    pub remedy: Option<String>,
}

impl Check {
    fn good(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok: true, detail: detail.into(), remedy: None }
    }

    fn bad(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok: false, detail: detail.into(), remedy: Some(remedy.into()) }
    }
}

impl Workspace {
    /// Looks at everything a first answer needs.
    pub async fn doctor(&self) -> Vec<Check> {
        let mut checks = vec![self.check_data(), check_processor()];
        checks.extend(free_space(self.data()).map(|free| {
            let detail = format!("{:.1} GB free", free as f64 / 1e9);
            if free < 2_000_000_000 {
                Check::bad("disk", detail, "models take half a gigabyte and more; make room")
            } else {
                Check::good("disk", detail)
            }
        }));
        checks.push(self.check_model("language model", false));
        checks.push(self.check_model("embedding model", true));
        checks.extend(self.check_files());
        checks.extend(self.check_bases());
        if let Some(pid) = Lock::holder(self.data()) {
            checks.push(Check::good("writer", format!("process {pid} writes to this data directory")));
        }
        checks
    }

    fn check_data(&self) -> Check {
        let probe = self.data().join(format!(".probe-{}", std::process::id()));
        match std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
            Ok(()) => Check::good("data directory", format!("{} may be written to", self.data().display())),
            Err(error) => Check::bad(
                "data directory",
                format!("{}: {error}", self.data().display()),
                "choose another with --data, or change its rights",
            ),
        }
    }

    fn check_model(&self, name: &str, embeds: bool) -> Check {
        match self.models().default_of(embeds) {
            Ok(model) => Check::good(name, format!("{model} is installed")),
            Err(_) => {
                Check::bad(name, "none is installed", format!("sumeru models pull {}", self.models().preferred(embeds)))
            }
        }
    }

    /// Files of installed models that do not have the size they should.
    fn check_files(&self) -> Vec<Check> {
        let models = self.models().list().unwrap_or_default();
        let installed = models.into_iter().filter(|model| model.state == ModelState::Installed);
        installed
            .filter_map(|model| {
                let path = model.path.as_ref()?;
                (!path.exists()).then(|| {
                    let name = &model.card.name;
                    let again = if model.card.sources.is_empty() { "add FILE --name" } else { "pull" };
                    let remedy = format!("sumeru models rm {name} --yes && sumeru models {again} {name}");
                    Check::bad(&format!("model {}", model.card.name), format!("{} is gone", path.display()), remedy)
                })
            })
            .collect()
    }

    fn check_bases(&self) -> Vec<Check> {
        let Ok(names) = self.knowledge_bases().names() else { return Vec::new() };
        names
            .into_iter()
            .map(|name| {
                let label = format!("knowledge base {name}");
                match self.knowledge_bases().show(&name) {
                    Ok(base) if base.vectors < base.passages => Check {
                        remedy: Some("vectors follow while a server runs, or with the next ingest".to_owned()),
                        ..Check::good(&label, format!("{} passages, {} with vectors", base.passages, base.vectors))
                    },
                    Ok(base) => {
                        Check::good(&label, format!("{} documents, {} passages", base.documents, base.passages))
                    }
                    Err(error) => Check::bad(
                        &label,
                        error.to_string(),
                        format!("sumeru kb rm {name}, and ingest its documents again"),
                    ),
                }
            })
            .collect()
    }
}

fn check_processor() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let instructions = engine::Instructions::here();
    if let Some(unknown) = engine::Instructions::unknown() {
        let why = format!("{cores} cores with {instructions}; SUMERU_INSTRUCTIONS is '{}'", unknown.escape_debug());
        return Check::bad("processor", why, "set it to portable, avx2 or avx512, or leave it out".to_owned());
    }
    if instructions >= engine::Instructions::Avx2 {
        Check::good("processor", format!("{cores} cores with {instructions}"))
    } else {
        Check {
            remedy: Some("answers come much faster on a processor with AVX2".to_owned()),
            ..Check::good("processor", format!("{cores} cores, without AVX2: portable code is used"))
        }
    }
}
