use std::collections::BTreeMap;
use std::fs;

use domain::{Passage, SearchMode};

use super::*;
use crate::Query;
use crate::parse::{Format, Parsed};

fn document(name: &str, texts: &[&str]) -> NewDocument {
    let mut text = String::new();
    let mut passages = Vec::new();
    for part in texts {
        let start = text.chars().count();
        text.push_str(part);
        passages.push(Passage {
            id: blake3::hash(format!("{name}{start}{part}").as_bytes()).to_hex().to_string(),
            document: name.to_owned(),
            title: name.to_owned(),
            page: Some(1),
            section: "S".to_owned(),
            span: [start, text.chars().count()],
            text: (*part).to_owned(),
        });
        text.push('\n');
    }
    let parsed =
        Parsed { title: name.to_owned(), text, blocks: vec![], warnings: vec![], pages: vec![], format: Format::Text };
    NewDocument {
        name: name.to_owned(),
        content_hash: blake3::hash(texts.concat().as_bytes()).to_hex().to_string(),
        bytes_len: 1,
        parsed,
        passages,
        metadata: BTreeMap::from([("kind".to_owned(), name.chars().take(1).collect())]),
    }
}

fn found(base: &KnowledgeBase, text: &str) -> Vec<String> {
    let result = base.snapshot().unwrap().search(&Query::text(text, 10)).unwrap();
    result.hits.into_iter().map(|hit| hit.passage.text).collect()
}

fn filled(dir: &Path) -> KnowledgeBase {
    let base = KnowledgeBase::create(dir).unwrap();
    base.put(&document("a.txt", &["使用 apt 安装软件包", "rebooting the machines", "see RFC-2119 and GB/T 19001"]))
        .unwrap();
    base.put(&document("b.txt", &["数据库管理系统的备份", "磁盘分区与格式化"])).unwrap();
    base.commit().unwrap();
    base
}

#[test]
fn words_are_found_in_both_languages() {
    let dir = tempfile::tempdir().unwrap();
    let base = filled(dir.path());
    for (question, wanted) in [
        ("怎么安装软件？", "使用 apt 安装软件包"),
        ("ＡＰＴ", "使用 apt 安装软件包"),
        ("how to reboot a machine", "rebooting the machines"),
        ("rfc2119", "see RFC-2119 and GB/T 19001"),
        ("19001", "see RFC-2119 and GB/T 19001"),
        ("数据库如何备份", "数据库管理系统的备份"),
        ("(\"[磁盘 AND -", "磁盘分区与格式化"),
    ] {
        assert_eq!(found(&base, question).first().map(String::as_str), Some(wanted), "{question}");
    }
    assert!(found(&base, "？！").is_empty());
}

#[test]
fn documents_are_replaced_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let base = filled(dir.path());
    let before = base.snapshot().unwrap();
    base.put(&document("a.txt", &["rebooting the machines", "something new"])).unwrap();
    assert!(base.remove("b.txt").unwrap());
    assert!(!base.remove("b.txt").unwrap());
    base.commit().unwrap();
    assert_eq!(found(&base, "rebooting"), ["rebooting the machines"]);
    assert!(found(&base, "数据库").is_empty());
    assert_eq!(before.search(&Query::text("数据库", 3)).unwrap().hits.len(), 1, "a snapshot does not move");
    let stats = base.stats().unwrap();
    assert_eq!((stats.documents, stats.passages), (1, 2));
    assert_eq!(base.documents().unwrap()[0].passages, 2);
    assert!(base.document("a.txt").unwrap().unwrap().text.contains("something new"));
    assert_eq!(base.has("b.txt").unwrap(), None);
    assert!(matches!(KnowledgeBase::create(dir.path()), Err(Error::Conflict { .. })));
}

