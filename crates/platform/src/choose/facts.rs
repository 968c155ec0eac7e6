//! What is to be said of a decision beside its table: of the choice in detail, and of what failed.

use super::limits::{Bound, Bounds};
use super::{Decision, Entrant, ReportLanguage};

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
}

impl Entrant {
    /// Answers that it did not give, in words; nothing if it gave all.
    pub fn failures(&self, language: ReportLanguage) -> Option<String> {
        let chinese = language == ReportLanguage::Chinese;
        let (failed, abstained, of) = match (&self.result, &self.race) {
            (Some(result), _) => (result.failed, result.abstained, result.examples),
            (None, Some(race)) => (race.failed, 0, race.examples),
            (None, None) => return None,
        };
        let mut all = Vec::new();
        if failed > 0 {
            all.push(if chinese {
                format!("{of} 条中 {failed} 条失败")
            } else {
                format!("{failed} of {of} failed")
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
