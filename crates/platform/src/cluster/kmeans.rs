//! So many groups as are asked for: k-means (Lloyd 1982) from well-spread beginnings (k-means++, Arthur and Vassilvitskii 2007).
//!
//! Crates for it take a matrix library or a compiler of their own, for what is a page here.

use super::points::{Points, dot, in_parts};

/// Beginnings that are tried.
const STARTS: u64 = 8;
/// Rows on which they are, at most; the best then goes on over all.
const ROWS_TO_START: usize = 20_000;
/// Rounds until the middles stand still, at most.
const ROUNDS: usize = 200;

/// Which group each point is in, and how far they are from its middle.
pub(super) struct Grouped {
    pub(super) groups: Vec<usize>,
    /// The sum of squared distances to the middles.
    pub(super) spread: f64,
    centres: Points,
}

/// Parts points into `count` groups, or as many as there are different points.
pub(super) fn groups(points: &Points, count: usize, seed: u64) -> Grouped {
    let step = points.len().div_ceil(ROWS_TO_START).max(1);
    let some: Vec<usize> = (0..points.len()).step_by(step).collect();
    let sample = if step == 1 { None } else { Some(points.take(&some)) };
    let begin_on = sample.as_ref().unwrap_or(points);
    let start = |at: u64| {
        let mut draw = fastrand::Rng::with_seed(seed.wrapping_mul(STARTS).wrapping_add(at));
        settle(begin_on, spread_out(begin_on, count, &mut draw))
    };
    let best = (0..STARTS).map(start).reduce(|best, next| if next.spread < best.spread { next } else { best });
    let best = best.expect("there is a beginning: this is a bug");
    if sample.is_none() { best } else { settle(points, best.centres) }
}

/// Middles to begin with: each drawn as likely as it is far from those before.
fn spread_out(points: &Points, count: usize, draw: &mut fastrand::Rng) -> Points {
    let mut chosen = vec![draw.usize(0..points.len())];
    let mut far = vec![f32::INFINITY; points.len()];
    while chosen.len() < count.min(points.len()) {
        let newest = points.row(chosen[chosen.len() - 1]);
        let to_newest = in_parts(points.len(), |at| squared(points.row(at), newest));
        far.iter_mut().zip(to_newest).for_each(|(far, new)| *far = far.min(new));
        let whole: f64 = far.iter().map(|far| f64::from(*far)).sum();
        if whole <= 0.0 {
            break; // fewer different points than groups
        }
        let mut left = draw.f64() * whole;
        let place = far.iter().position(|far| {
            left -= f64::from(*far);
            left < 0.0 && *far > 0.0
        });
        let last = || far.iter().rposition(|far| *far > 0.0).expect("one is far from all: this is a bug");
        chosen.push(place.unwrap_or_else(last));
    }
    points.take(&chosen)
}

/// Points to the nearest middle, middles to the middle of their points, until nothing moves.
fn settle(points: &Points, mut centres: Points) -> Grouped {
    let mut groups = Vec::new();
    for _ in 0..ROUNDS {
        let (now, far) = nearest(points, &centres);
        if now == groups {
            break;
        }
        groups = now;
        centres = middles(points, &groups, &far, centres.len());
    }
    let (groups, far) = nearest(points, &centres);
    Grouped { groups, spread: far.iter().map(|far| f64::from(*far)).sum(), centres }
}

/// The nearest middle of each, and the squared distance to it.
fn nearest(points: &Points, centres: &Points) -> (Vec<usize>, Vec<f32>) {
    let halves: Vec<f32> = (0..centres.len()).map(|at| dot(centres.row(at), centres.row(at)) / 2.0).collect();
    let found = in_parts(points.len(), |at| {
        let row = points.row(at);
        let mut best = (f32::NEG_INFINITY, 0);
        for (centre, half) in halves.iter().enumerate() {
            let near = dot(row, centres.row(centre)) - half;
            if near > best.0 {
                best = (near, centre);
            }
        }
        (best.1, squared(row, centres.row(best.1)))
    });
    found.into_iter().unzip()
}

/// The middle of each group's points; a group that lost all of them takes the point farthest from its own middle.
fn middles(points: &Points, groups: &[usize], far: &[f32], count: usize) -> Points {
    let width = points.width();
    let mut sums = vec![0.0f64; count * width];
    let mut sizes = vec![0usize; count];
    for (at, group) in groups.iter().enumerate() {
        sizes[*group] += 1;
        let sum = &mut sums[group * width..(group + 1) * width];
        sum.iter_mut().zip(points.row(at)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let mut values: Vec<f32> =
        sums.iter().enumerate().map(|(at, sum)| (sum / sizes[at / width].max(1) as f64) as f32).collect();
    let empty: Vec<usize> = (0..count).filter(|group| sizes[*group] == 0).collect();
    if !empty.is_empty() {
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by(|a, b| far[*b].total_cmp(&far[*a]));
        for (group, place) in empty.into_iter().zip(order) {
            values[group * width..(group + 1) * width].copy_from_slice(points.row(place));
        }
    }
    Points::new(width, values)
}

fn squared(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (pieces_a, pieces_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = pieces_a.remainder().iter().zip(pieces_b.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in pieces_a.zip(pieces_b) {
        for lane in 0..8 {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::same_groups;
    use crate::cluster::tests::reference;

    #[test]
    fn groups_are_as_tight_as_those_of_scikit_learn_within_a_hundredth() {
        let (points, reference) = reference();
        for case in reference["kmeans"].as_array().unwrap() {
            let count = case["k"].as_u64().unwrap() as usize;
            let found = groups(&points, count, 0);
            let wanted = case["inertia"].as_f64().unwrap();
            assert!(found.spread <= wanted * 1.01, "{count}: {} > {wanted}", found.spread);
            if (found.spread - wanted).abs() < wanted * 1e-4 {
                let labels: Vec<Option<usize>> = case["labels"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|label| label.as_u64().map(|label| label as usize))
                    .collect();
                let groups: Vec<Option<usize>> = found.groups.iter().copied().map(Some).collect();
                assert!(same_groups(&groups, &labels), "{count}");
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_groups_and_equal_points_make_fewer() {
        let mut draw = fastrand::Rng::with_seed(3);
        let points = Points::new(16, (0..500 * 16).map(|_| draw.f32()).collect());
        assert_eq!(groups(&points, 9, 4).groups, groups(&points, 9, 4).groups);
        let alike = Points::new(3, [0.1, 0.2, 0.3].repeat(30));
        let found = groups(&alike, 4, 0);
        assert!(found.groups.iter().all(|group| *group == 0) && found.spread < 1e-9);
        assert_eq!(groups(&Points::new(3, vec![1.0; 3]), 1, 0).groups, [0]);
    }
}
