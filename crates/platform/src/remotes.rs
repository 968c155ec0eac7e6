//! Remote models: declared in `models.toml` of the workspace's folder, opened when they are first asked, kept from data that they may not see.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{LanguageModel, Policy, Refusal, Remote, Sensitivity, Standing, Task};
use gateway::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Error, Result, Workspace};

/// The remote models of a folder.
#[derive(Debug, Clone)]
pub struct Remotes {
    path: PathBuf,
}

/// A remote model once it is open.
pub(crate) struct Opened(pub(crate) Arc<dyn LanguageModel>);

/// Reads a variable of the environment.
pub type Environment = fn(&str) -> Option<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    models: Vec<Remote>,
}

impl Remotes {
    /// The remote models of a workspace's folder.
    pub fn of(workspace: &Path) -> Self {
        let path = workspace.join("models.toml");
        Self { path: path.strip_prefix(".").map(Path::to_owned).unwrap_or(path) }
    }

    /// All of them; none if there is no such file.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a file that is wrong, by line; [`Error::Failed`] if it cannot be read.
    pub fn list(&self) -> Result<Vec<Remote>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(Error::failed(format!("{}: {error}; check that it may be read", self.path.display())));
            }
        };
        let wrong = |why: String| Error::invalid("models", "invalid_models", format!("{}: {why}", self.path.display()));
        let File { models } = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        for (at, model) in models.iter().enumerate() {
            let name = &model.name;
            if name.is_empty() || name.contains(['/', '@', ' ']) {
                return Err(wrong(format!("'{name}' is no name for a model: it has no '/', '@' or space in it")));
            }
            if models[..at].iter().any(|other| other.name == *name) {
                return Err(wrong(format!("two models have the name '{name}'; give each its own")));
            }
        }
        Ok(models)
    }

    /// The one of that name, if there is one.
    ///
    /// # Errors
    /// As [`Remotes::list`].
    pub fn find(&self, name: &str) -> Result<Option<Remote>> {
        Ok(self.list()?.into_iter().find(|model| model.name == name))
    }
}

impl Workspace {
    /// Remote models: those of the folder.
    pub fn remotes(&self) -> Remotes {
        Remotes::of(self.folder())
    }

    /// A remote model by name, if there is one; open from its first request to the next change of its card.
    pub(crate) async fn remote_model(&self, name: &str) -> Result<Option<Arc<Opened>>> {
        let Some(remote) = self.remotes().find(name)? else { return Ok(None) };
        let digest = serde_json::to_string(&remote).expect("a card is plain data: this is a bug");
        let open = async {
            let key = self.key(&remote)?;
            let book = self.data().join("spent.jsonl");
            Ok(Opened(gateway::open(&remote, key, gateway::client()?, Some(book))?))
        };
        self.opened_remotes().get(name, &digest, open).await.map(Some)
    }

    /// The key of a remote model, from the environment or from a file that nobody else may read.
    fn key(&self, remote: &Remote) -> Result<Option<Secret>> {
        if let Some(variable) = &remote.key_env {
            let value = (self.environment())(variable).filter(|value| !value.trim().is_empty());
            let value = value.ok_or_else(|| {
                Error::failed(format!("'{}' needs a key: set the environment variable {variable}", remote.name))
            })?;
            return Ok(Some(Secret::new(&value)));
        }
        let Some(path) = &remote.key_file else { return Ok(None) };
        let failed = |why: String| Error::failed(format!("the key of '{}' in {}: {why}", remote.name, path.display()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = path.metadata().map_err(|error| failed(error.to_string()))?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(failed(format!("others may read it (mode {:o}); `chmod 600` it", mode & 0o777)));
            }
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        if text.trim().is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        Ok(Some(Secret::new(&text)))
    }

    /// How a model stands before a policy.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a name that is of two: who reads the data must be clear.
    pub(crate) fn standing(&self, model: &str) -> Result<Standing> {
        if self.models().installed(model).is_ok() && self.remotes().find(model)?.is_some() {
            return Err(Error::Conflict {
                message: format!(
                    "'{model}' is an installed model and one of models.toml; give the remote one another name"
                ),
            });
        }
        Ok(self.remotes().find(model)?.map_or_else(|| Standing::local(model), |remote| remote.standing()))
    }

    /// Writes down that a model was kept from data. A refusal that cannot be written down is a refusal still.
    pub(crate) fn audit(&self, task: &str, refusal: &Refusal, row: Option<&str>) {
        let line = json!({
            "time": time::OffsetDateTime::now_utc().to_string(),
            "task": task, "model": refusal.model, "rule": refusal.rule, "why": refusal.why, "row": row,
        });
        let path = self.data().join("audit.jsonl");
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            tracing::error!(path = %path.display(), %error, "a refusal could not be written down");
        }
    }
}

