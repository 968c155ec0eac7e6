//! The safetensors files of a folder as one set of tensors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::json::{File, shown};
use crate::LoadError;
use crate::safetensors::Tensors;

const ONE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// What a tensor is called here; nothing for one that no model needs.
pub(super) type Canonical = fn(&str) -> Option<String>;

pub(super) struct Shards {
    files: Vec<Tensors>,
    /// By the name it is called here: the file, and its name there.
    places: BTreeMap<String, (usize, String)>,
}

impl Shards {
    pub(super) fn open(folder: &Path, canonical: Canonical) -> Result<Self, LoadError> {
        let index = folder.join(INDEX);
        let whole = folder.join(ONE).is_file();
        let index = if whole { None } else { File::optional(&index)? };
        let map = match &index {
            Some(file) => weight_map(file)?,
            None => BTreeMap::new(),
        };
        let mut names: Vec<&str> = map.values().copied().collect();
        names.sort_unstable();
        names.dedup();
        let found = if whole { vec![ONE.to_owned()] } else { numbered(folder)? };
        let names = if index.is_some() { names.into_iter().map(str::to_owned).collect() } else { found };
        if names.is_empty() {
            return Err(no_weights(folder));
        }
        let mut shards = Self { files: Vec::new(), places: BTreeMap::new() };
        for name in &names {
            let path = folder.join(name);
            if !path.is_file() {
                let why = format!("'{name}' is missing; download it from the model's page");
                return Err(LoadError::unfit(folder, why));
            }
            shards.add(Tensors::open(&path)?, canonical)?;
        }
        for (tensor, file) in map {
            let at = names.iter().position(|name| name == file);
            if !at.is_some_and(|at| shards.files[at].has(tensor)) {
                let why = format!("holds no tensor '{tensor}', though {INDEX} says so; download both again");
                return Err(LoadError::unfit(&folder.join(file), why));
            }
        }
        Ok(shards)
    }

    fn add(&mut self, file: Tensors, canonical: Canonical) -> Result<(), LoadError> {
        for name in file.names() {
            let Some(called) = canonical(&name) else { continue };
            let place = (self.files.len(), name);
            if let Some((before, _)) = self.places.insert(called.clone(), place) {
                let other = self.files.get(before).unwrap_or(&file).path().display().to_string();
                let why = format!("holds tensor '{called}', and so does {other}; keep the files of one model only");
                return Err(LoadError::unfit(file.path(), why));
            }
        }
        self.files.push(file);
        Ok(())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A tensor's sizes, outermost first; nothing if it is missing.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        let (file, there) = self.places.get(name)?;
        self.files[*file].shape(there).ok()
    }

    /// The file a tensor lies in, or else the first.
    pub(super) fn file_of(&self, name: &str) -> &Path {
        let at = self.places.get(name).map_or(0, |(file, _)| *file);
        self.files[at].path()
    }

    pub(super) fn part(&self, name: &str, range: Range<usize>) -> Result<Vec<f32>, LoadError> {
        let (file, there) = self.places.get(name).expect("a planned tensor is there: this is a bug");
        self.files[*file].part(there, range)
    }
}

/// Tensors, and the files they are said to lie in.
fn weight_map(index: &File) -> Result<BTreeMap<&str, &str>, LoadError> {
    let fields = index.fields();
    let map = fields.object("weight_map")?;
    let map = map.ok_or_else(|| fields.wrong("weight_map", "is missing; download the file again"))?;
    map.entries()
        .map(|(tensor, value)| {
            let plain =
                |file: &&str| file.ends_with(".safetensors") && !file.contains(['/', '\\']) && !file.starts_with('.');
            let file = value.as_str().filter(plain);
            let why = || format!("is {}, not the name of a safetensors file", shown(value));
            Ok((tensor.as_str(), file.ok_or_else(|| map.wrong(tensor, why()))?))
        })
        .collect()
}

/// `model-00001-of-00003.safetensors` and so on; all of them are needed.
fn numbered(folder: &Path) -> Result<Vec<String>, LoadError> {
    let entries = std::fs::read_dir(folder).map_err(|error| LoadError::io(folder, error))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let parts = |name: &str| {
        let (at, of) = name.strip_prefix("model-")?.strip_suffix(".safetensors")?.split_once("-of-")?;
        Some((at.parse::<u32>().ok()?, of.parse::<u32>().ok()?))
    };
    let mut found: Vec<(u32, u32, String)> =
        names.filter_map(|name| parts(&name).map(|(at, of)| (at, of, name))).collect();
    found.sort();
    let Some(&(_, of, _)) = found.first() else { return Ok(Vec::new()) };
    let missing = (1..=of.min(10_000)).find(|at| !found.iter().any(|(there, _, _)| there == at));
    if let Some(missing) = missing {
        let why = format!("part {missing} of {of} of the model is missing; download it from the model's page");
        return Err(LoadError::unfit(folder, why));
    }
    Ok(found.into_iter().map(|(_, _, name)| name).collect())
}

/// What is there instead of safetensors, and what to do about it.
fn no_weights(folder: &Path) -> LoadError {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let ending = |endings: &[&str]| names.iter().find(|name| endings.iter().any(|end| name.ends_with(end)));
    let why = if let Some(pickled) = ending(&[".bin", ".pth", ".pt", ".ckpt"]) {
        format!(
            "holds '{pickled}', which is a pickled program and not read here; safetensors are needed: look for {ONE} on the model's page, or write it with \
             Python: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    } else if let Some(gguf) = ending(&[".gguf"]) {
        format!("holds no {ONE}; name the GGUF file itself: {gguf}")
    } else {
        format!("holds no {ONE} and no model-00001-of-…; download the weights from the model's page")
    };
    LoadError::unfit(folder, why)
}
