//! What a small model is told, and when the documents hold no answer.

use std::collections::HashSet;

use domain::{Hit, Message, Passage, Role};

use crate::fact::normal;
use crate::figures::{Reading, figures};
use crate::search::reciprocal;
use crate::{cut, text};

/// The language an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Chinese,
    /// English, and anything else.
    English,
}

impl Language {
    /// The language a question is asked in, by its share of Han characters.
    pub fn of(question: &str) -> Self {
        // A Chinese question about software may be half English names.
        if text::han_share(question) >= 0.15 { Self::Chinese } else { Self::English }
    }
}

/// The sentence that says the documents hold no answer.
pub fn no_answer_text(language: Language) -> &'static str {
    match language {
        Language::Chinese => "文档中没有找到这个问题的答案。",
        Language::English => "The documents do not contain an answer to this question.",
    }
}

/// The conversation that makes a model answer from the passages, numbered from 1 in their order.
///
/// Measured with the smallest model on the sample: told to refuse, it refuses what it could answer; told to name its
/// passages, it writes numbers instead of sentences. So it is told neither. [`crate::cite::resolve`] names the
/// passages and says that the documents hold no answer where none supports what was written.
pub fn messages(question: &str, passages: &[Passage]) -> Vec<Message> {
    let (system, above, task, label) = match Language::of(question) {
        Language::Chinese => (
            "你是一个阅读助手，只根据给出的资料回答问题。",
            "资料：",
            "根据以上资料，用一句完整的话回答问题，尽量使用资料中的原话。",
            "问题：",
        ),
        Language::English => (
            "You are a reading assistant. You answer only from the passages you are given.",
            "Passages:",
            "From these passages, answer the question in one full sentence, in the passages' own words where you can.",
            "Question: ",
        ),
    };
    let mut user = format!("{above}\n\n");
    for (number, passage) in (1..).zip(passages) {
        user.push_str(&render(number, passage));
    }
    user.push_str(&format!("{task}\n{label}{}", question.trim()));
    vec![Message::text(Role::System, system), Message::text(Role::User, user)]
}

/// The best hits that fit a budget of tokens, each cut to the part that speaks of the question; one that does not fit makes
/// room for smaller ones. Their order is that of the search and that of how much of the question they say, fused by ranks.
/// A small model errs with every passage that is beside the point, so those that say much less than the best are left out.
pub fn select(question: &str, hits: &[Hit], budget: usize, count: &dyn Fn(&str) -> usize) -> Vec<Passage> {
    let weights = Weights::new(question, hits);
    let subject = Subject::new(question, hits, &weights);
    let worths: Vec<f32> = hits.iter().map(|hit| weights.of(&whole(&hit.passage))).collect();
    let best = worths.iter().copied().fold(0.0f32, f32::max);
    let better = |worth: f32| worths.iter().filter(|other| **other > worth + 1e-3).count();
    let fused = |rank: usize| reciprocal(rank as u32 + 1) + reciprocal(better(worths[rank]) as u32 + 1);
    let asked = Language::of(question);
    let speaks = |rank: &usize| {
        let foreign = *rank < FOREIGN && Language::of(&hits[*rank].passage.text) != asked;
        *rank == 0 || foreign || worths[*rank] >= best * BESIDE_THE_POINT
    };
    let mut order: Vec<usize> = (0..hits.len()).filter(speaks).collect();
    order.sort_by(|&one, &other| fused(other).total_cmp(&fused(one)));
    let mut left = budget;
    let mut seen = HashSet::new();
    let mut chosen: Vec<Passage> = Vec::new();
    for Hit { passage, .. } in order.into_iter().map(|rank| &hits[rank]) {
        if chosen.len() == MOST_PASSAGES {
            break;
        }
        if !seen.insert(passage.text.trim()) || subject.as_ref().is_some_and(|subject| subject.is_aside(passage)) {
            continue;
        }
        let passage = weights.focus(passage);
        let cost = count(&render(chosen.len() + 1, &passage));
        if cost <= left {
            left -= cost;
            chosen.push(passage);
        }
    }
    chosen
}

/// Passages a model is given at most.
const MOST_PASSAGES: usize = 3;
/// How many of the first hits may be in another language than the question, where its words cannot be looked for.
const FOREIGN: usize = 2;
/// Share of the best passage's words of the question that another must hold.
const BESIDE_THE_POINT: f32 = 0.5;
/// Characters of a passage that are given whole, and to which a longer one is cut.
const WHOLE: usize = 320;

fn whole(passage: &Passage) -> String {
    format!("{} {} {}", passage.title, passage.section, passage.text)
}

