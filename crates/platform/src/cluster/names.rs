//! A name for each group, from a model that reads some of its texts, or from its words.

use std::sync::Arc;

use domain::Task;
use futures_util::StreamExt;
use serde_json::{Map, Value, json};

use super::{Cluster, ClusterEvent, Clustering, Labelling};
use crate::routes::{Answerer, Candidate, Outcome, Route};
use crate::tasks;
use crate::{Result, Workspace};

/// Groups named at once.
const AT_ONCE: usize = 16;
/// Characters of each text that is shown.
const SHOWN: usize = 160;
/// Tokens of a name, at most.
const TOKENS: u32 = 96;
/// Words of a group that are shown, and that stand for a name.
const WORDS: (usize, usize) = (6, 3);

/// Who gives names.
pub(super) enum Namer {
    Model {
        answerer: Box<Answerer>,
        examples: Vec<String>,
    },
    /// And why no model does, if one was wanted.
    Words(Option<String>),
    Numbers,
}

impl Workspace {
    /// Makes ready who names groups of these texts. Texts go to a model on this machine, unless a remote one is named.
    pub(super) async fn namer(&self, labels: &Labelling, texts: &[String]) -> Result<Namer> {
        let (name, wanted) = match labels {
            Labelling::None => return Ok(Namer::Numbers),
            Labelling::Words => return Ok(Namer::Words(None)),
            Labelling::Model(name) => (name.clone(), true),
            Labelling::Default => match self.default_language_model() {
                Ok(name) => (name, false),
                Err(error) => return Ok(Namer::Words(Some(format!("groups are named by their words: {error}")))),
            },
        };
        let task = task(language(texts));
        let examples = task.examples.iter().filter_map(|one| one.output["name"].as_str().map(str::to_owned)).collect();
        let candidate = Candidate { route: Route::FewShot(task.examples.len()), model: name, variant: None };
        match self.answerer(&Arc::new(task), &candidate, &[], TOKENS, 0).await {
            Ok(answerer) => Ok(Namer::Model { answerer: Box::new(answerer), examples }),
            Err(error) if wanted => Err(error),
            Err(error) => Ok(Namer::Words(Some(format!("groups are named by their words: {error}")))),
        }
    }
}

/// Names the groups, each differently. A group that a model cannot name is named by its words.
pub(super) async fn give(clustering: &mut Clustering, namer: &Namer, watch: &mut impl FnMut(ClusterEvent)) {
    let by_words = |cluster: &Cluster| words(cluster).unwrap_or_else(|| format!("#{}", cluster.number));
    let names = match namer {
        Namer::Numbers => clustering.clusters.iter().map(|cluster| format!("#{}", cluster.number)).collect(),
        Namer::Words(why) => {
            clustering.remarks.extend(why.clone());
            clustering.clusters.iter().map(by_words).collect()
        }
        Namer::Model { answerer, examples } => {
            clustering.labeller = Some(answerer.candidate.model.clone());
            let total = clustering.clusters.len();
            let rows: Vec<Map<String, Value>> = clustering.clusters.iter().map(row).collect();
            let asked = rows.into_iter().enumerate().map(|(at, row)| ask(answerer, at, row));
            let mut coming = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
            let mut names: Vec<Option<String>> = vec![None; total];
            let mut done = 0;
            watch(ClusterEvent::Named { done, total });
            while let Some((at, name)) = coming.next().await {
                names[at] = name.filter(|name| !examples.contains(name));
                done += 1;
                watch(ClusterEvent::Named { done, total });
            }
            let without = names.iter().filter(|name| name.is_none()).count();
            if without > 0 {
                clustering.remarks.push(format!(
                    "{without} of {total} groups have no name by '{}' and are named by their words",
                    answerer.candidate.model
                ));
            }
            names
                .into_iter()
                .zip(&clustering.clusters)
                .map(|(name, one)| name.unwrap_or_else(|| by_words(one)))
                .collect()
        }
    };
    let names = told_apart(names, &clustering.clusters);
    clustering.clusters.iter_mut().zip(names).for_each(|(cluster, name)| cluster.name = name);
}

async fn ask(answerer: &Answerer, at: usize, row: Map<String, Value>) -> (usize, Option<String>) {
    match answerer.answer(&row).await.outcome {
        Outcome::Output(value) => (at, value["name"].as_str().and_then(tidy)),
        Outcome::Abstained(why) | Outcome::Error(why) => {
            tracing::warn!(group = at + 1, why, "a group was given no name");
            (at, None)
        }
    }
}

/// What is shown of a group.
fn row(cluster: &Cluster) -> Map<String, Value> {
    let short = |text: &String| {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() > SHOWN { line.chars().take(SHOWN).chain(['…']).collect() } else { line }
    };
    let texts: Vec<String> = cluster.examples.iter().map(short).collect();
    let words: Vec<&str> = cluster.keywords.iter().take(WORDS.0).map(String::as_str).collect();
    let mut row = Map::new();
    row.insert("texts".to_owned(), Value::from(texts.join("\n")));
    row.insert("words".to_owned(), Value::from(words.join(", ")));
    row
}

