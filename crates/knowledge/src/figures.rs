//! Figures: what an answer must not invent. Numbers in one form however they are written, what they count, and codes.
//!
//! Texts come in as [`crate::claim`] compares them: folded and in lower case.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

use regex::{Captures, Regex};

use crate::numerals::{month, multiplier, scale, small, spelled, value_of};

/// How widely spelled numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Of what is claimed: only what surely counts something.
    Claim,
    /// Of what may prove it: whatever may be a number.
    Source,
}

/// What a number counts, as far as it is plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unknown,
    /// A part of a date.
    Date,
    Years,
    Months,
    Weeks,
    Days,
    /// `日`: days, or one of a month.
    CalendarDays,
    Hours,
    Minutes,
    Percent,
    Times,
    People,
    Yuan,
    Dollars,
    /// Of another currency.
    Money,
}

impl Kind {
    /// Whether a number that counts the one may prove a number that counts the other.
    pub(crate) fn fits(self, other: Self) -> bool {
        let days = |kind| matches!(kind, Self::Days | Self::CalendarDays | Self::Date);
        self == other
            || self == Self::Unknown
            || other == Self::Unknown
            || (self == Self::CalendarDays || other == Self::CalendarDays) && days(self) && days(other)
    }

    /// Whether a number that counts the one may stand in another fact where one does that counts the other.
    pub(crate) fn rivals(self, other: Self) -> bool {
        let plain = |kind| match kind {
            Self::Yuan | Self::Dollars => Self::Money,
            Self::CalendarDays => Self::Days,
            kind => kind,
        };
        let unknown = self == Self::Unknown || other == Self::Unknown;
        plain(self) == plain(other) || unknown && self != Self::Date && other != Self::Date
    }
}

/// Numbers, each in one form, with what they count.
pub(crate) type Numbers = HashMap<String, Vec<Kind>>;

#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) numbers: Numbers,
    /// Letters with digits, without what joins them: `qs200`, `e07`.
    pub(crate) codes: HashSet<String>,
    /// Letters and digits with a blank between, which may be a code, and the number: `qs200` and `200`.
    pub(crate) apart: HashMap<String, String>,
}

/// The figures of a text.
pub(crate) fn figures(normal: &str, reading: Reading) -> Figures {
    static CODE: OnceLock<Regex> = OnceLock::new();
    static HOUR: OnceLock<Regex> = OnceLock::new();
    let code = pattern(&CODE, r"(?-u:\b)(?:[a-z]+[a-z0-9]*[-_/]?)+\d[a-z0-9]*(?:[-_/.][a-z0-9]+)*(?-u:\b)");
    let hour = pattern(&HOUR, r"(?-u:\b)(\d{1,2}):00(?-u:\b)");
    let mut found = Figures::default();
    let rest = code.replace_all(normal, |at: &Captures<'_>| {
        let letters = at[0].trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
        if CURRENCIES.contains(&letters) {
            return format!(" {letters} {}", &at[0][letters.len()..]);
        }
        found.codes.insert(at[0].chars().filter(|c| c.is_ascii_alphanumeric()).collect());
        " ".to_owned()
    });
    let rest = hour.replace_all(&rest, "$1 ");
    in_digits(&rest, &mut found);
    in_han(&rest, reading, &mut found.numbers);
    in_words(&rest, reading, &mut found.numbers);
    found
}

/// The letters a code begins with: codes that share them are of one family.
pub(crate) fn family(code: &str) -> &str {
    code.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default()
}

/// Whether a word is a number spelled in English.
pub(crate) fn is_number_word(word: &str) -> bool {
    small(word).is_some() || multiplier(word).is_some()
}

pub(crate) const HAN_DIGITS: &str = "零〇一二两三四五六七八九十百千万亿";

const CURRENCIES: [&str; 8] = ["cny", "rmb", "usd", "eur", "gbp", "jpy", "hkd", "twd"];

fn add(numbers: &mut Numbers, form: String, kind: Kind) {
    let kinds = numbers.entry(form).or_default();
    if !kinds.contains(&kind) {
        kinds.push(kind);
    }
}

