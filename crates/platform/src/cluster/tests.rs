//! Groups from vectors to names and tables, without a model.

use serde_json::Value;

use super::*;

/// Points with noise, and what scikit-learn makes of them.
pub(super) fn reference() -> (Points, Value) {
    let all: Value = serde_json::from_str(include_str!("reference.json")).expect("the reference");
    let rows = all["points"].as_array().expect("points");
    let values =
        rows.iter().flat_map(|row| row.as_array().expect("a row")).map(|value| value.as_f64().expect("a number"));
    (Points::new(3, values.map(|value| value as f32).collect()), all)
}

fn options(groups: Option<usize>) -> ClusterOptions {
    ClusterOptions { groups, smallest: None, embedder: None, labels: Labelling::Words, seed: 1 }
}

/// Unit vectors about so many directions.
fn about(directions: usize, each: usize, spread: f32) -> Points {
    let mut draw = fastrand::Rng::with_seed(7);
    let width = 64;
    let middles: Vec<Vec<f32>> = (0..directions).map(|_| (0..width).map(|_| draw.f32() - 0.5).collect()).collect();
    let mut values = Vec::new();
    for middle in &middles {
        for _ in 0..each {
            let row: Vec<f32> = middle.iter().map(|value| value + spread * (draw.f32() - 0.5)).collect();
            let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            values.extend(row.iter().map(|value| value / length));
        }
    }
    Points::new(width, values)
}

#[test]
fn dense_places_are_found_and_the_same_each_time() {
    let vectors = about(6, 50, 1.0);
    let of: Vec<usize> = (0..300).collect();
    let found = grouped(&vectors, &of, &options(None));
    let truth: Vec<Option<usize>> = (0..300).map(|at| Some(at / 50)).collect();
    assert!(same_groups(&found.groups, &truth), "{:?}", found.groups);
    // Half of each coordinate is noise: neighbours of another group are 1.3 times as far.
    assert!(found.silhouette.unwrap() > 0.2, "{:?}", found.silhouette);
    assert_eq!(found.groups, grouped(&vectors, &of, &options(None)).groups);
    let asked = grouped(&vectors, &of, &options(Some(6)));
    assert!(same_groups(&asked.groups, &truth));
    assert_eq!(map(&vectors, &of, 1), map(&vectors, &of, 1));
    assert!(map(&vectors, &of, 1).iter().flatten().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn few_texts_and_equal_texts_are_no_trouble() {
    for count in [1usize, 2, 3, 7, 30] {
        let vectors = about(1, count, 0.5);
        let of: Vec<usize> = (0..count).collect();
        let found = grouped(&vectors, &of, &options(None));
        assert_eq!(found.groups.len(), count);
        assert_eq!(map(&vectors, &of, 0).len(), count);
        assert!(map(&vectors, &of, 0).iter().flatten().all(|value| value.is_finite()));
    }
    // One text a hundred times is one group, without a silhouette.
    let one = about(1, 1, 0.0);
    let found = grouped(&one, &[0; 100], &options(None));
    assert!(found.groups.iter().all(|group| *group == Some(0)) && found.silhouette.is_none());
    assert_eq!(grouped(&one, &[0; 100], &options(Some(1))).groups, vec![Some(0); 100]);
    // Two texts fifty times each are two.
    let two = about(2, 1, 0.0);
    let of: Vec<usize> = (0..100).map(|at| at % 2).collect();
    let found = grouped(&two, &of, &options(None));
    assert!(same_groups(&found.groups, &of.iter().copied().map(Some).collect::<Vec<_>>()), "{:?}", found.groups);
}

#[test]
fn what_cannot_be_grouped_is_named_with_the_remedy() {
    for (texts, different, groups, part) in [
        (0, 0, None, "--field"),
        (60_000, 60_000, None, "--k"),
        (2_000_000, 9, Some(3), "--sample"),
        (10, 2, Some(3), "2 different texts"),
    ] {
        let error = check(texts, different, &options(groups)).expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(check(60_000, 60_000, &options(Some(8))).is_ok());
}

#[test]
fn groups_are_described_and_written_down() {
    let texts = ["房间很干净", "房间干净", " 房间干净 ", "the battery died", "battery died again", "odd"];
    let rows: Vec<(usize, String)> = texts.iter().enumerate().map(|(at, text)| (at + 1, (*text).to_owned())).collect();
    let full: Vec<&(usize, String)> = rows.iter().collect();
    let distinct = Distinct::of(full.iter().map(|(_, text)| text.as_str()));
    assert_eq!((distinct.texts.len(), &distinct.of[..3]), (5, &[0, 1, 1][..]));
    let found = Found {
        method: Method::Hdbscan { smallest: 2 },
        groups: vec![Some(0), Some(0), Some(0), Some(1), Some(1), None],
        silhouette: Some(0.5),
        central: vec![vec![1, 0], vec![2, 3]],
        places: vec![[0.25, 0.123_456]; 6],
    };
    let clustering = described(&full, &distinct, &found, "e".to_owned());
    assert_eq!(clustering.clusters.iter().map(|one| one.size).collect::<Vec<_>>(), [3, 2]);
    assert!((clustering.unclustered - 1.0 / 6.0).abs() < 1e-9);
    assert!(clustering.clusters[1].keywords.contains(&"battery".to_owned()));
    let mut csv = "text\n".to_owned();
    texts.iter().for_each(|text| csv.push_str(&format!("{text}\n")));
    let input = read_texts(csv.as_bytes(), Some(crate::RowFormat::Csv), &[]).unwrap();
    let written = clustering.table(&input.rows, crate::RowFormat::Csv).unwrap();
    let written = String::from_utf8(written).unwrap();
    assert!(written.starts_with("text,cluster,cluster_name,map_x,map_y\n房间很干净,1,1,0.25,0.1235\n"), "{written}");
    assert!(written.ends_with("odd,,,0.25,0.1235\n"), "{written}");
    let lines = String::from_utf8(clustering.table(&input.rows, crate::RowFormat::JsonLines).unwrap()).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["cluster"], Value::Null);
    for language in [crate::ReportLanguage::English, crate::ReportLanguage::Chinese] {
        let hostile = [(1, "</script><script>alert(1)</script>".to_owned())];
        let page = clustering.html(&hostile, "a<b", language);
        assert!(!page.contains("<script>alert") && page.contains("a&lt;b"));
    }
}
