//! A place on a map for each point, neighbours beside each other: t-SNE (van der Maaten and Hinton 2008) by Barnes and Hut's tree.
//!
//! Begun from the two principal axes, so the same points give the same map. `bhtsne`, the crate for it, sums over threads in
//! no fixed order, so that two runs differ.

use super::points::{Neighbours, Points, in_parts};

/// Points that are laid out; others go to the middle of their nearest.
pub(super) const LAID_OUT: usize = 10_000;
const PERPLEXITY: f64 = 30.0;
/// Cells that look smaller than this from a point count as one.
const THETA: f32 = 0.6;
const ROUNDS: usize = 600;
/// Rounds in which neighbours are drawn together more than they will be.
const GATHERING: usize = 200;
const GATHER: f32 = 12.0;
/// Neighbours among those laid out that place another.
const GUIDES: usize = 5;

/// A place for each point. The seed says which are laid out where not all are.
pub(super) fn places(points: &Points, seed: u64) -> Vec<[f32; 2]> {
    if points.len() <= LAID_OUT {
        return laid_out(points);
    }
    let mut chosen: Vec<usize> = (0..points.len()).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut chosen);
    chosen.truncate(LAID_OUT);
    chosen.sort_unstable();
    let some = points.take(&chosen);
    let laid = laid_out(&some);
    let near = points.nearest_of(&some, GUIDES);
    let mut places: Vec<[f32; 2]> = (0..points.len()).map(|at| guided(&near, at, &laid)).collect();
    chosen.iter().zip(&laid).for_each(|(at, place)| places[*at] = *place);
    places
}

/// The middle of the nearest, near ones counting more.
fn guided(near: &Neighbours, at: usize, laid: &[[f32; 2]]) -> [f32; 2] {
    let (mut sum, mut whole) = ([0.0; 2], 0.0);
    for (place, squared) in near.places(at).iter().zip(near.squared(at)) {
        let weight = 1.0 / (squared.sqrt() + 1e-3);
        let there = laid[*place as usize];
        sum = [sum[0] + weight * there[0], sum[1] + weight * there[1]];
        whole += weight;
    }
    [sum[0] / whole, sum[1] / whole]
}

fn laid_out(points: &Points) -> Vec<[f32; 2]> {
    let len = points.len();
    let perplexity = PERPLEXITY.min((len as f64 - 1.0) / 3.0);
    let mut places = beginning(points);
    if len < 5 {
        return places;
    }
    let pulls = Pulls::of(&points.neighbours((3.0 * perplexity) as usize), perplexity);
    let rate = (len as f32 / GATHER / 4.0).max(50.0);
    let mut speed = vec![[0.0f32; 2]; len];
    let mut gain = vec![[1.0f32; 2]; len];
    for round in 0..ROUNDS {
        let (gather, momentum) = if round < GATHERING { (GATHER, 0.5) } else { (1.0, 0.8) };
        let slope = slopes(&places, &pulls, gather);
        for at in 0..len {
            for axis in 0..2 {
                let against = (slope[at][axis] > 0.0) == (speed[at][axis] > 0.0);
                gain[at][axis] = if against { (gain[at][axis] * 0.8).max(0.01) } else { gain[at][axis] + 0.2 };
                speed[at][axis] = momentum * speed[at][axis] - rate * gain[at][axis] * slope[at][axis];
                places[at][axis] += speed[at][axis];
            }
        }
    }
    places
}

/// Along the two principal axes, small.
fn beginning(points: &Points) -> Vec<[f32; 2]> {
    let flat = points.reduced(2, 0);
    let mut places: Vec<[f32; 2]> =
        (0..flat.len()).map(|at| [flat.row(at)[0], flat.row(at).get(1).copied().unwrap_or(0.0)]).collect();
    let spread = places.iter().map(|place| place[0] * place[0]).sum::<f32>() / places.len().max(1) as f32;
    let scale = if spread > 0.0 { 1e-4 / spread.sqrt() } else { 0.0 };
    places.iter_mut().for_each(|place| *place = place.map(|value| value * scale));
    places
}

/// How much neighbours draw each other, from both sides: for each point, those it is drawn to.
struct Pulls {
    starts: Vec<usize>,
    to: Vec<u32>,
    strength: Vec<f32>,
}