fn in_digits(text: &str, found: &mut Figures) {
    static NUMBER: OnceLock<Regex> = OnceLock::new();
    static DATE: OnceLock<Regex> = OnceLock::new();
    let number = pattern(
        &NUMBER,
        r"(?:(?-u:\b)([a-z]{1,6}) )?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)*)\s*(?:([十百千万亿]{1,2})|(thousand|million|billion)(?-u:\b))?",
    );
    let date = pattern(&DATE, r"^((?:19|20)\d\d)\.(0?[1-9]|1[0-2])\.(0?[1-9]|[12]\d|3[01])$");
    for at in number.captures_iter(text) {
        if let Some(date) = date.captures(&at[2]) {
            (1..4).for_each(|part| add(&mut found.numbers, one_form(&date[part], 1.0), Kind::Date));
            continue;
        }
        let Some(whole) = at.get(0) else { continue };
        let after = &text[whole.end()..];
        let han = at.get(3).map_or("", |unit| unit.as_str());
        // 15千克 is no fifteen thousand of anything.
        let metric = han.ends_with(['千', '百']) && after.starts_with(METRIC);
        let scaled = if metric { &han[..han.len() - 3] } else { han };
        let unit = scaled.chars().map(scale).product::<f64>() * at.get(4).map_or(1.0, |word| word_scale(word.as_str()));
        let form = one_form(&at[2], unit);
        if let Some(letters) = at.get(1) {
            found.apart.insert(format!("{}{}", letters.as_str(), &at[2]), form.clone());
        }
        let before = &text[..at.get(2).map_or(0, |digits| digits.start())];
        let kind = kind(before, after, &form);
        add(&mut found.numbers, form, kind);
    }
}

const METRIC: [char; 11] = ['克', '米', '瓦', '卡', '伏', '帕', '赫', '焦', '安', '牛', '欧'];

fn word_scale(word: &str) -> f64 {
    multiplier(word).map_or(1.0, |value| value as f64)
}

/// Without the commas between thousands and zeros that say nothing: `1,200.50` and `01200.5` are one number.
fn one_form(digits: &str, unit: f64) -> String {
    let plain = digits.replace(',', "");
    match plain.parse::<f64>() {
        // 1.1 times 10000 is not quite 11000.
        Ok(value) if value < 1e15 && unit > 1.0 => ((value * unit * 1e4).round() / 1e4).to_string(),
        Ok(value) if value < 1e15 => value.to_string(),
        // Versions and addresses: 1.2.3.
        _ => plain,
    }
}

/// What a number counts, by what stands around it.
fn kind(before: &str, after: &str, form: &str) -> Kind {
    const AFTER: [(&str, Kind); 34] = [
        ("个工作日", Kind::Days),
        ("工作日", Kind::Days),
        ("个自然日", Kind::Days),
        ("天", Kind::Days),
        ("working day", Kind::Days),
        ("business day", Kind::Days),
        ("calendar day", Kind::Days),
        ("day", Kind::Days),
        ("日", Kind::CalendarDays),
        ("个月", Kind::Months),
        ("月", Kind::Date),
        ("month", Kind::Months),
        ("周", Kind::Weeks),
        ("星期", Kind::Weeks),
        ("个星期", Kind::Weeks),
        ("week", Kind::Weeks),
        ("年", Kind::Years),
        ("year", Kind::Years),
        ("个小时", Kind::Hours),
        ("小时", Kind::Hours),
        ("hour", Kind::Hours),
        ("分钟", Kind::Minutes),
        ("minute", Kind::Minutes),
        ("%", Kind::Percent),
        ("次", Kind::Times),
        ("times", Kind::Times),
        ("人", Kind::People),
        ("名", Kind::People),
        ("percent", Kind::Percent),
        ("per cent", Kind::Percent),
        ("元", Kind::Yuan),
        ("美元", Kind::Dollars),
        ("yuan", Kind::Yuan),
        ("dollar", Kind::Dollars),
    ];
    let after = after.trim_start_matches([' ', '-', '多', '余']);
    let before = before.trim_end();
    let year = form.len() == 4 && (form.starts_with("19") || form.starts_with("20"));
    let last = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if let Some(kind) = currency(before, true) {
        return kind;
    }
    let of_month = before
        .strip_suffix('月')
        .is_some_and(|month| month.trim_end().ends_with(|c: char| c.is_ascii_digit() || HAN_DIGITS.contains(c)));
    if of_month || month(last).is_some() {
        return Kind::Date;
    }
    if before.ends_with("百分之") {
        return Kind::Percent;
    }
    match AFTER.iter().find(|(name, _)| after.starts_with(name)).map(|(_, kind)| *kind) {
        Some(Kind::Years) | None if year => Kind::Date,
        Some(kind) => kind,
        None if currency(after, false).is_some() => currency(after, false).unwrap_or(Kind::Money),
        None if after.split(|c: char| !c.is_alphanumeric()).next().is_some_and(|word| month(word).is_some()) => {
            Kind::Date
        }
        None => Kind::Unknown,
    }
}