/// The template `label-clusters`, told the words of a group, too, and held to a name of some length.
fn task(language: &str) -> Task {
    let template = tasks::of_template("label-clusters", language);
    let mut task = template.expect("there is a sound template in each language: this is a bug");
    let (line, most) = match language {
        "zh" => ("{% if words %}\n\n这一组里比别的组多见的词：{{ words }}{% endif %}", 16),
        _ => ("{% if words %}\n\nWords that this group holds more often than others: {{ words }}{% endif %}", 60),
    };
    task.instructions.truncate(task.instructions.trim_end().len());
    task.instructions.push_str(line);
    // A name is no list: small models like to say the words again.
    let name = format!(r#"^[^,，、。；;：:·"\\\n]{{2,{most}}}$"#);
    task.output = json!({
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": name}},
        "required": ["name"],
        "additionalProperties": false,
    });
    for example in &mut task.examples {
        example.output = json!({"name": example.output});
    }
    let words = domain::Field { name: "words".to_owned(), description: String::new(), optional: true };
    task.input.push(words);
    task
}

/// That of most texts: Chinese where a third of their letters is Han, which says more than a Latin letter does.
fn language(texts: &[String]) -> &'static str {
    let step = texts.len().div_ceil(500).max(1);
    let some: Vec<f32> = texts
        .iter()
        .step_by(step)
        .map(|text| knowledge::han_share(&text.chars().take(500).collect::<String>()))
        .collect();
    if some.iter().filter(|share| **share > 0.3).count() * 2 > some.len() { "zh" } else { "en" }
}

/// A name as it is shown; `None` if nothing is left of it.
fn tidy(name: &str) -> Option<String> {
    let around = |c: char| c.is_whitespace() || "\"'“”‘’「」《》.。,，;；:：、".contains(c);
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = name.trim_matches(around);
    (!name.is_empty() && name.chars().any(char::is_alphanumeric)).then(|| name.to_owned())
}

fn words(cluster: &Cluster) -> Option<String> {
    let words: Vec<&str> = cluster.keywords.iter().take(WORDS.1).map(String::as_str).collect();
    (!words.is_empty()).then(|| words.join(" · "))
}

/// Names that several groups have get a word of their group beside them, or its number.
fn told_apart(names: Vec<String>, clusters: &[Cluster]) -> Vec<String> {
    let key = |name: &str| name.to_lowercase();
    let twice = |name: &str| names.iter().filter(|other| key(other) == key(name)).count() > 1;
    let mut given: Vec<String> = Vec::new();
    for (name, cluster) in names.iter().zip(clusters) {
        let free = |candidate: &str| !given.iter().any(|other| key(other) == key(candidate)) && !twice(candidate);
        let with_word = || {
            let words = cluster.keywords.iter().filter(|word| !key(name).contains(word.as_str()));
            words.map(|word| format!("{name} · {word}")).find(|candidate| free(candidate))
        };
        let chosen = if free(name) { Some(name.clone()) } else { with_word() };
        given.push(chosen.unwrap_or_else(|| format!("{name} · {}", cluster.number)));
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(number: usize, keywords: &[&str]) -> Cluster {
        Cluster {
            number,
            name: String::new(),
            size: 1,
            share: 0.1,
            keywords: keywords.iter().map(|word| (*word).to_owned()).collect(),
            examples: vec!["a\nb".to_owned(), "很".repeat(400)],
        }
    }

    #[test]
    fn no_two_groups_have_one_name() {
        let clusters =
            [cluster(1, &["hotel", "room"]), cluster(2, &["hotel", "food"]), cluster(3, &[]), cluster(4, &["x"])];
        let names = ["Hotels", "hotels", "Hotels", "Books"].map(str::to_owned).to_vec();
        assert_eq!(told_apart(names, &clusters), ["Hotels · room", "hotels · food", "Hotels · 3", "Books"]);
    }

    #[test]
    fn what_is_shown_is_short_and_names_are_bare() {
        let row = row(&cluster(1, &["a", "b"]));
        let texts = row["texts"].as_str().unwrap();
        assert!(texts.starts_with("a b\n很") && texts.chars().count() < 170 && row["words"] == "a, b");
        for (said, wanted) in
            [("“电池不耐用”。", Some("电池不耐用")), (" late  parcels. ", Some("late parcels")), ("...", None)]
        {
            assert_eq!(tidy(said).as_deref(), wanted);
        }
    }

    #[test]
    fn the_task_is_in_the_language_of_the_texts() {
        let texts = |text: &str| vec![text.to_owned(); 3];
        assert_eq!(language(&texts("房间很干净，wifi 不错")), "zh");
        assert_eq!(language(&texts("a clean room")), "en");
        for language in ["zh", "en"] {
            let task = task(language);
            assert!(task.instructions.contains("{{ words }}") && task.examples.len() == 2);
            assert!(task.examples.iter().all(|example| example.output["name"].is_string()));
        }
    }
}
