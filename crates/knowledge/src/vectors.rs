//! All vectors of a knowledge base in one piece of memory, scanned exactly.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};

use half::f16;
use rusqlite::Connection;

use crate::answer::Language;

/// Vectors as they were at the last refresh.
#[derive(Debug, Default)]
pub(crate) struct Vectors {
    dims: usize,
    last: i64,
    passages: Vec<i64>,
    documents: Vec<i64>,
    data: Vec<f16>,
    /// Passages in Chinese and in other languages, and the sums of their vectors.
    languages: [(usize, Vec<f64>); 2],
    apart: Option<Apart>,
}

/// The direction in which the vectors of two languages lie apart. A multilingual model puts what is written in one language
/// together, whatever it says: a question finds all of its own language before the answer in the other. Half of what lies
/// in this direction is therefore taken out of passages and questions.
///
/// Measured with the questions of `bench/retrieval`: nDCG@10 of vectors rises from 0.345 to 0.372, from 0.16 to 0.35 where
/// only the other language answers, and loses nothing in English; all of it taken out, English loses a sixth.
#[derive(Debug)]
struct Apart {
    /// Unit length.
    direction: Vec<f32>,
    /// How far each vector lies along it, and what brings it back to unit length.
    along: Vec<(f32, f32)>,
}

/// What is left of the length along the direction.
const LEFT: f32 = 0.5;
/// Passages each language must have: the mean of fewer is what they say, not what they are written in.
const FEWEST: usize = 8;

impl Apart {
    fn new(languages: &[(usize, Vec<f64>); 2], data: &[f16]) -> Option<Self> {
        let [(one, ones), (other, others)] = languages;
        if *one.min(other) < FEWEST {
            return None;
        }
        let between = ones.iter().zip(others).map(|(a, b)| (a / *one as f64 - b / *other as f64) as f32);
        let between: Vec<f32> = between.collect();
        let length = between.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length < 1e-6 {
            return None;
        }
        let direction: Vec<f32> = between.into_iter().map(|value| value / length).collect();
        let along = data.chunks_exact(direction.len()).map(|vector| placed(kernels::dot_f16(&direction, vector)));
        let along = along.collect();
        Some(Self { direction, along })
    }

    /// The cosine of a question and a passage, without what is taken out of both.
    fn cosine(&self, (question, to_unit): (f32, f32), at: usize, plain: f32) -> f32 {
        let (passage, back) = self.along[at];
        (plain - (1.0 - LEFT * LEFT) * question * passage) * to_unit * back
    }
}

/// Where a unit vector lies along the direction, and what brings it back to unit length once a part is taken out.
fn placed(along: f32) -> (f32, f32) {
    (along, 1.0 / (1.0 - (1.0 - LEFT * LEFT) * along * along).max(LEFT * LEFT).sqrt())
}

impl Vectors {
    /// Brings the cache to what the connection sees: new rows are appended, anything gone means loading afresh.
    pub(crate) fn refresh(&mut self, connection: &Connection, dims: usize) -> rusqlite::Result<()> {
        if dims != self.dims {
            *self = Self::empty(dims);
        }
        let before = self.passages.len();
        self.append(connection)?;
        let (count, highest): (usize, i64) =
            connection.query_row("SELECT count(*), coalesce(max(seq), 0) FROM vectors", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if count != self.passages.len() || highest < self.last {
            *self = Self::empty(dims);
            self.append(connection)?;
        } else if self.passages.len() == before {
            return Ok(());
        }
        self.apart = Apart::new(&self.languages, &self.data);
        Ok(())
    }

    fn empty(dims: usize) -> Self {
        Self { dims, languages: [(0, vec![0.0; dims]), (0, vec![0.0; dims])], ..Self::default() }
    }

    fn append(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT v.seq, v.passage, p.document, v.vector, substr(p.text, 1, 400) FROM vectors v JOIN passages p ON p.id = v.passage WHERE v.seq > ?1 ORDER BY v.seq",
        )?;
        let mut rows = statement.query([self.last])?;
        while let Some(row) = rows.next()? {
            self.last = row.get(0)?;
            let blob = row.get_ref(3)?.as_blob()?;
            let chinese = Language::of(row.get_ref(4)?.as_str()?) == Language::Chinese;
            // A row of another width can only be a damaged one; as zeros it is never near anything.
            let whole = blob.len() == self.dims * 2;
            self.passages.push(row.get(1)?);
            self.documents.push(row.get(2)?);
            self.data.extend(
                (0..self.dims)
                    .map(|at| if whole { f16::from_le_bytes([blob[at * 2], blob[at * 2 + 1]]) } else { f16::ZERO }),
            );
            let (count, sum) = &mut self.languages[usize::from(chinese)];
            *count += 1;
            let vector = &self.data[self.data.len() - self.dims..];
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += f64::from(value.to_f32()));
        }
        Ok(())
    }

    /// The nearest passages with their cosine, best first; see [`Apart`] for what it leaves out.
    pub(crate) fn nearest(&self, query: &[f32], top: usize, within: Option<&HashSet<i64>>) -> Vec<(i64, f32)> {
        if query.len() != self.dims || self.dims == 0 || top == 0 {
            return Vec::new();
        }
        let apart = self.apart.as_ref().map(|apart| {
            let along = apart.direction.iter().zip(query).map(|(a, b)| a * b).sum();
            (apart, placed(along))
        });
        let mut best: BinaryHeap<Near> = BinaryHeap::with_capacity(top + 1);
        for (at, vector) in self.data.chunks_exact(self.dims).enumerate() {
            if within.is_some_and(|documents| !documents.contains(&self.documents[at])) {
                continue;
            }
            let plain = kernels::dot_f16(query, vector);
            let score = apart.as_ref().map_or(plain, |(apart, question)| apart.cosine(*question, at, plain));
            let near = Near { score, passage: self.passages[at] };
            if best.len() < top {
                best.push(near);
            } else if best.peek().is_some_and(|worst| near < *worst) {
                best.pop();
                best.push(near);
            }
        }
        best.into_sorted_vec().into_iter().map(|near| (near.passage, near.score)).collect()
    }
}

