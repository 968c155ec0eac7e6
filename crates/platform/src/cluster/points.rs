//! Vectors in one piece, what is near what, and fewer dimensions.

use std::num::NonZero;

/// Rows of one width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Points {
    width: usize,
    values: Vec<f32>,
}

/// The same by dimension, so that many distances are computed at once.
pub(super) struct Columns {
    len: usize,
    values: Vec<f32>,
}

/// For each point those nearest to it, itself left out, nearest first.
pub(super) struct Neighbours {
    /// How many each has.
    pub(super) count: usize,
    places: Vec<u32>,
    squared: Vec<f32>,
}

/// Rows that principal axes are taken from, at most.
const ROWS_FOR_AXES: usize = 20_000;
/// Rounds in which the axes settle.
const ROUNDS: usize = 40;

impl Points {
    pub(super) fn new(width: usize, values: Vec<f32>) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "rows of {width}");
        Self { width, values }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.width
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    /// The rows at these places, in this order.
    pub(super) fn take(&self, places: &[usize]) -> Self {
        Self { width: self.width, values: places.iter().flat_map(|at| self.row(*at)).copied().collect() }
    }

    pub(super) fn columns(&self) -> Columns {
        let len = self.len();
        let mut values = vec![0.0; self.values.len()];
        for (at, row) in self.values.chunks_exact(self.width).enumerate() {
            for (dimension, value) in row.iter().enumerate() {
                values[dimension * len + at] = *value;
            }
        }
        Columns { len, values }
    }

    /// The nearest of others for each, exactly; of those as near, the first.
    pub(super) fn neighbours(&self, count: usize) -> Neighbours {
        self.nearest_in(self, count, true)
    }

    /// For each point here the nearest points there.
    pub(super) fn nearest_of(&self, there: &Self, count: usize) -> Neighbours {
        self.nearest_in(there, count, false)
    }

    fn nearest_in(&self, there: &Self, count: usize, same: bool) -> Neighbours {
        let columns = there.columns();
        let count = count.min(there.len() - usize::from(same));
        let found = in_parts(self.len(), |at| {
            let mut squared = vec![0.0; there.len()];
            columns.squared_distances(self.row(at), &mut squared);
            if same {
                squared[at] = f32::INFINITY;
            }
            smallest(&squared, count)
        });
        let (mut places, mut squared) =
            (Vec::with_capacity(self.len() * count), Vec::with_capacity(self.len() * count));
        for (distance, place) in found.into_iter().flatten() {
            places.push(place);
            squared.push(distance);
        }
        Neighbours { count, places, squared }
    }

    /// Each moved to the middle of itself and those nearest to it: groups draw together, and gaps between them open.
    pub(super) fn drawn_together(&self, count: usize) -> Self {
        let near = self.neighbours(count);
        let mut values = Vec::with_capacity(self.values.len());
        for at in 0..self.len() {
            let mut middle: Vec<f64> = self.row(at).iter().map(|value| f64::from(*value)).collect();
            for place in near.places(at) {
                middle.iter_mut().zip(self.row(*place as usize)).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            values.extend(middle.iter().map(|sum| (sum / (near.count + 1) as f64) as f32));
        }
        Self { width: self.width, values }
    }

    /// The same along the axes in which they differ most (principal components, by subspace iteration).
    pub(super) fn reduced(&self, width: usize, seed: u64) -> Self {
        let width = width.min(self.width);
        let step = self.len().div_ceil(ROWS_FOR_AXES).max(1);
        let rows: Vec<&[f32]> = (0..self.len()).step_by(step).map(|at| self.row(at)).collect();
        let (middle, covariance) = covariance(&rows, self.width);
        let axes = axes(&covariance, self.width, width, seed);
        let reduced = in_parts(self.len(), |at| {
            let centred: Vec<f64> =
                self.row(at).iter().zip(&middle).map(|(value, mean)| f64::from(*value) - mean).collect();
            axes.iter().map(|axis| product(axis, &centred) as f32).collect::<Vec<f32>>()
        });
        Self { width, values: reduced.into_iter().flatten().collect() }
    }
}

impl Columns {
    /// Of a point to all.
    fn squared_distances(&self, from: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        // In pieces that stay in the cache.
        for start in (0..self.len).step_by(2048) {
            let end = (start + 2048).min(self.len);
            for (dimension, value) in from.iter().enumerate() {
                let column = &self.values[dimension * self.len..(dimension + 1) * self.len];
                for (sum, other) in out[start..end].iter_mut().zip(&column[start..end]) {
                    let difference = other - value;
                    *sum += difference * difference;
                }
            }
        }
    }
}

impl Neighbours {
    /// Points that have neighbours.
    pub(super) fn len(&self) -> usize {
        self.places.len().checked_div(self.count).unwrap_or(0)
    }

    pub(super) fn places(&self, of: usize) -> &[u32] {
        &self.places[of * self.count..(of + 1) * self.count]
    }

    pub(super) fn squared(&self, of: usize) -> &[f32] {
        &self.squared[of * self.count..(of + 1) * self.count]
    }
}

/// The dot product, in eight sums that the processor makes at once.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (pieces_a, pieces_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = pieces_a.remainder().iter().zip(pieces_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in pieces_a.zip(pieces_b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Something of each of so many, in order, on all processors: the same on however many.
pub(super) fn in_parts<T: Send>(len: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(16);
    let part = len.div_ceil(threads).max(64);
    let make = &make;
    std::thread::scope(|scope| {
        let begun: Vec<_> = (0..len)
            .step_by(part)
            .map(|start| scope.spawn(move || (start..(start + part).min(len)).map(make).collect::<Vec<T>>()))
            .collect();
        let parts = begun.into_iter().map(|part| part.join().expect("a part of the work stopped: this is a bug"));
        parts.flatten().collect()
    })
}

