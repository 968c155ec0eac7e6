//! A decision for people: one page of HTML that needs nothing else, or Markdown.

use std::fmt::Write;

use serde::Serialize;

use super::variants::{Searched, Shown};
use super::{Decision, Entrant};

/// What a report is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportLanguage {
    /// English.
    English,
    /// 中文
    Chinese,
}

/// The words of a report.
#[derive(Serialize)]
struct Words {
    lang: &'static str,
    title: &'static str,
    choice: &'static str,
    none: &'static str,
    open: &'static str,
    settle: &'static str,
    baseline: &'static str,
    candidate: &'static str,
    quality: &'static str,
    corrected: &'static str,
    judge: &'static str,
    latency: &'static str,
    p95: &'static str,
    tokens: &'static str,
    cost: &'static str,
    against: &'static str,
    state: &'static str,
    picture: &'static str,
    axis: &'static str,
    labels: &'static str,
    expected: &'static str,
    answered: &'static str,
    nothing: &'static str,
    prompt: &'static str,
    written_by: &'static str,
    shown: &'static str,
    how: &'static str,
    method: &'static str,
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "Which way does it best",
    choice: "Chosen",
    none: "Nothing was chosen",
    open: "Could not be ruled out",
    settle: "Labelled rows that would settle it, if the differences are what they seem",
    baseline: "Baseline",
    candidate: "candidate",
    quality: "quality",
    corrected: "corrected for the judge",
    judge: "The judge",
    latency: "median ms",
    p95: "p95 ms",
    tokens: "tokens read / written",
    cost: "cost of 1,000",
    against: "chosen minus this",
    state: "what came of it",
    picture: "Quality and time",
    axis: "median milliseconds of an answer (logarithmic)",
    labels: "What the chosen one answered for each label",
    expected: "expected",
    answered: "answered",
    nothing: "no answer",
    prompt: "What the chosen one says to the model",
    written_by: "instructions written by",
    shown: "Examples shown before a row",
    how: "How it was measured",
    method: "Intervals are at the confidence stated. Candidates raced on the development split and were dropped when clearly beaten (anytime-valid bets); finalists answered the test split, which nothing had seen. Differences are paired, p-values corrected for their number (Holm).",
};

const CHINESE: Words = Words {
    lang: "zh-CN",
    title: "哪种做法最好",
    choice: "选定",
    none: "没有选定",
    open: "尚不能排除",
    settle: "如果差距真如所见，要分出高下约需标注数据条数",
    baseline: "基线",
    candidate: "候选",
    quality: "质量",
    corrected: "按裁判误差修正",
    judge: "裁判",
    latency: "中位毫秒",
    p95: "p95 毫秒",
    tokens: "读取／写出词元",
    cost: "每千次费用",
    against: "选定者减去它",
    state: "结果",
    picture: "质量与耗时",
    axis: "每次回答的中位毫秒数（对数）",
    labels: "选定者对每个标签的回答",
    expected: "应为",
    answered: "答为",
    nothing: "无回答",
    prompt: "选定者对模型说什么",
    written_by: "指示的作者",
    shown: "每行之前展示的例子",
    how: "如何测量",
    method: "区间按所注置信度给出。候选在开发集上竞赛，明显落败者随即淘汰（随时有效的下注检验）；决赛者回答此前从未见过的测试集。差异为配对比较，p 值按比较个数校正（Holm）。",
};

/// A candidate as a line of a table.
#[derive(Serialize)]
struct Line {
    name: String,
    chosen: bool,
    quality: String,
    corrected: String,
    latency: String,
    p95: String,
    tokens: String,
    cost: String,
    against: String,
    state: String,
}

