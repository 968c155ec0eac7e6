//! Folders as Hugging Face lays them out.

use serde_json::{Value, json};

use super::*;

const WIDTH: usize = 32;

/// A Llama of one layer and 256 bytes.
fn llama(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let norms =
        ["input_layernorm", "post_attention_layernorm"].map(|name| (format!("model.layers.0.{name}"), vec![WIDTH]));
    let maps = ["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"];
    let maps = maps.map(|name| (format!("model.layers.0.{name}_proj"), vec![WIDTH, WIDTH]));
    let ends = [("model.embed_tokens".to_owned(), vec![256, WIDTH]), ("model.norm".to_owned(), vec![WIDTH])];
    let (mut header, mut data) = (serde_json::Map::new(), Vec::<u8>::new());
    for (name, shape) in ends.into_iter().chain(norms).chain(maps) {
        let start = data.len();
        let count: usize = shape.iter().product();
        data.extend((0..count).flat_map(|at| (((at * 37 + start) % 101) as f32 / 50.0 - 1.0).to_le_bytes()));
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(format!("{name}.weight"), entry);
    }
    let header = Value::Object(header).to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1,
        "num_attention_heads": 2, "max_position_embeddings": 64, "bos_token_id": 1,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    // Byte-level BPE writes bytes that are no visible characters with others, from U+0100 on.
    let mut next = 255;
    let mut stand_in = |byte: u32| {
        let visible = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        next += u32::from(!visible);
        char::from_u32(if visible { byte } else { next }).unwrap().to_string()
    };
    let vocab: serde_json::Map<_, _> = (0..256).map(|byte| (stand_in(byte), json!(byte))).collect();
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(folder.join("README.md"), "---\nlicense: mit\n---\n").unwrap();
}

#[tokio::test]
async fn a_folder_is_converted_once_and_needed_no_more() {
    let world = World::new(b"x", HUB);
    let own = tempfile::tempdir().unwrap();
    let folder = own.path().join("Some-Llama");
    llama(&folder);
    let steps = Mutex::new(Vec::new());
    let tell = |now: &PullProgress| {
        assert!(now.done <= now.total || now.total == 0);
        steps.lock().unwrap().push(now.step.clone());
    };
    let model = world.models.add(&folder, &AddOptions::default(), &tell).unwrap();
    assert_eq!((model.card.name.as_str(), model.card.architecture.as_str()), ("some-llama", "llama"));
    assert_eq!((model.card.licence.as_str(), model.card.context), ("mit", 64));
    let mut steps = steps.into_inner().unwrap();
    steps.dedup();
    assert_eq!(steps, ["reading", "converting", "verifying"]);
    let path = world.models.installed("some-llama").unwrap().path;
    assert_eq!(path, world.data.path().join("models/some-llama/model.gguf"));
    assert_eq!(model.card.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(model.card.sha256, sha256(&std::fs::read(&path).unwrap()));
    let again = world.models.add(&folder, &AddOptions::default(), &|_| {}).unwrap_err();
    assert!(matches!(again, Error::Conflict { .. }), "{again}");
    std::fs::remove_dir_all(&folder).unwrap();
    world.models.installed("some-llama").unwrap();
    // A file that was lost is made again from where it came.
    std::fs::remove_file(&path).unwrap();
    let error = world.models.installed("some-llama").unwrap_err().to_string();
    assert!(error.contains("models add") && error.contains("Some-Llama"), "{error}");
    world.models.rm("some-llama").unwrap();
    assert!(!world.data.path().join("models/some-llama").exists());
}

#[test]
fn how_matrices_are_stored_is_chosen() {
    let world = World::new(b"x", HUB);
    let own = tempfile::tempdir().unwrap();
    llama(own.path());
    let size = |name: &str, matrices| {
        let options = AddOptions { name: Some(name.to_owned()), matrices };
        world.models.add(own.path(), &options, &|_| {}).unwrap().card.bytes
    };
    let [small, half, whole] = [("a", Matrices::Q8_0), ("b", Matrices::F16), ("c", Matrices::F32)]
        .map(|(name, matrices)| size(name, matrices));
    assert!(small < half && half < whole, "{small} {half} {whole}");
}

#[test]
fn a_folder_that_does_not_fit_leaves_nothing() {
    let world = World::new(b"x", HUB);
    let own = tempfile::tempdir().unwrap();
    llama(own.path());
    let file = own.path().join("model.safetensors");
    let mut weights = std::fs::read(&file).unwrap();
    let at = weights.len() - 4;
    weights[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&file, weights).unwrap();
    let add = |name: &str| {
        let options = AddOptions { name: Some(name.to_owned()), ..AddOptions::default() };
        world.models.add(own.path(), &options, &|_| {}).unwrap_err().to_string()
    };
    assert!(add("mine").contains("holds NaN"), "{}", add("mine"));
    assert!(!world.data.path().join("models/mine").exists());
    assert!(add("tiny").contains("is there already"), "the catalogue's");
    std::fs::remove_file(own.path().join("tokenizer.json")).unwrap();
    assert!(add("mine").contains("tokenizer.json"));
    assert_eq!(world.models.list().unwrap().len(), 1);
    // Removing the model would take the folder away.
    let within = world.data.path().join("models/within");
    llama(&within);
    let error = world.models.add(&within, &AddOptions::default(), &|_| {}).unwrap_err().to_string();
    assert!(error.contains("--name"), "{error}");
    let options = AddOptions { name: Some("without".to_owned()), ..AddOptions::default() };
    world.models.add(&within, &options, &|_| {}).unwrap();
}
