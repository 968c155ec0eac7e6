//! Vocabularies beside the library that `tokenizer.json` is the format of, and the roles of tokens.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{check, json as files, tokens};
use super::*;
use crate::Tokenizer;

fn added(id: u32, content: &str, special: bool) -> Value {
    json!({"id": id, "content": content, "special": special, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false})
}

/// SentencePiece's BPE of a few words: control tokens, bytes, characters, and joins in an order of their own.
fn pieces(prefix: bool) -> Value {
    let mut texts: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    texts.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    texts.extend("▁abc你好".chars().map(|c| c.to_string()));
    let joined = ["ab", "▁a", "bc", "▁ab", "abc", "▁abc", "aa", "aaa", "▁▁", "你好", "▁你好", "▁你"];
    texts.extend(joined.map(str::to_owned));
    // Every way to a text is a merge, as it is where a vocabulary of SentencePiece's was turned into merges.
    let ways = |text: &&str| {
        let cuts = text.char_indices().skip(1).map(|(at, _)| text.split_at(at)).collect::<Vec<_>>();
        let known = |part: &str| texts.iter().any(|text| text == part);
        cuts.into_iter()
            .filter(|(left, right)| known(left) && known(right))
            .map(|(left, right)| json!([left, right]))
            .collect::<Vec<_>>()
    };
    let merges: Vec<Value> = joined.iter().flat_map(ways).collect();
    let vocab: Map<_, _> = texts.iter().enumerate().map(|(id, text)| (text.clone(), json!(id))).collect();
    let space = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let normalizers = if prefix { vec![json!({"type": "Prepend", "prepend": "▁"}), space] } else { vec![space] };
    let size = texts.len() as u32;
    json!({
        "version": "1.0",
        "added_tokens": [added(0, "<unk>", true), added(1, "<s>", true), added(2, "</s>", true), added(size, "<extra>", false)],
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocab, "merges": merges},
    })
}

/// A tokenizer of a few joins of bytes.
fn joined() -> Value {
    let mut tokenizer = hub::bytes_tokenizer();
    let merges = ["h e", "l l", "Ġ w", "he ll", "hell o", "o r", "Ġw or", "ä ½", "ä½ ł"];
    let vocab = tokenizer["model"]["vocab"].as_object_mut().unwrap();
    vocab.extend(merges.iter().enumerate().map(|(at, merge)| (merge.replace(' ', ""), json!(258 + at))));
    tokenizer["model"]["merges"] = json!(merges);
    tokenizer
}

/// The tiny model with another tokenizer.
fn with(tokenizer: Value, rows: usize) -> Hub {
    let mut hub = hub::of(&hub::tiny("llama"), "llama");
    hub.tokenizer = tokenizer;
    let embeddings = hub.tensor("model.embed_tokens.weight");
    embeddings.1[0] = rows;
    embeddings.2.resize(rows * WIDTH, 0.5);
    hub
}

fn both(tokenizer: &Value, rows: usize) -> (Tokenizer, Tokenizer) {
    let (_folder, path) = converted(&with(tokenizer.clone(), rows), Matrices::F32);
    let ours = Tokenizer::from_gguf(&Gguf::open(&path).unwrap()).unwrap();
    (Tokenizer::from_json(tokenizer.to_string().as_bytes()).unwrap(), ours)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn texts_are_cut_as_the_folder_cuts_them(texts in proptest::collection::vec("[abc你好 ]{0,12}[abc é🙂\\n]{0,6}", 1..20)) {
        for prefix in [true, false] {
            let (theirs, ours) = &*PIECES[usize::from(prefix)];
            for text in &texts {
                prop_assert_eq!(theirs.encode(text), ours.encode(text), "{}: {:?}", prefix, text);
            }
        }
        let (theirs, ours) = &*JOINED;
        for text in &texts {
            prop_assert_eq!(theirs.encode(text), ours.encode(text), "{:?}", text);
        }
    }
}

static PIECES: [std::sync::LazyLock<(Tokenizer, Tokenizer)>; 2] =
    [std::sync::LazyLock::new(|| both(&pieces(false), 300)), std::sync::LazyLock::new(|| both(&pieces(true), 300))];
static JOINED: std::sync::LazyLock<(Tokenizer, Tokenizer)> = std::sync::LazyLock::new(|| both(&joined(), 300));

