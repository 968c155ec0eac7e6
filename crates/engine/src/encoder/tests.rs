use kernels::{Dtype, Pool};

use super::forward::forward;
use super::weights::{Layer, Linear, Norm, Shape, Table, Weights};
use super::*;

const WIDTH: usize = 32;
const INNER: usize = 64;

fn noise(count: usize, seed: &mut u32) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

fn floats(rows: usize, cols: usize, seed: &mut u32) -> Table {
    let data = noise(rows * cols, seed).iter().flat_map(|value| value.to_le_bytes()).collect();
    Table { dtype: Dtype::F32, rows, cols, data }
}

fn small_encoder() -> Weights {
    let mut seed = 7;
    let norm = |seed: &mut u32| Norm {
        weight: noise(WIDTH, seed).iter().map(|x| 1.0 + x).collect(),
        bias: noise(WIDTH, seed),
    };
    let linear = |rows, cols, seed: &mut u32| Linear::of_floats(floats(rows, cols, seed), noise(rows, seed));
    let mut layers = Vec::new();
    for _ in 0..2 {
        let seed = &mut seed;
        layers.push(Layer {
            q: linear(WIDTH, WIDTH, seed),
            k: linear(WIDTH, WIDTH, seed),
            v: linear(WIDTH, WIDTH, seed),
            output: linear(WIDTH, WIDTH, seed),
            output_norm: norm(seed),
            up: linear(INNER, WIDTH, seed),
            down: linear(WIDTH, INNER, seed),
            final_norm: norm(seed),
        });
    }
    Weights {
        shape: Shape { width: WIDTH, heads: 4, inner: INNER, layers: 2, positions: 16, epsilon: 1e-6 },
        words: floats(10, WIDTH, &mut seed),
        positions: noise(16 * WIDTH, &mut seed),
        kind: noise(WIDTH, &mut seed),
        norm: norm(&mut seed),
        layers,
    }
}

