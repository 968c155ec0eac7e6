//! Groups on one page of HTML that needs nothing else: the map, its legend, and the groups with examples.

use serde::Serialize;
use serde_json::json;

use super::{Clustering, Method};
use crate::ReportLanguage;

/// Texts drawn, at most: more would make a page that no browser likes.
const DRAWN: usize = 20_000;
/// Characters of each text that are shown.
const SHOWN: usize = 240;
/// And of those in the table.
const IN_TABLE: usize = 110;

/// The words of the page.
#[derive(Serialize)]
struct Words {
    lang: &'static str,
    title: &'static str,
    texts: &'static str,
    groups: &'static str,
    apart: &'static str,
    apart_hint: &'static str,
    silhouette: &'static str,
    silhouette_hint: &'static str,
    map: &'static str,
    map_hint: &'static str,
    none: &'static str,
    all: &'static str,
    png: &'static str,
    reset: &'static str,
    search: &'static str,
    legend: &'static str,
    name: &'static str,
    size: &'static str,
    words: &'static str,
    examples: &'static str,
    how: &'static str,
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "What the texts are about",
    texts: "texts",
    groups: "groups",
    apart: "in no group",
    apart_hint: "texts that are like too few others",
    silhouette: "silhouette",
    silhouette_hint: "from -1 to 1: how much nearer texts are to their own group than to the next",
    map: "Map",
    map_hint: "Texts that are alike lie beside each other; distances across the map, and its directions, say nothing. Scroll to zoom, drag to move.",
    none: "in no group",
    all: "Show all",
    png: "Save as PNG",
    reset: "Whole map",
    search: "Find texts that contain…",
    legend: "Groups; choose one to see it alone",
    name: "group",
    size: "texts",
    words: "telling words",
    examples: "texts nearest to its middle",
    how: "How it was made",
};

const CHINESE: Words = Words {
    lang: "zh-CN",
    title: "这些文字在说什么",
    texts: "条文字",
    groups: "个组",
    apart: "未归组",
    apart_hint: "与之相近的文字太少",
    silhouette: "轮廓系数",
    silhouette_hint: "-1 到 1：文字离本组比离最近的别组近多少",
    map: "地图",
    map_hint: "相近的文字彼此挨着；远处之间的距离和方向没有含义。滚轮缩放，拖动平移。",
    none: "未归组",
    all: "全部显示",
    png: "存为 PNG",
    reset: "整张地图",
    search: "查找包含……的文字",
    legend: "各组，点选可单独查看",
    name: "组",
    size: "条数",
    words: "特征词",
    examples: "最接近中心的文字",
    how: "如何得出",
};

impl Clustering {
    /// One page of HTML that needs nothing else. `texts` are the rows' numbers and texts, `title` says what they are of.
    pub fn html(&self, texts: &[(usize, String)], title: &str, language: ReportLanguage) -> String {
        let mut environment = minijinja::Environment::new();
        environment
            .add_template("page.html", include_str!("page.html"))
            .expect("the page's template is sound: this is a bug");
        let context = minijinja::context! {
            t => given(words(language)),
            c => given(self),
            title => title,
            unclustered => format!("{:.0}%", self.unclustered * 100.0),
            silhouette => self.silhouette.map(|value| format!("{value:.2}")),
            shares => self.clusters.iter().map(|one| percent(one.share)).collect::<Vec<_>>(),
            examples => self.clusters.iter().map(|one| one.examples.iter().take(3).map(|text| short(text, IN_TABLE)).collect::<Vec<_>>()).collect::<Vec<_>>(),
            how => self.how(language),
            data => minijinja::Value::from_safe_string(self.data(texts)),
        };
        let template = environment.get_template("page.html").expect("it was added: this is a bug");
        template.render(context).expect("the page's template names what there is: this is a bug")
    }

    /// What the page draws, as a script may hold it.
    fn data(&self, texts: &[(usize, String)]) -> String {
        let step = self.rows.len().div_ceil(DRAWN).max(1);
        let text_of: std::collections::HashMap<usize, &str> =
            texts.iter().map(|(row, text)| (*row, text.as_str())).collect();
        let round = |value: f32| (f64::from(value) * 1e4).round() / 1e4;
        let points: Vec<_> = self
            .rows
            .iter()
            .step_by(step)
            .map(|one| {
                let text = text_of.get(&one.row).copied().unwrap_or_default();
                json!([round(one.x), round(one.y), one.cluster.unwrap_or(0), one.row, short(text, SHOWN)])
            })
            .collect();
        let names: Vec<&str> = self.clusters.iter().map(|one| one.name.as_str()).collect();
        let sizes: Vec<usize> = self.clusters.iter().map(|one| one.size).collect();
        // A text may not end the script.
        json!({"points": points, "names": names, "sizes": sizes}).to_string().replace('<', "\\u003c")
    }

    /// How it was made, a fact each.
    fn how(&self, language: ReportLanguage) -> Vec<String> {
        let chinese = language == ReportLanguage::Chinese;
        let mut facts = vec![if chinese {
            format!("向量由 {} 生成；{} 条文字中 {} 条互不相同", self.embedder, self.texts, self.different)
        } else {
            format!("Vectors by {}; {} of {} texts are different", self.embedder, self.different, self.texts)
        }];
        facts.push(match (self.method, chinese) {
            (Method::Hdbscan { smallest }, true) => {
                format!("按密度分组（HDBSCAN，每组至少 {smallest} 条），先取 30 条主轴，再把相近的文字聚拢")
            }
            (Method::Hdbscan { smallest }, false) => format!(
                "Groups by density (HDBSCAN, {smallest} texts at least), on 30 principal axes, with neighbours drawn together"
            ),
            (Method::Kmeans { groups }, true) => format!("k-means，指定分为 {groups} 组"),
            (Method::Kmeans { groups }, false) => format!("k-means, {groups} groups as asked for"),
        });
        facts.push(match (&self.labeller, chinese) {
            (Some(model), true) => format!("组名由 {model} 给出，它读的是特征词和最接近中心的几条文字"),
            (Some(model), false) => {
                format!("Names by {model}, which read the telling words and the texts nearest to the middle")
            }
            (None, true) => "组名取自特征词".to_owned(),
            (None, false) => "Names from the telling words".to_owned(),
        });
        facts.push(if chinese { "地图用 t-SNE 绘制".to_owned() } else { "Map by t-SNE".to_owned() });
        if self.rows.len() > DRAWN {
            let step = self.rows.len().div_ceil(DRAWN);
            facts.push(if chinese {
                format!("地图上每 {step} 条画一条")
            } else {
                format!("The map shows one of every {step} texts")
            });
        }
        facts.push(format!("Sumeru {}", env!("CARGO_PKG_VERSION")));
        facts
    }
}

/// The start of a text in one line.
fn short(text: &str, most: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        // A text may be long beyond reason.
        if line.len() > 4 * most {
            break;
        }
    }
    if line.chars().count() > most { line.chars().take(most).chain(['…']).collect() } else { line }
}

fn percent(share: f64) -> String {
    if share < 0.095 { format!("{:.1}%", share * 100.0) } else { format!("{:.0}%", share * 100.0) }
}

/// As a template reads it.
fn given<T: Serialize>(value: T) -> minijinja::Value {
    minijinja::Value::from(minijinja::value::Serde(value))
}

fn words(language: ReportLanguage) -> &'static Words {
    match language {
        ReportLanguage::English => &ENGLISH,
        ReportLanguage::Chinese => &CHINESE,
    }
}
