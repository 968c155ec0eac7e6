//! Rows that say the same, or nearly: within labelled data, between its files, and with what models are shown.

use std::collections::BTreeMap;

use domain::{Example, Task};
use evaluate::Twins;
use serde_json::{Map, Value};

use super::Labelled;
use crate::routes::plain;

/// Texts that share so much of their runs of characters are twins.
const ALIKE: f64 = 0.8;

/// Pairs of texts that are twins.
pub(super) fn twins(texts: &[String]) -> Vec<Twins> {
    evaluate::twins(texts, ALIKE)
}

/// Pairs of texts of one part that are nearly the same as one of another: the leaks between files that were split elsewhere. The places in each.
pub fn leaks(one: &Labelled, other: &Labelled) -> Vec<(usize, usize, f64)> {
    let text = |example: &Example| plain(&example.input);
    let pairs = across(one.examples.iter().map(text), other.examples.iter().map(text));
    pairs.into_iter().map(|(a, b, alike)| (one.rows[a], other.rows[b], alike)).collect()
}

/// The places of examples that say the same, or nearly, as one in the task's file, which models are shown.
pub(crate) fn shown(task: &Task, examples: &[Example]) -> Vec<usize> {
    if task.examples.is_empty() {
        return Vec::new();
    }
    // A table may have its columns in another order than the task's file, and one that says how sensitive a row is.
    let text = |example: &Example| {
        let fields = task.input.iter().map(|field| &field.name);
        let fields: Map<String, Value> =
            fields.filter_map(|name| Some((name.clone(), example.input.get(name)?.clone()))).collect();
        plain(&fields)
    };
    let pairs = across(task.examples.iter().map(text), examples.iter().map(text));
    pairs.into_iter().map(|(_, at, _)| at).collect()
}

/// Texts of the second list that are nearly the same as one of the first, or twins of such: the place in each, and how alike they are.
fn across(one: impl ExactSizeIterator<Item = String>, other: impl Iterator<Item = String>) -> Vec<(usize, usize, f64)> {
    let border = one.len();
    let texts: Vec<String> = one.chain(other).collect();
    let across = twins(&texts);
    let groups = together(texts.len(), &across);
    // Twins are paired with the first of them, which may be on the same side.
    let mut first_of: BTreeMap<usize, usize> = BTreeMap::new();
    (0..border).rev().for_each(|at| {
        first_of.insert(groups[at], at);
    });
    (border..texts.len())
        .filter_map(|at| {
            let first = *first_of.get(&groups[at])?;
            let alike = across.iter().filter(|pair| pair.second == at).map(|pair| pair.alike).fold(0.0, f64::max);
            Some((first, at - border, alike))
        })
        .collect()
}

/// A group for each, the same for twins and for twins of twins.
pub(super) fn together(count: usize, twins: &[Twins]) -> Vec<usize> {
    let mut groups: Vec<usize> = (0..count).collect();
    fn root(groups: &mut [usize], mut at: usize) -> usize {
        while groups[at] != at {
            groups[at] = groups[groups[at]];
            at = groups[at];
        }
        at
    }
    for pair in twins {
        let (a, b) = (root(&mut groups, pair.first), root(&mut groups, pair.second));
        groups[a.max(b)] = a.min(b);
    }
    (0..count).map(|at| root(&mut groups, at)).collect()
}
