//! Tiny folders of every family, converted and compared with the tiny models they were made of; what is said of unfit ones.

mod hub;
mod tokenizers;

use domain::{LanguageModel, Prompt, Request, collect};
use hub::{Float, Hub, safetensors};
use serde_json::{Value, json};

use super::*;
use crate::gguf::Gguf;
use crate::tiny::{END, FAMILIES, WIDTH};
use crate::{LoadOptions, LocalModel};

fn converted(hub: &Hub, matrices: Matrices) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("some-model-1b");
    hub.write(&from);
    let path = Folder::open(&from, matrices).unwrap().convert(&folder.path().join("to"), &mut |_| {}).unwrap();
    (folder, path)
}

fn answer(path: &Path) -> Vec<u32> {
    let model = LocalModel::load(path, &LoadOptions { threads: Some(1), ..LoadOptions::default() }).unwrap();
    let mut request = Request::new(Prompt::Tokens((0..40).map(|i| (i * 37) % 256).collect()));
    (request.sampling.temperature, request.max_tokens, request.logprobs) = (Some(0.0), Some(8), Some(0));
    // Random models end anywhere.
    request.sampling.logit_bias.extend([0, END].map(|id| (id, -100.0)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = runtime.block_on(collect(model.generate(request))).unwrap();
    answer.tokens.iter().map(|token| token.id).collect()
}

#[test]
fn every_family_becomes_the_model_it_is() {
    for family in FAMILIES {
        let mut tiny = hub::tiny(family);
        if family == "rwkv6" {
            tiny = tiny.number("rescale_every_n_layers", 2);
        }
        if family == "rwkv7" {
            // The first layer's own are another's, and unused.
            for part in ["0", "1", "2"] {
                let other = tiny.tensors[&format!("blk.0.time_mix_a{part}.weight")].clone();
                tiny.tensors.insert(format!("blk.0.time_mix_v{part}.weight"), other);
                for at in 0..crate::tiny::LAYERS {
                    tiny.tensors.remove(&format!("blk.{at}.time_mix_g0.weight"));
                }
            }
        }
        let (_expected_folder, expected) = tiny.write();
        let (_folder, path) = converted(&hub::of(&tiny, family), Matrices::F32);
        let (ours, theirs) = (Gguf::open(&path).unwrap(), Gguf::open(&expected).unwrap());
        let names = |gguf: &Gguf| gguf.tensors().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&theirs), "{family}");
        for (name, info) in theirs.tensors() {
            let thin = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
            assert_eq!(thin(&ours.info(name).unwrap().shape), thin(&info.shape), "{family}: {name}");
            let count = info.shape.iter().product();
            let pairs = ours.floats(name, count).unwrap().into_iter().zip(theirs.floats(name, count).unwrap());
            let furthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let close = if family == "gemma3" || name.ends_with("ssm_a") { 1e-6 } else { 0.0 };
            assert!(furthest <= close, "{family}: {name} is off by {furthest}");
        }
        assert_eq!(answer(&path), answer(&expected), "{family}");
    }
}

#[test]
fn matrices_are_stored_as_wanted_and_the_rest_exactly() {
    let tiny = hub::tiny("qwen2");
    let hub = hub::of(&tiny, "qwen2");
    for (matrices, dtype, uneven, file_type) in [
        (Matrices::Q8_0, Dtype::Q8_0, Dtype::F16, 7),
        (Matrices::F16, Dtype::F16, Dtype::F16, 1),
        (Matrices::F32, Dtype::F32, Dtype::F32, 0),
    ] {
        let (_folder, path) = converted(&hub, matrices);
        let gguf = Gguf::open(&path).unwrap();
        let dtype_of = |name: &str| gguf.info(name).unwrap().dtype;
        assert_eq!((dtype_of("token_embd.weight"), dtype_of("blk.0.attn_q.weight")), (dtype, dtype));
        // Rows of 48 numbers are no whole blocks.
        assert_eq!(dtype_of("blk.0.ffn_down.weight"), uneven);
        assert_eq!((dtype_of("blk.0.attn_q.bias"), dtype_of("blk.0.attn_norm.weight")), (Dtype::F32, Dtype::F32));
        assert_eq!(gguf.u32("general.file_type").unwrap(), file_type);
        assert_eq!(gguf.text("general.name").unwrap(), Some("Some Model 1b"));
        assert_eq!(answer(&path).len(), 8);
    }
}

