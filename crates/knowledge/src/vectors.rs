//! All vectors of a knowledge base in one piece of memory, scanned exactly.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};

use half::f16;
use rusqlite::Connection;

/// Vectors as they were at the last refresh.
#[derive(Debug, Default)]
pub(crate) struct Vectors {
    dims: usize,
    last: i64,
    passages: Vec<i64>,
    documents: Vec<i64>,
    data: Vec<f16>,
}

impl Vectors {
    /// Brings the cache to what the connection sees: new rows are appended, anything gone means loading afresh.
    pub(crate) fn refresh(&mut self, connection: &Connection, dims: usize) -> rusqlite::Result<()> {
        if dims != self.dims {
            *self = Self { dims, ..Self::default() };
        }
        self.append(connection)?;
        let (count, highest): (usize, i64) =
            connection.query_row("SELECT count(*), coalesce(max(seq), 0) FROM vectors", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if count != self.passages.len() || highest < self.last {
            *self = Self { dims, ..Self::default() };
            self.append(connection)?;
        }
        Ok(())
    }

    fn append(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT v.seq, v.passage, p.document, v.vector FROM vectors v JOIN passages p ON p.id = v.passage WHERE v.seq > ?1 ORDER BY v.seq",
        )?;
        let mut rows = statement.query([self.last])?;
        while let Some(row) = rows.next()? {
            self.last = row.get(0)?;
            let blob = row.get_ref(3)?.as_blob()?;
            // A row of another width can only be a damaged one; as zeros it is never near anything.
            let whole = blob.len() == self.dims * 2;
            self.passages.push(row.get(1)?);
            self.documents.push(row.get(2)?);
            self.data.extend(
                (0..self.dims)
                    .map(|at| if whole { f16::from_le_bytes([blob[at * 2], blob[at * 2 + 1]]) } else { f16::ZERO }),
            );
        }
        Ok(())
    }

    /// The nearest passages with their cosine, best first.
    pub(crate) fn nearest(&self, query: &[f32], top: usize, within: Option<&HashSet<i64>>) -> Vec<(i64, f32)> {
        if query.len() != self.dims || self.dims == 0 || top == 0 {
            return Vec::new();
        }
        let mut best: BinaryHeap<Near> = BinaryHeap::with_capacity(top + 1);
        for (at, vector) in self.data.chunks_exact(self.dims).enumerate() {
            if within.is_some_and(|documents| !documents.contains(&self.documents[at])) {
                continue;
            }
            let near = Near { score: kernels::dot_f16(query, vector), passage: self.passages[at] };
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