/// The bytes of a vector as they are stored.
pub(crate) fn to_blob(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
}

#[derive(PartialEq)]
struct Near {
    score: f32,
    passage: i64,
}

impl Eq for Near {}

/// Smaller is better, so that a max-heap's top is the worst kept and a sorted vector starts with the best.
impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.passage.cmp(&other.passage))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(values: &[f32]) -> Vec<f32> {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter().map(|value| value / length).collect()
    }

    /// Passages on four subjects in two languages: one axis for each subject, the last one for the language.
    fn two_languages() -> Vectors {
        let mut vectors = Vectors::empty(5);
        for at in 0..32 {
            let (subject, chinese) = (at / 2 % 4, at % 2);
            let mut vector = [0.1, 0.1, 0.1, 0.1, if chinese == 1 { 1.0 } else { -1.0 }];
            vector[subject] = 1.0;
            let halves: Vec<f16> = unit(&vector).into_iter().map(f16::from_f32).collect();
            let (count, sum) = &mut vectors.languages[chinese];
            *count += 1;
            sum.iter_mut().zip(&halves).for_each(|(sum, value)| *sum += f64::from(value.to_f32()));
            vectors.data.extend(halves);
            vectors.passages.push(at as i64);
            vectors.documents.push(0);
        }
        vectors
    }

    #[test]
    fn a_subject_is_nearer_than_a_language() {
        let mut vectors = two_languages();
        let question = unit(&[1.0, 0.1, 0.1, 0.1, 1.0]);
        // Only one passage of its subject, in the other language: all other subjects in its own lie before it.
        let of_subject = |near: &[(i64, f32)]| near.iter().position(|(at, _)| at / 2 % 4 == 0 && at % 2 == 0).unwrap();
        let plain = vectors.nearest(&question, 32, None);
        vectors.apart = Apart::new(&vectors.languages, &vectors.data);
        let turned = vectors.nearest(&question, 32, None);
        assert!(of_subject(&plain) > of_subject(&turned), "{plain:?} {turned:?}");
        assert_eq!(turned[0].0 / 2 % 4, 0);
        assert!(turned.iter().all(|(_, score)| (-1.001..=1.001).contains(score)), "{turned:?}");
    }

    #[test]
    fn the_cosine_is_that_of_the_turned_vectors() {
        let mut vectors = two_languages();
        vectors.apart = Apart::new(&vectors.languages, &vectors.data);
        let direction = vectors.apart.as_ref().unwrap().direction.clone();
        let turned = |vector: &[f32]| {
            let along: f32 = vector.iter().zip(&direction).map(|(a, b)| a * b).sum();
            unit(&vector.iter().zip(&direction).map(|(a, b)| a - (1.0 - LEFT) * along * b).collect::<Vec<f32>>())
        };
        let question = unit(&[0.3, -0.2, 0.5, 0.1, 0.7]);
        for (passage, score) in vectors.nearest(&question, 32, None) {
            let stored = &vectors.data[passage as usize * 5..][..5];
            let stored: Vec<f32> = stored.iter().map(|value| value.to_f32()).collect();
            let expected: f32 = turned(&question).iter().zip(turned(&stored)).map(|(a, b)| a * b).sum();
            assert!((score - expected).abs() < 2e-3, "{passage}: {score} {expected}");
        }
    }

    #[test]
    fn few_passages_say_nothing_of_their_language() {
        let vectors = two_languages();
        assert!(Apart::new(&vectors.languages, &vectors.data).is_some());
        let few = [(FEWEST - 1, vec![1.0; 5]), (100, vec![0.0; 5])];
        assert!(Apart::new(&few, &vectors.data).is_none());
        let same = [(10, vec![1.0; 5]), (10, vec![1.0; 5])];
        assert!(Apart::new(&same, &vectors.data).is_none());
    }
}
