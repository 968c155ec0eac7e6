//! Ways of doing a task, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A way of doing a task. Written as its name, and after a colon its number: `few-shot:8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Route {
    /// `prompt`: the instructions alone.
    Prompt,
    /// `prompt-steps`: the model thinks step by step before it answers (chain of thought, Wei et al. 2022).
    Steps,
    /// `prompt-vote:5`: so many chains of thought, the commonest answer counts (self-consistency, Wang et al. 2023).
    Vote(usize),
    /// `prompt-tree:12`: thoughts that are proposed, rated and followed, so many calls of the model at most (tree of thoughts, Yao et al. 2023).
    Tree(usize),
    /// `few-shot:8`: so many examples with their answers first, always the same.
    FewShot(usize),
    /// `few-shot-nearest:8`: those most like the row.
    Nearest(usize),
    /// `retrieval:6`: so many passages of the knowledge base.
    Retrieval(usize),
    /// `retrieval-fusion:6`: found by several wordings that a model writes of the row (RAG-Fusion).
    Fusion(usize),
    /// `retrieval-reranked:6`: found broadly, then chosen by a model that reads each.
    Reranked(usize),
    /// `classifier`: a regression on vectors; no language model.
    Classifier,
    /// `labels`: the probability a model gives each label, calibrated; nothing is written.
    Labels,
}

/// The usual number of a route, the least and the most.
type Number = (usize, usize, usize);

/// A name, and its number if it has one.
const NAMES: [(&str, Option<Number>); 11] = [
    ("prompt", None),
    ("prompt-steps", None),
    ("prompt-vote", Some((5, 2, 50))),
    ("prompt-tree", Some((12, 4, 200))),
    ("few-shot", Some((8, 1, 64))),
    ("few-shot-nearest", Some((8, 1, 64))),
    ("retrieval", Some((6, 1, 50))),
    ("retrieval-fusion", Some((6, 1, 50))),
    ("retrieval-reranked", Some((6, 1, 50))),
    ("classifier", None),
    ("labels", None),
];

impl Route {
    /// The names of all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// A way much like it that takes a fraction of its time.
    pub(crate) fn plainer(self) -> Option<Self> {
        match self {
            Self::Steps | Self::Vote(_) | Self::Tree(_) => Some(Self::Prompt),
            // What is always the same is read once.
            Self::Nearest(count) => Some(Self::FewShot(count)),
            Self::Fusion(count) | Self::Reranked(count) => Some(Self::Retrieval(count)),
            Self::Prompt | Self::FewShot(_) | Self::Retrieval(_) | Self::Classifier | Self::Labels => None,
        }
    }

    /// Passages it finds, if it finds any.
    pub(crate) fn passages(self) -> Option<usize> {
        match self {
            Self::Retrieval(count) | Self::Fusion(count) | Self::Reranked(count) => Some(count),
            _ => None,
        }
    }

    /// The same with another number of passages.
    pub(crate) fn with_passages(self, count: usize) -> Option<Self> {
        match self {
            Self::Retrieval(_) => Some(Self::Retrieval(count)),
            Self::Fusion(_) => Some(Self::Fusion(count)),
            Self::Reranked(_) => Some(Self::Reranked(count)),
            _ => None,
        }
    }

    /// Examples it shows of those it is given.
    pub(crate) fn shown(self) -> usize {
        match self {
            Self::FewShot(count) => count,
            _ => 0,
        }
    }

    fn parts(self) -> (&'static str, Option<usize>) {
        match self {
            Self::Prompt => ("prompt", None),
            Self::Steps => ("prompt-steps", None),
            Self::Vote(count) => ("prompt-vote", Some(count)),
            Self::Tree(count) => ("prompt-tree", Some(count)),
            Self::FewShot(count) => ("few-shot", Some(count)),
            Self::Nearest(count) => ("few-shot-nearest", Some(count)),
            Self::Retrieval(count) => ("retrieval", Some(count)),
            Self::Fusion(count) => ("retrieval-fusion", Some(count)),
            Self::Reranked(count) => ("retrieval-reranked", Some(count)),
            Self::Classifier => ("classifier", None),
            Self::Labels => ("labels", None),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (name, None) => f.write_str(name),
            (name, Some(count)) => write!(f, "{name}:{count}"),
        }
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
        let Some((name, bounds)) = NAMES.iter().find(|(one, _)| *one == name) else {
            return Err(format!("'{text}' is no route; there are {}", Self::names().collect::<Vec<_>>().join(", ")));
        };
        let count = match (bounds, count) {
            (None, None) => 0,
            (None, Some(count)) => return Err(format!("'{name}' has no number; leave ':{count}' out")),
            (Some((usual, _, _)), None) => *usual,
            (Some((_, least, most)), Some(count)) => {
                let fits = |count: &usize| (*least..=*most).contains(count);
                count
                    .parse()
                    .ok()
                    .filter(fits)
                    .ok_or_else(|| format!("'{count}' is no number for {name}: {least} to {most}"))?
            }
        };
        Ok(match *name {
            "prompt" => Self::Prompt,
            "prompt-steps" => Self::Steps,
            "prompt-vote" => Self::Vote(count),
            "prompt-tree" => Self::Tree(count),
            "few-shot" => Self::FewShot(count),
            "few-shot-nearest" => Self::Nearest(count),
            "retrieval" => Self::Retrieval(count),
            "retrieval-fusion" => Self::Fusion(count),
            "retrieval-reranked" => Self::Reranked(count),
            "classifier" => Self::Classifier,
            _ => Self::Labels,
        })
    }
}

impl TryFrom<String> for Route {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_they_are_written() {
        for name in Route::names() {
            let route: Route = name.parse().expect(name);
            assert!(route.to_string().starts_with(name));
            assert_eq!(route.to_string().parse::<Route>(), Ok(route), "{name}");
        }
        assert_eq!("few-shot:3".parse(), Ok(Route::FewShot(3)));
        for wrong in ["", "few-shot:0", "few-shot:x", "prompt:2", "prompt-vote:1", "few-shot:65", "agents"] {
            assert!(wrong.parse::<Route>().is_err(), "{wrong}");
        }
    }
}
