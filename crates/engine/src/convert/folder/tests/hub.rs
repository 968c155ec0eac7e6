//! Folders of tiny models: the tensors a tiny GGUF has, under the names and in the layouts of Hugging Face.

use std::path::Path;

use half::{bf16, f16};
use serde_json::{Value, json};

use crate::tiny::{
    CONTEXT, END, HEAD_DIM, HEADS, INNER, KV_HEADS, LAYERS, MAMBA, RWKV_HEAD, START, Tiny, WIDTH, WINDOW,
};

/// A tensor on its way into a file: name, sizes from the outermost on, numbers.
pub(super) type Tensor = (String, Vec<usize>, Vec<f32>);

pub(super) struct Hub {
    pub(super) config: Value,
    pub(super) tokenizer: Value,
    pub(super) tokenizer_config: Value,
    pub(super) tensors: Vec<Tensor>,
    /// Files beside those, by name.
    pub(super) others: Vec<(&'static str, String)>,
}

/// How numbers are written.
#[derive(Clone, Copy)]
pub(super) enum Float {
    F32,
    F16,
    Bf16,
}

impl Hub {
    pub(super) fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let put = |name: &str, value: &Value| std::fs::write(folder.join(name), value.to_string()).unwrap();
        put("config.json", &self.config);
        if !self.tokenizer.is_null() {
            put("tokenizer.json", &self.tokenizer);
        }
        put("tokenizer_config.json", &self.tokenizer_config);
        std::fs::write(folder.join("model.safetensors"), safetensors(&self.tensors, Float::F32)).unwrap();
        for (name, text) in &self.others {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    pub(super) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|(there, ..)| there == name).unwrap()
    }
}

pub(super) fn safetensors(tensors: &[Tensor], float: Float) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::<u8>::new());
    for (name, shape, numbers) in tensors {
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "{name}");
        let start = data.len();
        let dtype = match float {
            Float::F32 => {
                data.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
                "F32"
            }
            Float::F16 => {
                data.extend(numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()));
                "F16"
            }
            Float::Bf16 => {
                data.extend(numbers.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()));
                "BF16"
            }
        };
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// A tokenizer of 256 bytes and two control tokens, as the tiny models have it.
pub(super) fn bytes_tokenizer() -> Value {
    let vocab: serde_json::Map<_, _> =
        (0..=255).map(|byte| (crate::tokenizer::stand_in(byte).to_string(), json!(byte))).collect();
    let added = |id: u32, content: &str| json!({"id": id, "content": content, "special": true, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false});
    json!({
        "version": "1.0",
        "added_tokens": [added(START, "<|im_start|>"), added(END, "<|im_end|>")],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    })
}

/// The tiny model of a family, with what its folder says.
pub(super) fn tiny(family: &'static str) -> Tiny {
    let tiny = Tiny::new(family);
    match family {
        "gemma3" => tiny.number("attention.sliding_window", WINDOW as u32).float("rope.freq_base", 1e6),
        "glm4" => tiny.number("rope.dimension_count", HEAD_DIM as u32 / 2),
        _ => tiny,
    }
}

