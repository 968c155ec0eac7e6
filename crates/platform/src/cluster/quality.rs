//! How good groups are, and what is in the middle of each.

use std::collections::BTreeMap;

use super::points::{Points, dot, in_parts};

/// Texts that a silhouette is measured on, at most.
const MEASURED: usize = 2_000;

/// How much nearer points are to their own group than to the next, on a sample; `None` for fewer than two groups of two.
pub(super) fn silhouette(points: &Points, groups: &[Option<usize>], seed: u64) -> Option<f64> {
    let mut chosen: Vec<usize> = (0..groups.len()).filter(|at| groups[*at].is_some()).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut chosen);
    chosen.truncate(MEASURED);
    chosen.sort_unstable();
    let mut members: BTreeMap<usize, usize> = BTreeMap::new();
    chosen.iter().filter_map(|at| groups[*at]).for_each(|group| *members.entry(group).or_default() += 1);
    if members.len() < 2 {
        return None;
    }
    let numbers: BTreeMap<usize, usize> = members.keys().enumerate().map(|(at, group)| (*group, at)).collect();
    let sizes: Vec<usize> = members.values().copied().collect();
    let sample = points.take(&chosen);
    let of: Vec<usize> = chosen.iter().filter_map(|at| groups[*at]).map(|group| numbers[&group]).collect();
    let squares: Vec<f32> = (0..sample.len()).map(|at| dot(sample.row(at), sample.row(at))).collect();
    let values = in_parts(sample.len(), |at| {
        let mut sums = vec![0.0f64; sizes.len()];
        for other in (0..sample.len()).filter(|other| *other != at) {
            let squared = squares[at] + squares[other] - 2.0 * dot(sample.row(at), sample.row(other));
            sums[of[other]] += f64::from(squared.max(0.0)).sqrt();
        }
        let own = of[at];
        if sizes[own] < 2 {
            return 0.0; // by convention
        }
        let inside = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..sizes.len()).filter(|group| *group != own).map(|group| sums[group] / sizes[group] as f64);
        let outside = others.fold(f64::INFINITY, f64::min);
        let most = inside.max(outside);
        if most > 0.0 { (outside - inside) / most } else { 0.0 }
    });
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Of each group the different texts nearest to its middle, nearest first. `of` says which of the different texts each is.
pub(super) fn central(vectors: &Points, of: &[usize], groups: &[Option<usize>], count: usize) -> Vec<Vec<usize>> {
    let mut members: Vec<BTreeMap<usize, usize>> = Vec::new();
    for (at, group) in of.iter().zip(groups) {
        let Some(group) = *group else { continue };
        if members.len() <= group {
            members.resize_with(group + 1, BTreeMap::new);
        }
        *members[group].entry(*at).or_default() += 1;
    }
    let of_group = |members: &BTreeMap<usize, usize>| {
        let mut middle = vec![0.0f64; vectors.width()];
        for (at, times) in members {
            let row = vectors.row(*at);
            middle.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value) * *times as f64);
        }
        let whole = members.values().sum::<usize>().max(1) as f64;
        let middle: Vec<f32> = middle.into_iter().map(|sum| (sum / whole) as f32).collect();
        let mut near: Vec<(f32, usize)> = members.keys().map(|at| (dot(vectors.row(*at), &middle), *at)).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        near.into_iter().take(count).map(|(_, at)| at).collect()
    };
    members.iter().map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silhouette_is_that_of_its_definition() {
        // Two pairs on a line: each point is 1 from its own, and 10 or so from the others.
        let points = Points::new(1, vec![0.0, 1.0, 10.0, 11.0]);
        let groups = [Some(0), Some(0), Some(1), Some(1)];
        let wanted = (9.5 / 10.5 + 8.5 / 9.5 + 8.5 / 9.5 + 9.5 / 10.5) / 4.0;
        let got = silhouette(&points, &groups, 0).unwrap();
        assert!((got - wanted).abs() < 1e-5, "{got} {wanted}");
        assert_eq!(silhouette(&points, &[Some(0), Some(0), None, None], 0), None);
        assert_eq!(silhouette(&Points::new(1, vec![3.0; 4]), &groups, 0), Some(0.0));
    }

    #[test]
    fn the_middle_of_a_group_counts_every_text() {
        let vectors = Points::new(2, vec![1.0, 0.0, 0.8, 0.6, 0.0, 1.0]);
        let of = [0, 1, 2, 2, 2, 2, 2];
        let groups = vec![Some(0); 7];
        assert_eq!(central(&vectors, &of, &groups, 2), [[2, 1]]);
    }
}
