//! Groups by density: HDBSCAN (Campello, Moulavi and Sander 2013), exact, in memory that grows with the number of points alone.
//!
//! A tree of the shortest mutual distances (Prim) is cut from its longest edge down; parts of at least `smallest` points are groups while they
//! last, and those that last longest for their size are kept (excess of mass). What is in none is left over.
//! Crates that do this offer no bound on a group's size and compute neighbours again that are known here.

use super::points::Points;

/// Distances below this are one and the same: vectors are of unit length or near it.
const NOTHING: f64 = 1e-6;

/// How groups are found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Density {
    /// Points of a group, at least.
    pub(super) smallest: usize,
    /// Points of a group, at most, where it can be parted.
    pub(super) largest: usize,
    /// A point is in a dense place if so many, itself among them, are near.
    pub(super) samples: usize,
    /// The densest places, so large a share of all, count as equally dense: what is denser still is no group of its own. 0 for the method as published.
    pub(super) even: f64,
}

/// The group of each point, from 0 and in no order; `None`: it is in none.
pub(super) fn groups(points: &Points, density: Density) -> Vec<Option<usize>> {
    if points.len() < 2 * density.smallest.max(1) {
        return vec![None; points.len()];
    }
    let near = points.neighbours(density.samples.max(1) - 1);
    let mut core: Vec<f32> = (0..points.len()).map(|at| near.squared(at).last().copied().unwrap_or(0.0)).collect();
    let mut order = core.clone();
    order.sort_by(f32::total_cmp);
    let least = order[((order.len() - 1) as f64 * density.even) as usize];
    if density.even > 0.0 {
        core.iter_mut().for_each(|own| *own = own.max(least));
    }
    let mut edges = shortest(points, &core);
    edges.sort_by(|a, b| a.squared.total_cmp(&b.squared));
    let condensed = Condensed::of(&Tree::of(&edges, points.len()), density.smallest.max(2));
    condensed.labels(&condensed.kept(density.largest))
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    from: u32,
    to: u32,
    squared: f32,
}

/// The edges of a spanning tree that is shortest by mutual reachability: the greatest of a distance and both ends' own.
fn shortest(points: &Points, core: &[f32]) -> Vec<Edge> {
    let width = points.width();
    // Those outside the tree, by dimension; one that enters makes room for the last.
    let mut outside: Vec<Vec<f32>> =
        (0..width).map(|at| (1..points.len()).map(|row| points.row(row)[at]).collect()).collect();
    let mut names: Vec<u32> = (1..points.len() as u32).collect();
    let mut own: Vec<f32> = core[1..].to_vec();
    let mut least = vec![f32::INFINITY; names.len()];
    let mut through = vec![0u32; names.len()];
    let mut squared = vec![0.0f32; names.len()];
    let mut edges = Vec::with_capacity(names.len());
    let mut newest = 0u32;
    while !names.is_empty() {
        let left = names.len();
        let squared = &mut squared[..left];
        squared.fill(0.0);
        for (column, value) in outside.iter().zip(points.row(newest as usize)) {
            for (sum, other) in squared.iter_mut().zip(column) {
                let difference = other - value;
                *sum += difference * difference;
            }
        }
        let of_newest = core[newest as usize];
        let mut best = 0;
        for at in 0..left {
            let mutual = squared[at].max(of_newest).max(own[at]);
            if mutual < least[at] {
                (least[at], through[at]) = (mutual, newest);
            }
            if least[at] < least[best] {
                best = at;
            }
        }
        edges.push(Edge { from: through[best], to: names[best], squared: least[best] });
        newest = names.swap_remove(best);
        own.swap_remove(best);
        least.swap_remove(best);
        through.swap_remove(best);
        outside.iter_mut().for_each(|column| {
            column.swap_remove(best);
        });
    }
    edges
}

/// What was joined, from the shortest edge to the longest. Below `points` a node is a point, from there on the join of that number.
struct Tree {
    points: usize,
    /// Both parts, how far apart they are, and points in all.
    joins: Vec<(usize, usize, f64, usize)>,
}

impl Tree {
    fn of(edges: &[Edge], points: usize) -> Self {
        let mut top: Vec<usize> = (0..points + edges.len()).collect();
        let mut joins = Vec::with_capacity(edges.len());
        for (at, edge) in edges.iter().enumerate() {
            let (a, b) = (find(&mut top, edge.from as usize), find(&mut top, edge.to as usize));
            let size = |node: usize| if node < points { 1 } else { joins_size(&joins, node - points) };
            let whole = size(a) + size(b);
            joins.push((a, b, f64::from(edge.squared).sqrt(), whole));
            (top[a], top[b]) = (points + at, points + at);
        }
        Self { points, joins }
    }

    fn size(&self, node: usize) -> usize {
        if node < self.points { 1 } else { self.joins[node - self.points].3 }
    }
}

fn joins_size(joins: &[(usize, usize, f64, usize)], at: usize) -> usize {
    joins[at].3
}

fn find(top: &mut [usize], mut node: usize) -> usize {
    while top[node] != node {
        top[node] = top[top[node]];
        node = top[node];
    }
    node
}

/// A part of the tree that is large enough, from where it comes off to where it falls apart.
struct Part {
    parent: Option<usize>,
    birth: f64,
    size: usize,
    stability: f64,
    children: Vec<usize>,
}

/// Parts that are large enough, parents first, and the last of them that each point was in.
struct Condensed {
    parts: Vec<Part>,
    last: Vec<usize>,
}