/// What the sign or name of a currency at the end of a text, or at its beginning, says of the number beside it.
fn currency(text: &str, at_end: bool) -> Option<Kind> {
    let is = |name: &str| if at_end { text.ends_with(name) } else { text.starts_with(name) };
    let of = |kind, names: &[&str]| names.iter().any(|name| is(name)).then_some(kind);
    of(Kind::Yuan, &["cny", "rmb", "¥"])
        .or(of(Kind::Dollars, &["usd", "$"]))
        .or(of(Kind::Money, &["eur", "gbp", "jpy", "hkd", "twd", "€", "£"]))
}

/// Numbers in Han characters: those that count something; in a source, all.
fn in_han(text: &str, reading: Reading, numbers: &mut Numbers) {
    for (at, value, counts) in han_numbers(text) {
        let (before, after) = (&text[..at.start], &text[at.end..]);
        // 每周三 is a day.
        let weekday = at.len() == 3 && before.ends_with(['周', '期']);
        // In Chinese `一` counts less often than it joins: 一个, 一种.
        if counts && value != 1 || reading == Reading::Source && (counts || !weekday) {
            let form = value.to_string();
            let kind = kind(before, after, &form);
            add(numbers, form, kind);
        }
    }
}

/// A text with blanks for the numbers in Han characters that count something: 五天 is compared as 5天 is.
pub(crate) fn without_han(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut last = 0;
    for (at, ..) in han_numbers(text).into_iter().filter(|(_, value, counts)| *counts && *value != 1) {
        rest.push_str(&text[last..at.start]);
        rest.push(' ');
        last = at.end;
    }
    rest + &text[last..]
}

/// Where numbers in Han characters stand, their values, and whether they count something.
fn han_numbers(text: &str) -> Vec<(Range<usize>, u64, bool)> {
    static RUN: OnceLock<Regex> = OnceLock::new();
    let run = pattern(&RUN, "[零〇一二两三四五六七八九十百千万亿]+");
    let found = run.find_iter(text).filter_map(|at| {
        let (before, after) = (&text[..at.start()], &text[at.end()..]);
        if before.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let metric = at.len() > 3 && at.as_str().ends_with(['千', '百']) && after.starts_with(METRIC);
        let end = if metric { at.end() - 3 } else { at.end() };
        let unit = || UNITS.iter().any(|unit| after.trim_start_matches(' ').starts_with(unit));
        let counts = metric || before.ends_with("百分之") || unit();
        Some((at.start()..end, value_of(&text[at.start()..end])?, counts))
    });
    found.collect()
}

#[rustfmt::skip]
const UNITS: [&str; 66] = [
    "个", "天", "日", "年", "月", "周", "星期", "小时", "分钟", "秒", "次", "人", "名", "台", "元", "份", "页", "条", "级", "倍", "岁", "折", "件",
    "套", "楼", "层", "号", "章", "节", "款", "项", "位", "张", "米", "公里", "公斤", "克", "千克", "斤", "吨", "升", "度", "期", "轮", "批", "组", "家",
    "座", "辆", "届", "季度", "点", "间", "桌", "本", "箱", "瓶", "包", "块", "字", "字符", "瓦", "伏", "工作日", "美元", "门",
];

/// Numbers spelled in English words, and months beside digits.
fn in_words(text: &str, reading: Reading, numbers: &mut Numbers) {
    static WORD: OnceLock<Regex> = OnceLock::new();
    let words: Vec<regex::Match<'_>> = pattern(&WORD, "[a-z0-9]+").find_iter(text).collect();
    let digits = |word: Option<&regex::Match<'_>>| word.is_some_and(|word| word.as_str().starts_with(char::is_numeric));
    let year = |word: Option<&regex::Match<'_>>| word.is_some_and(|word| word.len() == 4) && digits(word);
    let mut at = 0;
    while at < words.len() {
        let word = words[at].as_str();
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        if let Some(month) = month(word) {
            let next = words.get(at + 1);
            let dated = digits(before) || digits(next);
            if dated && (word != "may" || year(before) || year(next)) {
                add(numbers, month.to_string(), Kind::Date);
            }
        }
        // `2 million` is read where digits are.
        let Some((value, end)) = spelled(&words, text, at).filter(|_| small(word).is_some() || !digits(before)) else {
            at += 1;
            continue;
        };
        // `One` counts less often than it stands for something said before.
        if value != 1 || reading == Reading::Source {
            let form = value.to_string();
            let kind = kind("", &text[words[end - 1].end()..], &form);
            add(numbers, form, kind);
        }
        at = end;
    }
}

