//! Texts into groups of texts that are alike: each group with a name, each text with a place on a map.
//!
//! [`Workspace::cluster`] is the way through: texts to vectors, then `hdbscan` or `kmeans`, `layout`, `words` and `names`; `page` and `table` write
//! the [`Clustering`] down. The mathematics (`points`, `hdbscan`, `kmeans`, `layout`, `quality`) is pure and seeded.

mod hdbscan;
mod kmeans;
mod layout;
mod names;
mod page;
mod points;
mod quality;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;

use domain::Purpose;
use serde::Serialize;

use crate::workspace::blocking;
use crate::{Error, Result, Workspace};
use hdbscan::Density;
use points::Points;
pub use table::{Input, read_texts};

/// Texts that are grouped by density, at most: above, every point against every other takes too long.
const MOST_BY_DENSITY: usize = 50_000;
/// Texts that are grouped at all, at most.
const MOST: usize = 1_000_000;
/// Texts embedded at once.
const AT_ONCE: usize = 64;
/// Characters of a text that are embedded; any model's context ends before.
const EMBEDDED: usize = 40_000;
/// Dimensions in which density is looked for, and rounds and neighbours by which points are drawn together before.
///
/// Of 1,224 paragraphs of 24 chapters, HDBSCAN on the vectors as they are (384 dimensions) leaves half over and finds two groups (adjusted mutual
/// information with the chapters 0.09), on 30 principal axes 0.09, on these drawn together thrice 0.44 with a
/// sixth left over, and 0.46 with a fourteenth left over where the densest three quarters count as equally dense.
const DIMENSIONS: usize = 30;
/// See [`DIMENSIONS`].
const DRAWN: (usize, usize) = (3, 15);
/// A group with more of all texts than this is parted, if it can be: one that holds half of everything says little.
const MOST_OF_ALL: f64 = 0.4;
/// See [`Density::samples`].
const SAMPLES: usize = 5;
/// See [`Density::even`].
const EVEN: f64 = 0.75;
/// Dimensions from which the map is made.
const OF_MAP: usize = 50;
/// Examples kept of each group.
const EXAMPLES: usize = 8;

/// How texts are grouped.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// So many groups (k-means); `None`: as many as there are dense places (HDBSCAN).
    pub groups: Option<usize>,
    /// Texts of a group found by density, at least; `None`: half the root of their number, three at least.
    pub smallest: Option<usize>,
    /// Which embedding model; `None`: the default one.
    pub embedder: Option<String>,
    /// Where names come from.
    pub labels: Labelling,
    /// The same seed, the same groups and the same map.
    pub seed: u64,
}

/// Where names of groups come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labelling {
    /// From the default language model, or from words if none is installed.
    Default,
    /// From this model.
    Model(String),
    /// From the words that tell a group from the others.
    Words,
    /// Groups are numbered.
    None,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterEvent {
    /// So many of so many different texts have a vector.
    Embedded {
        /// Done.
        done: usize,
        /// In all.
        total: usize,
    },
    /// Groups are looked for.
    Grouping,
    /// The map is drawn.
    Drawing,
    /// So many of so many groups have a name.
    Named {
        /// Done.
        done: usize,
        /// In all.
        total: usize,
    },
}

/// How groups were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Method {
    /// By density.
    Hdbscan {
        /// Texts of a group, at least.
        smallest: usize,
    },
    /// So many as were asked for.
    Kmeans {
        /// How many.
        groups: usize,
    },
}

/// A group of texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cluster {
    /// From 1, the largest first.
    pub number: usize,
    /// What it is called; no two groups have one name.
    pub name: String,
    /// Texts in it.
    pub size: usize,
    /// Share of all texts.
    pub share: f64,
    /// Words that tell it from the others, the most telling first.
    pub keywords: Vec<String>,
    /// Texts nearest to its middle, the nearest first.
    pub examples: Vec<String>,
}

/// Where a text came to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Placed {
    /// Its row, from 1.
    pub row: usize,
    /// The number of its group; `None`: it is in none.
    pub cluster: Option<usize>,
    /// Its place on the map, which is 1 wide at most.
    pub x: f32,
    /// See `x`.
    pub y: f32,
}

/// Texts in groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clustering {
    /// Texts grouped.
    pub texts: usize,
    /// Different texts among them.
    pub different: usize,
    /// Rows without a text.
    pub empty: usize,
    /// Who made vectors.
    pub embedder: String,
    /// How groups were found.
    pub method: Method,
    /// Who named them; `None`: their words did, or nobody.
    pub labeller: Option<String>,
    /// What there is to say beside the result, such as why words name groups.
    pub remarks: Vec<String>,
    /// Share of texts that are in no group.
    pub unclustered: f64,
    /// How much nearer texts are to their own group than to the next (Rousseeuw 1987), -1 to 1; `None` for fewer than two groups.
    pub silhouette: Option<f64>,
    /// Groups, the largest first.
    pub clusters: Vec<Cluster>,
    /// Texts, in order.
    pub rows: Vec<Placed>,
}

