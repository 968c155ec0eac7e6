//! Thinking before answering: step by step, by vote, along a tree.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Collected, LanguageModel, Message, Prompt, Request, Role, Usage};
use futures_util::StreamExt;
use serde_json::Value;

use super::ask::Asking;
use super::labels::sum;
use super::reading::{label_in, without_thoughts};
use super::{Answer, Outcome};
use crate::Error;

/// Tokens of a chain of thought, of one thought of a tree, and of its mark.
const CHAIN: u32 = 320;
const THOUGHT: u32 = 80;
const MARK: u32 = 24;
/// Temperatures of thoughts that must differ.
const VARIED: f32 = 0.7;
/// Thoughts proposed at each place of a tree, how many are followed, and how deep it is.
const PROPOSED: usize = 3;
const KEPT: usize = 2;
const DEPTH: usize = 3;
/// Marks a thought may get, worst first.
const MARKS: [&str; 5] = ["1", "2", "3", "4", "5"];

/// How a model comes to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    None,
    Steps,
    Vote(usize),
    Tree(usize),
}

/// One row's thinking.
pub(super) struct Thinker<'a> {
    pub(super) model: &'a Arc<dyn LanguageModel>,
    pub(super) asking: &'a Asking,
    pub(super) messages: Vec<Message>,
    pub(super) seed: u64,
}

impl Thinking {
    pub(super) async fn answer(self, thinker: &Thinker<'_>) -> Answer {
        match self {
            Self::None => thinker.ask(thinker.asking.request(thinker.messages.clone()), Usage::default()).await,
            Self::Steps => thinker.chain(0.0, 0).await,
            Self::Vote(samples) => thinker.vote(samples).await,
            Self::Tree(budget) => thinker.tree(budget).await,
        }
    }
}

