//! Passages of a knowledge base for a row.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Hit, LanguageModel, Message, Prompt, Request, Role, Usage};

use crate::{Result, SearchRequest, Workspace};

/// Wordings of a row that are searched beside its own.
const VARIANTS: usize = 3;
/// Tokens of the wordings, together.
const WORDS: u32 = 160;
/// What a place in a list counts (Cormack et al. 2009).
const RANK: f64 = 60.0;
/// Passages looked at for each that is wanted, where a model chooses.
const BROADLY: usize = 3;

/// How passages are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Plain,
    Fusion,
    Reranked,
}

/// Finds passages of one knowledge base.
pub(super) struct Finder {
    pub(super) workspace: Workspace,
    pub(super) base: String,
    /// Of all that is in it.
    pub(super) fingerprint: String,
    pub(super) count: usize,
    pub(super) finding: Finding,
    /// Who reranks.
    pub(super) name: String,
}

impl Finder {
    /// The passages, and what a model read to find them.
    pub(super) async fn passages(
        &self,
        model: &Arc<dyn LanguageModel>,
        question: &str,
        chinese: bool,
    ) -> Result<(Vec<Hit>, Usage)> {
        Ok(match self.finding {
            Finding::Plain => (self.search(question, self.count).await?, Usage::default()),
            Finding::Fusion => {
                let (variants, usage) = variants(model, question, chinese).await?;
                let mut lists = vec![self.search(question, self.count).await?];
                for variant in &variants {
                    lists.push(self.search(variant, self.count).await?);
                }
                (fused(lists, self.count), usage)
            }
            Finding::Reranked => self.reranked(question).await?,
        })
    }

    async fn search(&self, query: &str, top: usize) -> Result<Vec<Hit>> {
        let request = SearchRequest { query: query.to_owned(), top, ..SearchRequest::default() };
        Ok(self.workspace.search(&self.base, request).await?.hits)
    }

    async fn reranked(&self, question: &str) -> Result<(Vec<Hit>, Usage)> {
        let hits = self.search(question, self.count * BROADLY).await?;
        let reranker = self.workspace.reranker(&self.name).await?;
        let scores = reranker.score(question, hits.iter().map(|hit| hit.passage.text.clone()).collect()).await?;
        let mut order: Vec<(f32, Hit)> = scores.scores.into_iter().zip(hits).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let usage = Usage { prompt_tokens: scores.tokens, ..Usage::default() };
        Ok((order.into_iter().take(self.count).map(|(_, hit)| hit).collect(), usage))
    }
}

/// Other wordings of a question, written by a model.
async fn variants(model: &Arc<dyn LanguageModel>, question: &str, chinese: bool) -> Result<(Vec<String>, Usage)> {
    let told = if chinese {
        format!("请用 {VARIANTS} 种不同的说法改写下面的问题，以便检索文档，每行一种，不要编号。\n\n{question}")
    } else {
        format!(
            "Write the following question in {VARIANTS} other wordings to search documents with, one a line, no numbers.\n\n{question}"
        )
    };
    let mut request = Request::new(Prompt::Chat(vec![Message::text(Role::User, told)]));
    request.sampling.temperature = Some(0.0);
    request.max_tokens = Some(WORDS);
    let came = domain::collect(model.generate(request)).await?;
    let bare =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || ".)-*、 ".contains(c)).trim().to_owned();
    let lines = came.text.lines().map(bare).filter(|line| !line.is_empty() && line != question);
    Ok((lines.take(VARIANTS).collect(), came.usage))
}

/// Lists made one by the places of their members.
fn fused(lists: Vec<Vec<Hit>>, count: usize) -> Vec<Hit> {
    let mut scores: HashMap<_, (f64, usize, Hit)> = HashMap::new();
    let mut came = 0;
    for list in lists {
        for (place, hit) in list.into_iter().enumerate() {
            came += 1;
            scores.entry(hit.passage.id.clone()).or_insert((0.0, came, hit)).0 += 1.0 / (RANK + place as f64 + 1.0);
        }
    }
    let mut all: Vec<(f64, usize, Hit)> = scores.into_values().collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.into_iter().take(count).map(|(_, _, hit)| hit).collect()
}

/// As instructions have them.
pub(super) fn numbered(hits: &[Hit]) -> String {
    let lines: Vec<String> =
        hits.iter().enumerate().map(|(at, hit)| format!("[{}] {}", at + 1, hit.passage.text.trim())).collect();
    lines.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::hit;

    #[test]
    fn what_several_wordings_find_comes_first() {
        let (a, b, c) = (hit("a"), hit("b"), hit("c"));
        let got = fused(vec![vec![a.clone(), b.clone()], vec![c, b.clone()], vec![b, a]], 2);
        let texts: Vec<&str> = got.iter().map(|hit| hit.passage.text.as_str()).collect();
        assert_eq!(texts, ["b", "a"]);
        assert_eq!(numbered(&got), "[1] b\n\n[2] a");
    }
}
