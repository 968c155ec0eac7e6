//! Porter's stemmer (1980), for English words that differ in their endings only.

/// A word's stem. Anything but lower-case ASCII letters, and words of one or two letters, stay as they are.
pub(crate) fn stem(word: &str) -> String {
    if word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let mut word = word.to_owned();
    plurals(&mut word);
    past_and_progressive(&mut word);
    if word.ends_with('y') && has_vowel(&word[..word.len() - 1]) {
        end(&mut word, 1, "i");
    }
    replace(&mut word, &DOUBLE_SUFFIXES, 0);
    replace(&mut word, &SUFFIXES, 0);
    drop_suffix(&mut word);
    final_letters(&mut word);
    word
}

/// Step 2.
const DOUBLE_SUFFIXES: [(&str, &str); 20] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("abli", "able"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
];

/// Step 3.
const SUFFIXES: [(&str, &str); 7] =
    [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

/// Step 4, the longer before those they end with.
const DROPPED: [&str; 19] = [
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ion", "ism", "ate", "iti", "ous", "ive", "ize",
    "al", "er", "ic", "ou",
];

fn plurals(word: &mut String) {
    if word.ends_with("sses") || word.ends_with("ies") {
        word.truncate(word.len() - 2);
    } else if word.ends_with('s') && !word.ends_with("ss") {
        word.pop();
    }
}

fn past_and_progressive(word: &mut String) {
    if word.ends_with("eed") {
        if measure(&word[..word.len() - 3]) > 0 {
            word.pop();
        }
        return;
    }
    let Some(cut) = ["ed", "ing"].into_iter().find(|ending| word.ends_with(ending)).map(str::len) else { return };
    if !has_vowel(&word[..word.len() - cut]) {
        return;
    }
    word.truncate(word.len() - cut);
    if ["at", "bl", "iz"].iter().any(|ending| word.ends_with(ending)) || (measure(word) == 1 && is_short(word)) {
        word.push('e');
    } else if is_double(word) && !word.ends_with(['l', 's', 'z']) {
        word.pop();
    }
}

/// The longest suffix of a table is replaced if what is before it is long enough.
fn replace(word: &mut String, table: &[(&str, &str)], least: usize) {
    let found = table.iter().filter(|(suffix, _)| word.ends_with(suffix)).max_by_key(|(suffix, _)| suffix.len());
    if let Some((suffix, instead)) = found
        && measure(&word[..word.len() - suffix.len()]) > least
    {
        end(word, suffix.len(), instead);
    }
}

fn drop_suffix(word: &mut String) {
    let Some(suffix) = DROPPED.iter().find(|suffix| word.ends_with(*suffix)) else { return };
    let before = &word[..word.len() - suffix.len()];
    if measure(before) > 1 && (*suffix != "ion" || before.ends_with(['s', 't'])) {
        word.truncate(word.len() - suffix.len());
    }
}

fn final_letters(word: &mut String) {
    if word.ends_with('e') {
        let before = &word[..word.len() - 1];
        if measure(before) > 1 || (measure(before) == 1 && !is_short(before)) {
            word.pop();
        }
    }
    if word.ends_with("ll") && measure(&word[..word.len() - 1]) > 1 {
        word.pop();
    }
}

fn end(word: &mut String, cut: usize, instead: &str) {
    word.truncate(word.len() - cut);
    word.push_str(instead);
}

/// Of each letter, whether it is a consonant: `y` is one unless it follows one.
fn consonants(word: &str) -> Vec<bool> {
    let mut all: Vec<bool> = Vec::with_capacity(word.len());
    for b in word.bytes() {
        all.push(match b {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => !all.last().copied().unwrap_or(false),
            _ => true,
        });
    }
    all
}

/// How often vowels are followed by consonants.
fn measure(word: &str) -> usize {
    consonants(word).windows(2).filter(|pair| !pair[0] && pair[1]).count()
}

fn has_vowel(word: &str) -> bool {
    consonants(word).contains(&false)
}

fn is_double(word: &str) -> bool {
    let bytes = word.as_bytes();
    let count = bytes.len();
    count > 1 && bytes[count - 1] == bytes[count - 2] && consonants(word)[count - 1]
}

/// It ends with consonant, vowel, consonant, the last none of w, x, y.
fn is_short(word: &str) -> bool {
    consonants(word).ends_with(&[true, false, true]) && !word.ends_with(['w', 'x', 'y'])
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("stem_reference.rs");

    #[test]
    fn stems_are_those_of_the_published_implementation() {
        for (word, expected) in STEMS {
            assert_eq!(stem(word), *expected, "{word}");
        }
        assert_eq!(stem("重置"), "重置");
        assert_eq!(stem("it's"), "it's");
    }
}
