//! Ingest without any model: names, changes, what is gone, uploads that outlive their process.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::{Access, Error, SearchRequest};
use domain::SearchMode;

fn workspace(data: &Path) -> Workspace {
    Workspace::open(data, Access::Write).unwrap()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn ingest(workspace: &Workspace, paths: &[PathBuf], options: IngestOptions) -> IngestReport {
    workspace.ingest("kb", paths, options, &|_| ()).await.unwrap()
}

fn names(workspace: &Workspace) -> Vec<String> {
    workspace.knowledge_bases().documents("kb").unwrap().into_iter().map(|document| document.name).collect()
}

async fn found(workspace: &Workspace, query: &str) -> Vec<String> {
    let request = SearchRequest { query: query.to_owned(), mode: SearchMode::Lexical, ..SearchRequest::default() };
    workspace.search("kb", request).await.unwrap().hits.into_iter().map(|hit| hit.passage.document).collect()
}

#[tokio::test]
async fn only_what_changed_is_read_again() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("a.md"), "# Apples\n\nApples are red.");
    write(&at("b/c.txt"), "Bananas are yellow.");
    write(&at("b/picture.png"), "not text");
    let workspace = workspace(data.path());
    let all = [folder.path().to_owned()];
    let prune = || IngestOptions { prune: true, ..IngestOptions::default() };

    let first = ingest(&workspace, &all, prune()).await;
    assert_eq!((first.added, first.changed, first.unchanged, first.removed), (2, 0, 0, 0));
    assert_eq!(first.skipped, ["b/picture.png"]);
    assert!(
        first.warnings.iter().any(|warning| warning.contains("models pull")),
        "no embedding model is installed: {:?}",
        first.warnings
    );
    let print = workspace.knowledge_bases().show("kb").unwrap().fingerprint;

    let again = ingest(&workspace, &all, prune()).await;
    assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 2));
    assert_eq!(workspace.knowledge_bases().show("kb").unwrap().fingerprint, print);

    write(&at("a.md"), "# Apples\n\nApples are green.");
    fs::remove_file(at("b/c.txt")).unwrap();
    let without_prune = ingest(&workspace, &all, IngestOptions::default()).await;
    assert_eq!((without_prune.changed, without_prune.removed), (1, 0));
    assert_eq!(found(&workspace, "yellow bananas").await, ["b/c.txt"]);
    assert_eq!(ingest(&workspace, &all, prune()).await.removed, 1);
    assert_eq!(found(&workspace, "yellow bananas").await, [""; 0]);
    assert_eq!(found(&workspace, "green").await, ["a.md"]);
    assert_eq!(found(&workspace, "red").await, [""; 0]);
}

#[tokio::test]
async fn another_folders_document_of_the_same_name_is_not_replaced() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("x/readme.md"), "The first.");
    write(&at("y/readme.md"), "The second.");
    let workspace = workspace(data.path());
    ingest(&workspace, &[at("x")], IngestOptions::default()).await;
    ingest(&workspace, &[at("y")], IngestOptions::default()).await;
    assert_eq!(names(&workspace), ["readme.md", "y/readme.md"]);

    // Pruning one folder leaves the other's alone.
    fs::remove_file(at("y/readme.md")).unwrap();
    let report = ingest(&workspace, &[at("y")], IngestOptions { prune: true, ..IngestOptions::default() }).await;
    assert_eq!(report.removed, 1);
    assert_eq!(names(&workspace), ["readme.md"]);

    // A folder that was moved brings its documents under the names they had.
    fs::rename(at("x"), at("z")).unwrap();
    ingest(&workspace, &[at("z")], IngestOptions::default()).await;
    assert_eq!(names(&workspace), ["readme.md"]);
}

#[tokio::test]
async fn a_bad_document_is_named_and_the_rest_is_read() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("broken.pdf"), "%PDF-1.4 not really");
    write(&folder.path().join("good.txt"), "All is well.");
    let workspace = workspace(data.path());
    let report = ingest(&workspace, &[folder.path().to_owned()], IngestOptions::default()).await;
    assert_eq!((report.added, report.failed.len()), (1, 1));
    assert_eq!(report.failed[0].name, "broken.pdf");
    let listed = workspace.knowledge_bases().documents("kb").unwrap();
    let bad = listed.iter().find(|document| document.name == "broken.pdf").unwrap();
    assert_eq!(bad.status, crate::DocumentStatus::Failed);
    assert!(bad.error.is_some());
}

