//! Models small enough to be made in a test: random weights, bytes for a vocabulary.

use std::collections::HashMap;

use kernels::Dtype;

use crate::convert::writer::Writer;

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
    /// Of tensors that are not rows of the usual number of columns: innermost first.
    shapes: HashMap<String, Vec<u64>>,
}

/// Families there are models of.
pub(crate) const FAMILIES: [&str; 10] =
    ["llama", "qwen2", "qwen3", "gemma3", "phi3", "glm4", "rwkv6", "rwkv7", "mamba", "mamba2"];
/// Those that carry a state.
pub(crate) const RECURRENT: [&str; 4] = ["rwkv6", "rwkv7", "mamba", "mamba2"];

/// Numbers of a head of RWKV.
pub(crate) const RWKV_HEAD: usize = 8;
/// Channels inside Mamba, what each carries, taps, numbers (or heads) a step is made from, groups.
pub(crate) const MAMBA: [usize; 5] = [64, 8, 4, 4, 2];

impl Tiny {
    pub(crate) fn new(family: &'static str) -> Self {
        let mut tiny = Self {
            family,
            tensors: HashMap::new(),
            numbers: Vec::new(),
            floats: Vec::new(),
            template: None,
            shapes: HashMap::new(),
        };
        tiny.random("token_embd.weight", VOCABULARY * WIDTH, 0.0, 1.0);
        tiny.random("output_norm.weight", WIDTH, 1.0, 0.3);
        for layer in 0..LAYERS {
            match family {
                "rwkv6" | "rwkv7" => tiny.rwkv_layer(layer),
                "mamba" | "mamba2" => tiny.mamba_layer(layer),
                _ => tiny.transformer_layer(layer),
            }
        }
        let [inner, states, taps, rank, groups] = MAMBA.map(|size| size as u32);
        match family {
            "rwkv6" | "rwkv7" => {
                for name in ["token_embd_norm.weight", "token_embd_norm.bias", "output_norm.bias"] {
                    tiny.random(name, WIDTH, if name.ends_with("weight") { 1.0 } else { 0.0 }, 0.3);
                }
                tiny.random("output.weight", VOCABULARY * WIDTH, 0.0, 1.0);
                tiny.float("attention.layer_norm_epsilon", 1e-5).number("wkv.head_size", RWKV_HEAD as u32)
            }
            "mamba" | "mamba2" => tiny
                .number("ssm.inner_size", inner)
                .number("ssm.state_size", states)
                .number("ssm.conv_kernel", taps)
                .number("ssm.time_step_rank", rank)
                .number("ssm.group_count", groups),
            _ => tiny,
        }
    }

    fn transformer_layer(&mut self, layer: usize) {
        let (q, kv) = (HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM);
        let family = self.family;
        let mut random = |name: &str, len, around, spread| {
            self.random(&format!("blk.{layer}.{name}"), len, around, spread);
        };
        let in_one = match family {
            "phi3" => vec![("attn_qkv", q + 2 * kv, WIDTH), ("ffn_up", 2 * INNER, WIDTH)],
            "glm4" => {
                vec![("attn_q", q, WIDTH), ("attn_k", kv, WIDTH), ("attn_v", kv, WIDTH), ("ffn_up", 2 * INNER, WIDTH)]
            }
            _ => vec![
                ("attn_q", q, WIDTH),
                ("attn_k", kv, WIDTH),
                ("attn_v", kv, WIDTH),
                ("ffn_gate", INNER, WIDTH),
                ("ffn_up", INNER, WIDTH),
            ],
        };
        for (name, rows, cols) in in_one.into_iter().chain([("attn_output", WIDTH, q), ("ffn_down", WIDTH, INNER)]) {
            random(&format!("{name}.weight"), rows * cols, 0.0, 0.5);
        }
        for name in ["attn_norm", "ffn_norm"] {
            random(&format!("{name}.weight"), WIDTH, 1.0, 0.3);
        }
        if matches!(family, "qwen2" | "glm4") {
            for (name, len) in [("attn_q", q), ("attn_k", kv), ("attn_v", kv)] {
                random(&format!("{name}.bias"), len, 0.0, 0.5);
            }
        }
        if matches!(family, "qwen3" | "gemma3") {
            random("attn_q_norm.weight", HEAD_DIM, 1.0, 0.3);
            random("attn_k_norm.weight", HEAD_DIM, 1.0, 0.3);
        }
        if matches!(family, "gemma3" | "glm4") {
            random("post_attention_norm.weight", WIDTH, 1.0, 0.3);
            random("post_ffw_norm.weight", WIDTH, 1.0, 0.3);
        }
    }