#[test]
fn vectors_are_scanned_filtered_fused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let base = filled(dir.path());
    assert!(base.put_vectors(&[("x".to_owned(), vec![1.0])]).is_err(), "no embedder yet");
    base.set_embedder("tiny", 2).unwrap();
    let pending = base.pending_vectors(10).unwrap();
    assert_eq!(pending.len(), 5);
    let unit = |at: usize| vec![(at as f32).cos(), (at as f32).sin()];
    let made: Vec<_> = pending.iter().enumerate().map(|(at, passage)| (passage.id.clone(), unit(at))).collect();
    base.put_vectors(&made[..4]).unwrap();
    let ask = |mode, documents: Option<Vec<String>>| {
        let query = Query { vector: Some(unit(3)), mode, documents, ..Query::text("磁盘分区 备份", 10) };
        base.snapshot().unwrap().search(&query).unwrap()
    };
    let result = ask(SearchMode::Vector, None);
    assert_eq!(
        (result.hits[0].passage.text.as_str(), result.hits.len(), result.vectors_ready),
        ("数据库管理系统的备份", 4, 0.8)
    );
    base.put_vectors(&made[4..]).unwrap();
    let result = ask(SearchMode::Hybrid, None);
    assert_eq!(
        (result.hits[0].lexical_rank.is_some(), result.hits[0].vector_rank, result.vectors_ready),
        (true, Some(1), 1.0)
    );
    assert_eq!(ask(SearchMode::Vector, Some(vec!["a.txt".to_owned()])).hits.len(), 3);
    assert_eq!(ask(SearchMode::Lexical, Some(vec!["a.txt".to_owned()])).hits.len(), 0);
    let labelled =
        Query { metadata: BTreeMap::from([("kind".to_owned(), "b".to_owned())]), ..Query::text("磁盘", 5) };
    assert_eq!(base.snapshot().unwrap().search(&labelled).unwrap().hits.len(), 1);

    base.put(&document("b.txt", &["数据库管理系统的备份", "全新的内容"])).unwrap();
    let pending: Vec<String> = base.pending_vectors(10).unwrap().into_iter().map(|passage| passage.text).collect();
    assert_eq!(pending, ["全新的内容"], "an unchanged passage keeps its vector");
    assert_eq!(ask(SearchMode::Vector, None).hits.len(), 4);
    base.set_embedder("other", 3).unwrap();
    assert_eq!(base.stats().unwrap().vectors, 0);
}

#[test]
fn the_index_catches_up_after_any_interruption() {
    let whole = tempfile::tempdir().unwrap();
    let base = filled(whole.path());
    base.put(&document("a.txt", &["second version"])).unwrap();
    base.remove("b.txt").unwrap();
    base.put(&document("c.txt", &["third"])).unwrap();
    base.commit().unwrap();
    let wanted = base.fingerprint().unwrap();

    let steps: [fn(&KnowledgeBase); 5] = [
        |base| base.put(&document("a.txt", &["second version"])).unwrap(),
        |base| {
            base.remove("b.txt").unwrap();
        },
        |base| base.commit().unwrap(),
        |base| base.put(&document("c.txt", &["third"])).unwrap(),
        |base| base.rest().unwrap(),
    ];
    for stop in 0..=steps.len() {
        let dir = tempfile::tempdir().unwrap();
        let base = filled(dir.path());
        steps[..stop].iter().for_each(|step| step(&base));
        drop(base);
        let base = KnowledgeBase::open(dir.path()).unwrap();
        let words = base.state().words.count();
        assert_eq!(words as usize, base.stats().unwrap().passages, "stopped after step {stop}");
        steps.iter().for_each(|step| step(&base));
        assert_eq!(base.fingerprint().unwrap(), wanted, "stopped after step {stop}");
        assert_eq!(found(&base, "second version third"), found_in(whole.path(), "second version third"));
    }
}

fn found_in(dir: &Path, text: &str) -> Vec<String> {
    found(&KnowledgeBase::open_to_read(dir).unwrap(), text)
}

#[test]
fn a_damaged_index_is_rebuilt() {
    let damages: [fn(&Path); 4] = [
        |words| fs::remove_dir_all(words).unwrap(),
        |words| fs::write(words.join("meta.json"), "{").unwrap(),
        |words| {
            for file in fs::read_dir(words).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|kind| kind == "idx" || kind == "term" || kind == "fast") {
                    fs::write(path, b"").unwrap();
                }
            }
        },
        |words| {
            for file in fs::read_dir(words).unwrap() {
                fs::write(file.unwrap().path(), [0u8; 40]).unwrap();
            }
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let base = filled(dir.path());
        base.rest().unwrap();
        let wanted = base.fingerprint().unwrap();
        drop(base);
        damage(&dir.path().join("words"));
        assert_eq!(found_in(dir.path(), "数据库").len(), 1, "damage {number}, read only");
        let base = KnowledgeBase::open(dir.path()).unwrap();
        assert_eq!(base.fingerprint().unwrap(), wanted, "damage {number}");
        assert_eq!(found(&base, "数据库").len(), 1, "damage {number}");
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(KnowledgeBase::open(dir.path()), Err(Error::NotFound { .. })));
    drop(filled(dir.path()));
    let connection = Connection::open(dir.path().join("kb.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = KnowledgeBase::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("99") && error.contains("newer sumeru"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("kb.db"), vec![7u8; 5000]).unwrap();
    let error = KnowledgeBase::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn a_reader_may_not_write() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let base = KnowledgeBase::open_to_read(dir.path()).unwrap();
    assert!(matches!(base.put(&document("x", &["y"])), Err(Error::Conflict { .. })));
    assert_eq!(found(&base, "数据库").len(), 1);
}
