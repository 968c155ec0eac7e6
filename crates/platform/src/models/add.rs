//! Adding models of one's own: a GGUF file where it lies, or a folder that is converted.

use std::fs::File;
use std::path::{Path, PathBuf};

use engine::convert::{Folder, Matrices};

use super::catalogue::{Catalogue, Model};
use super::meter::Meter;
use super::store::{self, Record, RecordFile, Store};
use super::{Result, taken};
use crate::Error;
use crate::lock::DYING;

/// Room for a file's head and for what else is written meanwhile.
const HEAD: u64 = 64 << 20;

pub(super) fn file(store: &Store, catalogue: &Catalogue, path: &Path, name: &str) -> Result<()> {
    let mut card = engine::inspect(path)?;
    let _lock = lock(store, name)?;
    card.sha256 = store::sha256(path)?;
    let known = catalogue.models.iter().map(Model::card).find(|known| known.sha256 == card.sha256);
    if catalogue.find(name).is_some() && known.as_ref().is_none_or(|known| known.name != name) {
        return Err(taken(name));
    }
    if let Some(known) = known {
        card = known; // the same bytes: what the catalogue says of them holds
    }
    name.clone_into(&mut card.name);
    let files = vec![RecordFile { path: path.to_owned(), bytes: card.bytes }];
    store.write(&Record { card, load: path.to_owned(), files, converted_from: None })
}

pub(super) fn folder(
    store: &Store,
    catalogue: &Catalogue,
    (path, name): (&Path, &str),
    matrices: Matrices,
    meter: &Meter<'_>,
) -> Result<()> {
    if catalogue.find(name).is_some() {
        return Err(taken(name));
    }
    let to = store.folder(name);
    if to.canonicalize().is_ok_and(|to| path.starts_with(to)) {
        let message = format!("{} lies where the result would; choose another name with --name", path.display());
        return Err(Error::invalid("name", "invalid_value", message));
    }
    meter.step("reading");
    let folder = Folder::open(path, matrices)?;
    let _lock = lock(store, name)?;
    let needed = folder.bytes() + HEAD;
    if let Some(free) = store::free_space(&to).filter(|free| *free < needed) {
        let path = to.display();
        return Err(Error::failed(format!(
            "the result needs {needed} bytes where {path} is, and only {free} are free; make room, or choose another place with --data"
        )));
    }
    meter.expect(folder.bytes());
    meter.step("converting");
    let result = folder.convert(&to, &mut |done| {
        if meter.due() {
            meter.set(done);
        }
    });
    let there = result.inspect_err(|_| {
        let _ = std::fs::remove_dir(&to); // empty, unless it was there before
    })?;
    meter.step("verifying");
    let mut card = engine::inspect(&there)?;
    card.sha256 = store::sha256(&there)?;
    name.clone_into(&mut card.name);
    let load = PathBuf::from(engine::convert::CONVERTED);
    let files = vec![RecordFile { path: load.clone(), bytes: card.bytes }];
    store.write(&Record { card, load, files, converted_from: Some(path.to_owned()) })
}

fn lock(store: &Store, name: &str) -> Result<File> {
    store.lock(name, DYING)?.ok_or_else(|| Error::Conflict {
        message: format!("model '{name}' is being pulled or added; choose another name with --name"),
    })
}