fn closeness(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn texts_embedded_together_do_not_touch_each_other() {
    let weights = small_encoder();
    let (alone, pool) = (Pool::new(1), Pool::new(2));
    let texts: [&[u32]; 3] = [&[1, 2, 3], &[4], &[9, 8, 7, 6, 5]];
    for pooling in [Pooling::Mean, Pooling::Cls] {
        let together = forward(&weights, &pool, &texts, pooling);
        for (text, vector) in texts.iter().zip(&together) {
            let [single] = &forward(&weights, &alone, &[text], pooling)[..] else { panic!("one vector a text") };
            assert!((closeness(vector, vector) - 1.0).abs() < 1e-5, "unit length");
            assert!(closeness(vector, single) > 0.99999, "{pooling:?} {text:?}");
        }
        assert!(closeness(&together[0], &together[2]) < 0.999);
    }
}

#[test]
fn order_and_pooling_matter() {
    let weights = small_encoder();
    let pool = Pool::new(1);
    let texts: [&[u32]; 2] = [&[1, 2, 3], &[3, 2, 1]];
    let mean = forward(&weights, &pool, &texts, Pooling::Mean);
    let cls = forward(&weights, &pool, &texts, Pooling::Cls);
    assert!(closeness(&mean[0], &mean[1]) < 0.9999);
    assert!(closeness(&mean[0], &cls[0]) < 0.9999);
}

#[test]
fn ids_and_positions_beyond_the_tables_are_no_panic() {
    let text: Vec<u32> = (0..40).map(|at| at * 1000).collect();
    let vectors = forward(&small_encoder(), &Pool::new(1), &[&text], Pooling::Mean);
    assert!(vectors[0].iter().all(|x| x.is_finite()));
}

/// A container of a two-token-wide model, converted and loaded the way a download is.
fn converted() -> (tempfile::TempDir, Card) {
    let folder = tempfile::tempdir().unwrap();
    let container = folder.path().join("model.bin");
    std::fs::write(&container, crate::convert::tests::container()).unwrap();
    crate::convert::e5s1(&container, folder.path()).unwrap();
    let card = serde_json::json!({"name": "small", "architecture": "bert", "context": 512, "dimensions": 32,
        "prefixes": {"query": "b ", "passage": "a "}});
    (folder, serde_json::from_value(card).unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn vectors_come_back_in_order_with_prefixes_and_cut() {
    let (folder, card) = converted();
    let embedder = LocalEmbedder::load(folder.path(), &card).unwrap();
    assert_eq!(embedder.card().context, 8);
    assert_eq!(embedder.card().pooling, Some(Pooling::Mean));
    assert_eq!(embedder.count_tokens("a b"), 2);
    let texts: Vec<String> = ["a", "b", "a b a", "", "b b b b b b b b b b b b"].map(str::to_owned).to_vec();
    let embed = |texts: &[String], purpose| block_on(embedder.embed(texts.to_vec(), purpose)).unwrap();
    let together = embed(&texts, Purpose::Plain);
    assert_eq!(together.tokens, 3 + 3 + 5 + 2 + 8);
    for (text, vector) in texts.iter().zip(&together.vectors) {
        let single = embed(std::slice::from_ref(text), Purpose::Plain);
        assert!(closeness(vector, &single.vectors[0]) > 0.9999, "{text:?}");
    }
    let prefixed = embed(&["a".to_owned()], Purpose::Query);
    let plain = embed(&["b a".to_owned()], Purpose::Plain);
    assert_eq!(prefixed, plain);
    assert!(embed(&[], Purpose::Plain).vectors.is_empty());
}

#[test]
fn a_job_nobody_waits_for_does_not_hold_up_the_next() {
    let (folder, card) = converted();
    let embedder = LocalEmbedder::load(&folder.path().join("model.gguf"), &card).unwrap();
    drop(embedder.embed(vec!["a".to_owned(); 1000], Purpose::Passage));
    assert_eq!(block_on(embedder.embed(vec!["b".to_owned()], Purpose::Query)).unwrap().vectors.len(), 1);
}

#[test]
fn what_is_no_encoder_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let card: Card =
        serde_json::from_value(serde_json::json!({"name": "x", "architecture": "bert", "context": 8})).unwrap();
    let error = |path: &Path| LocalEmbedder::load(path, &card).err().unwrap().to_string();
    assert!(error(folder.path()).contains("config.json"));
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    assert!(error(folder.path()).contains("model_type"));
    let config = serde_json::json!({"model_type": "t5", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
        "intermediate_size": 8, "max_position_embeddings": 8, "vocab_size": 8, "layer_norm_eps": 1e-12});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    assert!(error(folder.path()).contains("'t5'"));
    assert!(error(&folder.path().join("none.gguf")).contains("none.gguf"));
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let (folder, card) = converted();
    let file = folder.path().join("model.gguf");
    let whole = std::fs::read(&file).unwrap();
    let at = |name: &str| {
        let gguf = crate::gguf::Gguf::open(&file).unwrap();
        gguf.tensor(name).unwrap().data.as_ptr() as usize
            - gguf.tensor("token_embd.weight").unwrap().data.as_ptr() as usize
    };
    let words = {
        let gguf = crate::gguf::Gguf::open(&file).unwrap();
        let words = gguf.tensor("token_embd.weight").unwrap().data.to_vec();
        whole.windows(words.len()).position(|window| window == words).unwrap()
    };
    for (tensor, bytes) in [
        ("blk.0.ffn_up.weight", &[0x00, 0x7e][..]),
        ("blk.0.attn_q.bias", &[0, 0, 0xc0, 0x7f]),
        ("token_embd_norm.weight", &[0, 0, 0x80, 0x7f]),
    ] {
        let (mut damaged, place) = (whole.clone(), words + at(tensor));
        damaged[place..place + bytes.len()].copy_from_slice(bytes);
        let path = folder.path().join("damaged.gguf");
        std::fs::write(&path, damaged).unwrap();
        let error = LocalEmbedder::load(&path, &card).err().unwrap().to_string();
        assert!(error.contains(tensor) && error.contains("NaN"), "{error}");
    }
    // A word's own row is met when the word is.
    let (mut damaged, path) = (whole, folder.path().join("words.gguf"));
    let row = kernels::Dtype::Q4_0.row_bytes(WIDTH);
    (0..).map(|id| words + id * row).take_while(|place| place + row <= words + at("position_embd.weight")).for_each(
        |place| {
            damaged[place..place + 2].copy_from_slice(&[0x00, 0x7e]);
        },
    );
    std::fs::write(&path, damaged).unwrap();
    let embedder = LocalEmbedder::load(&path, &card).unwrap();
    let error = block_on(embedder.embed(vec!["a".to_owned()], Purpose::Plain)).unwrap_err().to_string();
    assert!(error.contains("'small'") && error.contains("NaN"), "{error}");
}
