//! What a small model is told, and when the documents hold no answer.

use std::collections::HashSet;

use domain::{Hit, Message, Passage, Role};

use crate::text;

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
pub fn messages(question: &str, passages: &[Passage]) -> Vec<Message> {
    let language = Language::of(question);
    let refusal = no_answer_text(language);
    let (system, label) = match language {
        Language::Chinese => (
            format!(
                "你根据编号的资料回答问题。只使用资料中的内容，不要编造。用一到三句话直接回答，尽量沿用资料的原文，并在每句话末尾标注资料编号，例如 [1]。\
                 如果资料中没有答案，只回答：{refusal}"
            ),
            "问题：",
        ),
        Language::English => (
            format!(
                "You answer questions from numbered passages. Use only what the passages say; never invent. Answer directly in one to three \
                 sentences, keep the passages' own words, and end each sentence with its passage's number, like [1]. If the passages do not \
                 contain the answer, reply only: {refusal}"
            ),
            "Question: ",
        ),
    };
    let mut user = String::new();
    for (number, passage) in (1..).zip(passages) {
        user.push_str(&render(number, passage));
    }
    user.push_str(label);
    user.push_str(question.trim());
    vec![Message::text(Role::System, system), Message::text(Role::User, user)]
}

/// The best hits that fit a budget of tokens, in order; one that does not fit makes room for smaller ones.
pub fn select(hits: &[Hit], budget: usize, count: &dyn Fn(&str) -> usize) -> Vec<Passage> {
    let mut left = budget;
    let mut seen = HashSet::new();
    let mut chosen: Vec<Passage> = Vec::new();
    for Hit { passage, .. } in hits {
        if !seen.insert(passage.text.trim()) {
            continue;
        }
        let cost = count(&render(chosen.len() + 1, passage));
        if cost <= left {
            left -= cost;
            chosen.push(passage.clone());
        }
    }
    chosen
}

/// Whether it is plain, before asking a model, that the hits hold no answer: hardly any word that carries the
/// question is in them. Says no when in doubt, and always when question and passages are in different languages.
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
    if top.iter().all(|passage| Language::of(&passage.text) != asked) {
        return false;
    }
    let shares = top.iter().map(|passage| {
        let text = format!("{} {} {}", passage.title, passage.section, passage.text);
        let present: HashSet<String> = text::terms(&text).into_iter().map(|term| term.text).collect();
        wanted.iter().filter(|term| present.contains(*term)).count() as f32 / wanted.len() as f32
    });
    let best = shares.fold(0.0f32, f32::max);
    if wanted.len() <= 2 { best == 0.0 } else { best < 0.3 }
}

/// One term for each word that carries the question: stems, and Han words of more than one character.
fn content_terms(question: &str) -> Vec<String> {
    let terms = text::query_terms(question);
    let heavy: Vec<String> = terms
        .iter()
        .filter(|term| {
            term.weight >= 0.7 && (term.text.chars().count() > 1 || term.text.chars().all(|c| c.is_numeric()))
        })
        .map(|term| term.text.clone())
        .collect();
    if heavy.is_empty() { terms.into_iter().map(|term| term.text).collect() } else { heavy }
}

fn render(number: usize, passage: &Passage) -> String {
    let heading = passage.heading();
    format!("[{number}] {heading}\n{}\n\n", passage.text.trim())
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
        ] {
            assert_eq!(looks_unanswerable(question, &hits), refused, "{question}");
        }
    }

    #[test]
    fn selection_keeps_order_and_budget() {
        let hits =
            [hit("a", "one two three"), hit("b", "one two three"), hit("c", &"long ".repeat(100)), hit("d", "four")];
        let chosen = select(&hits, 60, &|text| text.len());
        let sections: Vec<&str> = chosen.iter().map(|passage| passage.section.as_str()).collect();
        assert_eq!(sections, ["a", "d"]);
    }

    #[test]
    fn the_prompt_speaks_the_questions_language() {
        let hits = [hit("年假", "员工每年享有15天年假。")];
        let passages: Vec<Passage> = hits.into_iter().map(|hit| hit.passage).collect();
        let prompt = messages("apt 怎么用？", &passages);
        assert!(prompt[0].joined_text().contains(no_answer_text(Language::Chinese)));
        assert!(prompt[1].joined_text().starts_with("[1] Manual > 年假\n"));
        assert!(messages("How?", &passages)[0].joined_text().contains("only"));
    }
}