/// What the mathematics says.
struct Found {
    method: Method,
    /// The group of each text, from 0, the largest first.
    groups: Vec<Option<usize>>,
    silhouette: Option<f64>,
    /// Of each group, different texts nearest to its middle, as places among the different texts.
    central: Vec<Vec<usize>>,
    places: Vec<[f32; 2]>,
}

/// Which of the different texts each text is.
struct Distinct {
    texts: Vec<String>,
    of: Vec<usize>,
}

impl Workspace {
    /// Groups texts; `rows` are their numbers with what is in them. Rows without a text are counted and left out.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no text, too many, or fewer different ones than groups; as [`Workspace::embedder`] and, for a labelling
    /// model that was named, as [`Workspace::language_model`].
    pub async fn cluster(
        &self,
        rows: &[(usize, String)],
        options: &ClusterOptions,
        mut watch: impl FnMut(ClusterEvent),
    ) -> Result<Clustering> {
        let full: Vec<&(usize, String)> = rows.iter().filter(|(_, text)| !text.trim().is_empty()).collect();
        let distinct = Distinct::of(full.iter().map(|(_, text)| text.as_str()));
        check(full.len(), distinct.texts.len(), options)?;
        let namer = self.namer(&options.labels, &distinct.texts).await?;
        let embedder = match &options.embedder {
            Some(name) => name.clone(),
            None => self.default_embedder()?,
        };
        let vectors = self.vectors_of(&embedder, &distinct.texts, &mut watch).await?;
        watch(ClusterEvent::Grouping);
        let (of, how) = (distinct.of.clone(), options.clone());
        let (found, vectors) = blocking(move || (grouped(&vectors, &of, &how), vectors)).await?;
        watch(ClusterEvent::Drawing);
        let (seed, of) = (options.seed, distinct.of.clone());
        let places = blocking(move || map(&vectors, &of, seed)).await?;
        let found = Found { places, ..found };
        let mut clustering = described(&full, &distinct, &found, embedder);
        clustering.empty = rows.len() - full.len();
        names::give(&mut clustering, &namer, &mut watch).await;
        Ok(clustering)
    }

    async fn vectors_of(
        &self,
        embedder: &str,
        texts: &[String],
        watch: &mut impl FnMut(ClusterEvent),
    ) -> Result<Points> {
        let embedder = self.embedder(embedder).await?;
        // Texts of like length share a batch, which is as long as its longest.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|at| (texts[*at].len(), *at));
        let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
        watch(ClusterEvent::Embedded { done: 0, total: texts.len() });
        let mut done = 0;
        for part in order.chunks(AT_ONCE) {
            let batch = part.iter().map(|at| texts[*at].chars().take(EMBEDDED).collect()).collect();
            let made = embedder.embed(batch, Purpose::Query).await?;
            part.iter().zip(made.vectors).for_each(|(at, vector)| vectors[*at] = vector);
            done += part.len();
            watch(ClusterEvent::Embedded { done, total: texts.len() });
        }
        let width = vectors.first().map_or(0, Vec::len);
        if width == 0 || vectors.iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::failed(
                "the embedding model gave vectors that are none; choose another with --embedder",
            ));
        }
        Ok(Points::new(width, vectors.concat()))
    }
}

impl Distinct {
    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut distinct = Self { texts: Vec::new(), of: Vec::new() };
        for text in texts {
            let at = *places.entry(text.trim()).or_insert_with(|| {
                distinct.texts.push(text.trim().to_owned());
                distinct.texts.len() - 1
            });
            distinct.of.push(at);
        }
        distinct
    }
}

fn check(texts: usize, different: usize, options: &ClusterOptions) -> Result<()> {
    if texts == 0 {
        return Err(Error::invalid(
            "rows",
            "no_text",
            "there is no text to group; name the column that holds it with --field",
        ));
    }
    if texts > MOST {
        let message =
            format!("{texts} texts are more than the {MOST} that are grouped at once; draw some with --sample");
        return Err(Error::invalid("rows", "too_many_rows", message));
    }
    match options.groups {
        None if texts > MOST_BY_DENSITY => Err(Error::invalid(
            "rows",
            "too_many_rows",
            format!(
                "{texts} texts are more than the {MOST_BY_DENSITY} in which groups are found by density; say how many groups with --k, or draw some with --sample"
            ),
        )),
        Some(groups) if groups > different => Err(Error::invalid(
            "k",
            "invalid_value",
            format!("{groups} groups cannot be made of {different} different texts; ask for fewer with --k"),
        )),
        _ => Ok(()),
    }
}

