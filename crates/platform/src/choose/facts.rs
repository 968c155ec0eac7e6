//! What is to be said of a decision beside its table: of the choice in detail, and of what failed.

use super::limits::{Bound, Bounds};
use super::{Decision, Entrant, ReportLanguage};
use crate::Candidate;

impl Decision {
    /// How the chosen one does where one figure says too little: a fact each; none if nothing was chosen.
    pub fn detail_facts(&self, language: ReportLanguage) -> Vec<String> {
        let chosen = self.candidates.iter().find(|entrant| Some(&entrant.candidate) == self.chosen.as_ref());
        let Some(result) = chosen.and_then(|entrant| entrant.result.as_ref()) else { return Vec::new() };
        let chinese = language == ReportLanguage::Chinese;
        let mut all = Vec::new();
        all.extend(result.macro_f1.map(|score| {
            if chinese {
                format!("各标签 F1 的平均（macro-F1）：{score:.3}")
            } else {
                format!("Mean F1 of the labels (macro-F1): {score:.3}")
            }
        }));
        let fields: Vec<String> = result.fields.iter().map(|(name, score)| format!("{name} {score:.3}")).collect();
        if !fields.is_empty() {
            all.push(if chinese {
                format!("各字段的 F1：{}", fields.join("，"))
            } else {
                format!("F1 of each field: {}", fields.join(", "))
            });
        }
        all
    }

    /// Candidates that the race did not drop and the final had no place for: nothing more is known of them.
    fn left_out(&self) -> Vec<&Candidate> {
        let unbeaten = |entrant: &&Entrant| {
            let raced = entrant.race.as_ref().is_some_and(|race| race.beaten_by.is_none());
            raced && entrant.result.is_none() && entrant.withdrawn.is_none()
        };
        self.candidates.iter().filter(unbeaten).map(|entrant| &entrant.candidate).collect()
    }

    /// Who was left out, in a sentence with why the race told no more of them; nothing if nobody was.
    pub fn left_out_fact(&self, language: ReportLanguage) -> Option<String> {
        let left = self.left_out();
        let names: Vec<String> = left.iter().map(ToString::to_string).collect();
        let raced = self.candidates.iter().filter(|entrant| left.contains(&&entrant.candidate));
        let raced = raced.filter_map(|entrant| Some(entrant.race.as_ref()?.examples)).max()?;
        let spend = format!("{:.0}", self.terms.spend * 100.0);
        let short = raced < self.data.development && self.bounds.ended.is_none();
        Some(match language {
            ReportLanguage::English => {
                let why = if short {
                    format!(
                        "; the race had {raced} of {} examples, as {spend} % of all answers (--spend) allow",
                        self.data.development
                    )
                } else {
                    String::new()
                };
                let names = names.join(", ");
                match self.bounds.ended {
                    None => format!("the race did not drop {names}, for which the final had no place{why}"),
                    Some(_) => format!("the race did not drop {names}, which were not measured"),
                }
            }
            ReportLanguage::Chinese => {
                let why = if short {
                    format!(
                        "；只问全部的 {spend}%（--spend），竞赛只用得上 {} 条中的 {raced} 条",
                        self.data.development
                    )
                } else {
                    String::new()
                };
                let rest = if self.bounds.ended.is_none() { "决赛没有席位" } else { "没有测量" };
                format!("竞赛没有淘汰、但{rest}的：{}{why}", names.join("、"))
            }
        })
    }

    /// What ended the choice before all was asked; nothing if nothing did.
    pub(super) fn bound_fact(&self, chinese: bool) -> Option<String> {
        let Bounds { max_cost, max_seconds, ended } = self.bounds;
        Some(match (ended?, chinese) {
            (Bound::Cost, false) => {
                format!(
                    "the money it might take ({}, half of it for the race) was not enough for all that was to be asked",
                    self.money(max_cost?)
                )
            }
            (Bound::Cost, true) => format!("费用上限（{}，一半给竞赛）不够问完", self.money(max_cost?)),
            (Bound::Time, false) => {
                format!(
                    "the time it might take ({:.0} s, half of it for the race) was not enough for all that was to be asked",
                    max_seconds?
                )
            }
            (Bound::Time, true) => format!("时间上限（{:.0} 秒，一半给竞赛）不够问完", max_seconds?),
        })
    }

    /// A sum of money in the currency of the prices.
    pub fn money(&self, sum: f64) -> String {
        let currency = self.candidates.iter().find_map(|entrant| Some(entrant.price.as_ref()?.currency.as_str()));
        currency.map_or_else(|| format!("{sum:.4}"), |currency| format!("{sum:.4} {currency}"))
    }

    /// What 1,000 answers of a finalist cost, in words; `-` if it was not measured.
    pub fn price_of(&self, entrant: &Entrant, language: ReportLanguage) -> String {
        match (&entrant.result, entrant.unpriced) {
            (None, _) => "-".to_owned(),
            (Some(_), true) if language == ReportLanguage::Chinese => "不详".to_owned(),
            (Some(_), true) => "not known".to_owned(),
            (Some(result), false) if result.cost_per_1000 == 0.0 => "0".to_owned(),
            (Some(result), false) => self.money(result.cost_per_1000),
        }
    }

    /// What a candidate's result does not rest on, in words: examples it was not asked about, answers it did not give; nothing if it gave all.
    pub fn lacks(&self, entrant: &Entrant, language: ReportLanguage) -> Option<String> {
        let chinese = language == ReportLanguage::Chinese;
        let (failed, failure, abstained, of) = match (&entrant.result, &entrant.race) {
            (Some(result), _) => (result.failed, &result.failure, result.abstained, result.examples),
            (None, Some(race)) => (race.failed, &race.failure, 0, race.examples),
            (None, None) => return None,
        };
        let mut all = Vec::new();
        let test = self.data.test;
        if entrant.result.is_some() && of < test {
            all.push(if chinese {
                format!("只测了 {test} 条中的 {of} 条")
            } else {
                format!("measured on {of} of {test}")
            });
        }
        if failed > 0 {
            let why = failure.as_deref();
            all.push(if chinese {
                format!("{of} 条中 {failed} 条失败{}", why.map_or(String::new(), |why| format!("（最常见：{why}）")))
            } else {
                format!("{failed} of {of} failed{}", why.map_or(String::new(), |why| format!(" (most often: {why})")))
            });
        }
        if abstained > 0 {
            all.push(if chinese {
                format!("{of} 条中 {abstained} 条弃答")
            } else {
                format!("{abstained} of {of} without a label")
            });
        }
        (!all.is_empty()).then(|| all.join(if chinese { "，" } else { ", " }))
    }
}
