//! Finds an encoder's weights, tokenizer and settings in the files it came in.

use std::path::Path;

use domain::Pooling;
use kernels::Pool;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::weights::{Layer, Linear, Norm, Shape, Table, Weights};
use crate::convert::CONVERTED;
use crate::gguf::Gguf;
use crate::safetensors::Tensors;
use crate::{LoadError, Tokenizer};

pub(super) struct Loaded {
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    /// How the files say token vectors become one, if they do.
    pub pooling: Option<Pooling>,
    /// Most tokens of a text, those that frame it included.
    pub limit: usize,
}

pub(super) fn load(path: &Path, pool: &Pool) -> Result<Loaded, LoadError> {
    let converted = path.join(CONVERTED);
    let loaded = match path.is_dir() {
        true if converted.is_file() => from_gguf(&converted, pool)?,
        true => from_directory(path)?,
        false => from_gguf(path, pool)?,
    };
    check(path, &loaded)?;
    Ok(loaded)
}

/// What every later step relies on, whichever files it came from.
fn check(path: &Path, loaded: &Loaded) -> Result<(), LoadError> {
    let Shape { width, heads, positions, .. } = loaded.weights.shape;
    let flaw = if width == 0 || heads == 0 || !width.is_multiple_of(heads) {
        format!("{heads} heads do not divide a width of {width}")
    } else if positions == 0 || loaded.limit <= loaded.tokenizer.frame_len() {
        format!("{} positions leave no room for text", loaded.limit)
    } else if loaded.weights.words.rows < loaded.tokenizer.vocab_size() {
        let (rows, tokens) = (loaded.weights.words.rows, loaded.tokenizer.vocab_size());
        format!("the tokenizer has {tokens} tokens, the model rows for only {rows}")
    } else {
        return Ok(());
    };
    Err(LoadError::damaged(path, flaw))
}

fn from_gguf(path: &Path, pool: &Pool) -> Result<Loaded, LoadError> {
    let gguf = Gguf::open(path)?;
    let architecture = gguf.architecture()?;
    if architecture != "bert" {
        let why = format!("'{architecture}' is not an encoder this build runs; it runs 'bert'");
        return Err(LoadError::metadata("general.architecture", why));
    }
    let number = |key: &str| gguf.u32(&format!("bert.{key}")).map(|value| value as usize);
    let shape = Shape {
        width: number("embedding_length")?,
        heads: number("attention.head_count")?,
        inner: number("feed_forward_length")?,
        layers: number("block_count")?,
        positions: number("context_length")?,
        epsilon: gguf.f32("bert.attention.layer_norm_epsilon")?,
    };
    let pooling = match gguf.u32_or("bert.pooling_type", 0)? {
        1 => Some(Pooling::Mean),
        2 => Some(Pooling::Cls),
        0 => None,
        other => {
            let why = format!("{other} is neither 1 (mean) nor 2 (first token)");
            return Err(LoadError::metadata("bert.pooling_type", why));
        }
    };
    let tokenizer = Tokenizer::from_gguf(&gguf)?;
    let weights = Names { gguf: &gguf, path, pool }.weights(shape)?;
    Ok(Loaded { weights, tokenizer, pooling, limit: shape.positions })
}

/// Reads tensors by the names llama.cpp gives them.
struct Names<'a> {
    gguf: &'a Gguf,
    path: &'a Path,
    pool: &'a Pool,
}