impl Pulls {
    fn of(near: &Neighbours, perplexity: f64) -> Self {
        let len = near.len();
        let one_way = in_parts(len, |at| likely(near.squared(at), perplexity));
        let mut both: Vec<Vec<(u32, f32)>> = vec![Vec::new(); len];
        for (at, strengths) in one_way.iter().enumerate() {
            for (place, strength) in near.places(at).iter().zip(strengths) {
                let half = (strength / (2.0 * len as f64)) as f32;
                both[at].push((*place, half));
                both[*place as usize].push((at as u32, half));
            }
        }
        let (mut starts, mut to, mut strength) = (vec![0], Vec::new(), Vec::new());
        for all in &mut both {
            all.sort_by_key(|(place, _)| *place);
            for (place, half) in all.drain(..) {
                if to.len() > starts[starts.len() - 1] && to.last() == Some(&place) {
                    *strength.last_mut().expect("as long as `to`: this is a bug") += half;
                } else {
                    to.push(place);
                    strength.push(half);
                }
            }
            starts.push(to.len());
        }
        Self { starts, to, strength }
    }
}

/// How likely each neighbour is under a bell as wide as the perplexity wants.
fn likely(squared: &[f32], perplexity: f64) -> Vec<f64> {
    let wanted = perplexity.ln();
    let first = f64::from(squared.first().copied().unwrap_or(0.0));
    let (mut low, mut high, mut narrow) = (0.0, f64::INFINITY, 1.0);
    let mut chances = Vec::new();
    for _ in 0..64 {
        chances = squared.iter().map(|far| (-(f64::from(*far) - first) * narrow).exp()).collect();
        let whole: f64 = chances.iter().sum();
        let mean: f64 =
            chances.iter().zip(squared).map(|(chance, far)| chance * (f64::from(*far) - first)).sum::<f64>() / whole;
        chances.iter_mut().for_each(|chance| *chance /= whole);
        let entropy = whole.ln() + narrow * mean;
        if (entropy - wanted).abs() < 1e-5 {
            break;
        }
        if entropy > wanted {
            low = narrow;
            narrow = if high.is_finite() { f64::midpoint(low, high) } else { narrow * 2.0 };
        } else {
            high = narrow;
            narrow = f64::midpoint(low, high);
        }
    }
    chances
}

/// Where each place would go uphill.
fn slopes(places: &[[f32; 2]], pulls: &Pulls, gather: f32) -> Vec<[f32; 2]> {
    let tree = Quad::of(places);
    let pushed = in_parts(places.len(), |at| tree.push(places[at]));
    // One sum in one order, on however many threads.
    let whole: f64 = pushed.iter().map(|(_, share)| f64::from(*share)).sum();
    let whole = whole.max(1e-12) as f32;
    in_parts(places.len(), |at| {
        let here = places[at];
        let mut slope = [0.0f32; 2];
        for pull in pulls.starts[at]..pulls.starts[at + 1] {
            let there = places[pulls.to[pull] as usize];
            let by = [here[0] - there[0], here[1] - there[1]];
            let strength = gather * pulls.strength[pull] / (1.0 + by[0] * by[0] + by[1] * by[1]);
            slope = [slope[0] + strength * by[0], slope[1] + strength * by[1]];
        }
        let push = pushed[at].0;
        [4.0 * (slope[0] - push[0] / whole), 4.0 * (slope[1] - push[1] / whole)]
    })
}

/// A square, what is in it, and its quarters.
struct Cell {
    middle: [f32; 2],
    half: f32,
    /// The sum of places, then their mean.
    mass: [f32; 2],
    count: f32,
    /// 0 where there is none.
    quarters: [u32; 4],
}

/// Places in squares within squares.
struct Quad(Vec<Cell>);

/// Places nearer than so many halvings of the whole are one.
const DEEPEST: usize = 32;

impl Quad {
    fn of(places: &[[f32; 2]]) -> Self {
        let end =
            |pick: fn(f32, f32) -> f32, from: f32, axis: usize| places.iter().map(|place| place[axis]).fold(from, pick);
        let low = [end(f32::min, f32::INFINITY, 0), end(f32::min, f32::INFINITY, 1)];
        let high = [end(f32::max, f32::NEG_INFINITY, 0), end(f32::max, f32::NEG_INFINITY, 1)];
        let half = ((high[0] - low[0]).max(high[1] - low[1]) / 2.0).max(1e-9);
        let mut tree = Self(vec![cell([f32::midpoint(low[0], high[0]), f32::midpoint(low[1], high[1])], half)]);
        places.iter().for_each(|place| tree.put(*place));
        for cell in &mut tree.0 {
            cell.mass = cell.mass.map(|sum| sum / cell.count);
        }
        tree
    }