#[test]
fn weights_in_parts_and_of_any_width_are_read() {
    let tiny = hub::tiny("llama");
    let hub = hub::of(&tiny, "llama");
    let (_whole, whole) = converted(&hub, Matrices::F16);
    for (float, index) in [(Float::F32, true), (Float::F32, false), (Float::F16, true), (Float::Bf16, false)] {
        let folder = tempfile::tempdir().unwrap();
        hub.write(folder.path());
        std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
        let mut map = serde_json::Map::new();
        for (at, part) in hub.tensors.chunks(hub.tensors.len().div_ceil(3)).enumerate() {
            let name = format!("model-{:05}-of-00003.safetensors", at + 1);
            std::fs::write(folder.path().join(&name), safetensors(part, float)).unwrap();
            map.extend(part.iter().map(|(tensor, ..)| (tensor.clone(), json!(name))));
        }
        if index {
            let text = json!({"metadata": {}, "weight_map": map}).to_string();
            std::fs::write(folder.path().join("model.safetensors.index.json"), text).unwrap();
        }
        let opened = Folder::open(folder.path(), Matrices::F16).unwrap();
        let mut told = Vec::new();
        let path = opened.convert(folder.path(), &mut |done| told.push(done)).unwrap();
        assert_eq!(told.last(), Some(&opened.bytes()));
        if matches!(float, Float::F32 | Float::F16) {
            let numbers = |path: &Path| Gguf::open(path).unwrap().floats("blk.3.attn_k.weight", 24 * WIDTH).unwrap();
            assert_eq!(numbers(&path), numbers(&whole));
        }
        assert_eq!(answer(&path).len(), 8);
    }
}