async fn until_read(workspace: &Workspace, name: &str) {
    for _ in 0..500 {
        if names(workspace).iter().any(|known| known == name)
            && found(workspace, "secret").await.iter().any(|known| known == name)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{name} was not read");
}

#[tokio::test]
async fn an_accepted_upload_is_read_even_by_the_next_process() {
    let data = tempfile::tempdir().unwrap();
    {
        let workspace = workspace(data.path());
        let upload = workspace.upload_dir().unwrap();
        write(&upload.join("folder/now.txt"), "A secret told now.");
        workspace.ingest_in_background("kb", upload).unwrap();
        until_read(&workspace, "folder/now.txt").await;
        // What a process leaves that was killed after it accepted an upload, and one that was still being sent.
        write(&data.path().join("inbox/kb/7/later.txt"), "A secret told later.");
        write(&workspace.upload_dir().unwrap().join("half.txt"), "Half a secr");
    }
    // Background tasks hold the first one until they end.
    let workspace = loop {
        match Workspace::open(data.path(), Access::Write) {
            Ok(workspace) => break workspace,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    workspace.resume_vectors();
    until_read(&workspace, "later.txt").await;
    assert_eq!(names(&workspace), ["folder/now.txt", "later.txt"]);
    for _ in 0..500 {
        if fs::read_dir(data.path().join("inbox/kb")).unwrap().count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(fs::read_dir(data.path().join("inbox/kb")).unwrap().count(), 0, "what has been read is cleared away");
    assert!(!data.path().join("uploads").join("half.txt").exists());
}

#[tokio::test]
async fn removing_ends_and_forgets() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.txt"), "Something.");
    let workspace = workspace(data.path());
    ingest(&workspace, &[folder.path().to_owned()], IngestOptions::default()).await;
    workspace.knowledge_bases().remove("kb").unwrap();
    assert!(matches!(workspace.knowledge_bases().show("kb"), Err(crate::Error::NotFound { .. })));
    assert!(!data.path().join("kb/kb").exists());
    ingest(&workspace, &[folder.path().to_owned()], IngestOptions::default()).await;
    assert_eq!(names(&workspace), ["a.txt"]);
}

#[tokio::test]
async fn one_file_is_one_document_however_it_is_named() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("x/sub/a.md"), "The first.");
    write(&at("y/sub/a.md"), "The second.");
    let workspace = workspace(data.path());
    for (paths, expected) in [
        (vec![at("x")], vec!["sub/a.md"]),
        (vec![at("x/sub")], vec!["sub/a.md"]),
        (vec![at("x/sub/a.md")], vec!["sub/a.md"]),
        (vec![at("x"), at("y")], vec!["sub/a.md", "y/sub/a.md"]),
        (vec![at("y")], vec!["sub/a.md", "y/sub/a.md"]),
    ] {
        let report = ingest(&workspace, &paths, IngestOptions::default()).await;
        assert_eq!(names(&workspace), expected, "{paths:?}");
        assert_eq!(report.changed, 0, "{paths:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn prune_takes_what_is_gone_and_spares_what_is_out_of_reach() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let prune = || IngestOptions { prune: true, ..IngestOptions::default() };
    write(&at("docs/a.md"), "The first.");
    write(&at("docs/b.txt"), "The second.");
    write(&at("disk/c.md"), "On another disk.");
    std::os::unix::fs::symlink(at("disk"), at("docs/mounted")).unwrap();
    let workspace = workspace(data.path());
    ingest(&workspace, &[at("docs")], prune()).await;
    assert_eq!(names(&workspace), ["a.md", "b.txt", "mounted/c.md"]);

    // The disk goes away: its documents stay, and its name is nobody else's.
    fs::rename(at("disk"), at("elsewhere")).unwrap();
    write(&at("other/mounted/c.md"), "Not the one on the disk.");
    let report = ingest(&workspace, &[at("docs"), at("other")], prune()).await;
    assert_eq!((report.removed, report.added), (0, 1), "{report:?}");
    assert_eq!(names(&workspace), ["a.md", "b.txt", "mounted/c.md", "other/mounted/c.md"]);

    // A glob prunes what it would have found, also when it finds nothing any more.
    fs::remove_file(at("docs/a.md")).unwrap();
    fs::remove_file(at("docs/b.txt")).unwrap();
    let report = ingest(&workspace, &[at("docs/*.md")], prune()).await;
    assert_eq!((report.removed, names(&workspace).len()), (1, 3));
}

#[tokio::test]
async fn what_was_refused_stays_on_the_list_until_it_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let workspace = workspace(data.path());
    for (name, text) in [("broken.pdf", "%PDF-1.4 not really"), ("good.txt", "A secret.")] {
        let upload = workspace.upload_dir().unwrap();
        write(&upload.join(name), text);
        workspace.ingest_in_background("kb", upload).unwrap();
    }
    until_read(&workspace, "good.txt").await;
    for _ in 0..500 {
        if workspace.knowledge_bases().documents("kb").unwrap().iter().any(|document| document.error.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(names(&workspace), ["broken.pdf", "good.txt"]);
    workspace.remove_document("kb", "broken.pdf").await.unwrap();
    assert_eq!(names(&workspace), ["good.txt"]);
    assert!(workspace.remove_document("kb", "broken.pdf").await.is_err());
}

#[tokio::test]
async fn what_is_still_being_read_is_a_conflict_to_remove() {
    let data = tempfile::tempdir().unwrap();
    let upload = tempfile::tempdir().unwrap();
    write(&upload.path().join("good.txt"), "A secret.");
    let workspace = workspace(data.path());
    workspace.knowledge_bases().create("kb", None).unwrap();
    let job = workspace.jobs().of("kb");
    // The turn is another's, so that the reading cannot end before it is looked at.
    let turn = job.turn().await;
    job.start(&sources::find_uploads(upload.path())).unwrap();
    let refused = workspace.remove_document("kb", "good.txt").await.unwrap_err();
    assert_eq!(refused.to_string(), "'good.txt' is still being read; remove it when that is done");
    assert!(matches!(refused, Error::Conflict { .. }));
    let missing = workspace.remove_document("kb", "other.txt").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");
    job.rest();
    drop(turn);
    assert!(matches!(workspace.remove_document("kb", "good.txt").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_damaged_knowledge_base_holds_nobody_up_and_can_be_removed() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.txt"), "Something.");
    write(&data.path().join("kb/broken/kb.db"), "this is no database");
    let workspace = workspace(data.path());
    ingest(&workspace, &[folder.path().to_owned()], IngestOptions::default()).await;
    let listed = workspace.knowledge_bases().list().unwrap();
    let damaged: Vec<(&str, bool)> = listed.iter().map(|base| (base.name.as_str(), base.error.is_some())).collect();
    assert_eq!(damaged, [("broken", true), ("kb", false)]);
    workspace.knowledge_bases().remove("broken").unwrap();
    assert_eq!(workspace.knowledge_bases().names().unwrap(), ["kb"]);
}
