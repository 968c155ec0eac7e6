//! A language model's folder as Hugging Face lays it out, turned into one GGUF file: `config.json`, safetensors, `tokenizer.json`.
//!
//! [`Folder::open`] reads everything but the weights and finds what does not fit; [`Folder::convert`] writes tensor by tensor, so that
//! no model has to fit into memory. Names, layouts and keys are those of llama.cpp's converter, which the decoder reads. What each
//! architecture is made of is in `transformer`, `rwkv` and `mamba`; vocabularies are in `tokens` and `world`.

mod check;
mod family;
mod json;
mod mamba;
mod pretokenizer;
mod rope;
mod rwkv;
mod shards;
mod specials;
mod tensors;
#[cfg(test)]
mod tests;
mod tokens;
mod transformer;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};

use kernels::Dtype;

use super::CONVERTED;
use super::writer::{Writer, whole};
use crate::LoadError;
use family::{Family, Header};
use json::{Fields, File};
use shards::Shards;
use specials::{Sources, Specials};
use tensors::{Made, Plan};

/// How matrices are stored. Norms, biases and other small tensors stay 32-bit floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Matrices {
    /// 8 bits and a scale for each 32 numbers: half the size of what is usually published, for nearly the same answers.
    #[default]
    Q8_0,
    /// Half precision.
    F16,
    /// As exact as they came.
    F32,
}

impl Matrices {
    fn dtype(self) -> Dtype {
        match self {
            Self::Q8_0 => Dtype::Q8_0,
            Self::F16 => Dtype::F16,
            Self::F32 => Dtype::F32,
        }
    }

    /// GGUF's number for files of mostly this.
    fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 7,
        }
    }
}

/// A folder that can be converted.
pub struct Folder {
    path: PathBuf,
    gguf: Writer<'static>,
    shards: Shards,
    made: Vec<Made>,
}

impl Folder {
    /// Reads a folder's descriptions, checks that every tensor is there with its shape, and that its texts would be cut as it says.
    ///
    /// # Errors
    /// [`LoadError`] naming the file, what does not fit, and what to do.
    pub fn open(path: &Path, matrices: Matrices) -> Result<Self, LoadError> {
        let config = path.join("config.json");
        if !config.is_file() {
            let why = match other_model(path) {
                Some(gguf) => format!("holds no config.json; name the GGUF file itself: {gguf}"),
                None => "holds no config.json, so it is no model's folder; name the folder that has it".to_owned(),
            };
            return Err(LoadError::unfit(path, why));
        }
        let config = File::read(&config)?;
        let config = config.fields();
        if config.has("quantization_config") {
            let why = "is set: these weights are quantised already, in a way that is not read here; take the model with plain weights, or a GGUF file of it";
            return Err(config.wrong("quantization_config", why));
        }
        let family = family::of(config)?;
        let text_config = config.object("text_config")?;
        let shards = Shards::open(path, family.canonical)?;
        let mut gguf = Writer::default();
        general(&mut gguf, path, config, family, matrices)?;
        let mut plan = Plan::new(&shards, matrices.dtype());
        let mut header = Header { gguf: &mut gguf, architecture: family.name };
        (family.lay_out)(&mut header, text_config.unwrap_or(config), &mut plan)?;
        let made = plan.finish()?;
        let rows = made.iter().find(|made| made.name == "token_embd.weight").map_or(0, |made| made.shape[1] as usize);
        tokenizer(&mut gguf, path, family, (config, text_config), rows)?;
        gguf.text("general.size_label", &size_label(made.iter().map(Made::numbers).sum()));
        for tensor in &made {
            gguf.later(tensor.name.clone(), &tensor.shape, tensor.dtype);
        }
        Ok(Self { path: path.to_owned(), gguf, shards, made })
    }

    /// Bytes of the result's tensors.
    pub fn bytes(&self) -> u64 {
        self.gguf.bytes()
    }

    /// Writes the GGUF file [`CONVERTED`] into `dst_dir` and reads it again as the engine will; `tell` is told how many bytes of tensors are
    /// written.
    ///
    /// The file appears whole or not at all.
    ///
    /// # Errors
    /// When the folder's files cannot be read, hold numbers that cannot be stored, or the result cannot be written.
    pub fn convert(&self, dst_dir: &Path, tell: &mut dyn FnMut(u64)) -> Result<PathBuf, LoadError> {
        std::fs::create_dir_all(dst_dir).map_err(|error| LoadError::io(dst_dir, error))?;
        let path = dst_dir.join(CONVERTED);
        let mut done = 0;
        let mut give = |at: usize, out: &mut dyn Write| {
            self.made[at].write::<Trouble>(&self.shards, out, &mut |bytes| {
                done += bytes;
                tell(done);
            })
        };
        let written = whole(&path, |partial| {
            self.gguf.pour(partial, &mut give)?;
            check::can_be_loaded(partial).map_err(Trouble::Load)
        });
        written.map_err(|trouble| match trouble {
            Trouble::Write(error) => LoadError::io(&path, error),
            Trouble::Load(error) => error.of_file(&self.path),
        })?;
        Ok(path)
    }
}

