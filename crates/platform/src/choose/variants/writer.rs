//! A model that writes instructions: what it is asked, in the language of the task.

use std::sync::Arc;

use domain::{Example, FinishReason, LanguageModel, Message, Price, Prompt, Request, Role, Standing};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::find::Work;
use super::template::{Becomes, Template};
use crate::choose::ledger::Entry;
use crate::remotes::policy_of;
use crate::routes::{Answer, Outcome, is_chinese, plain};
use crate::{Error, Result};

/// Tokens of a text, at most.
const MOST: u32 = 400;
/// How freely texts after the first of a kind are written.
const VARIED: f32 = 0.8;
/// Rows a writer is shown, and characters of each.
const ROWS: usize = 6;
const CHARACTERS: usize = 300;

/// Who writes.
pub(super) struct Writer {
    pub(super) name: String,
    pub(super) sha256: String,
    model: Arc<dyn LanguageModel>,
    price: Option<Price>,
    standing: Standing,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The instructions in fewer words.
    Short,
    /// The instructions, clearer, by examples.
    Precise,
    /// What each label or field means, before the instructions.
    Guide,
    /// Rules learnt from mistakes, before the instructions.
    Rules,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Precise => "precise",
            Self::Guide => "guide",
            Self::Rules => "rules",
        }
    }

    pub(super) fn becomes(self) -> Becomes {
        match self {
            Self::Short => Becomes::Shorter,
            Self::Precise => Becomes::Instead,
            Self::Guide | Self::Rules => Becomes::Before,
        }
    }
}

/// A row that a plain prompt got wrong, and what it answered.
pub(super) type Mistake<'a> = (&'a Example, &'a str);

