//! Whether two texts say yes and no to the same. Cautious: where a denial may mean something else, it is none.

use std::collections::HashMap;

use crate::text;

/// Words that a text plainly affirms or plainly denies, each time it uses them.
#[derive(Debug, Default)]
pub(crate) struct Polarity(HashMap<String, Stance>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stance {
    /// Under these limits: `after`, `超过`.
    Affirmed(Vec<&'static str>),
    Denied(Vec<&'static str>),
    Unclear,
}

impl Polarity {
    /// Of a text that is folded and in lower case.
    pub(crate) fn of(normal: &str) -> Self {
        let mut all = Self::default();
        for sentence in normal.split_inclusive(['。', '!', '?', '\n', ';']) {
            let conditions = CONDITIONS.iter().copied().filter(|word| sentence.contains(word));
            let conditions: Vec<&'static str> = conditions.collect();
            let clauses = clauses(sentence);
            for (at, clause) in clauses.iter().enumerate() {
                all.read(clause, &conditions, at + 1 == clauses.len());
            }
        }
        all
    }

    /// Whether one denies what the other affirms.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        // Not after thirty days may be within thirty days: only what is said under the same limits is denied.
        self.0.iter().any(|(word, stance)| match (stance, other.0.get(word)) {
            (Stance::Denied(one), Some(Stance::Affirmed(other))) => one == other,
            (Stance::Affirmed(one), Some(Stance::Denied(other))) => one == other,
            _ => false,
        })
    }

    fn read(&mut self, clause: &str, conditions: &[&'static str], last: bool) {
        let words: Vec<&str> = clause.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’')).collect();
        let chars: Vec<char> = clause.chars().collect();
        let negations =
            words.iter().filter(|word| is_not(word)).count() + chars.iter().filter(|c| NOT.contains(**c)).count();
        let negative = negations > 0
            || words.iter().any(|word| NEGATIVE.iter().any(|start| word.starts_with(start)))
            || words.iter().any(|word| matches!(*word, "no" | "nor" | "neither" | "none" | "nobody" | "ban"))
            || clause.contains(['非', '拒', '免']);
        let limits = LIMITS.iter().copied().filter(|limit| clause.contains(limit));
        let limiting = LIMITING.iter().copied().filter(|limit| words.contains(limit));
        let limits: Vec<&'static str> = conditions.iter().copied().chain(limits).chain(limiting).collect();
        let affirmed = if negative { Stance::Unclear } else { Stance::Affirmed(limits.clone()) };
        // Two denials make something else.
        let denied = if negations == 1 { Stance::Denied(limits) } else { Stance::Unclear };
        self.read_han(&chars, &affirmed, &denied, last);
        self.read_words(&words, &affirmed, &denied);
    }

    fn read_han(&mut self, chars: &[char], affirmed: &Stance, denied: &Stance, last: bool) {
        let places = denied_places(chars);
        let empty = |c: &char| NOT.contains(*c) || BETWEEN.contains(*c);
        for at in 0..chars.len().saturating_sub(1) {
            let pair = &chars[at..at + 2];
            if !pair.iter().all(|c| text::is_han(*c)) || pair.iter().all(empty) {
                continue;
            }
            let pair: String = pair.iter().collect();
            let is_denied = places.contains(&at);
            let stance = if COMPARISONS.contains(&pair.as_str()) {
                // `More than 500 are ...` is no statement that it is more.
                let states = last && chars[at + 2..].iter().filter(|c| c.is_alphanumeric()).count() <= 6;
                match (is_denied, affirmed) {
                    (true, _) => Stance::Denied(Vec::new()),
                    (false, Stance::Affirmed(_)) if states => Stance::Affirmed(Vec::new()),
                    _ => Stance::Unclear,
                }
            } else if is_denied {
                denied.clone()
            } else {
                affirmed.clone()
            };
            self.add(pair, stance);
        }
    }

    fn read_words(&mut self, words: &[&str], affirmed: &Stance, denied: &Stance) {
        let weighs =
            |word: &str| !text::is_stop_word(word) && !word.ends_with("ly") && !word.is_empty() && !is_not(word);
        let place = words.iter().position(|word| is_not(word)).and_then(|not| {
            let next =
                words[not + 1..].iter().take(4).position(|word| weighs(word) || matches!(*word, "and" | "or"))?;
            Some(not + 1 + next)
        });
        for (at, word) in words.iter().enumerate() {
            if weighs(word) && word.is_ascii() {
                self.add(text::stem(word), if place == Some(at) { denied.clone() } else { affirmed.clone() });
            }
        }
    }

    fn add(&mut self, word: String, stance: Stance) {
        let all = self.0.entry(word).or_insert_with(|| stance.clone());
        if *all != stance {
            *all = Stance::Unclear;
        }
    }
}

const NOT: &str = "不未无没勿禁";
/// What may stand between a Han denial and what is denied.
const BETWEEN: &str = "有得能可会再许准必需要用被应该予以止法经允";
const COMPARISONS: [&str; 10] = ["超过", "少于", "低于", "高于", "大于", "小于", "多于", "早于", "晚于", "迟于"];
/// Words after which a denial holds only for a part.
const LIMITS: [&str; 28] = [
    "超过", "少于", "低于", "高于", "大于", "小于", "多于", "早于", "晚于", "迟于", "以上", "以下", "以外", "之前",
    "之后", "仅", "只", "才", "如果", "若", "逾", "除", "期满", "不同", "天内", "日内", "月内", "年内",
];
const LIMITING: [&str; 20] = [
    "more",
    "less",
    "fewer",
    "than",
    "exceed",
    "exceeds",
    "exceeding",
    "over",
    "under",
    "after",
    "before",
    "until",
    "within",
    "longer",
    "later",
    "beyond",
    "only",
    "if",
    "all",
    "every",
];
const CONDITIONS: [&str; 7] = ["除非", "未经", "以免", "unless", "except", "without", "otherwise"];
const NEGATIVE: [&str; 8] = ["prohibit", "forbid", "banned", "refus", "exclud", "without", "unless", "except"];

fn is_not(word: &str) -> bool {
    matches!(word, "not" | "never" | "cannot") || word.ends_with("n't") || word.ends_with("n’t")
}

fn clauses(sentence: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = sentence.char_indices().collect();
    let mut found = Vec::new();
    let mut start = 0;
    for (at, &(byte, c)) in chars.iter().enumerate() {
        let next = chars.get(at + 1).map(|(_, next)| *next);
        let border = matches!(c, '、' | '，' | '；' | ';' | '。' | '!' | '?' | '\n' | '(' | ')' | '|')
            || matches!(c, ',' | '.' | ':') && !next.is_some_and(|next| next.is_ascii_digit());
        if border {
            found.push(&sentence[start..byte]);
            start = byte + c.len_utf8();
        }
    }
    found.push(&sentence[start..]);
    found.retain(|clause| clause.contains(char::is_alphanumeric));
    found
}

/// Where something begins that is denied by what stands directly before it.
fn denied_places(chars: &[char]) -> Vec<usize> {
    let mut places = Vec::new();
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| NOT.contains(**c)) {
        let between = chars[at + 1..].iter().take(3).take_while(|c| BETWEEN.contains(**c)).count();
        places.extend(at + 1..=at + 1 + between);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::normal;

    #[test]
    fn yes_and_no_are_told_apart() {
        for (source, claim, contradicts) in [
            ("试用期员工不可以远程办公。", "试用期员工可以远程办公。", true),
            ("试用期员工不可以远程办公。", "试用期员工能远程办公。", true),
            ("试用期员工不可以远程办公。", "试用期员工不能远程办公。", false),
            ("试用期员工不可以远程办公。", "试用期员工禁止远程办公。", false),
            ("试用期员工不可以远程办公。", "试用期员工可以远程办公，不需要审批。", true),
            ("员工可以远程办公。", "员工不可以远程办公。", true),
            ("室内禁止吸烟。", "室内可以吸烟。", true),
            ("不需要发票。", "需要发票。", true),
            ("不可以，每周三不安排远程办公。", "可以远程办公两天，每周三不安排远程办公。", false),
            // Limits are no denials.
            ("住宿费每晚不超过500元，超出部分自理。", "住宿费上限是每晚500元。", false),
            ("住宿费每晚不超过500元，超出部分自理。", "超过500元的部分自理。", false),
            ("住宿费每晚不超过500元。", "住宿费每晚不得超过500元。", false),
            ("住宿费每晚不超过500元。", "住宿费每晚超过500元。", true),
            ("密码不得少于14个字符。", "密码至少14个字符。", false),
            ("密码不得少于14个字符。", "少于14个字符的密码不被接受。", false),
            ("不能结转超过5天。", "可以结转5天。", false),
            ("没有发票不能报销。", "有发票可以报销。", false),
            ("没有发票的信息不能报销。", "没有发票的信息不能报销。", false),
            ("该型号没有屏幕。", "该型号没有屏幕。", false),
            ("该型号没有屏幕。", "该型号有屏幕。", true),
            // Said both ways, it may be either.
            ("试用期员工不可以远程办公，正式员工可以远程办公。", "正式员工可以远程办公。", false),
            ("Visitors may not park in lot B.", "Visitors may park in lot B.", true),
            ("Claims after 60 days are not paid.", "Claims after 60 days are paid.", true),
            ("Claims after 60 days are not paid.", "Claims within 60 days are paid.", false),
            ("Visitors may park in lot B.", "Visitors may not park in lot B.", true),
            ("Visitors may not park in lot B.", "Parking in lot B is prohibited for visitors.", false),
            ("Visitors may not park in lot B.", "Visitors cannot park in lot B.", false),
            ("Visitors may park in lot A but not in lot B.", "Visitors may park in lot A.", false),
            ("The warranty doesn't cover batteries.", "The warranty covers batteries.", true),
            ("Goods cannot be returned after 30 days.", "Goods can be returned within 30 days.", false),
            ("You cannot carry over more than 5 days.", "You can carry over 5 days.", false),
            ("Do not enter without a badge.", "Enter with a badge.", false),
            ("Recording continues.", "It does not stop recording.", false),
            ("The case is not waterproof.", "The case is not waterproof, keep it dry.", false),
        ] {
            let (one, other) = (Polarity::of(&normal(source)), Polarity::of(&normal(claim)));
            assert_eq!(one.contradicts(&other), contradicts, "{source} / {claim}: {one:?} {other:?}");
        }
    }
}