    fn put(&mut self, place: [f32; 2]) {
        let (mut at, mut depth) = (0, 0);
        loop {
            let cell = &mut self.0[at];
            let before = (cell.count, cell.mass);
            cell.mass = [cell.mass[0] + place[0], cell.mass[1] + place[1]];
            cell.count += 1.0;
            if before.0 == 0.0 || depth == DEEPEST {
                return;
            }
            // The one that was alone here goes down, too, unless both are at one place.
            if cell.quarters == [0; 4] {
                let alone = before.1.map(|sum| sum / before.0);
                if alone == place {
                    return;
                }
                let below = self.below(at, alone);
                let cell = &mut self.0[below];
                (cell.count, cell.mass) = (before.0, before.1);
            }
            at = self.below(at, place);
            depth += 1;
        }
    }

    fn below(&mut self, at: usize, place: [f32; 2]) -> usize {
        let Cell { middle, half, quarters, .. } = self.0[at];
        let (right, up) = (place[0] > middle[0], place[1] > middle[1]);
        let quarter = usize::from(right) + 2 * usize::from(up);
        if quarters[quarter] == 0 {
            let half = half / 2.0;
            let to = |positive: bool| if positive { half } else { -half };
            self.0[at].quarters[quarter] = self.0.len() as u32;
            self.0.push(cell([middle[0] + to(right), middle[1] + to(up)], half));
        }
        self.0[at].quarters[quarter] as usize
    }

    /// The push of all others on a place, and its share of the whole.
    fn push(&self, place: [f32; 2]) -> ([f32; 2], f32) {
        let (mut push, mut share) = ([0.0f32; 2], 0.0f32);
        let mut open = [0u32; 4 * (DEEPEST + 2)];
        let mut left = 1;
        while left > 0 {
            left -= 1;
            let cell = &self.0[open[left] as usize];
            let by = [place[0] - cell.mass[0], place[1] - cell.mass[1]];
            let squared = by[0] * by[0] + by[1] * by[1];
            let width = 2.0 * cell.half;
            if cell.quarters == [0; 4] || width * width < THETA * THETA * squared {
                let near = 1.0 / (1.0 + squared);
                share += cell.count * near;
                let strength = cell.count * near * near;
                push = [push[0] + strength * by[0], push[1] + strength * by[1]];
            } else {
                for quarter in cell.quarters.iter().filter(|quarter| **quarter != 0) {
                    open[left] = *quarter;
                    left += 1;
                }
            }
        }
        // The place itself is in the tree, at no distance.
        (push, share - 1.0)
    }
}

fn cell(middle: [f32; 2], half: f32) -> Cell {
    Cell { middle, half, mass: [0.0; 2], count: 0.0, quarters: [0; 4] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(each: usize) -> Points {
        let mut draw = fastrand::Rng::with_seed(1);
        let mut values = Vec::new();
        for group in 0..3 {
            for _ in 0..each {
                values.extend((0..8).map(|at| draw.f32() * 0.3 + if at % 3 == group { 2.0 } else { 0.0 }));
            }
        }
        Points::new(8, values)
    }

    #[test]
    fn those_near_each_other_stay_so() {
        let places = places(&blobs(60), 0);
        let far = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        let mut right = 0;
        for at in 0..180 {
            let nearest = (0..180)
                .filter(|other| *other != at)
                .min_by(|a, b| far(places[at], places[*a]).total_cmp(&far(places[at], places[*b])));
            right += usize::from(nearest.unwrap() / 60 == at / 60);
        }
        assert!(right >= 178, "{right} of 180");
        assert_eq!(places, super::places(&blobs(60), 0));
    }

    #[test]
    fn few_points_and_equal_points_have_places() {
        for (rows, values) in [(1, vec![0.5; 4]), (2, vec![0.1; 8]), (40, vec![0.3; 160])] {
            let places = places(&Points::new(4, values), 0);
            assert!(places.len() == rows && places.iter().flatten().all(|value| value.is_finite()), "{places:?}");
        }
    }

    #[test]
    fn the_tree_pushes_as_all_pairs_do() {
        let mut draw = fastrand::Rng::with_seed(9);
        let mut places: Vec<[f32; 2]> = (0..300).map(|_| [draw.f32() * 9.0, draw.f32() * 9.0]).collect();
        places.extend([places[0]; 4]);
        let tree = Quad::of(&places);
        for place in &places {
            let (push, share) = tree.push(*place);
            let (mut wanted, mut whole) = ([0.0f32; 2], -1.0f32);
            for other in &places {
                let by = [place[0] - other[0], place[1] - other[1]];
                let near = 1.0 / (1.0 + by[0] * by[0] + by[1] * by[1]);
                whole += near;
                wanted = [wanted[0] + near * near * by[0], wanted[1] + near * near * by[1]];
            }
            assert!((share - whole).abs() < 0.05 * whole, "{share} {whole}");
            assert!((push[0] - wanted[0]).abs() < 0.6 && (push[1] - wanted[1]).abs() < 0.6, "{push:?} {wanted:?}");
        }
    }
}