/// So many of the smallest with their places, smallest first.
fn smallest(values: &[f32], count: usize) -> Vec<(f32, u32)> {
    let mut kept: Vec<(f32, u32)> = Vec::with_capacity(2 * count + 1);
    let by = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let mut bound = f32::INFINITY;
    if count == 0 {
        return kept;
    }
    for (at, value) in values.iter().enumerate() {
        if *value < bound {
            kept.push((*value, at as u32));
            if kept.len() > 2 * count {
                kept.select_nth_unstable_by(count - 1, by);
                kept.truncate(count);
                bound = kept[count - 1].0;
            }
        }
    }
    kept.sort_unstable_by(by);
    kept.truncate(count);
    kept
}

fn covariance(rows: &[&[f32]], width: usize) -> (Vec<f64>, Vec<f64>) {
    let count = rows.len().max(1) as f64;
    let mut middle = vec![0.0f64; width];
    for row in rows {
        middle.iter_mut().zip(*row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    middle.iter_mut().for_each(|sum| *sum /= count);
    let centred: Vec<Vec<f32>> = (0..width)
        .map(|dimension| rows.iter().map(|row| (f64::from(row[dimension]) - middle[dimension]) as f32).collect())
        .collect();
    let lines = in_parts(width, |a| (0..width).map(|b| f64::from(dot(&centred[a], &centred[b])) / count).collect());
    (middle, lines.into_iter().flat_map(|line: Vec<f64>| line).collect())
}

/// The axes of most variance, unit length and at right angles.
fn axes(covariance: &[f64], width: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draw = fastrand::Rng::with_seed(seed);
    // A few more than are wanted settle the last of these sooner.
    let more = (count + 8).min(width);
    let mut axes: Vec<Vec<f64>> = (0..more).map(|_| (0..width).map(|_| draw.f64() - 0.5).collect()).collect();
    upright(&mut axes);
    for _ in 0..ROUNDS {
        axes = in_parts(more, |at| covariance.chunks_exact(width).map(|line| product(line, &axes[at])).collect());
        upright(&mut axes);
    }
    axes.truncate(count);
    axes
}

/// Makes axes unit length and at right angles (Gram-Schmidt); one that has nothing of its own becomes nothing.
fn upright(axes: &mut [Vec<f64>]) {
    for at in 0..axes.len() {
        let (before, from) = axes.split_at_mut(at);
        let axis = &mut from[0];
        let whole = product(axis, axis).sqrt();
        for other in before.iter() {
            let shared = product(axis, other);
            axis.iter_mut().zip(other).for_each(|(value, other)| *value -= shared * other);
        }
        let length = product(axis, axis).sqrt();
        let scale = if length > 1e-12 && length > whole * 1e-9 { 1.0 / length } else { 0.0 };
        axis.iter_mut().for_each(|value| *value *= scale);
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: usize, width: usize) -> Points {
        let mut draw = fastrand::Rng::with_seed(5);
        Points::new(width, (0..rows * width).map(|_| draw.f32() - 0.5).collect())
    }

    fn squared(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    #[test]
    fn neighbours_are_those_a_full_sort_finds() {
        for (rows, count) in [(1, 3), (2, 3), (300, 7), (300, 400)] {
            let points = drawn(rows, 5);
            let near = points.neighbours(count);
            assert_eq!(near.count, count.min(rows - 1));
            for at in 0..rows {
                let mut all: Vec<usize> = (0..rows).filter(|other| *other != at).collect();
                let distance = |other: usize| squared(points.row(at), points.row(other));
                all.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
                let wanted: Vec<u32> = all.into_iter().take(near.count).map(|at| at as u32).collect();
                assert_eq!(near.places(at), wanted);
            }
        }
    }

    #[test]
    fn reduced_points_keep_what_differs_most() {
        // Two wide axes hidden in twelve dimensions, and a little of all.
        let mut draw = fastrand::Rng::with_seed(1);
        let mut values = Vec::new();
        let mut hidden = Vec::new();
        for _ in 0..400 {
            let (a, b) = (draw.f32() * 20.0, draw.f32() * 5.0);
            hidden.push([a, b]);
            values.extend((0..12).map(|at| {
                let small = draw.f32() * 0.01;
                small + if at % 2 == 0 { a } else { b } * if at < 6 { 0.5 } else { -0.3 }
            }));
        }
        let points = Points::new(12, values);
        let reduced = points.reduced(2, 0);
        assert_eq!((reduced.len(), reduced.width()), (400, 2));
        for at in 1..400 {
            let whole = squared(points.row(0), points.row(at)).sqrt();
            let kept = squared(reduced.row(0), reduced.row(at)).sqrt();
            assert!((whole - kept).abs() < 0.05, "{whole} {kept}");
        }
        assert_eq!(reduced, points.reduced(2, 0));
        let alike = Points::new(3, [1.0, 2.0, 3.0].repeat(10));
        assert!(alike.reduced(2, 0).values.iter().all(|value| value.abs() < 1e-6));
    }

    #[test]
    fn dot_products_are_whole() {
        for len in [0, 1, 8, 13] {
            let a: Vec<f32> = (0..len).map(|at| at as f32).collect();
            assert_eq!(dot(&a, &a), a.iter().map(|a| a * a).sum::<f32>());
        }
    }
}