#[test]
fn a_vocabulary_of_pieces_has_kinds_and_scores_by_the_order_of_joins() {
    let (_folder, path) = converted(&with(pieces(true), 300), Matrices::F32);
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(gguf.text("tokenizer.ggml.model").unwrap(), Some("llama"));
    let list = |key: &str| match gguf.meta(&format!("tokenizer.ggml.{key}")) {
        Some(crate::gguf::Value::A(list)) => list.clone(),
        other => panic!("{other:?}"),
    };
    let (kinds, scores) = (list("token_type"), list("scores"));
    let size = 3 + 256 + 6 + 12;
    let kind = |id: usize| &kinds[id];
    use crate::gguf::Value::{F, I};
    let some = [kind(1), kind(3), kind(259), kind(265), kind(size), kind(size + 1)];
    assert_eq!(some, [&I(3), &I(6), &I(1), &I(1), &I(4), &I(5)]);
    // Joins from the first on, then characters.
    assert_eq!(
        [265, 266, 276, 259, 260].map(|id: usize| scores[id].clone()),
        [F(-0.0), F(-1.0), F(-11.0), F(-12.0), F(-13.0)]
    );
    let flag = |key: &str| gguf.meta(&format!("tokenizer.ggml.{key}"));
    use crate::gguf::Value::B;
    assert_eq!(
        (flag("add_space_prefix"), flag("add_bos_token"), flag("add_sep_token")),
        (Some(&B(true)), Some(&B(true)), Some(&B(false)))
    );
    assert_eq!(gguf.u32("tokenizer.ggml.bos_token_id").unwrap(), 1);
    assert_eq!(
        gguf.u32("tokenizer.ggml.eos_token_id").unwrap(),
        END,
        "config.json's, as no token is called <|im_end|>"
    );
}

#[test]
fn roles_come_from_the_first_file_that_has_them() {
    for (tokenizer_config, config, generation, expected) in [
        (
            json!({"eos_token": "<|im_end|>", "bos_token": {"content": "<|im_start|>"}}),
            json!({"eos_token_id": 7}),
            json!({"pad_token_id": 9}),
            [Some(256), Some(257), Some(9), None],
        ),
        (
            json!({}),
            json!({"eos_token_id": 7}),
            json!({"eos_token_id": 8, "bos_token_id": 3}),
            [Some(3), Some(7), None, None],
        ),
        (
            json!({"eos_token": "<|im_end|>"}),
            json!({"eos_token_id": [257, 5]}),
            json!({"eos_token_id": [257, 6]}),
            [None, Some(257), None, Some(6)],
        ),
        (json!({}), json!({"eos_token_id": [257, 5]}), json!({}), [None, Some(257), None, Some(5)]),
        // There is no row for it, and no need.
        (json!({}), json!({"eos_token_id": 7}), json!({"pad_token_id": 900}), [None, Some(7), None, None]),
    ] {
        let mut hub = hub::of(&hub::tiny("llama"), "llama");
        hub.tokenizer_config = tokenizer_config;
        hub.config["eos_token_id"] = Value::Null;
        config.as_object().unwrap().iter().for_each(|(key, value)| hub.config[key] = value.clone());
        hub.others.push(("generation_config.json", generation.to_string()));
        let (_folder, path) = converted(&hub, Matrices::F32);
        let gguf = Gguf::open(&path).unwrap();
        let found = ["bos", "eos", "padding", "eot"]
            .map(|role| gguf.optional_u32(&format!("tokenizer.ggml.{role}_token_id")).unwrap());
        assert_eq!(found, expected, "{generation}");
    }
}