/// How much each word of the question says: the rarer among the hits, the more.
struct Weights(Vec<(String, f32)>);

impl Weights {
    fn new(question: &str, hits: &[Hit]) -> Self {
        let texts: Vec<HashSet<String>> = hits.iter().map(|hit| terms(&whole(&hit.passage))).collect();
        let weigh = |term: text::Term| {
            let among = texts.iter().filter(|text| text.contains(&term.text)).count();
            let rarity = (1.0 + texts.len() as f32 / (among as f32 + 0.5)).ln();
            (term.text, term.weight * rarity)
        };
        Self(text::whole_terms(question).into_iter().map(weigh).collect())
    }

    fn of(&self, text: &str) -> f32 {
        let present = terms(text);
        self.0.iter().filter(|(term, _)| present.contains(term)).map(|(_, weight)| weight).sum()
    }

    /// The sentences around the one that says most of the question.
    fn focus(&self, passage: &Passage) -> Passage {
        let chars: Vec<char> = passage.text.chars().collect();
        if chars.len() <= WHOLE {
            return passage.clone();
        }
        let sentences = cut::sentences(&chars);
        let worths: Vec<f32> =
            sentences.iter().map(|[start, end]| self.of(&chars[*start..*end].iter().collect::<String>())).collect();
        let Some(best) = (0..sentences.len()).reduce(|best, at| if worths[at] > worths[best] { at } else { best })
        else {
            return passage.clone();
        };
        let (mut first, mut last) = (best, best);
        let length = |first: usize, last: usize| sentences[last][1] - sentences[first][0];
        // Towards the side that says more; what follows explains more often than what goes before.
        loop {
            let before = (first > 0 && length(first - 1, last) <= WHOLE).then(|| worths[first - 1]);
            let after = (last + 1 < sentences.len() && length(first, last + 1) <= WHOLE).then(|| worths[last + 1]);
            match (before, after) {
                (Some(before), Some(after)) if before > after => first -= 1,
                (_, Some(_)) => last += 1,
                (Some(_), None) => first -= 1,
                (None, None) => break,
            }
        }
        let [start, end] = cut::trimmed(&chars, [sentences[first][0], sentences[last][1]]);
        let text = chars[start..end].iter().collect();
        Passage { text, span: [passage.span[0] + start, passage.span[0] + end], ..passage.clone() }
    }
}

/// A code the question names and some row of a table is about. Rows of other things that mention it mislead a small
/// model: the price of an extended warranty for it is not its price.
struct Subject<'a> {
    codes: HashSet<String>,
    /// How much of the question the best row about it says.
    worth: f32,
    weights: &'a Weights,
}

impl<'a> Subject<'a> {
    fn new(question: &str, hits: &[Hit], weights: &'a Weights) -> Option<Self> {
        let codes = codes(question);
        let rows = hits.iter().flat_map(|hit| hit.passage.text.lines()).filter(|line| heads_row(&codes, line));
        let worth = rows.map(|row| weights.of(row)).reduce(f32::max)?;
        Some(Self { codes, worth, weights })
    }

    /// Whether a passage names the code in nothing but rows of other things that say no more of the question.
    fn is_aside(&self, passage: &Passage) -> bool {
        let mut naming = passage.text.lines().filter(|line| !codes(line).is_disjoint(&self.codes)).peekable();
        let aside =
            |line: &str| line.contains(CELL) && !heads_row(&self.codes, line) && self.weights.of(line) <= self.worth;
        naming.peek().is_some() && naming.all(aside)
    }
}

/// What stands between the cells of a row.
const CELL: &str = " | ";

fn codes(text: &str) -> HashSet<String> {
    figures(&normal(text), Reading::Claim).codes
}

/// Whether a line is a row whose first cell is one of the codes.
fn heads_row(codes: &HashSet<String>, line: &str) -> bool {
    let Some((first, _)) = line.split_once(CELL) else { return false };
    let value = first.rsplit(": ").next().unwrap_or(first);
    let value: String = normal(value).chars().filter(|c| c.is_alphanumeric()).collect();
    codes.contains(&value)
}

/// The terms of a text, compounds also as they are written without what joins them: `wi-fi` as `wifi`.
fn terms(text: &str) -> HashSet<String> {
    let mut found: HashSet<String> = text::terms(text).into_iter().map(|term| term.text).collect();
    let joined: Vec<String> = found.iter().filter_map(|term| joined(term)).collect();
    found.extend(joined);
    found
}

fn joined(term: &str) -> Option<String> {
    let bare: String = term.chars().filter(|c| c.is_alphanumeric()).collect();
    (!bare.is_empty() && bare.len() < term.len()).then_some(bare)
}