fn pattern(cell: &'static OnceLock<Regex>, pattern: &str) -> &'static Regex {
    cell.get_or_init(|| Regex::new(pattern).expect("a constant pattern compiles: this is a bug"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::normal;

    fn check(text: &str, reading: Reading, numbers: &[&str], codes: &[&str]) {
        let found = figures(&normal(text), reading);
        let mut have: Vec<String> = found.numbers.into_keys().collect();
        let mut wanted: Vec<&str> = numbers.to_vec();
        have.sort();
        wanted.sort_unstable();
        assert_eq!(have, wanted, "{text}");
        assert_eq!(found.codes, codes.iter().map(|code| (*code).to_owned()).collect(), "{text}");
    }

    #[test]
    fn figures_have_one_form() {
        for (text, numbers, codes) in [
            ("QS-200 电池约 26 个月，25 °C", &["26", "25"][..], &["qs200"][..]),
            ("Error E07: ＣＮＹ３,９００.00", &["3900"], &["e07"]),
            ("３，９００元", &["3900"], &[]),
            ("CNY680 and 08/20/2026", &["680", "8", "20", "2026"], &[]),
            ("3万元，一百二十天，十五日，二〇二六年", &["30000", "120", "15", "2026"], &[]),
            ("百分之十；两个月", &["10", "2"], &[]),
            ("version 1.2.3 of GB/T 19001-2016", &["1.2.3", "19001", "2016"], &[]),
            ("2023，2024，2025", &["2023", "2024", "2025"], &[]),
            ("2023,2024, 1,200,000 and 12,5", &["2023", "2024", "1200000", "12", "5"], &[]),
            ("2026.03.01", &["2026", "3", "1"], &[]),
            ("2026年3月1日，1 March 2026, Mar 1", &["2026", "3", "1"], &[]),
            ("up to 10 may be carried", &["10"], &[]),
            ("15千克、3千米、2千瓦、1013百帕", &["15", "3", "2", "1013"], &[]),
            ("十五千克，3千元，1.1万，2百万", &["15", "3000", "11000", "2000000"], &[]),
            ("twenty-five days, seventeen of nineteen", &["25", "17", "19"], &[]),
            ("two hundred and fifty, three thousand two hundred", &["250", "3200"], &[]),
            ("2 million and 3 thousand", &["2000000", "3000"], &[]),
            ("seventy eighty ninety-nine", &["70", "80", "99"], &[]),
            ("one of them, 一个, 一种", &[], &[]),
            ("三楼，万一，十分", &["3"], &[]),
            ("9:00 to 17:30", &["9", "17", "30"], &[]),
        ] {
            check(text, Reading::Claim, numbers, codes);
        }
        for (text, numbers) in [
            ("三楼有三层，每周三", &["3"][..]),
            ("每周三休息", &[]),
            ("每周三次", &["3"]),
            ("one floor up, within thirty days", &["1", "30"]),
            ("甲乙丙三方", &["3"]),
            ("一亿二千万", &["120000000"]),
        ] {
            check(text, Reading::Source, numbers, &[]);
        }
        assert_eq!(value_of("一万二千"), Some(12_000));
        assert_eq!(figures("qs 200", Reading::Source).apart["qs200"], "200");
    }

    #[test]
    fn numbers_of_one_kind_are_rivals() {
        let of = |text: &str| figures(&normal(text), Reading::Claim).numbers.values().next().expect("a number")[0];
        for (one, other, rivals, fits) in [
            ("15 days", "十天", true, true),
            ("15 days", "10 working days", true, true),
            ("15 days", "15日", true, true),
            ("15 days", "26 months", false, false),
            ("680元", "CNY 480", true, true),
            ("680元", "USD 480", true, false),
            ("680", "480元", true, true),
            ("680", "in 2026", false, true),
            ("2025", "2026年", true, true),
            ("15天", "3月", false, false),
            ("31日", "March 31", false, true),
        ] {
            let (a, b) = (of(one), of(other));
            assert_eq!((a.rivals(b), a.fits(b)), (rivals, fits), "{one}; {other}");
        }
    }
}