#[test]
fn positions_are_stretched_as_the_configuration_says() {
    let tiny = hub::tiny("llama");
    for (rope, key, expected) in [
        (json!({"rope_type": "linear", "factor": 4.0}), "llama.rope.scaling.factor", 4.0),
        (
            json!({"type": "yarn", "factor": 2.0, "original_max_position_embeddings": 1500}),
            "llama.rope.scaling.original_context_length",
            1500.0,
        ),
        (
            json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
            "llama.rope.freq_base",
            10_000.0,
        ),
        (json!({"rope_type": "default", "rope_theta": 5e5}), "llama.rope.freq_base", 500_000.0),
    ] {
        let mut hub = hub::of(&tiny, "llama");
        let kind = rope.get("rope_type").cloned();
        hub.config[if kind.is_some() { "rope_parameters" } else { "rope_scaling" }] = rope;
        let (_folder, path) = converted(&hub, Matrices::F32);
        let gguf = Gguf::open(&path).unwrap();
        assert_eq!(gguf.optional_f32(key).unwrap(), Some(expected), "{key}");
        let factors = gguf.has("rope_freqs.weight").then(|| gguf.floats("rope_freqs.weight", 6).unwrap());
        assert_eq!(factors.is_some(), kind == Some(json!("llama3")));
        // Turns of 2 pi, 29 and 135 tokens: quick, between, slow.
        if let Some(factors) = factors {
            assert!(
                factors[0] == 1.0 && factors[1] > 1.0 && factors[1] < 8.0 && factors[2..] == [8.0; 4],
                "{factors:?}"
            );
        }
    }
    let mut hub = hub::of(&hub::tiny("phi3"), "phi3");
    hub.config["rope_scaling"] =
        json!({"type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1.5], "long_factor": [1, 2, 3, 4, 5, 6]});
    hub.config["original_max_position_embeddings"] = json!(750);
    let (_folder, path) = converted(&hub, Matrices::F32);
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(gguf.floats("rope_factors_long.weight", 6).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let attention = gguf.f32("phi3.rope.scaling.attn_factor").unwrap();
    assert!((attention - (1.0 + 4f32.ln() / 750f32.ln()).sqrt()).abs() < 1e-6);
}

/// A folder with something changed in it.
type Change = fn(&mut Hub, &Path);

fn set(hub: &mut Hub, key: &str, value: Value) {
    hub.config[key] = value;
}

fn swap(folder: &Path, from: &str, to: &str) {
    std::fs::rename(folder.join(from), folder.join(to)).unwrap();
}

/// What is done to a sound folder, before or after it is written, and what is said of it.
const UNFIT: [(&str, Change); 26] = [
    ("no config.json, so it is no model", |_, folder| std::fs::remove_file(folder.join("config.json")).unwrap()),
    ("name the GGUF file itself: x.gguf", |_, folder| swap(folder, "config.json", "x.gguf")),
    ("config.json: is not JSON", |_, folder| std::fs::write(folder.join("config.json"), "{").unwrap()),
    ("'ElephantForCausalLM' is not an architecture", |hub, _| {
        set(hub, "architectures", json!(["ElephantForCausalLM"]))
    }),
    ("knows LlamaForCausalLM, ", |hub, _| set(hub, "architectures", json!(["X"]))),
    ("'architectures' names none", |hub, _| set(hub, "architectures", Value::Null)),
    ("'quantization_config' is set", |hub, _| set(hub, "quantization_config", json!({"quant_method": "gptq"}))),
    ("'hidden_size' is \"32\", not a whole number", |hub, _| set(hub, "hidden_size", json!("32"))),
    ("'num_attention_heads' is missing", |hub, _| set(hub, "num_attention_heads", Value::Null)),
    ("'hidden_act' is 'relu'", |hub, _| set(hub, "hidden_act", json!("relu"))),
    ("'rope_type' is 'ntk'", |hub, _| set(hub, "rope_scaling", json!({"type": "ntk"}))),
    ("does not divide 4 heads", |hub, _| set(hub, "num_key_value_heads", json!(3))),
    ("tensor 'model.layers.0.self_attn.q_proj.weight' has the shape [48, 32]", |hub, _| {
        set(hub, "head_dim", json!(16))
    }),
    ("tensor 'model.layers.7.self_attn.q_proj.weight' is missing", |hub, _| set(hub, "num_hidden_layers", json!(8))),
    ("tensor 'model.layers.6.input_layernorm.weight' and 8 more", |hub, _| set(hub, "num_hidden_layers", json!(6))),
    ("'lm_head.weight' is missing", |hub, _| set(hub, "tie_word_embeddings", json!(false))),
    ("holds 'pytorch_model.bin', which is a pickled program", |_, folder| {
        swap(folder, "model.safetensors", "pytorch_model.bin")
    }),
    ("holds no model.safetensors and no", |_, folder| std::fs::remove_file(folder.join("model.safetensors")).unwrap()),
    ("part 1 of 2 of the model is missing", |_, folder| {
        swap(folder, "model.safetensors", "model-00002-of-00002.safetensors")
    }),
    ("is it cut?", |_, folder| {
        let path = folder.join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 4]).unwrap();
    }),
    ("not the name of a safetensors file", |_, folder| {
        swap(folder, "model.safetensors", "a.safetensors");
        let index = json!({"weight_map": {"a": "../a.safetensors"}}).to_string();
        std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }),
    ("holds no tensor 'a'", |_, folder| {
        swap(folder, "model.safetensors", "a.safetensors");
        let index = json!({"weight_map": {"a": "a.safetensors"}}).to_string();
        std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }),
    ("holds no tokenizer.json; download it", |_, folder| std::fs::remove_file(folder.join("tokenizer.json")).unwrap()),
    ("from_pretrained(FOLDER, use_fast=True)", |_, folder| swap(folder, "tokenizer.json", "tokenizer.model")),
    ("'bos_token_id' is 900, but the model has only 258 rows", |hub, _| set(hub, "bos_token_id", json!(900))),
    ("chat template cannot be read", |_, folder| {
        std::fs::write(folder.join("chat_template.jinja"), "{% if %}").unwrap()
    }),
];

#[test]
fn what_does_not_fit_is_named_with_the_remedy() {
    let tiny = hub::tiny("llama");
    for (expected, change) in UNFIT {
        let folder = tempfile::tempdir().unwrap();
        let mut hub = hub::of(&tiny, "llama");
        hub.write(folder.path());
        change(&mut hub, folder.path());
        if folder.path().join("config.json").is_file() && !expected.contains("not JSON") {
            std::fs::write(folder.path().join("config.json"), hub.config.to_string()).unwrap();
        }
        let Err(error) = Folder::open(folder.path(), Matrices::Q8_0) else { panic!("{expected}") };
        let error = error.to_string();
        assert!(
            error.contains(expected) && error.contains(&folder.path().display().to_string()),
            "{expected}: {error}"
        );
    }
}

#[test]
fn numbers_that_cannot_be_stored_leave_no_file() {
    let tiny = hub::tiny("llama");
    for (name, number, matrices, expected) in [
        (
            "model.layers.2.mlp.up_proj.weight",
            f32::NAN,
            Matrices::Q8_0,
            "holds NaN, which cannot be stored as Q8_0; download",
        ),
        ("model.norm.weight", f32::INFINITY, Matrices::F32, "'model.norm.weight' holds inf"),
        (
            "model.embed_tokens.weight",
            1e6,
            Matrices::F16,
            "holds 1000000, which cannot be stored as F16; choose another with --as",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut hub = hub::of(&tiny, "llama");
        hub.tensor(name).2[5] = number;
        hub.write(folder.path());
        let error = Folder::open(folder.path(), matrices).unwrap().convert(folder.path(), &mut |_| {}).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(expected) && error.contains(name) && error.contains("model.safetensors"), "{error}");
        assert!(!folder.path().join(CONVERTED).exists() && !folder.path().join("model.gguf.partial").exists());
    }
}

#[test]
fn settings_the_engine_runs_in_one_way_are_refused_in_others() {
    for (family, key, value, expected) in [
        ("gemma3", "query_pre_attn_scalar", json!(99), "is 99"),
        ("gemma3", "sliding_window_pattern", json!(2), "every sixth"),
        ("gemma3", "rope_local_base_freq", json!(5000), "is 5000"),
        ("gemma3", "attn_logit_softcapping", json!(50.0), "of another model"),
        ("glm4", "partial_rotary_factor", json!(0.1), "'partial_rotary_factor' is 0.1"),
        ("mamba2", "n_groups", json!(3), "in 3 groups"),
        ("rwkv6", "head_size", json!(9), "'head_size' is 9"),
    ] {
        let tiny = hub::tiny(family);
        let mut hub = hub::of(&tiny, family);
        set(&mut hub, key, value);
        let folder = tempfile::tempdir().unwrap();
        hub.write(folder.path());
        let Err(error) = Folder::open(folder.path(), Matrices::Q8_0) else { panic!("{family}: {key}") };
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_a_file_is_called_is_made_of_what_the_folder_says() {
    for (name, expected) in [
        ("some-model-7b", "Some Model 7b"),
        ("Qwen3-0.6B", "Qwen3 0.6B"),
        ("my_model v1.2", "My_Model v1.2"),
        ("--", ""),
    ] {
        assert_eq!(title(name), expected);
    }
    for (parameters, expected) in
        [(705_152, "705K"), (8_300_000, "8.3M"), (134_515_008, "135M"), (1_543_714_304, "1.5B"), (9_960_000_000, "10B")]
    {
        assert_eq!(size_label(parameters), expected);
    }
    let folder = tempfile::tempdir().unwrap();
    for (readme, expected) in [
        ("---\nlanguage: en\nlicense: 'apache-2.0'\n---\n# x", Some("apache-2.0")),
        ("license: mit", None),
        ("---\nlicense:\n---", None),
    ] {
        std::fs::write(folder.path().join("README.md"), readme).unwrap();
        assert_eq!(licence(folder.path()).as_deref(), expected, "{readme}");
    }
}