/// How much of a term is among others, from 0 to 1: a compound also by its pieces.
fn presence(term: &str, present: &HashSet<String>) -> f32 {
    let is = |term: &String| present.contains(term);
    if present.contains(term) || joined(term).as_ref().is_some_and(is) {
        return 1.0;
    }
    let letters = term.chars().all(|c| c.is_ascii_alphabetic());
    let pieces: Vec<String> =
        text::terms(term).into_iter().map(|piece| piece.text).filter(|piece| piece != term).collect();
    if letters || pieces.is_empty() {
        return 0.0;
    }
    pieces.iter().filter(|piece| is(piece)).count() as f32 / pieces.len() as f32
}

/// Whether it is plain, before asking a model, that the hits hold no answer: hardly any word that carries the
/// question is in them. Says no when in doubt, and always when one of the best two is in another language than the question.
pub fn looks_unanswerable(question: &str, hits: &[Hit]) -> bool {
    if hits.is_empty() {
        return true;
    }
    let wanted: Vec<String> = content_terms(question);
    if wanted.is_empty() {
        return false;
    }
    let top: Vec<&Passage> = hits.iter().take(5).map(|hit| &hit.passage).collect();
    let asked = Language::of(question);
    if top.iter().take(FOREIGN).any(|passage| Language::of(&passage.text) != asked) {
        return false;
    }
    let shares = top.iter().map(|passage| {
        let present = terms(&whole(passage));
        wanted.iter().map(|term| presence(term, &present)).sum::<f32>() / wanted.len() as f32
    });
    let best = shares.fold(0.0f32, f32::max);
    // So few words may be written otherwise; what the words index found holds something of them.
    if wanted.len() <= 2 { best == 0.0 && hits[0].lexical_rank.is_none() } else { best < 0.3 }
}

/// One term for each word that carries the question: stems, and Han words of more than one character.
fn content_terms(question: &str) -> Vec<String> {
    let terms = text::whole_terms(question);
    let carries = |term: &&text::Term| term.text.chars().count() > 1 || term.text.chars().all(char::is_numeric);
    let heavy: Vec<String> = terms.iter().filter(carries).map(|term| term.text.clone()).collect();
    if heavy.is_empty() { terms.into_iter().map(|term| term.text).collect() } else { heavy }
}

fn render(number: usize, passage: &Passage) -> String {
    let heading = passage.heading();
    let text = passage.text.trim();
    // The passage under a heading begins with it.
    let last = heading.rsplit(" > ").next().unwrap_or_default().trim();
    let text = text.strip_prefix(last).filter(|rest| !last.is_empty() && rest.starts_with('\n')).unwrap_or(text);
    format!("[{number}] {heading}\n{}\n\n", rows_in_full(text.trim_start()))
}