impl Work<'_> {
    /// Who is asked for, or else the largest local model that takes part: nothing is sent away, or paid for, that nobody asked for. A remote one
    /// if there is no local one. Nobody if the policy lets none of them see the task.
    ///
    /// # Errors
    /// What the policy says if who is asked for may not see the task, [`Error::NotFound`] if it is not here.
    pub(super) async fn writer(&self, asked: Option<&str>, models: &[String]) -> Result<Option<Writer>> {
        let allowed = |name: &str| self.workspace.standing(name).map(|standing| self.task.policy.allows(&standing));
        let name = match asked {
            Some(name) => {
                allowed(name)?.map_err(|refusal| {
                    self.workspace.audit(&self.task.name, &refusal, None);
                    Error::from(refusal)
                })?;
                Some(name.to_owned())
            }
            None => {
                let size = |name: &str| self.workspace.models().installed(name).map_or(0, |model| model.card.bytes);
                let may = models.iter().filter(|name| allowed(name).is_ok_and(|allowed| allowed.is_ok()));
                may.max_by_key(|name| size(name)).cloned()
            }
        };
        let Some(name) = name else { return Ok(None) };
        let model = self.workspace.language_model(&name).await?;
        let (price, standing) =
            (self.workspace.remotes().find(&name)?.and_then(|remote| remote.price), self.workspace.standing(&name)?);
        Ok(Some(Writer { sha256: model.card().sha256.clone(), name, model, price, standing }))
    }

    /// Asks a writer, or takes what it wrote before; nothing if the text was cut.
    ///
    /// # Errors
    /// What the model says, or the disk.
    pub(super) async fn write(&mut self, writer: &Writer, told: String, again: usize) -> Result<Option<String>> {
        let temperature = if again == 0 { 0.0 } else { VARIED };
        let seed = self.options.seed.wrapping_add(again as u64);
        let name = format!("writer {} {} {temperature} {seed}", writer.name, writer.sha256);
        let key: String = Sha256::digest(&told).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        if self.ledger.get(&name, &key).is_none() {
            let mut request = Request::new(Prompt::Chat(vec![Message::text(Role::User, told)]));
            request.max_tokens = Some(MOST);
            (request.sampling.temperature, request.sampling.seed) = (Some(temperature), Some(seed));
            let started = std::time::Instant::now();
            let came = domain::collect(writer.model.generate(request)).await?;
            self.done.cost += writer.price.as_ref().map_or(0.0, |price| price.cost(&came.usage));
            let outcome = match came.reason {
                FinishReason::Length => Outcome::Error(format!("it was cut after {MOST} tokens")),
                _ => Outcome::Output(Value::from(came.text)),
            };
            let answer = Answer { outcome, usage: came.usage, ..Answer::default() };
            self.ledger.add(Entry::new(&name, &key, (answer, started.elapsed().as_secs_f64() * 1000.0)))?;
        }
        let entry = self.ledger.get(&name, &key);
        let entry = entry.ok_or_else(|| Error::failed("a text that was kept is not there: this is a bug"))?;
        self.done.calls += 1;
        self.done.prompt_tokens += u64::from(entry.usage.prompt_tokens);
        self.done.completion_tokens += u64::from(entry.usage.completion_tokens);
        Ok(match &entry.outcome {
            Outcome::Output(text) => text.as_str().map(str::to_owned),
            Outcome::Abstained(_) | Outcome::Error(_) => None,
        })
    }

    /// What a writer is told; each time it is asked again it sees other rows. Rows that it may not see are not shown. Nothing where it could only
    /// guess: rules without mistakes, a guide without examples.
    pub(super) fn told(&self, writer: &Writer, kind: Kind, mistakes: &[Mistake<'_>], again: usize) -> Option<String> {
        let may_see = |example: &Example| {
            policy_of(self.task, &example.input).is_ok_and(|policy| policy.allows(&writer.standing).is_ok())
        };
        let chinese = is_chinese(&self.task.instructions);
        let rows: Vec<String> = match kind {
            Kind::Rules => {
                let seen: Vec<&Mistake<'_>> = mistakes.iter().filter(|(example, _)| may_see(example)).collect();
                let first = again * ROWS % seen.len().max(1);
                let turned = seen[first..].iter().chain(&seen[..first]);
                turned.take(ROWS).map(|(example, answer)| row(example, Some(answer), chinese)).collect()
            }
            _ => {
                let seen: Vec<&Example> = self.parts.train.iter().filter(|example| may_see(example)).collect();
                self.sample(&seen, again).iter().map(|example| row(example, None, chinese)).collect()
            }
        };
        if rows.is_empty() && matches!(kind, Kind::Rules | Kind::Guide) {
            return None;
        }
        Some(self.words(kind, &rows.join("\n\n"), chinese))
    }

    /// A few rows, of every label if they have labels.
    fn sample<'a>(&self, rows: &[&'a Example], again: usize) -> Vec<&'a Example> {
        let from = again * ROWS * 4 % rows.len().max(1);
        let turned: Vec<&Example> = rows[from..].iter().chain(&rows[..from]).copied().collect();
        let copied: Vec<Example> = turned.iter().take(200).map(|example| (*example).clone()).collect();
        let picked = super::selection::balanced(&copied, None, ROWS);
        let picked = if picked.is_empty() { (0..ROWS.min(copied.len())).collect() } else { picked };
        picked.into_iter().map(|at| turned[at]).collect()
    }

    fn words(&self, kind: Kind, rows: &str, chinese: bool) -> String {
        let template = Template::of(&self.task.instructions);
        let said = template.said();
        let keep = match (template.holds_fields(), chinese) {
            (false, _) => "",
            (true, true) => "花括号里的内容（如 {{ … }}）必须原样保留。",
            (true, false) => " Keep everything in braces ({{ ... }}) exactly as it is.",
        };
        let about = self.about(chinese);
        match (kind, chinese) {
            (Kind::Short, true) => format!(
                "下面是写给语言模型的指示。请用尽量少的字改写，意思不变，不漏掉任何要求。{keep}只写改写后的指示，不要解释，不要举例。\n\n指示：\n{said}"
            ),
            (Kind::Short, false) => format!(
                "Below are instructions for a language model. Rewrite them in as few words as possible, with the same meaning and nothing left out.{keep} Write the new instructions alone: no explanation, no example.\n\nInstructions:\n{said}"
            ),
            (Kind::Precise, true) => format!(
                "下面是写给语言模型的指示，后面是几行输入和应有的回答。请把指示改写得更明确：说清要判断什么、根据什么判断、怎样回答。{keep}只写改写后的指示，不要解释，不要举例。\n\n指示：\n{said}\n\n{rows}\n\n改写后的指示："
            ),
            (Kind::Precise, false) => format!(
                "Below are instructions for a language model, then some inputs with the answers they should get. Rewrite the instructions so that they are more precise: what is asked, by what to tell, how to answer.{keep} Write the new instructions alone: no explanation, no example.\n\nInstructions:\n{said}\n\n{rows}\n\nNew instructions:"
            ),
            (Kind::Guide, true) => format!(
                "一个语言模型的任务：\n{said}\n\n下面是几行输入和应有的回答。\n\n{rows}\n\n请写一段简短的说明，让模型知道{about}。不要照抄上面的输入，只写说明。"
            ),
            (Kind::Guide, false) => format!(
                "A language model is told:\n{said}\n\nHere are some inputs with the answers they should get.\n\n{rows}\n\nWrite a short note that tells the model {about}. Do not copy the inputs; write the note alone."
            ),
            (Kind::Rules, true) => format!(
                "一个语言模型的任务：\n{said}\n\n下面这些输入它都答错了。\n\n{rows}\n\n请写出两到五条简短的规则，每条一行，让它以后不再这样答错。规则要普遍适用，不要照抄上面的输入，只写规则。"
            ),
            (Kind::Rules, false) => format!(
                "A language model is told:\n{said}\n\nIt got all of these wrong.\n\n{rows}\n\nWrite two to five short rules, one a line, that would keep it from such mistakes. The rules must hold in general; do not copy the inputs, and write the rules alone."
            ),
        }
    }

    /// What a guide is about.
    fn about(&self, chinese: bool) -> String {
        let fields = self.task.output.get("properties").and_then(Value::as_object);
        let names = match (self.task.labels(), fields) {
            (Some(labels), _) => labels.iter().map(|label| (*label).to_owned()).collect(),
            (None, Some(fields)) => fields.keys().cloned().collect(),
            (None, None) => Vec::new(),
        };
        let names = names.join(if chinese { "、" } else { ", " });
        match (self.task.labels().is_some(), names.is_empty(), chinese) {
            (_, true, true) => "好的回答是什么样子：写什么，不写什么，多长".to_owned(),
            (_, true, false) => "what a good answer is like: what is in it, what is not, how long it is".to_owned(),
            (true, false, true) => format!("每个标签（{names}）各在什么情况下使用，每个标签一行"),
            (true, false, false) => format!("when to use each label ({names}), a line for each label"),
            (false, false, true) => format!("每个字段（{names}）该填什么，每个字段一行"),
            (false, false, false) => format!("what belongs into each field ({names}), a line for each field"),
        }
    }
}

/// A row as a writer sees it.
fn row(example: &Example, answered: Option<&str>, chinese: bool) -> String {
    let mut text: String = plain(&example.input).chars().take(CHARACTERS).collect();
    if text.len() < plain(&example.input).len() {
        text.push('…');
    }
    let output = example.output.as_str().map_or_else(|| example.output.to_string(), str::to_owned);
    let mut lines = if chinese {
        format!("输入：{text}\n应答：{output}")
    } else {
        format!("Input: {text}\nRight answer: {output}")
    };
    if let Some(answered) = answered {
        let words = match (answered.is_empty(), chinese) {
            (true, true) => "\n它没有给出答案".to_owned(),
            (true, false) => "\nIt gave no answer".to_owned(),
            (false, true) => format!("\n它答成：{answered}"),
            (false, false) => format!("\nIt answered: {answered}"),
        };
        lines.push_str(&words);
    }
    lines
}
