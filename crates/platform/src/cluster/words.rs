//! Words that tell a group from the others: those that more of its texts hold than chance would have it (c-TF-IDF, Grootendorst 2022).

use std::collections::{BTreeMap, HashMap};

use super::points::in_parts;

/// Words kept of each group.
const KEPT: usize = 8;
/// Characters of a text that are read for words.
const READ: usize = 4_000;

/// In how many texts of a group a word is, and how it stands there.
#[derive(Default)]
struct Count {
    texts: usize,
    shown: BTreeMap<String, usize>,
}

/// For each of `count` groups its most telling words. `of` says which of the different texts each is.
pub(super) fn telling(different: &[String], of: &[usize], groups: &[Option<usize>], count: usize) -> Vec<Vec<String>> {
    let words = in_parts(different.len(), |at| {
        let start: String = different[at].chars().take(READ).collect();
        knowledge::telling_words(&start)
    });
    let mut by_group: Vec<HashMap<&str, Count>> = (0..count).map(|_| HashMap::new()).collect();
    let mut everywhere: HashMap<&str, usize> = HashMap::new();
    for (at, group) in of.iter().zip(groups) {
        for (word, shown) in &words[*at] {
            *everywhere.entry(word).or_default() += 1;
            if let Some(group) = group {
                let entry = by_group[*group].entry(word).or_default();
                entry.texts += 1;
                *entry.shown.entry(shown.clone()).or_default() += 1;
            }
        }
    }
    // Words of an average group; texts in none count as one more.
    let average = everywhere.values().sum::<usize>() as f64 / (count + 1) as f64;
    by_group
        .iter()
        .map(|words| {
            // What one text alone says tells of that text, unless there is nothing else.
            let shared = words.values().any(|count| count.texts > 1);
            let mut ranked: Vec<(f64, &str, &Count)> = words
                .iter()
                .filter(|(_, count)| count.texts > 1 || !shared)
                .map(|(word, count)| {
                    let held = everywhere[word] as f64;
                    let rarity = (1.0 + average / held).ln();
                    // A word that is as common elsewhere tells nothing, however often it is here.
                    let own = count.texts as f64 / held;
                    (count.texts as f64 * rarity * own.sqrt(), *word, count)
                })
                .collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            distinct(ranked.into_iter().map(|(_, _, count)| most_shown(count)))
        })
        .collect()
}

/// How a word stands most often; of forms as frequent, the first in the alphabet.
fn most_shown(count: &Count) -> String {
    let most = count.shown.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    most.map(|(shown, _)| shown.clone()).unwrap_or_default()
}

/// The first few, without those that are a part of one before.
fn distinct(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if kept.len() == KEPT {
            break;
        }
        if !kept.iter().any(|before| before.contains(&word) || word.contains(before.as_str())) {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_group_are_those_the_others_lack() {
        let texts: Vec<String> = [
            "The battery is empty by noon, a bad phone",
            "Batteries die, bad phone",
            "Weak battery in this phone",
            "酒店早餐不错，房间干净",
            "早餐丰富，酒店很好",
            "这家酒店的早餐一般",
        ]
        .map(str::to_owned)
        .to_vec();
        let groups = [0, 0, 0, 1, 1, 1].map(Some);
        let of: Vec<usize> = (0..6).collect();
        let words = telling(&texts, &of, &groups, 2);
        assert!(words[0].contains(&"battery".to_owned()) && words[0].contains(&"phone".to_owned()), "{words:?}");
        assert!(words[1].contains(&"酒店".to_owned()) && words[1].contains(&"早餐".to_owned()), "{words:?}");
        assert!(!words[0].contains(&"the".to_owned()));
        assert_eq!(words, telling(&texts, &of, &groups, 2));
    }

    #[test]
    fn texts_without_words_have_none() {
        assert_eq!(telling(&["!!".to_owned()], &[0], &[Some(0)], 1), [Vec::<String>::new()]);
    }
}
