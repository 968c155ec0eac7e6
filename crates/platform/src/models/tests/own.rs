//! Files of one's own, names, what is told about models.

use super::*;

/// A GGUF file of metadata alone.
fn gguf(architecture: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut file = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &3u64.to_le_bytes()].concat();
    for (key, value) in [("general.architecture", architecture), ("general.license", "mit")] {
        file.extend([text(key), 8u32.to_le_bytes().to_vec(), text(value)].concat());
    }
    let key = text(&format!("{architecture}.context_length"));
    file.extend([key, 4u32.to_le_bytes().to_vec(), 128u32.to_le_bytes().to_vec()].concat());
    file.resize(file.len().next_multiple_of(32), 0);
    file
}

fn add(world: &World, path: &Path, name: Option<&str>) -> Result<ModelInfo> {
    let options = AddOptions { name: name.map(str::to_owned), ..AddOptions::default() };
    world.models.add(path, &options, &|_| {})
}

#[tokio::test]
async fn an_added_file_is_used_where_it_lies_and_stays_when_removed() {
    let world = World::new(b"x", HUB);
    let own = tempfile::tempdir().unwrap();
    let file = own.path().join("My Model (v2).gguf");
    std::fs::write(&file, gguf("llama")).unwrap();
    let model = add(&world, &file, None).unwrap();
    assert_eq!(model.card.name, "my-model-v2");
    assert_eq!((model.card.context, model.card.architecture.as_str()), (128, "llama"));
    assert_eq!(model.card.sha256, sha256(&gguf("llama")));
    let file = file.canonicalize().unwrap();
    assert_eq!(world.models.installed("my-model-v2").unwrap().path, file);
    assert_eq!(world.models.default_of(false).unwrap(), "my-model-v2", "the first that is installed");
    for (name, expected) in
        [(None, "taken"), (Some("tiny"), "taken"), (Some("../x"), "invalid"), (Some("kb/x"), "invalid")]
    {
        match add(&world, &file, name).unwrap_err() {
            Error::Conflict { message } => assert!(expected == "taken" && message.contains("--name"), "{message}"),
            Error::Invalid { message, .. } => assert!(expected == "invalid" && message.contains("--name"), "{message}"),
            error => panic!("{error:?}"),
        }
    }
    let names: Vec<_> = world.models.list().unwrap().into_iter().map(|model| model.card.name).collect();
    assert_eq!(names, ["my-model-v2", "tiny"], "installed first");
    world.models.rm("my-model-v2").unwrap();
    assert!(file.exists() && world.models.show("my-model-v2").is_err());
    assert!(world.models.default_of(false).unwrap_err().to_string().contains("sumeru models pull tiny"));
}

#[tokio::test]
async fn a_file_within_the_folder_of_models_stays_too() {
    let world = World::new(b"x", HUB);
    let folder = world.data.path().join("models/mine");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("mine.gguf"), gguf("qwen2")).unwrap();
    add(&world, &folder.join("mine.gguf"), None).unwrap();
    world.models.rm("mine").unwrap();
    assert!(folder.join("mine.gguf").exists());
    assert!(world.models.installed("mine").is_err());
}

#[tokio::test]
async fn the_catalogues_own_bytes_may_be_added_under_its_name() {
    let body = gguf("llama");
    let world = World::new(&body, HUB);
    let file = world.data.path().join("downloaded.gguf");
    std::fs::write(&file, &body).unwrap();
    let model = add(&world, &file, Some("tiny")).unwrap();
    assert_eq!(model.card.licence, "MIT", "what the catalogue says of these bytes");
    world.pull().await.unwrap();
    assert!(world.site.asked().is_empty(), "it is here");
    std::fs::remove_file(&file).unwrap();
    let error = world.models.installed("tiny").unwrap_err().to_string();
    assert!(error.contains("is gone") && error.contains("models add"), "{error}");
}

#[test]
fn what_cannot_be_added_is_named() {
    let world = World::new(b"x", HUB);
    let own = tempfile::tempdir().unwrap();
    std::fs::write(own.path().join("text.gguf"), "not a model").unwrap();
    std::fs::write(own.path().join("odd.gguf"), gguf("elephant")).unwrap();
    for (file, expected) in [
        ("text.gguf", "text.gguf"),
        ("odd.gguf", "elephant"),
        ("none.gguf", "none.gguf"),
        ("", "holds no config.json; name the GGUF file itself: odd.gguf"),
    ] {
        let error = add(&world, &own.path().join(file), Some("x")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(world.models.list().unwrap().len(), 1);
}

#[tokio::test]
async fn unknown_names_are_told_with_those_near() {
    let data = tempfile::tempdir().unwrap();
    let models = Models::new(data.path());
    let near = models.show("qwen2.5-coder-0.5b").unwrap_err().to_string();
    assert!(near.contains("qwen2.5-coder-0.5b-instruct"), "{near}");
    let options = PullOptions::default();
    let far = models.installed("gpt-9").unwrap_err();
    assert!(
        matches!(&far, Error::NotFound { code: "model_not_found", message } if message.contains("pull") && message.contains("'gpt-9'")),
        "{far:?}"
    );
    for name in ["../../etc", "", "kb/x", &"a".repeat(10_000), "a\u{1b}[2J"] {
        for error in [
            models.show(name).unwrap_err(),
            models.installed(name).unwrap_err(),
            models.rm(name).unwrap_err(),
            models.pull(name, &options, &|_| {}).await.unwrap_err(),
        ] {
            let shown = error.to_string();
            assert!(
                matches!(error, Error::NotFound { .. }) && shown.len() < 900 && !shown.contains('\u{1b}'),
                "{shown}"
            );
        }
    }
    let known = models.installed("smollm2-135m-instruct").unwrap_err().to_string();
    assert!(known.contains("sumeru models pull smollm2-135m-instruct"), "{known}");
    assert!(!data.path().join("models").exists(), "asking changes nothing");
}

#[test]
fn a_model_is_told_flat() {
    let data = tempfile::tempdir().unwrap();
    let models = Models::new(data.path()).list().unwrap();
    let told = serde_json::to_value(&models[0]).unwrap();
    assert_eq!(told["name"], models[0].card.name);
    assert_eq!((told["state"].as_str(), told["path"].is_null()), (Some("available"), true));
    let partial = ModelInfo { state: ModelState::Partial { bytes: 7 }, ..models[0].clone() };
    let told = serde_json::to_value(&partial).unwrap();
    assert_eq!((told["state"].as_str(), told["downloaded"].as_u64()), (Some("partial"), Some(7)));
    assert_eq!(told["bytes"], models[0].card.bytes, "the model's size, not what is here");
}

#[test]
fn pips_index_is_found() {
    for (config, expected) in [
        ("[global]\nindex-url = https://a/simple\n", Some("https://a/simple")),
        ("[global]\nindex_url: https://a/simple\n[install]\nindex-url=https://b/simple", Some("https://b/simple")),
        ("[global]\n# index-url = https://a\ncert = /x\nextra-index-url = https://c\n", None),
        ("[search]\nindex = https://a\nindex-url = https://a", None),
        ("index-url = https://a", None),
        ("[global]\nindex-url =\n", None),
        ("", None),
    ] {
        assert_eq!(PullOptions::index_url_in(config).as_deref(), expected, "{config}");
    }
}