impl Names<'_> {
    fn weights(&self, shape: Shape) -> Result<Weights, LoadError> {
        let Shape { width, inner, positions, .. } = shape;
        let linear = |name: &str, rows, cols| self.linear(name, rows, cols);
        let layer = |at: usize| {
            Ok(Layer {
                q: linear(&format!("blk.{at}.attn_q"), width, width)?,
                k: linear(&format!("blk.{at}.attn_k"), width, width)?,
                v: linear(&format!("blk.{at}.attn_v"), width, width)?,
                output: linear(&format!("blk.{at}.attn_output"), width, width)?,
                output_norm: self.norm(&format!("blk.{at}.attn_output_norm"), width)?,
                up: linear(&format!("blk.{at}.ffn_up"), inner, width)?,
                down: linear(&format!("blk.{at}.ffn_down"), width, inner)?,
                final_norm: self.norm(&format!("blk.{at}.layer_output_norm"), width)?,
            })
        };
        let mut position_rows = self.floats("position_embd.weight", width)?;
        if position_rows.len() < positions * width {
            let why = format!("tensor 'position_embd.weight' has fewer than {positions} rows of {width}");
            return Err(LoadError::damaged(self.path, why));
        }
        position_rows.truncate(positions * width);
        let mut kind = self.floats("token_types.weight", width)?;
        kind.truncate(width);
        Ok(Weights {
            shape,
            words: self.table("token_embd.weight", None, width)?,
            positions: position_rows,
            kind,
            norm: self.norm("token_embd_norm", width)?,
            layers: (0..shape.layers).map(layer).collect::<Result<_, LoadError>>()?,
        })
    }

    fn linear(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let table = self.table(&format!("{name}.weight"), Some(rows), cols)?;
        Linear::new(self.pool, table, self.vector(&format!("{name}.bias"), rows)?)
            .ok_or_else(|| LoadError::no_weight(self.path, &format!("{name}.weight")))
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, LoadError> {
        let weight = self.vector(&format!("{name}.weight"), width)?;
        Ok(Norm { weight, bias: self.vector(&format!("{name}.bias"), width)? })
    }

    fn table(&self, name: &str, rows: Option<usize>, cols: usize) -> Result<Table, LoadError> {
        let matrix = self.gguf.tensor(name)?;
        if matrix.cols != cols || rows.is_some_and(|rows| rows != matrix.rows) {
            let expected = rows.map_or_else(|| "any number of".to_owned(), |rows| rows.to_string());
            let why = format!("tensor '{name}' is {} x {}, not {expected} x {cols}", matrix.rows, matrix.cols);
            return Err(LoadError::damaged(self.path, why));
        }
        Ok(Table { dtype: matrix.dtype, rows: matrix.rows, cols, data: matrix.data.to_vec() })
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        let values = self.floats(name, len)?;
        if values.len() != len {
            let why = format!("tensor '{name}' holds {} numbers, not {len}", values.len());
            return Err(LoadError::damaged(self.path, why));
        }
        Ok(values)
    }

    fn floats(&self, name: &str, cols: usize) -> Result<Vec<f32>, LoadError> {
        let table = self.table(name, None, cols)?;
        let mut values = vec![0.0; table.rows * cols];
        let rows = values.chunks_exact_mut(cols).zip(table.data.chunks_exact(table.dtype.row_bytes(cols)));
        for (out, row) in rows {
            kernels::dequantize_row(table.dtype, row, out);
        }
        finite(self.path, name, values)
    }
}

/// The numbers of a tensor, if they are numbers.
fn finite(path: &Path, name: &str, values: Vec<f32>) -> Result<Vec<f32>, LoadError> {
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(LoadError::no_weight(path, name)) }
}

/// What is read of `config.json`.
#[derive(Deserialize)]
struct Config {
    model_type: String,
    hidden_size: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default = "one")]
    type_vocab_size: usize,
    layer_norm_eps: f32,
    #[serde(default)]
    pad_token_id: usize,
    #[serde(default = "gelu")]
    hidden_act: String,
}

fn one() -> usize {
    1
}

fn gelu() -> String {
    "gelu".to_owned()
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize)]
struct LengthConfig {
    max_seq_length: Option<usize>,
}