impl Condensed {
    fn of(tree: &Tree, smallest: usize) -> Self {
        let root = tree.points + tree.joins.len() - 1;
        let whole = Part { parent: None, birth: 0.0, size: tree.points, stability: 0.0, children: Vec::new() };
        let mut all = Self { parts: vec![whole], last: vec![0; tree.points] };
        let mut open = vec![(root, 0)];
        while let Some((node, part)) = open.pop() {
            if node < tree.points {
                all.last[node] = part;
                continue;
            }
            let (a, b, distance, _) = tree.joins[node - tree.points];
            let density = 1.0 / distance.max(NOTHING);
            let lasted = density - all.parts[part].birth;
            let (size_a, size_b) = (tree.size(a), tree.size(b));
            if size_a >= smallest && size_b >= smallest {
                all.parts[part].stability += lasted * (size_a + size_b) as f64;
                for (child, size) in [(a, size_a), (b, size_b)] {
                    let at = all.parts.len();
                    all.parts[part].children.push(at);
                    all.parts.push(Part {
                        parent: Some(part),
                        birth: density,
                        size,
                        stability: 0.0,
                        children: Vec::new(),
                    });
                    open.push((child, at));
                }
                continue;
            }
            for (child, size) in [(a, size_a), (b, size_b)] {
                if size >= smallest {
                    open.push((child, part));
                } else {
                    all.parts[part].stability += lasted * size as f64;
                    tree.points_below(child, |point| all.last[point] = part);
                }
            }
        }
        all
    }

    /// Which parts are kept: those that outlast what they fall into, but not the whole.
    fn kept(&self, largest: usize) -> Vec<bool> {
        let mut score: Vec<f64> = self.parts.iter().map(|part| part.stability).collect();
        let mut kept = vec![false; self.parts.len()];
        for (at, part) in self.parts.iter().enumerate().skip(1).rev() {
            let below: f64 = part.children.iter().map(|child| score[*child]).sum();
            if !part.children.is_empty() && (below > score[at] || part.size > largest) {
                score[at] = below;
                continue;
            }
            kept[at] = true;
            let mut open = part.children.clone();
            while let Some(child) = open.pop() {
                kept[child] = false;
                open.extend(&self.parts[child].children);
            }
        }
        kept
    }

    fn labels(&self, kept: &[bool]) -> Vec<Option<usize>> {
        let mut number = 0;
        let mut of_part: Vec<Option<usize>> = Vec::with_capacity(self.parts.len());
        for (at, part) in self.parts.iter().enumerate() {
            let inherited = part.parent.and_then(|parent| of_part[parent]);
            of_part.push(if kept[at] {
                number += 1;
                Some(number - 1)
            } else {
                inherited
            });
        }
        self.last.iter().map(|part| of_part[*part]).collect()
    }
}

impl Tree {
    fn points_below(&self, node: usize, mut each: impl FnMut(usize)) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if node < self.points {
                each(node);
            } else {
                let (a, b, ..) = self.joins[node - self.points];
                open.extend([a, b]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::largest_first;
    use crate::cluster::tests::reference;

    #[test]
    fn groups_are_those_of_scikit_learn() {
        let (points, reference) = reference();
        for case in reference["hdbscan"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap() as usize;
            let density =
                Density { smallest: number("size"), largest: usize::MAX, samples: number("samples"), even: 0.0 };
            let wanted: Vec<Option<usize>> = case["labels"]
                .as_array()
                .unwrap()
                .iter()
                .map(|label| label.as_u64().map(|label| label as usize))
                .collect();
            // Edges of one length may be taken in either order, and then a point at the border goes with either side.
            let (found, wanted) = (largest_first(&groups(&points, density)), largest_first(&wanted));
            let apart = found.iter().zip(&wanted).filter(|(a, b)| a != b).count();
            assert!(apart <= 2, "{density:?}: {apart}");
        }
    }

    #[test]
    fn few_points_and_equal_points_are_no_trouble() {
        let density = Density { smallest: 3, largest: usize::MAX, samples: 3, even: 0.75 };
        for rows in [1usize, 2, 5] {
            assert_eq!(groups(&Points::new(2, vec![0.5; 2 * rows]), density), vec![None; rows]);
        }
        // Twenty at one place, twenty at another, one apart.
        let mut values = [0.0, 0.0].repeat(20);
        values.extend([1.0, 0.0].repeat(20));
        values.extend([9.0, 9.0]);
        let found = groups(&Points::new(2, values), density);
        assert!(found[..20].iter().all(|group| group.is_some() && *group == found[0]));
        assert!(found[20..40].iter().all(|group| group.is_some() && *group == found[20]));
        assert!(found[0] != found[20]);
        // One place alone falls apart nowhere.
        assert!(
            groups(&Points::new(2, [0.0, 0.0].repeat(50)), density)
                .iter()
                .all(|group| *group == groups(&Points::new(2, [0.0, 0.0].repeat(50)), density)[0])
        );
    }

    #[test]
    fn a_group_above_the_bound_is_parted() {
        // Two near groups and one far away: together the near ones last longest.
        let mut draw = fastrand::Rng::with_seed(2);
        let mut values = Vec::new();
        for (count, x) in [(40, 0.0), (40, 3.0), (20, 60.0)] {
            (0..count).for_each(|_| values.extend([x + draw.f32(), draw.f32()]));
        }
        let points = Points::new(2, values);
        let count = |largest: usize| {
            let found = groups(&points, Density { smallest: 10, largest, samples: 5, even: 0.0 });
            found.iter().flatten().max().map_or(0, |most| most + 1)
        };
        assert!(count(50) >= 3 && count(usize::MAX) >= 2, "{} {}", count(50), count(usize::MAX));
    }
}