/// A finalist in the picture.
#[derive(Serialize)]
struct Dot {
    /// Its line in the table, from 1.
    number: usize,
    chosen: bool,
    x: f64,
    y: f64,
    low: f64,
    high: f64,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const EDGE: f64 = 44.0;

impl Decision {
    /// One page of HTML that needs nothing else.
    pub fn html(&self, language: ReportLanguage) -> String {
        let (dots, ticks) = self.dots();
        let confusion = self.chosen_entrant().and_then(|entrant| entrant.result.as_ref()?.confusion.clone());
        let mut environment = minijinja::Environment::new();
        environment
            .add_template("report.html", include_str!("report.html"))
            .expect("the report's template is sound: this is a bug");
        let context = minijinja::context! {
            t => given(words(language)),
            d => given(self),
            lines => given(self.lines(language)),
            chosen => self.chosen.as_ref().map(ToString::to_string),
            open => self.not_ruled_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
            why => self.sentence(language == ReportLanguage::Chinese),
            how => self.how(language),
            prompt => given(Shown::of(self)),
            judge => self.judge_facts(language),
            corrects => self.corrects(),
            baseline => self.baseline_fact(language),
            details => self.detail_facts(language),
            floor => self.baseline.as_ref().map(|one| up(one.quality)),
            dots => given(dots),
            ticks => given(ticks),
            confusion => given(confusion),
            width => WIDTH,
            height => HEIGHT,
            edge => EDGE,
        };
        let template = environment.get_template("report.html").expect("it was added: this is a bug");
        template.render(context).expect("the report's template names what there is: this is a bug")
    }