/// What keeps a conversion from its end.
enum Trouble {
    Write(std::io::Error),
    Load(LoadError),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<LoadError> for Trouble {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

fn other_model(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.ends_with(".gguf")).min()
}

/// What the file is.
fn general(
    gguf: &mut Writer<'_>,
    folder: &Path,
    config: Fields<'_>,
    family: &Family,
    matrices: Matrices,
) -> Result<(), LoadError> {
    gguf.text("general.architecture", family.name);
    gguf.text("general.type", "model");
    let origin = config.text("_name_or_path")?.filter(|name| !name.is_empty() && name.matches('/').count() <= 1);
    let name = origin.and_then(|name| name.rsplit('/').next()).map(str::to_owned);
    let name = name.or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned()));
    gguf.text("general.name", &title(&name.unwrap_or_default()));
    if let Some(licence) = licence(folder) {
        gguf.text("general.license", &licence);
    }
    gguf.number("general.file_type", matrices.file_type());
    gguf.number("general.quantization_version", 2);
    Ok(())
}

/// `some-model-7b` as people write it; words with capitals of their own, versions and sizes stay.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let number = word.strip_prefix('v').unwrap_or(word).starts_with(|c: char| c.is_ascii_digit());
        if number || word.chars().any(char::is_uppercase) {
            return word.to_owned();
        }
        let mut before = false;
        let turn = |c: char| {
            let turned = if before { c.to_string() } else { c.to_uppercase().to_string() };
            before = c.is_alphabetic();
            turned
        };
        word.chars().map(turn).collect()
    };
    name.split(['-', ' ']).filter(|part| !part.is_empty()).map(word).collect::<Vec<String>>().join(" ")
}

/// `8.3M`, `135M`, `1.5B`: two digits at least.
fn size_label(parameters: u64) -> String {
    let parameters = parameters as f64;
    let steps = [(1e12, 'T'), (1e9, 'B'), (1e6, 'M')];
    let (by, letter) = steps.into_iter().find(|(by, _)| parameters > *by).unwrap_or((1e3, 'K'));
    let scaled = parameters / by;
    let digits = usize::from(scaled.round_ties_even() < 10.0);
    format!("{scaled:.digits$}{letter}")
}

/// The licence that the head of the folder's README names.
fn licence(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("README.md")).ok()?;
    let head = text.strip_prefix("---")?.split("\n---").next()?;
    let value = head.lines().find_map(|line| line.strip_prefix("license:"))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned()).filter(|licence| !licence.is_empty())
}

/// Writes the tokenizer's keys, once it is known that they cut texts as the folder's own tokenizer does.
fn tokenizer(
    gguf: &mut Writer<'_>,
    folder: &Path,
    family: &Family,
    (config, text_config): (Fields<'_>, Option<Fields<'_>>),
    rows: usize,
) -> Result<(), LoadError> {
    let generation = File::optional(&folder.join("generation_config.json"))?;
    let tokenizer_config = File::optional(&folder.join("tokenizer_config.json"))?;
    let tokenizer_config = tokenizer_config.as_ref().map(File::fields);
    let world = family.name.starts_with("rwkv");
    let json = folder.join("tokenizer.json");
    if !world && !json.is_file() {
        return Err(LoadError::unfit(folder, no_tokenizer(folder)));
    }
    let (tokens, mut specials) = if world {
        let tokens = world::read(folder, rows)?;
        let specials = Specials::of_world(&tokens);
        (tokens, specials)
    } else {
        let file = File::read(&json)?;
        let added = tokens::added(file.fields(), tokenizer_config)?;
        let tokens = tokens::read(file.fields(), &added, rows, family.name)?;
        let processor = file.fields().value("post_processor").cloned().unwrap_or_default();
        drop(file); // large, and read once more by the library that checks
        check::texts_are_cut_alike(&json, &tokens)?;
        let generation = generation.as_ref().map(File::fields);
        let sources = Sources { processor: &processor, tokenizer_config, config, text_config, generation };
        (tokens, Specials::read(sources, &added, family.name)?)
    };
    specials.read_layout(folder, tokenizer_config)?;
    if world {
        specials.template.get_or_insert_with(|| "rwkv-world".to_owned());
    }
    if let Some(why) = specials.template.as_deref().and_then(crate::template::flaw) {
        return Err(LoadError::unfit(
            folder,
            format!("its chat template cannot be read: {why}; take a GGUF file of this model"),
        ));
    }
    if let Some((role, id)) = specials.beyond(rows) {
        let why = format!("is {id}, but the model has only {rows} rows; the file is of another model");
        return Err(config.wrong(&format!("{role}_token_id"), why));
    }
    tokens.write(gguf);
    specials.write(gguf);
    Ok(())
}

fn no_tokenizer(folder: &Path) -> String {
    let remedy = if folder.join("tokenizer.model").is_file() || folder.join("vocab.json").is_file() {
        "make it with Python: AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)"
    } else {
        "download it from the model's page, or from that of the tokenizer it uses"
    };
    format!("holds no tokenizer.json; {remedy}")
}