/// Its folder.
pub(super) fn of(tiny: &Tiny, family: &'static str) -> Hub {
    let mut tensors = Names { tiny, out: Vec::new() };
    let config = match family {
        "rwkv6" => tensors.rwkv6(),
        "rwkv7" => tensors.rwkv7(),
        "mamba" | "mamba2" => tensors.mamba(family == "mamba2"),
        _ => tensors.transformer(family),
    };
    let world = family.starts_with("rwkv");
    let lines = (1..=256).map(|id| format!("{id} b'\\x{:02x}' 1\n", id - 1)).collect();
    Hub {
        config,
        tokenizer: if world { Value::Null } else { bytes_tokenizer() },
        tokenizer_config: json!({"eos_token": "<|im_end|>", "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}),
        tensors: tensors.out,
        others: if world { vec![("rwkv_vocab_v20230424.txt", lines)] } else { Vec::new() },
    }
}

struct Names<'a> {
    tiny: &'a Tiny,
    out: Vec<Tensor>,
}

impl Names<'_> {
    fn put(&mut self, theirs: &str, shape: &[usize], ours: &str, turn: impl Fn(&[f32]) -> Vec<f32>) {
        let numbers = turn(&self.tiny.tensors[ours]);
        self.out.push((theirs.to_owned(), shape.to_vec(), numbers));
    }

    fn same(&mut self, theirs: &str, shape: &[usize], ours: &str) {
        self.put(theirs, shape, ours, <[f32]>::to_vec);
    }

    fn norms(&mut self, theirs: &str, ours: &str) {
        for part in ["weight", "bias"] {
            self.same(&format!("{theirs}.{part}"), &[WIDTH], &format!("{ours}.{part}"));
        }
    }

    fn transformer(&mut self, family: &str) -> Value {
        let (q, kv) = (HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM);
        let rows = self.tiny.tensors["token_embd.weight"].len() / WIDTH;
        let less_one = |norm: &[f32]| norm.iter().map(|x| if family == "gemma3" { x - 1.0 } else { *x }).collect();
        self.same("model.embed_tokens.weight", &[rows, WIDTH], "token_embd.weight");
        self.put("model.norm.weight", &[WIDTH], "output_norm.weight", less_one);
        let norms: &[(&str, &str, usize)] = match family {
            "gemma3" => &[
                ("input_layernorm", "attn_norm", WIDTH),
                ("post_attention_layernorm", "post_attention_norm", WIDTH),
                ("pre_feedforward_layernorm", "ffn_norm", WIDTH),
                ("post_feedforward_layernorm", "post_ffw_norm", WIDTH),
                ("self_attn.q_norm", "attn_q_norm", HEAD_DIM),
                ("self_attn.k_norm", "attn_k_norm", HEAD_DIM),
            ],
            "glm4" => &[
                ("input_layernorm", "attn_norm", WIDTH),
                ("post_self_attn_layernorm", "post_attention_norm", WIDTH),
                ("post_attention_layernorm", "ffn_norm", WIDTH),
                ("post_mlp_layernorm", "post_ffw_norm", WIDTH),
            ],
            "qwen3" => &[
                ("input_layernorm", "attn_norm", WIDTH),
                ("post_attention_layernorm", "ffn_norm", WIDTH),
                ("self_attn.q_norm", "attn_q_norm", HEAD_DIM),
                ("self_attn.k_norm", "attn_k_norm", HEAD_DIM),
            ],
            _ => &[("input_layernorm", "attn_norm", WIDTH), ("post_attention_layernorm", "ffn_norm", WIDTH)],
        };
        for at in 0..LAYERS {
            let (theirs, ours) = (format!("model.layers.{at}"), format!("blk.{at}"));
            for (name, to, len) in norms {
                self.put(&format!("{theirs}.{name}.weight"), &[*len], &format!("{ours}.{to}.weight"), less_one);
            }
            let maps: &[(&str, &str, [usize; 2])] = match family {
                "phi3" => &[
                    ("self_attn.qkv_proj", "attn_qkv", [q + 2 * kv, WIDTH]),
                    ("mlp.gate_up_proj", "ffn_up", [2 * INNER, WIDTH]),
                ],
                "glm4" => &[("mlp.gate_up_proj", "ffn_up", [2 * INNER, WIDTH])],
                _ => &[("mlp.gate_proj", "ffn_gate", [INNER, WIDTH]), ("mlp.up_proj", "ffn_up", [INNER, WIDTH])],
            };
            let ends = [("self_attn.o_proj", "attn_output", [WIDTH, q]), ("mlp.down_proj", "ffn_down", [WIDTH, INNER])];
            for (name, to, size) in maps.iter().chain(&ends) {
                self.same(&format!("{theirs}.{name}.weight"), size, &format!("{ours}.{to}.weight"));
            }
            for (part, heads) in [("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)] {
                if family == "phi3" {
                    break;
                }
                // Llama's halves lie apart there: number i of a head comes from 2 i here, number i of the second half from 2 i + 1.
                let turn = |numbers: &[f32]| {
                    if family != "llama" || part == "v" {
                        return numbers.to_vec();
                    }
                    let cols = numbers.len() / (heads * HEAD_DIM);
                    let row = |row: usize| {
                        let (head, at) = (row / HEAD_DIM, row % HEAD_DIM);
                        let from = head * HEAD_DIM + at % (HEAD_DIM / 2) * 2 + at / (HEAD_DIM / 2);
                        numbers[from * cols..][..cols].to_vec()
                    };
                    (0..heads * HEAD_DIM).flat_map(row).collect()
                };
                let (name, to) = (format!("{theirs}.self_attn.{part}_proj"), format!("{ours}.attn_{part}"));
                self.put(&format!("{name}.weight"), &[heads * HEAD_DIM, WIDTH], &format!("{to}.weight"), turn);
                if self.tiny.tensors.contains_key(&format!("{to}.bias")) {
                    self.put(&format!("{name}.bias"), &[heads * HEAD_DIM], &format!("{to}.bias"), turn);
                }
            }
        }
        let class = match family {
            "llama" => "MistralForCausalLM",
            "qwen2" => "Qwen2ForCausalLM",
            "qwen3" => "Qwen3ForCausalLM",
            "gemma3" => "Gemma3ForCausalLM",
            "phi3" => "Phi3ForCausalLM",
            _ => "Glm4ForCausalLM",
        };
        json!({
            "architectures": [class], "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM, "intermediate_size": INNER, "rms_norm_eps": 1e-6,
            "max_position_embeddings": CONTEXT, "rope_theta": if family == "gemma3" { 1e6 } else { 1e4 },
            "sliding_window": if family == "gemma3" { Some(WINDOW) } else { None }, "query_pre_attn_scalar": HEAD_DIM,
            "partial_rotary_factor": if family == "glm4" { 0.5 } else { 1.0 }, "eos_token_id": END,
        })
    }

    fn mamba(&mut self, two: bool) -> Value {
        let [inner, states, taps, rank, groups] = MAMBA;
        let rows = self.tiny.tensors["token_embd.weight"].len() / WIDTH;
        let convolved = if two { inner + 2 * groups * states } else { inner };
        let logarithm = |decay: &[f32]| decay.iter().map(|x| (-x).ln()).collect();
        self.same("backbone.embeddings.weight", &[rows, WIDTH], "token_embd.weight");
        self.same("backbone.norm_f.weight", &[WIDTH], "output_norm.weight");
        for at in 0..LAYERS {
            let (theirs, ours) = (format!("backbone.layers.{at}"), format!("blk.{at}"));
            self.same(&format!("{theirs}.norm.weight"), &[WIDTH], &format!("{ours}.attn_norm.weight"));
            let theirs = format!("{theirs}.mixer");
            let mut same = |name: &str, shape: &[usize], to: &str| {
                self.same(&format!("{theirs}.{name}"), shape, &format!("{ours}.{to}"));
            };
            let input = if two { inner + convolved + rank } else { 2 * inner };
            same("in_proj.weight", &[input, WIDTH], "ssm_in.weight");
            same("out_proj.weight", &[WIDTH, inner], "ssm_out.weight");
            same("conv1d.weight", &[convolved, 1, taps], "ssm_conv1d.weight");
            same("conv1d.bias", &[convolved], "ssm_conv1d.bias");
            let decay: &[usize] = if two { &[rank] } else { &[inner, states] };
            same("D", &[if two { rank } else { inner }], "ssm_d");
            if two {
                same("dt_bias", &[rank], "ssm_dt.bias");
                same("norm.weight", &[inner], "ssm_norm.weight");
            } else {
                same("x_proj.weight", &[rank + 2 * states, inner], "ssm_x.weight");
                same("dt_proj.weight", &[inner, rank], "ssm_dt.weight");
                same("dt_proj.bias", &[inner], "ssm_dt.bias");
            }
            self.put(&format!("{theirs}.A_log"), decay, &format!("{ours}.ssm_a"), logarithm);
        }
        json!({
            "architectures": [if two { "Mamba2ForCausalLM" } else { "MambaForCausalLM" }], "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
            "intermediate_size": inner, "state_size": states, "conv_kernel": taps, "time_step_rank": rank, "layer_norm_epsilon": 1e-6,
            "n_groups": groups, "head_dim": inner / rank, "time_step_limit": [0.0, "Infinity"], "eos_token_id": END,
        })
    }

    fn rwkv_ends(&mut self, names: [&str; 4]) {
        let rows = self.tiny.tensors["token_embd.weight"].len() / WIDTH;
        self.same(names[0], &[rows, WIDTH], "token_embd.weight");
        self.same(names[1], &[rows, WIDTH], "output.weight");
        self.norms(names[2], "token_embd_norm");
        self.norms(names[3], "output_norm");
    }

    fn rwkv6(&mut self) -> Value {
        self.rwkv_ends(["rwkv.embeddings.weight", "head.weight", "rwkv.blocks.0.pre_ln", "rwkv.ln_out"]);
        let narrow = self.tiny.tensors["blk.0.time_mix_decay_w2.weight"].len() / WIDTH;
        for at in 0..LAYERS {
            let (theirs, ours) = (format!("rwkv.blocks.{at}"), format!("blk.{at}"));
            for (name, to) in [("ln1", "attn_norm"), ("ln2", "attn_norm_2"), ("attention.ln_x", "time_mix_ln")] {
                self.norms(&format!("{theirs}.{name}"), &format!("{ours}.{to}"));
            }
            // Stored undivided; the file divides by two after each two layers.
            let whole = move |numbers: &[f32]| numbers.iter().map(|x| x * (1 << (at / 2)) as f32).collect::<Vec<_>>();
            for name in ["receptance", "key", "value", "gate"] {
                self.same(
                    &format!("{theirs}.attention.{name}.weight"),
                    &[WIDTH, WIDTH],
                    &format!("{ours}.time_mix_{name}.weight"),
                );
            }
            self.put(
                &format!("{theirs}.attention.output.weight"),
                &[WIDTH, WIDTH],
                &format!("{ours}.time_mix_output.weight"),
                whole,
            );
            self.same(
                &format!("{theirs}.feed_forward.key.weight"),
                &[INNER, WIDTH],
                &format!("{ours}.channel_mix_key.weight"),
            );
            self.put(
                &format!("{theirs}.feed_forward.value.weight"),
                &[WIDTH, INNER],
                &format!("{ours}.channel_mix_value.weight"),
                whole,
            );
            self.same(
                &format!("{theirs}.feed_forward.receptance.weight"),
                &[WIDTH, WIDTH],
                &format!("{ours}.channel_mix_receptance.weight"),
            );
            for (name, to) in [
                ("feed_forward.time_maa_k", "channel_mix_lerp_k"),
                ("feed_forward.time_maa_r", "channel_mix_lerp_r"),
                ("attention.time_maa_x", "time_mix_lerp_x"),
                ("attention.time_decay", "time_mix_decay"),
            ] {
                self.same(&format!("{theirs}.{name}"), &[1, 1, WIDTH], &format!("{ours}.{to}.weight"));
            }
            for (index, name) in ["w", "k", "v", "r", "g"].into_iter().enumerate() {
                let part = move |all: &[f32]| all[index * WIDTH..][..WIDTH].to_vec();
                self.put(
                    &format!("{theirs}.attention.time_maa_{name}"),
                    &[1, 1, WIDTH],
                    &format!("{ours}.time_mix_lerp_fused.weight"),
                    part,
                );
            }
            let turned = |cols: usize| {
                move |all: &[f32]| {
                    (0..cols).flat_map(|col| all.iter().skip(col).step_by(cols)).copied().collect::<Vec<_>>()
                }
            };
            self.put(
                &format!("{theirs}.attention.time_maa_w1"),
                &[WIDTH, 5 * narrow],
                &format!("{ours}.time_mix_w1.weight"),
                turned(WIDTH),
            );
            self.put(
                &format!("{theirs}.attention.time_decay_w1"),
                &[WIDTH, narrow],
                &format!("{ours}.time_mix_decay_w1.weight"),
                turned(WIDTH),
            );
            self.put(
                &format!("{theirs}.attention.time_decay_w2"),
                &[narrow, WIDTH],
                &format!("{ours}.time_mix_decay_w2.weight"),
                turned(narrow),
            );
            let each = |all: &[f32]| all.chunks(WIDTH * narrow).flat_map(turned(narrow)).collect();
            self.put(
                &format!("{theirs}.attention.time_maa_w2"),
                &[5, narrow, WIDTH],
                &format!("{ours}.time_mix_w2.weight"),
                each,
            );
            self.same(
                &format!("{theirs}.attention.time_faaaa"),
                &[WIDTH / RWKV_HEAD, RWKV_HEAD],
                &format!("{ours}.time_mix_first.weight"),
            );
        }
        json!({
            "architectures": ["Rwkv6ForCausalLM"], "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "intermediate_size": INNER,
            "head_size": RWKV_HEAD, "layer_norm_epsilon": 1e-5, "rescale_every": 2,
        })
    }

    fn rwkv7(&mut self) -> Value {
        self.rwkv_ends(["model.embeddings.weight", "lm_head.weight", "model.layers.0.pre_norm", "model.norm"]);
        let narrow = self.tiny.tensors["blk.0.time_mix_w2.weight"].len() / WIDTH;
        for at in 0..LAYERS {
            let (theirs, ours) = (format!("model.layers.{at}"), format!("blk.{at}"));
            for (name, to) in [("attn_norm", "attn_norm"), ("ffn_norm", "attn_norm_2"), ("attn.g_norm", "time_mix_ln")]
            {
                self.norms(&format!("{theirs}.{name}"), &format!("{ours}.{to}"));
            }
            for name in ["receptance", "key", "value", "output"] {
                let theirs = format!("{theirs}.attn.{}_proj.weight", &name[..1]);
                self.same(&theirs, &[WIDTH, WIDTH], &format!("{ours}.time_mix_{name}.weight"));
            }
            self.same(&format!("{theirs}.ffn.key.weight"), &[INNER, WIDTH], &format!("{ours}.channel_mix_key.weight"));
            self.same(
                &format!("{theirs}.ffn.value.weight"),
                &[WIDTH, INNER],
                &format!("{ours}.channel_mix_value.weight"),
            );
            self.same(&format!("{theirs}.ffn.x_k"), &[WIDTH], &format!("{ours}.channel_mix_lerp_k.weight"));
            for name in ["k_k", "k_a"] {
                self.same(&format!("{theirs}.attn.{name}"), &[WIDTH], &format!("{ours}.time_mix_{name}.weight"));
            }
            self.same(
                &format!("{theirs}.attn.r_k"),
                &[WIDTH / RWKV_HEAD, RWKV_HEAD],
                &format!("{ours}.time_mix_r_k.weight"),
            );
            for (index, name) in ["r", "w", "k", "v", "a", "g"].into_iter().enumerate() {
                let part = move |all: &[f32]| all[index * WIDTH..][..WIDTH].to_vec();
                self.put(
                    &format!("{theirs}.attn.x_{name}"),
                    &[1, 1, WIDTH],
                    &format!("{ours}.time_mix_lerp_fused.weight"),
                    part,
                );
            }
            for name in ["w", "a", "v", "g"].into_iter().filter(|name| *name != "v" || at > 0) {
                let theirs = format!("{theirs}.attn.{name}_lora.lora");
                self.same(&format!("{theirs}.0.weight"), &[narrow, WIDTH], &format!("{ours}.time_mix_{name}1.weight"));
                self.same(&format!("{theirs}.2.weight"), &[WIDTH, narrow], &format!("{ours}.time_mix_{name}2.weight"));
                if name != "g" {
                    self.same(&format!("{theirs}.2.bias"), &[WIDTH], &format!("{ours}.time_mix_{name}0.weight"));
                }
            }
        }
        json!({
            "architectures": ["RWKV7ForCausalLM"], "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "intermediate_size": INNER,
            "head_dim": RWKV_HEAD, "norm_eps": 1e-5, "tie_word_embeddings": false,
        })
    }
}
