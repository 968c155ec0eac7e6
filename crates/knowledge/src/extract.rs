//! The documents' own words, where a model's did not hold.

use std::collections::HashSet;
use std::sync::OnceLock;

use domain::Passage;
use regex::Regex;

use crate::cut::{sentences, trimmed};
use crate::text;

/// Share of a question's words that a sentence and the headings above it must hold.
const ENOUGH: f32 = 0.75;
/// Share that the sentence must hold itself.
const OWN: f32 = 0.34;
/// Weight below which a term is only another form of a word.
const PART: f32 = 0.6;
/// Words a question must have, and share of them a passage must hold, for the passage to be called close.
const FEWEST: usize = 2;
const ABOUT: f32 = 0.6;
/// Characters shown of what is closest.
const SHOWN: usize = 240;
const ONE_CHARACTER: f32 = 0.4;
/// Rows that answer a question together, and their characters.
const MOST_ROWS: usize = 4;
const LONGEST: usize = 400;

/// Where the passages speak most plainly of a question: a sentence, or neighbouring rows that speak of it alike. Nothing where
/// none does, or where a figure is asked for and none is given.
pub(crate) fn plainest(question: &str, passages: &[Passage]) -> Option<(usize, [usize; 2])> {
    let mut wanted = text::query_terms(question);
    wanted.retain(|term| term.weight >= PART);
    if wanted.len() < 2 || wanted.iter().all(is_one_character) {
        return None;
    }
    for term in wanted.iter_mut().filter(|term| is_one_character(term)) {
        term.weight *= ONE_CHARACTER;
    }
    let total: f32 = wanted.iter().map(|term| term.weight).sum();
    let figure = asks_for_a_figure(question);
    let mut best: Option<Found> = None;
    for (at, passage) in passages.iter().enumerate() {
        let context = terms(&format!("{} {}", passage.title, passage.section));
        let chars: Vec<char> = passage.text.chars().collect();
        for (order, span) in sentences(&chars).into_iter().enumerate() {
            let span = trimmed(&chars, span);
            let words: String = chars[span[0]..span[1]].iter().collect();
            let present = terms(&words);
            let share = |here: &dyn Fn(&str) -> bool| -> f32 {
                wanted.iter().filter(|term| here(&term.text)).map(|term| term.weight).sum::<f32>() / total
            };
            let own = share(&|term| present.contains(term));
            let all = share(&|term| present.contains(term) || context.contains(term));
            if all < ENOUGH || own < OWN || figure && !words.contains(char::is_numeric) {
                continue;
            }
            let worth = own + 0.5 * (all - own);
            let found = Found { at, span, worth, row: words.contains(" | "), first: order, last: order };
            best = match best.take() {
                Some(best) if found.continues(&best) => {
                    Some(Found { span: [best.span[0], span[1]], last: order, ..best })
                }
                Some(best) if worth <= best.worth + 0.01 => Some(best),
                _ => Some(found),
            };
        }
    }
    best.map(|found| (found.at, found.span))
}

/// Where the passages come closest to a question they do not plainly answer: the sentence that holds most of its words, and
/// what follows it. Nothing where a passage holds too few of them to be about the same.
pub(crate) fn closest(question: &str, passages: &[Passage]) -> Option<(usize, [usize; 2])> {
    let mut wanted = text::whole_terms(question);
    wanted.retain(|term| !is_one_character(term));
    if wanted.len() < FEWEST {
        return None;
    }
    let share = |here: &HashSet<String>| {
        let held = wanted.iter().filter(|term| here.contains(&term.text)).map(|term| term.weight).sum::<f32>();
        held / wanted.iter().map(|term| term.weight).sum::<f32>()
    };
    let mut best: Option<(f32, usize, [usize; 2])> = None;
    for (at, passage) in passages.iter().enumerate() {
        let about = share(&terms(&format!("{} {} {}", passage.title, passage.section, passage.text)));
        if about < ABOUT {
            continue;
        }
        let chars: Vec<char> = passage.text.chars().collect();
        let spans: Vec<[usize; 2]> = sentences(&chars).into_iter().map(|span| trimmed(&chars, span)).collect();
        for (order, span) in spans.iter().enumerate() {
            let words: String = chars[span[0]..span[1]].iter().collect();
            // A heading is no sentence of its own: what is under it is quoted.
            if order == 0 && passage.section.contains(words.trim()) {
                continue;
            }
            let worth = about + share(&terms(&words));
            if best.is_none_or(|(other, ..)| worth > other + 0.01) {
                let following = spans[order..].iter().take_while(|next| next[1] - span[0] <= SHOWN);
                let end = following.last().map_or(span[1], |last| last[1]);
                best = Some((worth, at, [span[0], end]));
            }
        }
    }
    best.map(|(_, at, span)| (at, span))
}

