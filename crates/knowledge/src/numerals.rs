//! Numbers spelled out, in Han characters and in English words.

/// The value of a number in Han characters.
pub(crate) fn value_of(spelled: &str) -> Option<u64> {
    let digit = |c: char| match c {
        '〇' => Some(0),
        '两' => Some(2),
        c => "零一二三四五六七八九".chars().position(|digit| digit == c).map(|at| at as u64),
    };
    if spelled.chars().all(|c| digit(c).is_some()) {
        return spelled.chars().filter_map(digit).try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(digit));
    }
    // `万元` after digits is a unit, no number.
    if !spelled.chars().any(|c| c == '十' || digit(c).is_some()) {
        return None;
    }
    let (mut total, mut section, mut last) = (0u64, 0u64, 0u64);
    for c in spelled.chars() {
        match (digit(c), c) {
            (Some(digit), _) => last = digit,
            (None, '亿') => {
                total = total.checked_add(section)?.checked_add(last)?.max(1).checked_mul(100_000_000)?;
                (section, last) = (0, 0);
            }
            (None, '万') => {
                total = total.checked_add((section + last).max(1).checked_mul(10_000)?)?;
                (section, last) = (0, 0);
            }
            (None, unit) => {
                section = section.checked_add(last.max(1) * scale(unit) as u64)?;
                last = 0;
            }
        }
    }
    total.checked_add(section)?.checked_add(last)
}

/// The number that begins with a word, and the word after its last.
pub(crate) fn spelled(words: &[regex::Match<'_>], text: &str, first: usize) -> Option<(u64, usize)> {
    let (mut total, mut section, mut end) = (0u64, 0u64, first);
    let mut at = first;
    while at < words.len() {
        // What is set off by a comma is another number.
        if at > first && !matches!(&text[words[at - 1].end()..words[at].start()], " " | "-") {
            break;
        }
        let word = words[at].as_str();
        match (small(word), multiplier(word)) {
            (Some(value), _) if section == 0 || section % 100 == 0 => section += value,
            (Some(value), _) if value < 10 && section % 100 >= 20 && section % 10 == 0 => section += value,
            (Some(_), _) => break,
            (_, Some(100)) if section < 100 => section = section.max(1) * 100,
            (_, Some(scale)) if scale > 100 => {
                total += section.max(1).checked_mul(scale)?;
                section = 0;
            }
            _ if word == "and" && at > first && section % 100 == 0 => {
                at += 1;
                let follows = words.get(at).is_some_and(|word| small(word.as_str()).is_some());
                if follows && total + section > 0 {
                    continue;
                }
                break;
            }
            _ => break,
        }
        at += 1;
        end = at;
    }
    (end > first).then_some((total + section, end))
}

/// A number below a hundred that is one word.
pub(crate) fn small(word: &str) -> Option<u64> {
    const BELOW_TWENTY: [&str; 19] = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let place = |list: &[&str]| list.iter().position(|name| *name == word).map(|at| at as u64);
    place(&BELOW_TWENTY).map(|at| at + 1).or(place(&TENS).map(|at| at * 10 + 20))
}

/// A word by which the number before it is multiplied.
pub(crate) fn multiplier(word: &str) -> Option<u64> {
    match word {
        "hundred" => Some(100),
        "thousand" => Some(1000),
        "million" => Some(1_000_000),
        "billion" => Some(1_000_000_000),
        _ => None,
    }
}

/// A month, from 1, by its name or the short form of it.
pub(crate) fn month(word: &str) -> Option<usize> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let named = |name: &&str| {
        *name == word || word.len() == 3 && name.starts_with(word) || word == "sept" && *name == "september"
    };
    NAMES.iter().position(named).map(|at| at + 1)
}

/// What a Han character multiplies the number before it by.
pub(crate) fn scale(unit: char) -> f64 {
    match unit {
        '十' => 1e1,
        '百' => 1e2,
        '千' => 1e3,
        '万' => 1e4,
        '亿' => 1e8,
        _ => 1.0,
    }
}
