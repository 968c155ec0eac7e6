//! Models small enough to be made in a test: random weights, bytes for a vocabulary.

use std::collections::HashMap;

use crate::convert::writer::{Storage, Writer};

pub(crate) const WIDTH: usize = 32;
pub(crate) const HEADS: usize = 4;
pub(crate) const KV_HEADS: usize = 2;
pub(crate) const HEAD_DIM: usize = 12;
pub(crate) const INNER: usize = 48;
pub(crate) const LAYERS: usize = 7;
pub(crate) const WINDOW: usize = 5;
pub(crate) const CONTEXT: u32 = 3000;

/// Ids: 256 bytes, then these two.
pub(crate) const START: u32 = 256;
pub(crate) const END: u32 = 257;
const VOCABULARY: usize = 258;

/// A family's model: its tensors by name, rows of columns, and settings beside the usual.
pub(crate) struct Tiny {
    family: &'static str,
    pub(crate) tensors: HashMap<String, Vec<f32>>,
    numbers: Vec<(&'static str, u32)>,
    floats: Vec<(&'static str, f32)>,
    pub(crate) template: Option<&'static str>,
}

impl Tiny {
    pub(crate) fn new(family: &'static str) -> Self {
        let mut tiny =
            Self { family, tensors: HashMap::new(), numbers: Vec::new(), floats: Vec::new(), template: None };
        let (q, kv) = (HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM);
        tiny.random("token_embd.weight", VOCABULARY * WIDTH, 0.0, 1.0);
        tiny.random("output_norm.weight", WIDTH, 1.0, 0.3);
        for layer in 0..LAYERS {
            let mut random = |name: &str, len, around, spread| {
                tiny.random(&format!("blk.{layer}.{name}"), len, around, spread);
            };
            for (name, rows, cols) in [
                ("attn_q", q, WIDTH),
                ("attn_k", kv, WIDTH),
                ("attn_v", kv, WIDTH),
                ("attn_output", WIDTH, q),
                ("ffn_gate", INNER, WIDTH),
                ("ffn_up", INNER, WIDTH),
                ("ffn_down", WIDTH, INNER),
            ] {
                random(&format!("{name}.weight"), rows * cols, 0.0, 0.5);
            }
            for name in ["attn_norm", "ffn_norm"] {
                random(&format!("{name}.weight"), WIDTH, 1.0, 0.3);
            }
            if family == "qwen2" {
                for (name, len) in [("attn_q", q), ("attn_k", kv), ("attn_v", kv)] {
                    random(&format!("{name}.bias"), len, 0.0, 0.5);
                }
            }
            if matches!(family, "qwen3" | "gemma3") {
                random("attn_q_norm.weight", HEAD_DIM, 1.0, 0.3);
                random("attn_k_norm.weight", HEAD_DIM, 1.0, 0.3);
            }
            if family == "gemma3" {
                random("post_attention_norm.weight", WIDTH, 1.0, 0.3);
                random("post_ffw_norm.weight", WIDTH, 1.0, 0.3);
            }
        }
        tiny
    }

    pub(crate) fn random(&mut self, name: &str, len: usize, around: f32, spread: f32) {
        let mut random =
            fastrand::Rng::with_seed(name.bytes().fold(7, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte)));
        self.tensors.insert(name.to_owned(), (0..len).map(|_| around + (random.f32() * 2.0 - 1.0) * spread).collect());
    }

    pub(crate) fn number(mut self, key: &'static str, value: u32) -> Self {
        self.numbers.push((key, value));
        self
    }

    pub(crate) fn float(mut self, key: &'static str, value: f32) -> Self {
        self.floats.push((key, value));
        self
    }

    /// Writes the file into a folder that lives as long as what is returned.
    pub(crate) fn write(&self) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        let mut gguf = Writer::default();
        gguf.text("general.architecture", self.family);
        for (key, value) in [
            ("embedding_length", WIDTH as u32),
            ("block_count", LAYERS as u32),
            ("attention.head_count", HEADS as u32),
            ("attention.head_count_kv", KV_HEADS as u32),
            ("attention.key_length", HEAD_DIM as u32),
            ("attention.value_length", HEAD_DIM as u32),
            ("feed_forward_length", INNER as u32),
            ("context_length", CONTEXT),
        ] {
            gguf.number(&format!("{}.{key}", self.family), value);
        }
        gguf.float(&format!("{}.attention.layer_norm_rms_epsilon", self.family), 1e-6);
        self.numbers.iter().for_each(|(key, value)| gguf.number(&format!("{}.{key}", self.family), *value));
        self.floats.iter().for_each(|(key, value)| gguf.float(&format!("{}.{key}", self.family), *value));
        let mut texts: Vec<String> = (0..=255).map(|byte| crate::tokenizer::stand_in(byte).to_string()).collect();
        texts.extend(["<|im_start|>".to_owned(), "<|im_end|>".to_owned()]);
        gguf.text("tokenizer.ggml.model", "gpt2");
        gguf.text("tokenizer.ggml.pre", "gpt-2");
        gguf.texts("tokenizer.ggml.tokens", &texts);
        let kinds: Vec<i32> = (0..VOCABULARY).map(|id| if id < 256 { 1 } else { 3 }).collect();
        gguf.integers("tokenizer.ggml.token_type", &kinds);
        gguf.number("tokenizer.ggml.eos_token_id", END);
        if let Some(template) = self.template {
            gguf.text("tokenizer.chat_template", template);
        }
        let bytes: HashMap<&String, Vec<u8>> = self
            .tensors
            .iter()
            .map(|(name, data)| (name, data.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        for (name, data) in &self.tensors {
            let cols = match name.rsplit('.').nth(1) {
                _ if name.ends_with(".bias") || name.contains("norm") || name.starts_with("rope") => data.len(),
                Some("attn_output") => HEADS * HEAD_DIM,
                Some("ffn_down") => INNER,
                _ => WIDTH,
            };
            let shape = [cols as u64, (data.len() / cols) as u64];
            let shape = if shape[1] == 1 { &shape[..1] } else { &shape };
            gguf.tensor(name.clone(), shape, Storage::F32, &bytes[name]);
        }
        gguf.write(&path).unwrap();
        (folder, path)
    }
}