/// Tables with the columns' names in every row: a small model does not look up.
fn rows_in_full(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let cells = |line: usize| lines[line].split(" | ").map(str::trim);
    let in_full = |(at, head): (usize, Option<usize>)| match head {
        Some(head) => {
            let named = cells(head).zip(cells(at)).map(|(name, cell)| format!("{name}: {cell}"));
            named.collect::<Vec<_>>().join(" | ")
        }
        None => lines[at].to_owned(),
    };
    cut::heads(&lines).into_iter().enumerate().map(in_full).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(section: &str, text: &str) -> Hit {
        let passage = Passage {
            id: "p".to_owned(),
            document: "d".to_owned(),
            title: "Manual".to_owned(),
            page: None,
            section: section.to_owned(),
            span: [0, text.chars().count()],
            text: text.to_owned(),
        };
        Hit { passage, score: 1.0, lexical_rank: Some(1), vector_rank: None }
    }

    fn by_vector(text: &str) -> Hit {
        Hit { lexical_rank: None, vector_rank: Some(1), ..hit("", text) }
    }

    #[test]
    fn only_plain_cases_are_refused() {
        let leave = hit("Leave", "Employees have 15 days of annual leave. Requests go to the manager two weeks ahead.");
        let zh = hit("年假", "员工每年享有15天年假，需提前两周向主管申请。");
        for (question, hits, refused) in [
            ("How many days of annual leave do employees have?", vec![leave.clone()], false),
            ("When must I request leave?", vec![leave.clone()], false),
            ("Who won the football world cup in Brazil?", vec![leave.clone()], true),
            ("年假有多少天？", vec![zh.clone()], false),
            ("怎样申请年假", vec![zh.clone()], false),
            ("巴西足球世界杯冠军球队", vec![zh.clone()], true),
            ("员工年假有几天？", vec![leave], false),
            ("How long is annual leave?", vec![zh], false),
            ("anything", vec![], true),
            // Compounds are written in many ways.
            ("What is QS-200?", vec![by_vector("The QS200 is a logger.")], false),
            ("What is QS-200?", vec![by_vector("The QS 200 is a logger.")], false),
            ("What is QS200?", vec![by_vector("The QS-200 is a logger.")], false),
            ("What is Wi-Fi?", vec![by_vector("WiFi is wireless.")], false),
            ("What is WiFi?", vec![by_vector("Wi-Fi is wireless.")], false),
            ("什么是笔记本电脑？", vec![by_vector("电脑由信息部发放。")], false),
            ("电脑怎么领", vec![by_vector("笔记本电脑由信息部发放。")], false),
            ("What is QS-200?", vec![by_vector("The canteen is on the third floor.")], true),
            ("What is a zebra?", vec![by_vector("The canteen is on the third floor.")], true),
            ("What is a zebra?", vec![hit("", "The canteen is on the third floor.")], false),
        ] {
            assert_eq!(looks_unanswerable(question, &hits), refused, "{question}");
        }
    }

    #[test]
    fn selection_keeps_order_and_budget() {
        let hits =
            [hit("a", "one two three"), hit("b", "one two three"), hit("c", &"long ".repeat(100)), hit("d", "four")];
        let chosen = select("one four", &hits, 60, &|text| text.len());
        let sections: Vec<&str> = chosen.iter().map(|passage| passage.section.as_str()).collect();
        assert_eq!(sections, ["a", "d"]);
    }

    #[test]
    fn rows_that_only_mention_a_code_are_left_out() {
        let prices = hit("Prices", "Model: QS-200 | Unit price: 560\nModel: QS-310 | Unit price: 2450");
        let services = hit(
            "Services",
            "Service: More warranty | Price: 88 | Note: QS-100 and QS-200 only\nService: Installation | Price: 1500",
        );
        let notes = hit("Notes", "The price of the QS-200 is reviewed each June.");
        for (question, wanted) in [
            ("What is the price of the QS-200?", &["Prices", "Notes"][..]),
            ("What is the price of more warranty for the QS-200?", &["Services"]),
            ("What is the price of installation?", &["Services"]),
        ] {
            let hits = [services.clone(), prices.clone(), notes.clone()];
            let chosen = select(question, &hits, 5000, &|text| text.len());
            let sections: Vec<&str> = chosen.iter().map(|passage| passage.section.as_str()).collect();
            assert_eq!(sections, wanted, "{question}");
        }
    }

    #[test]
    fn long_passages_are_cut_to_the_point() {
        let filler = "这一句说的是别的事情，与问题没有关系。".repeat(20);
        let mut long = hit("长", &format!("{filler}电池寿命约为二十六个月。{filler}"));
        long.passage.span = [1000, 1000 + long.passage.text.chars().count()];
        let beside = hit("旁", "食堂在三楼。");
        let chosen = select("电池寿命有多长？", &[long.clone(), beside], 5000, &|text| text.len());
        assert_eq!(chosen.len(), 1);
        let [start, end] = chosen[0].span;
        let slice: String = long.passage.text.chars().skip(start - 1000).take(end - start).collect();
        assert!(slice == chosen[0].text && slice.contains("二十六个月") && slice.chars().count() <= 320);
    }

    #[test]
    fn the_prompt_speaks_the_questions_language() {
        let hits = [hit("年假", "员工每年享有15天年假。")];
        let passages: Vec<Passage> = hits.into_iter().map(|hit| hit.passage).collect();
        let prompt = messages("apt 怎么用？", &passages);
        assert!(prompt[0].joined_text().contains("资料"));
        assert!(prompt[1].joined_text().starts_with("资料：\n\n[1] Manual > 年假\n员工"));
        assert!(prompt[1].joined_text().ends_with("问题：apt 怎么用？"));
        assert!(messages("How?", &passages)[0].joined_text().contains("only"));
        for cut in ["成都 | 480\n广州 | 600", "Name | Alice\nPhone | 123\nTeam | Sales\nRoom | Blue"] {
            assert_eq!(rows_in_full(cut), cut);
        }
        let table = hit("T", "T\nCity | Limit\nShanghai | 680\nother | 480\nEnd: x | y");
        let prompt = messages("How?", &[table.passage])[1].joined_text();
        assert!(
            prompt.contains("\nCity | Limit\nCity: Shanghai | Limit: 680\nCity: other | Limit: 480\nEnd: x | y\n"),
            "{prompt}"
        );
    }
}