fn from_directory(dir: &Path) -> Result<Loaded, LoadError> {
    let path = dir.join("config.json");
    let config: Config = json(&path)?;
    // RoBERTa counts positions from the row after the padding's.
    let skipped = match config.model_type.as_str() {
        "bert" => 0,
        "roberta" | "xlm-roberta" => config.pad_token_id.saturating_add(1),
        other => {
            let why = format!("model_type '{other}' is none of bert, roberta, xlm-roberta");
            return Err(LoadError::damaged(&path, why));
        }
    };
    if config.hidden_act != "gelu" {
        let why = format!("hidden_act '{}' is not 'gelu', the one this build runs", config.hidden_act);
        return Err(LoadError::damaged(&path, why));
    }
    let shape = Shape {
        width: config.hidden_size,
        heads: config.num_attention_heads,
        inner: config.intermediate_size,
        layers: config.num_hidden_layers,
        positions: config.max_position_embeddings.saturating_sub(skipped),
        epsilon: config.layer_norm_eps,
    };
    let safetensors = dir.join("model.safetensors");
    let tensors = Tensors::open(&safetensors)?;
    let tokenizer_path = dir.join("tokenizer.json");
    let tokenizer = std::fs::read(&tokenizer_path).map_err(|error| LoadError::io(&tokenizer_path, error))?;
    let tokenizer = Tokenizer::from_json(&tokenizer)?;
    let pooling = optional::<PoolingConfig>(&dir.join("1_Pooling/config.json"))?.and_then(|found| {
        let mean = found.pooling_mode_mean_tokens.then_some(Pooling::Mean);
        mean.or(found.pooling_mode_cls_token.then_some(Pooling::Cls))
    });
    let length =
        optional::<LengthConfig>(&dir.join("sentence_bert_config.json"))?.and_then(|found| found.max_seq_length);
    let limit = length.unwrap_or(shape.positions).min(shape.positions);
    let weights = HubNames::new(&tensors, &safetensors).weights(shape, &config, skipped)?;
    Ok(Loaded { weights, tokenizer, pooling, limit })
}

fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LoadError> {
    if path.is_file() { json(path).map(Some) } else { Ok(None) }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    let bytes = std::fs::read(path).map_err(|error| LoadError::io(path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| LoadError::damaged(path, error.to_string()))
}

/// Reads tensors by the names `transformers` gives them.
struct HubNames<'a> {
    tensors: &'a Tensors,
    path: &'a Path,
    prefix: &'static str,
}

impl<'a> HubNames<'a> {
    fn new(tensors: &'a Tensors, path: &'a Path) -> Self {
        let prefixes = ["", "bert.", "roberta."];
        let word = |prefix: &&str| tensors.has(&format!("{prefix}embeddings.word_embeddings.weight"));
        Self { tensors, path, prefix: prefixes.into_iter().find(word).unwrap_or("") }
    }

    fn weights(&self, shape: Shape, config: &Config, skipped: usize) -> Result<Weights, LoadError> {
        let Shape { width, inner, .. } = shape;
        let layer = |at: usize| {
            let name = |part: &str| format!("encoder.layer.{at}.{part}");
            Ok(Layer {
                q: self.linear(&name("attention.self.query"), width, width)?,
                k: self.linear(&name("attention.self.key"), width, width)?,
                v: self.linear(&name("attention.self.value"), width, width)?,
                output: self.linear(&name("attention.output.dense"), width, width)?,
                output_norm: self.norm(&name("attention.output.LayerNorm"), width)?,
                up: self.linear(&name("intermediate.dense"), inner, width)?,
                down: self.linear(&name("output.dense"), width, inner)?,
                final_norm: self.norm(&name("output.LayerNorm"), width)?,
            })
        };
        let words = self.floats("embeddings.word_embeddings.weight", &[config.vocab_size, width])?;
        let mut positions =
            self.floats("embeddings.position_embeddings.weight", &[config.max_position_embeddings, width])?;
        positions.drain(..(skipped * width).min(positions.len()));
        let mut kind = self.floats("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, width])?;
        kind.truncate(width);
        Ok(Weights {
            shape,
            words: Table::halves(config.vocab_size, width, &words),
            positions,
            kind,
            norm: self.norm("embeddings.LayerNorm", width)?,
            layers: (0..shape.layers).map(layer).collect::<Result<_, LoadError>>()?,
        })
    }

    fn linear(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let weight = self.floats(&format!("{name}.weight"), &[rows, cols])?;
        let bias = self.floats(&format!("{name}.bias"), &[rows])?;
        Ok(Linear::of_floats(Table::halves(rows, cols, &weight), bias))
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, LoadError> {
        let weight = self.floats(&format!("{name}.weight"), &[width])?;
        Ok(Norm { weight, bias: self.floats(&format!("{name}.bias"), &[width])? })
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let name = format!("{}{name}", self.prefix);
        finite(self.path, &name, self.tensors.shaped(&name, shape)?)
    }
}