    fn rwkv_layer(&mut self, layer: usize) {
        let six = self.family == "rwkv6";
        let narrow = 4;
        let mut random = |name: &str, shape: &[usize], around, spread| {
            let name = format!("blk.{layer}.{name}");
            self.random(&name, shape.iter().product(), around, spread);
            self.shapes.insert(name, shape.iter().map(|&size| size as u64).collect());
        };
        for name in ["attn_norm", "attn_norm_2", "time_mix_ln"] {
            random(&format!("{name}.weight"), &[WIDTH], 1.0, 0.3);
            random(&format!("{name}.bias"), &[WIDTH], 0.0, 0.3);
        }
        for name in ["receptance", "key", "value", "output"] {
            random(&format!("time_mix_{name}.weight"), &[WIDTH, WIDTH], 0.0, 0.4);
        }
        random("channel_mix_lerp_k.weight", &[WIDTH, 1, 1], 0.5, 0.5);
        random("channel_mix_key.weight", &[WIDTH, INNER], 0.0, 0.4);
        random("channel_mix_value.weight", &[INNER, WIDTH], 0.0, 0.4);
        if six {
            random("time_mix_lerp_x.weight", &[WIDTH, 1, 1], 0.5, 0.5);
            random("time_mix_lerp_fused.weight", &[WIDTH, 1, 1, 5], 0.5, 0.5);
            random("time_mix_w1.weight", &[WIDTH, 5 * narrow], 0.0, 0.4);
            random("time_mix_w2.weight", &[narrow, WIDTH, 5], 0.0, 0.4);
            random("time_mix_decay.weight", &[WIDTH], -1.0, 1.0);
            random("time_mix_decay_w1.weight", &[WIDTH, narrow], 0.0, 0.4);
            random("time_mix_decay_w2.weight", &[narrow, WIDTH], 0.0, 0.4);
            random("time_mix_first.weight", &[RWKV_HEAD, WIDTH / RWKV_HEAD], 0.0, 0.5);
            random("time_mix_gate.weight", &[WIDTH, WIDTH], 0.0, 0.4);
            random("channel_mix_lerp_r.weight", &[WIDTH, 1, 1], 0.5, 0.5);
            random("channel_mix_receptance.weight", &[WIDTH, WIDTH], 0.0, 0.4);
            return;
        }
        random("time_mix_lerp_fused.weight", &[WIDTH, 1, 1, 6], 0.5, 0.5);
        for name in ["w", "a", "v", "g"] {
            random(&format!("time_mix_{name}1.weight"), &[WIDTH, narrow], 0.0, 0.4);
            random(&format!("time_mix_{name}2.weight"), &[narrow, WIDTH], 0.0, 0.4);
            if name != "g" {
                random(&format!("time_mix_{name}0.weight"), &[WIDTH], 0.0, 0.5);
            }
        }
        for (name, around) in [("k_k", 1.0), ("k_a", 1.0), ("r_k", 0.0)] {
            random(&format!("time_mix_{name}.weight"), &[WIDTH], around, 0.3);
        }
    }

    fn mamba_layer(&mut self, layer: usize) {
        let two = self.family == "mamba2";
        let [inner, states, taps, rank, groups] = MAMBA;
        let mut random = |name: &str, shape: &[usize], around, spread| {
            let name = format!("blk.{layer}.{name}");
            self.random(&name, shape.iter().product(), around, spread);
            self.shapes.insert(name, shape.iter().map(|&size| size as u64).collect());
        };
        let convolved = if two { inner + 2 * groups * states } else { inner };
        random("attn_norm.weight", &[WIDTH], 1.0, 0.3);
        random("ssm_in.weight", &[WIDTH, if two { inner + convolved + rank } else { 2 * inner }], 0.0, 0.4);
        random("ssm_conv1d.weight", &[taps, convolved], 0.0, 0.5);
        random("ssm_conv1d.bias", &[convolved], 0.0, 0.3);
        random("ssm_out.weight", &[inner, WIDTH], 0.0, 0.4);
        if two {
            random("ssm_dt.bias", &[rank], -1.0, 0.5);
            random("ssm_a", &[1, rank], -2.0, 1.9);
            random("ssm_d", &[1, rank], 0.5, 0.5);
            random("ssm_norm.weight", &[inner / groups, groups], 1.0, 0.3);
        } else {
            random("ssm_x.weight", &[inner, rank + 2 * states], 0.0, 0.4);
            random("ssm_dt.weight", &[rank, inner], 0.0, 0.4);
            random("ssm_dt.bias", &[inner], -1.0, 0.5);
            random("ssm_a", &[states, inner], -2.0, 1.9);
            random("ssm_d", &[inner], 0.5, 0.5);
        }
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
            let shape = self.shapes.get(name).map_or(shape, Vec::as_slice);
            gguf.tensor(name.clone(), shape, Dtype::F32, &bytes[name]);
        }
        gguf.write(&path).unwrap();
        (folder, path)
    }
}