/// The policy that a row stands under: the task's, or a stricter one by the row's own label.
///
/// # Errors
/// A label that is none.
pub(crate) fn policy_of(task: &Task, fields: &Map<String, Value>) -> std::result::Result<Policy, String> {
    let label = task
        .sensitivity_field
        .as_ref()
        .and_then(|name| fields.get(name))
        .filter(|label| !label.is_null() && *label != "");
    let label: Option<Sensitivity> = match label {
        None => None,
        Some(label) => Some(
            serde_json::from_value(label.clone())
                .map_err(|_| format!("{label} is no label of data; there are public, internal, personal and secret"))?,
        ),
    };
    Ok(task.policy.for_row(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;

    const CARD: &str = "[[models]]\nname = 'far'\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'x'\njurisdiction = 'cn'\ncontext = 4096\n";

    fn workspace(models: &str) -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("models.toml"), models).unwrap();
        let workspace = Workspace::open(&folder.path().join("data"), Access::Read).unwrap().with_folder(folder.path());
        (folder, workspace)
    }

    #[test]
    fn what_is_wrong_in_the_file_is_named() {
        for (text, part) in [
            ("[[models]]\nname = 'far'", "missing field"),
            (&format!("{CARD}nmae = 'x'"), "nmae"),
            (&format!("{CARD}{CARD}"), "two models have the name 'far'"),
            (&CARD.replace("'far'", "'a/b'"), "'a/b' is no name"),
            (&CARD.replace("'cn'", "'mars'"), "mars"),
            ("models = 3", "models"),
        ] {
            let (_folder, workspace) = workspace(text);
            let error = workspace.remotes().list().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("models.toml"), "{error}");
        }
        let (_folder, workspace) = workspace(CARD);
        assert_eq!(workspace.standing("far").unwrap().jurisdiction, domain::Jurisdiction::Cn);
        assert_eq!(workspace.standing("near").unwrap().jurisdiction, domain::Jurisdiction::Local);
    }

    #[tokio::test]
    async fn what_was_spent_before_counts() {
        let card = format!("{CARD}price = {{ input = 1, output = 1, currency = 'CNY' }}\nspend_limit = 2\n");
        let (folder, workspace) = workspace(&card);
        let book = folder.path().join("data").join("spent.jsonl");
        let line = json!({"time": "", "model": "far", "currency": "CNY", "cost": 2});
        std::fs::write(&book, format!("{line}\n")).unwrap();
        let far = workspace.language_model("far").await.unwrap();
        let request = domain::Request::new(domain::Prompt::Text("hi".to_owned()));
        let error = domain::collect(far.generate(request)).await.unwrap_err().to_string();
        assert!(error.contains("0.0000 are left") && error.contains(&book.display().to_string()), "{error}");
    }

    #[tokio::test]
    async fn keys_come_from_the_environment_or_from_a_file_of_ones_own() {
        let (folder, workspace) = workspace(&format!("{CARD}key_env = 'FAR_KEY'\n"));
        let error = workspace.language_model("far").await.err().unwrap().to_string();
        assert!(error.contains("FAR_KEY"), "{error}");
        let with_key = workspace.clone().with_environment(|name| (name == "FAR_KEY").then(|| "k".to_owned()));
        assert!(with_key.language_model("far").await.is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let key = folder.path().join("key");
            std::fs::write(&key, "k\n").unwrap();
            std::fs::write(folder.path().join("models.toml"), format!("{CARD}key_file = '{}'\n", key.display()))
                .unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = workspace.language_model("far").await.err().unwrap().to_string();
            assert!(error.contains("chmod 600"), "{error}");
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(workspace.language_model("far").await.is_ok());
        }
    }
}