/// Groups of texts whose different ones have these vectors.
fn grouped(vectors: &Points, of: &[usize], options: &ClusterOptions) -> Found {
    let all = vectors.take(of);
    let (method, groups) = match options.groups {
        Some(groups) => {
            let found = kmeans::groups(&all, groups, options.seed);
            (Method::Kmeans { groups }, found.groups.into_iter().map(Some).collect())
        }
        None => {
            let smallest = options.smallest.unwrap_or_else(|| smallest_of(of.len()));
            (Method::Hdbscan { smallest }, by_density(&all, vectors.len(), smallest, options.seed))
        }
    };
    let groups = largest_first(&groups);
    let silhouette = quality::silhouette(&all, &groups, options.seed);
    let central = quality::central(vectors, of, &groups, EXAMPLES);
    Found { method, groups, silhouette, central, places: Vec::new() }
}

/// Half the root: of a hundred texts five, of ten thousand fifty.
fn smallest_of(texts: usize) -> usize {
    (((texts as f64).sqrt() / 2.0).round() as usize).max(3)
}

fn by_density(all: &Points, different: usize, smallest: usize, seed: u64) -> Vec<Option<usize>> {
    // One text, however often, is one group; there is no gap to find.
    if different == 1 {
        return vec![(all.len() >= smallest).then_some(0); all.len()];
    }
    let mut points = all.reduced(DIMENSIONS, seed);
    let (rounds, neighbours) = DRAWN;
    // No more neighbours than the smallest group has, which would be drawn into others.
    let neighbours = neighbours.min(smallest.saturating_sub(1)).max(1);
    for _ in 0..rounds {
        points = points.drawn_together(neighbours);
    }
    let density = Density {
        smallest,
        largest: (all.len() as f64 * MOST_OF_ALL) as usize,
        samples: SAMPLES.min(smallest),
        even: EVEN,
    };
    hdbscan::groups(&points, density)
}

/// The same groups numbered by size; of those as large, the one met first.
fn largest_first(groups: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut sizes: HashMap<usize, (usize, usize)> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        if let Some(group) = group {
            sizes.entry(*group).or_insert((0, at)).0 += 1;
        }
    }
    let mut order: Vec<(usize, (usize, usize))> = sizes.into_iter().collect();
    order.sort_by_key(|(_, (size, first))| (std::cmp::Reverse(*size), *first));
    let numbers: HashMap<usize, usize> = order.iter().enumerate().map(|(at, (group, _))| (*group, at)).collect();
    groups.iter().map(|group| group.map(|group| numbers[&group])).collect()
}

/// A place for each text, within a square of 1; texts that are the same are at one.
fn map(vectors: &Points, of: &[usize], seed: u64) -> Vec<[f32; 2]> {
    let laid = layout::places(&vectors.reduced(OF_MAP, seed), seed);
    // Turned so that it is widest from left to right, as screens are.
    let turned = Points::new(2, laid.into_iter().flatten().collect()).reduced(2, seed);
    let places: Vec<[f32; 2]> = (0..turned.len()).map(|at| [turned.row(at)[0], turned.row(at)[1]]).collect();
    let ends = |axis: usize| {
        let values = places.iter().map(move |place| place[axis]);
        values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (low, high)) = (ends(0), ends(1));
    let wide = (right - left).max(high - low);
    let scale = if wide > 0.0 { 1.0 / wide } else { 0.0 };
    let fit = |place: [f32; 2]| {
        [0.5 + (place[0] - f32::midpoint(left, right)) * scale, 0.5 + (place[1] - f32::midpoint(low, high)) * scale]
    };
    of.iter().map(|at| fit(places[*at])).collect()
}

/// What was found, in words. Names are numbers still.
fn described(full: &[&(usize, String)], distinct: &Distinct, found: &Found, embedder: String) -> Clustering {
    let count = found.central.len();
    let mut sizes = vec![0usize; count];
    found.groups.iter().flatten().for_each(|group| sizes[*group] += 1);
    let keywords = words::telling(&distinct.texts, &distinct.of, &found.groups, count);
    let texts = full.len();
    let clusters = keywords
        .into_iter()
        .enumerate()
        .map(|(at, keywords)| Cluster {
            number: at + 1,
            name: (at + 1).to_string(),
            size: sizes[at],
            share: sizes[at] as f64 / texts as f64,
            keywords,
            examples: found.central[at].iter().map(|at| distinct.texts[*at].clone()).collect(),
        })
        .collect();
    let placed = full.iter().zip(&found.groups).zip(&found.places).map(|(((row, _), group), place)| Placed {
        row: *row,
        cluster: group.map(|group| group + 1),
        x: place[0],
        y: place[1],
    });
    Clustering {
        texts,
        different: distinct.texts.len(),
        empty: 0,
        embedder,
        method: found.method,
        labeller: None,
        remarks: Vec::new(),
        unclustered: found.groups.iter().filter(|group| group.is_none()).count() as f64 / texts as f64,
        silhouette: found.silhouette,
        clusters,
        rows: placed.collect(),
    }
}

/// Whether two ways of numbering make the same groups.
#[cfg(test)]
fn same_groups(a: &[Option<usize>], b: &[Option<usize>]) -> bool {
    largest_first(a) == largest_first(b)
}