#[test]
fn a_layout_of_conversations_is_found_wherever_it_lies() {
    let several = json!([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]);
    for (within, beside, expected) in [
        (json!("inside"), None, Some("inside")),
        (json!("inside"), Some(("chat_template.jinja", "beside")), Some("beside")),
        (several, None, Some("plain")),
        (Value::Null, Some(("chat_template.json", r#"{"chat_template":"json"}"#)), Some("json")),
        (Value::Null, None, None),
    ] {
        let mut hub = hub::of(&hub::tiny("llama"), "llama");
        hub.tokenizer_config["chat_template"] = within;
        hub.others.extend(beside.map(|(name, text)| (name, text.to_owned())));
        let (_folder, path) = converted(&hub, Matrices::F32);
        assert_eq!(Gguf::open(&path).unwrap().text("tokenizer.chat_template").unwrap(), expected);
    }
}

#[test]
fn tokenizers_that_are_not_run_are_named() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 13] = [
        ("'model.type' is Unigram", |t| t["model"]["type"] = json!("Unigram")),
        ("'model' is missing", |t| t["model"] = Value::Null),
        ("'normalizer' has {\"type\":\"NFKC\"}", |t| t["normalizer"] = json!({"type": "NFKC"})),
        ("cuts words in a way that is not known here: Whitespace", |t| {
            t["pre_tokenizer"] = json!({"type": "Whitespace"})
        }),
        ("known are those of gpt-2, smollm, ", |t| t["pre_tokenizer"] = Value::Null),
        ("'continuing_subword_prefix' is set", |t| t["model"]["continuing_subword_prefix"] = json!("##")),
        ("'x' has id 5, and so has", |t| t["model"]["vocab"]["x"] = json!(5)),
        ("'zzz' has id 900, but the model has only 258 rows", |t| t["model"]["vocab"]["zzz"] = json!(900)),
        ("'zzz' has -1 for an id", |t| t["model"]["vocab"]["zzz"] = json!(-1)),
        ("'merges' has [\"a\"], which is not two parts", |t| t["model"]["merges"] = json!([["a"]])),
        ("'id' of an added token is missing", |t| t["added_tokens"] = json!([{"content": "x"}])),
        ("'content' of an added token is missing", |t| t["added_tokens"] = json!([{"id": 3}])),
        ("has 5000 bytes", |t| t["added_tokens"] = json!([{"id": 3, "content": "<|x|>".repeat(1000)}])),
    ];
    for (expected, change) in cases {
        let mut tokenizer = hub::bytes_tokenizer();
        change(&mut tokenizer);
        let folder = tempfile::tempdir().unwrap();
        with(tokenizer, 258).write(folder.path());
        let Err(error) = Folder::open(folder.path(), Matrices::Q8_0) else { panic!("{expected}") };
        let error = error.to_string();
        assert!(error.contains(expected) && error.contains("tokenizer.json"), "{expected}: {error}");
    }
}

#[test]
fn a_tokenizer_that_would_cut_otherwise_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let json = joined();
    std::fs::write(&path, json.to_string()).unwrap();
    let file = files::File::read(&path).unwrap();
    let added = tokens::added(file.fields(), None).unwrap();
    let mut tokens = tokens::read(file.fields(), &added, 300, "llama").unwrap();
    check::texts_are_cut_alike(&path, &tokens).unwrap();
    tokens.merges.remove(0);
    let error = check::texts_are_cut_alike(&path, &tokens).unwrap_err().to_string();
    assert!(error.contains("is cut into") && error.contains("tokenizer.json"), "{error}");
    // SentencePiece would join what lies side by side whatever way it came about; this tokenizer knows one way only.
    let mut odd = pieces(true);
    odd["model"]["merges"].as_array_mut().unwrap().retain(|merge| *merge != json!(["▁", "ab"]));
    with(odd, 300).write(folder.path());
    let Err(error) = Folder::open(folder.path(), Matrices::Q8_0) else { panic!() };
    assert!(error.to_string().contains("'ab' is cut into"), "{error}");
}

proptest! {
    #[test]
    fn no_changed_character_is_a_panic(at in 0usize..6000, by in "[\\[\\]{}\",:0-9a-z▁ ]{0,3}", cut in 0usize..6000) {
        for tokenizer in [joined(), pieces(true)] {
            let text = tokenizer.to_string();
            let (at, cut) = (text.floor_char_boundary(at % text.len()), cut % text.len());
            let rest = &text[text.ceil_char_boundary((at + cut % 4).min(text.len()))..];
            let Ok(object) = files::parse(format!("{}{by}{rest}", &text[..at]).as_bytes()) else { continue };
            let file = files::File::of(Path::new("tokenizer.json"), object);
            let Ok(added) = tokens::added(file.fields(), None) else { continue };
            if let Ok(tokens) = tokens::read(file.fields(), &added, 300, "llama") {
                prop_assert_eq!(tokens.texts.len(), 300);
                prop_assert_eq!(tokens.kinds.len(), 300);
            }
        }
    }
}