struct Found {
    at: usize,
    span: [usize; 2],
    worth: f32,
    row: bool,
    first: usize,
    last: usize,
}

impl Found {
    /// Whether it is the next row of the same table, and says as much.
    fn continues(&self, best: &Self) -> bool {
        self.at == best.at
            && self.row
            && best.row
            && self.first == best.last + 1
            && self.first - best.first < MOST_ROWS
            && (self.worth - best.worth).abs() <= 0.01
            && self.span[1] - best.span[0] <= LONGEST
    }
}

/// A character alone is part of many words.
fn is_one_character(term: &text::Term) -> bool {
    term.text.chars().count() == 1 && !term.text.chars().all(char::is_numeric)
}

fn terms(text: &str) -> HashSet<String> {
    text::terms(text).into_iter().map(|term| term.text).collect()
}

fn asks_for_a_figure(question: &str) -> bool {
    static ASKS: OnceLock<Regex> = OnceLock::new();
    let asks = ASKS.get_or_init(|| {
        Regex::new(r"(?i)多少|几[个天年月次点人台岁元]|多久|多长|多大|多高|多重|何时|什么时候|\bhow (?:many|much|long|often|far|soon|old|large|big)\b|^\s*when\b")
            .expect("a constant pattern compiles: this is a bug")
    });
    asks.is_match(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(section: &str, text: &str) -> Passage {
        Passage {
            id: "p".to_owned(),
            document: "d".to_owned(),
            title: "Policy".to_owned(),
            page: None,
            section: section.to_owned(),
            span: [0, text.chars().count()],
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_plainest_words_are_found_or_none() {
        let hotels = passage(
            "2.2 Hotels",
            "2.2 Hotels\n\nCities: Beijing, Shanghai | Limit per night: CNY 680\nCities: other capitals | Limit per night: CNY 480",
        );
        let leave = passage(
            "一、年假",
            "一、年假\n\n员工满 1 年后享受带薪年假，天数按工龄计算：\n\n累计工龄: 满 1 年不满 10 年 | 每年年假天数: 8 天\n累计工龄: 满 10 年不满 20 年 | 每年年假天数: 12 天\n累计工龄: 满 20 年 | 每年年假天数: 16 天\n\n\
             没有休完的年假可以结转。当年没有休完的年假，最多可以结转 5 天到下一年，并须在下一年 3 月 31 日之前休完；逾期未休的部分自动作废。",
        );
        for (question, wanted) in [
            (
                "What is the hotel limit per night in Shanghai?",
                Some("Cities: Beijing, Shanghai | Limit per night: CNY 680"),
            ),
            (
                "每年年假天数是多少？",
                Some(
                    "累计工龄: 满 1 年不满 10 年 | 每年年假天数: 8 天\n累计工龄: 满 10 年不满 20 年 | 每年年假天数: 12 天\n累计工龄: 满 20 年 | 每年年假天数: 16 天",
                ),
            ),
            ("没有休完的年假可以结转吗？", Some("没有休完的年假可以结转。")),
            ("Who is the chief executive of the company?", None),
            ("病假多少天？", None),
            ("How long may a meeting last?", None),
        ] {
            let passages = [hotels.clone(), leave.clone()];
            let found = plainest(question, &passages)
                .map(|(at, [from, to])| passages[at].text.chars().skip(from).take(to - from).collect::<String>());
            assert_eq!(found.as_deref(), wanted, "{question}");
        }
    }

    #[test]
    fn what_is_closest_holds_most_of_the_words() {
        let hosts = passage(
            "11.2 Virtual hosts",
            "11.2 Virtual hosts\n\nApache knows two kinds of virtual hosts: by address, and by domain name. The second puts \
             several websites on one server.",
        );
        let passages =
            [passage("Lunch", "Lunch is on the third floor."), hosts, passage("一、年假", "年假须提前申请。")];
        for (question, wanted) in [
            ("How does Apache tell several websites apart by name?", Some((1, "Apache knows two kinds"))),
            ("申请年假要找谁审批？", Some((2, "年假须提前申请。"))),
            ("Who won the chess championship?", None),
            ("Apache?", None),
            ("", None),
        ] {
            let found = closest(question, &passages);
            let text = |at: usize, from: usize| passages[at].text.chars().skip(from).collect::<String>();
            match (found, wanted) {
                (Some((at, [from, _])), Some((passage, start))) => {
                    assert!(at == passage && text(at, from).starts_with(start), "{question}: {}", text(at, from));
                }
                (found, wanted) => assert!(found.is_none() && wanted.is_none(), "{question}: {found:?}"),
            }
        }
    }
}