    /// The same in Markdown, without the picture.
    pub fn markdown(&self, language: ReportLanguage) -> String {
        let t = words(language);
        let mut out = format!("# {}: {}\n\n", self.task, t.title);
        match &self.chosen {
            Some(chosen) => {
                writeln!(out, "**{}: `{chosen}`** - {}\n", t.choice, self.sentence(language == ReportLanguage::Chinese))
            }
            None => writeln!(out, "**{}** - {}\n", t.none, self.sentence(language == ReportLanguage::Chinese)),
        }
        .expect("text is written to text");
        let mut head = vec![t.candidate, t.quality, t.latency, t.p95, t.tokens, t.cost, t.against, t.state];
        if self.corrects() {
            head.insert(2, t.corrected);
        }
        let _ = writeln!(out, "| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
        for line in self.lines(language) {
            let name = if line.chosen { format!("**`{}`**", line.name) } else { format!("`{}`", line.name) };
            let Line { quality, corrected, latency, p95, tokens, cost, against, state, .. } = line;
            let mut cells = vec![name, quality, latency, p95, tokens, cost, against, state];
            if self.corrects() {
                cells.insert(2, corrected);
            }
            let cells: Vec<String> =
                cells.into_iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        let open: Vec<String> = self.not_ruled_out.iter().map(|one| format!("`{one}`")).collect();
        if !open.is_empty() {
            let _ = writeln!(out, "\n{}: {}", t.open, open.join(", "));
        }
        if let Some(count) = self.rows_to_settle {
            let _ = writeln!(out, "\n{}: {count}", t.settle);
        }
        if let Some(fact) = self.baseline_fact(language) {
            let _ = writeln!(out, "\n{}: {fact}", t.baseline);
        }
        for fact in self.detail_facts(language) {
            let _ = writeln!(out, "\n{fact}");
        }
        if let Some(shown) = Shown::of(self) {
            let _ = writeln!(out, "\n## {} (`{}`)", t.prompt, shown.name);
            if !shown.lines.is_empty() {
                let mark = |kind| match kind {
                    "new" => '+',
                    "gone" => '-',
                    _ => ' ',
                };
                let lines: Vec<String> =
                    shown.lines.iter().map(|line| format!("{} {}", mark(line.kind), line.text)).collect();
                // Four marks, for instructions that have fences of their own.
                let _ = writeln!(out, "\n````diff\n{}\n````", lines.join("\n"));
            }
            for (row, answer) in &shown.examples {
                let _ = writeln!(out, "\n- {} → **{answer}**", row.replace('\n', " "));
            }
        }
        let judge = self.judge_facts(language);
        if !judge.is_empty() {
            let _ = writeln!(out, "\n## {}\n\n- {}", t.judge, judge.join("\n- "));
        }
        let _ = writeln!(out, "\n## {}\n\n{}\n\n{}", t.how, self.how(language).join("; "), t.method);
        out
    }

    /// Whether any quality is corrected for what the judge gets wrong.
    fn corrects(&self) -> bool {
        self.candidates.iter().any(|entrant| entrant.result.as_ref().is_some_and(|result| result.corrected.is_some()))
    }

    fn chosen_entrant(&self) -> Option<&Entrant> {
        self.candidates.iter().find(|entrant| Some(&entrant.candidate) == self.chosen.as_ref())
    }

    /// What it rests on, a fact each.
    fn how(&self, language: ReportLanguage) -> Vec<String> {
        let (data, terms) = (&self.data, self.terms);
        let share = self.asked as f64 / self.grid.max(1) as f64 * 100.0;
        let confidence = terms.confidence * 100.0;
        let mut all = match language {
            ReportLanguage::English => vec![
                format!("{} examples of {} (fingerprint {})", data.examples, data.file, data.fingerprint),
                format!(
                    "{} to learn from, {} raced on at most, {} to measure on",
                    data.train, data.development, data.test
                ),
                format!("metric {}, confidence {confidence:.0} %, seed {}", self.metric, self.seed),
                format!("{} answers asked for, {share:.0} % of the full grid of {}", self.asked, self.grid),
                format!("{:.0} s, {} rows at once", self.seconds, self.concurrency),
                format!("Sumeru {}, {}", self.version, self.date),
            ],
            ReportLanguage::Chinese => vec![
                format!("样例 {} 条，来自 {}（指纹 {}）", data.examples, data.file, data.fingerprint),
                format!("{} 条用于学习，至多 {} 条用于竞赛，{} 条用于测量", data.train, data.development, data.test),
                format!("指标 {}，置信度 {confidence:.0}%，种子 {}", self.metric, self.seed),
                format!("共问 {} 次，占全部 {} 次的 {share:.0}%", self.asked, self.grid),
                format!("用时 {:.0} 秒，同时 {} 行", self.seconds, self.concurrency),
                format!("Sumeru {}，{}", self.version, self.date),
            ],
        };
        all.extend(self.left_out_fact(language));
        all.extend(self.search.as_ref().map(|searched| found(searched, language)));
        all
    }

    fn lines(&self, language: ReportLanguage) -> Vec<Line> {
        self.candidates.iter().map(|entrant| self.line(entrant, language)).collect()
    }

    fn line(&self, entrant: &Entrant, language: ReportLanguage) -> Line {
        let chinese = language == ReportLanguage::Chinese;
        let result = entrant.result.as_ref();
        let of = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let chosen = Some(&entrant.candidate) == self.chosen.as_ref();
        let raced = entrant.race.as_ref().map(|race| match (&race.beaten_by, chinese) {
            (Some(by), false) => format!("beaten by {by} after {} ({:.3})", race.examples, race.mean),
            (Some(by), true) => format!("{} 条后负于 {by}（{:.3}）", race.examples, race.mean),
            (None, false) => format!("not among the finalists ({:.3} on {})", race.mean, race.examples),
            (None, true) => format!("未进决赛（{} 条上 {:.3}）", race.examples, race.mean),
        });
        let broken: Vec<&str> = entrant
            .breaks
            .iter()
            .map(|need| match (need, chinese) {
                (domain::Need::Cost, false) => "cost",
                (domain::Need::Latency, false) => "latency",
                (domain::Need::Memory, false) => "memory",
                (domain::Need::Cost, true) => "费用",
                (domain::Need::Latency, true) => "耗时",
                (domain::Need::Memory, true) => "内存",
            })
            .collect();
        let state = match (&entrant.withdrawn, result) {
            (Some(why), _) => format!("{}{why}", if chinese { "退出：" } else { "withdrew: " }),
            (None, None) => of(raced),
            (None, Some(_)) if !broken.is_empty() => {
                format!("{}{}", if chinese { "超出限制：" } else { "over the limit of " }, broken.join(", "))
            }
            (None, Some(_)) if chosen => if chinese { "选定" } else { "chosen" }.to_owned(),
            (None, Some(_)) if self.not_ruled_out.contains(&entrant.candidate) => {
                if chinese { "不能排除" } else { "not ruled out" }.to_owned()
            }
            (None, Some(_)) => if chinese { "较差" } else { "worse" }.to_owned(),
        };
        let state = match self.lacks(entrant, language) {
            Some(lacks) if entrant.withdrawn.is_none() => {
                format!("{state}{}{lacks}", if chinese { "；" } else { "; " })
            }
            _ => state,
        };
        Line {
            name: entrant.candidate.to_string(),
            chosen,
            quality: of(
                result.map(|one| format!("{:.3} ({:.3}-{:.3})", one.quality.value, one.quality.low, one.quality.high))
            ),
            corrected: of(result
                .and_then(|one| one.corrected)
                .map(|one| format!("{:.3} ({:.3}-{:.3})", one.value, one.low, one.high))),
            latency: of(result.map(|one| format!("{:.0}", one.latency_p50_ms))),
            p95: of(result.map(|one| format!("{:.0} ({})", one.latency_p95_ms.value, ends(one.latency_p95_ms)))),
            tokens: of(result.map(|one| format!("{:.0} / {:.0}", one.prompt_tokens, one.completion_tokens))),
            cost: self.price_of(entrant, language),
            against: of(entrant.against.as_ref().map(|one| {
                let interval = one.difference.interval;
                format!("{:+.3} ({:+.3} to {:+.3}), p {:.3}", interval.value, interval.low, interval.high, one.p)
            })),
            state,
        }
    }

    /// Finalists by time and quality, and the marks of the axes.
    fn dots(&self) -> (Vec<Dot>, Vec<(bool, f64, String)>) {
        let shown: Vec<(&Entrant, &super::Measured)> =
            self.candidates.iter().filter_map(|entrant| Some((entrant, entrant.result.as_ref()?))).collect();
        let times: Vec<f64> = shown.iter().map(|(_, result)| result.latency_p50_ms.max(0.1).log10()).collect();
        let (least, most) = (
            times.iter().copied().fold(f64::INFINITY, f64::min).floor(),
            times.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil(),
        );
        let most = if most > least { most } else { least + 1.0 };
        let across = |log: f64| EDGE + (log - least) / (most - least) * (WIDTH - 2.0 * EDGE);
        let dots = shown
            .iter()
            .zip(&times)
            .enumerate()
            .map(|(at, ((entrant, result), log))| Dot {
                number: at + 1,
                chosen: Some(&entrant.candidate) == self.chosen.as_ref(),
                x: across(*log),
                y: up(result.quality.value),
                low: up(result.quality.low),
                high: up(result.quality.high),
            })
            .collect();
        if !least.is_finite() {
            return (dots, Vec::new());
        }
        let mut ticks: Vec<(bool, f64, String)> = (0..=4)
            .map(|at| f64::from(at) / 4.0)
            .map(|quality| (false, up(quality), format!("{quality:.2}")))
            .collect();
        let mut log = least;
        while log <= most {
            ticks.push((true, across(log), format!("{}", 10f64.powf(log))));
            log += 1.0;
        }
        (dots, ticks)
    }
}

/// How far up in the picture a quality is.
fn up(quality: f64) -> f64 {
    HEIGHT - EDGE - quality.clamp(0.0, 1.0) * (HEIGHT - 2.0 * EDGE)
}

/// What a search took, in a sentence.
fn found(searched: &Searched, language: ReportLanguage) -> String {
    let (who, calls, dropped) = (searched.writer.as_deref(), searched.calls, searched.dropped.total());
    let (read, wrote) = (searched.prompt_tokens, searched.completion_tokens);
    match language {
        ReportLanguage::English => format!(
            "prompt search before the race: {} answers to rows to learn from, {calls} texts by {}, {dropped} of them no use; {read} tokens read, {wrote} written, {:.0} s, cost {:.4}",
            searched.pilot,
            who.unwrap_or("nobody"),
            searched.seconds,
            searched.cost
        ),
        ReportLanguage::Chinese => format!(
            "竞赛前的提示搜索：在学习部分上试答 {} 次，{}写了 {calls} 份，其中 {dropped} 份无用；读取 {read} 词元，写出 {wrote} 词元，{:.0} 秒，费用 {:.4}",
            searched.pilot,
            who.map_or(String::new(), |who| format!("由 {who} ")),
            searched.seconds,
            searched.cost
        ),
    }
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

/// The ends of an interval of times.
fn ends(interval: evaluate::Interval) -> String {
    let high = if interval.high.is_finite() { format!("{:.0}", interval.high) } else { "∞".to_owned() };
    format!("{:.0}-{high}", interval.low)
}