impl Thinker<'_> {
    /// Words to the model in the language of the task.
    fn words(&self, english: &str, chinese: &str) -> String {
        if self.asking.chinese() { chinese } else { english }.to_owned()
    }

    /// Asks for the answer and reads it.
    async fn ask(&self, request: Request, before: Usage) -> Answer {
        match domain::collect(self.model.generate(request)).await {
            Err(error) => Answer::lost(&error, before),
            Ok(came) => Answer {
                outcome: self.asking.answer(&came).map_or_else(Outcome::Error, Outcome::Output),
                usage: sum(before, came.usage),
                ..Answer::default()
            },
        }
    }

    /// Asks for a thought.
    async fn think(&self, messages: Vec<Message>, most: u32, temperature: f32, seed: u64) -> Result<Collected, Error> {
        let mut request = Request::new(Prompt::Chat(messages));
        request.max_tokens = Some(most);
        request.sampling.temperature = Some(temperature);
        request.sampling.seed = Some(self.seed.wrapping_add(seed));
        domain::collect(self.model.generate(request)).await
    }

    /// Messages whose last one is followed by more words.
    fn with(&self, more: &str) -> Vec<Message> {
        let mut messages = self.messages.clone();
        if let Some(last) = messages.last_mut() {
            *last = Message::text(last.role, format!("{}\n\n{more}", last.joined_text()));
        }
        messages
    }

    /// The answer after thoughts.
    async fn conclude(&self, thoughts: &str, before: Usage) -> Answer {
        let mut messages = self.with(&self.steps());
        messages.push(Message::text(Role::Assistant, thoughts));
        messages.push(Message::text(Role::User, self.words("Now give the answer alone.", "现在只给出答案。")));
        self.ask(self.asking.request(messages), before).await
    }

    fn steps(&self) -> String {
        self.words(
            "Think it through step by step first, briefly; the answer comes after.",
            "请先简短地一步一步思考，之后再给出答案。",
        )
    }

    async fn chain(&self, temperature: f32, seed: u64) -> Answer {
        match self.think(self.with(&self.steps()), CHAIN, temperature, seed).await {
            Err(error) => Answer::lost(&error, Usage::default()),
            Ok(thought) => self.conclude(&thought.text, thought.usage).await,
        }
    }

    /// The answer that most chains come to; of those as common, the one that came to it first.
    async fn vote(&self, samples: usize) -> Answer {
        let chains = (0..samples).map(|at| self.chain(VARIED, at as u64 + 1));
        let answers: Vec<Answer> = futures_util::stream::iter(chains).buffered(samples).collect().await;
        let usage = answers.iter().fold(Usage::default(), |all, answer| sum(all, answer.usage));
        let mut votes: HashMap<String, (usize, usize)> = HashMap::new();
        for (at, answer) in answers.iter().enumerate() {
            if let Outcome::Output(value) = &answer.outcome {
                votes.entry(value.to_string()).or_insert((0, at)).0 += 1;
            }
        }
        let most = votes.into_values().max_by_key(|(count, first)| (*count, std::cmp::Reverse(*first)));
        match most {
            None => Answer { usage, ..answers.into_iter().next().unwrap_or_default() },
            Some((count, first)) => Answer {
                outcome: answers[first].outcome.clone(),
                probability: Some(count as f64 / samples as f64),
                usage,
                ..Answer::default()
            },
        }
    }

    /// Proposes thoughts, rates each, follows the best, with so many calls at most, the last of which answers.
    async fn tree(&self, budget: usize) -> Answer {
        let (mut paths, mut usage, mut calls) = (vec![String::new()], Usage::default(), 1);
        for depth in 0..DEPTH {
            let mut rated: Vec<(usize, String)> = Vec::new();
            for path in &paths {
                for proposal in 0..PROPOSED {
                    if calls + 2 > budget {
                        break;
                    }
                    calls += 2;
                    let seed = (depth * 100 + proposal) as u64;
                    match self.branch(path, seed).await {
                        Err(error) => return Answer::lost(&error, usage),
                        Ok((mark, path, its)) => {
                            usage = sum(usage, its);
                            rated.push((mark, path));
                        }
                    }
                }
            }
            if rated.is_empty() {
                break;
            }
            rated.sort_by_key(|(mark, _)| std::cmp::Reverse(*mark));
            paths = rated.into_iter().take(KEPT).map(|(_, path)| path).collect();
        }
        self.conclude(&paths[0], usage).await
    }

    /// One more thought on a path, and its mark.
    async fn branch(&self, path: &str, seed: u64) -> Result<(usize, String, Usage), Error> {
        let so_far = if path.is_empty() {
            String::new()
        } else {
            format!("{}\n{path}\n\n", self.words("Thoughts so far:", "目前的思考："))
        };
        let next = self.words(
            "Write the next thought towards the answer, one or two sentences, no answer yet.",
            "请写出通向答案的下一步思考，一两句话，先不要给出答案。",
        );
        let thought = self.think(self.with(&format!("{so_far}{next}")), THOUGHT, VARIED, seed).await?;
        let path = format!("{path}\n{}", thought.text.trim()).trim().to_owned();
        let judge = self.words(
            "Does this reasoning lead to a right answer? Give a mark from 1 (no) to 5 (surely).",
            "这样的思考能得到正确答案吗？请从 1（不能）到 5（一定能）打分。",
        );
        let mut request = Request::new(Prompt::Chat(
            self.with(&format!("{}\n{path}\n\n{judge}", self.words("Reasoning:", "思考："))),
        ));
        request.sampling.temperature = Some(0.0);
        request.max_tokens = Some(MARK);
        request.grammar = Some(self.asking.choice(&MARKS));
        let marked = domain::collect(self.model.generate(request)).await?;
        let mark = label_in(&MARKS, without_thoughts(&marked.text)).and_then(|mark| mark.parse().ok()).unwrap_or(0);
        Ok((mark, path, sum(thought.usage, marked.usage)))
    }
}

impl Answer {
    /// None, for what was to answer failed.
    pub(super) fn lost(error: &Error, usage: Usage) -> Self {
        Self { outcome: Outcome::Error(error.to_string()), usage, lost: true, ..Self::default() }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            outcome: Outcome::Output(Value::Null),
            usage: Usage::default(),
            probability: None,
            passages: Vec::new(),
            lost: false,
        }
    }
}
