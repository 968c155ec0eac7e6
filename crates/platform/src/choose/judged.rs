//! What is to be said of a decision's judge, in English or Chinese.

use evaluate::{Agreement, Interval};

use super::{Decision, JudgeUsed, ReportLanguage};

impl Decision {
    /// What is to be known of the model that graded, a fact each; none if no model did.
    pub fn judge_facts(&self, language: ReportLanguage) -> Vec<String> {
        let Some(judge) = &self.judge else { return Vec::new() };
        let chinese = language == ReportLanguage::Chinese;
        let mut all = vec![who(judge, chinese)];
        match &judge.reliability {
            None if chinese => all.push(
                "裁判是否可靠未知：没有人工评过的回答可以对照。请用 [judge] 的 graded 给出一些，再用 sumeru judge check 查看。".to_owned(),
            ),
            None => all.push(
                "How far it can be trusted is not known: there are no answers that people graded to hold it against. Name some with `graded` in [judge]; `sumeru judge check` shows how it does.".to_owned(),
            ),
            Some(known) => {
                let left = known.failed + known.wrong;
                all.push(if chinese {
                    format!("对照 {} 中 {} 个人工评过的回答（另有 {left} 行未能对照）", known.file, known.agreement.answers)
                } else {
                    format!(
                        "held against {} answers that people graded, in {} ({left} rows left out)",
                        known.agreement.answers, known.file
                    )
                });
                all.extend(agreement_facts(&known.agreement, language));
                all.push(correction(known.corrects, chinese).to_owned());
            }
        }
        let same: Vec<String> = self
            .candidates
            .iter()
            .filter(|entrant| entrant.result.is_some() && entrant.candidate.model == judge.model)
            .map(|entrant| entrant.candidate.to_string())
            .collect();
        if !same.is_empty() {
            all.push(if chinese {
                format!("它也评了自己的回答，可能偏爱它们：{}", same.join("、"))
            } else {
                format!("it graded answers of its own, and may prefer them: {}", same.join(", "))
            });
        }
        all
    }
}

fn who(judge: &JudgeUsed, chinese: bool) -> String {
    let JudgeUsed { model, grades, asked, failed, prompt_tokens, completion_tokens, cost, order_decides, .. } = judge;
    let cost = if *cost == 0.0 { "0".to_owned() } else { format!("{cost:.4}") };
    let turned = match (order_decides, chinese) {
        (0, _) => String::new(),
        (count, true) => format!("，{count} 次结果随先后而变"),
        (count, false) => format!(", {count} verdicts turned with the order of the two"),
    };
    if chinese {
        format!(
            "裁判 {model}，{grades} 个等级；评了 {asked} 个回答，{failed} 个没有评出{turned}；读取 {prompt_tokens}、写出 {completion_tokens} 词元，费用 {cost}"
        )
    } else {
        format!(
            "judge {model}, {grades} grades; {asked} answers graded, {failed} without a grade{turned}; {prompt_tokens} tokens read, {completion_tokens} written, cost {cost}"
        )
    }
}

fn correction(corrects: bool, chinese: bool) -> &'static str {
    match (corrects, chinese) {
        (true, false) => {
            "corrected qualities are what people's mean grade would be, if it errs on these answers as on the graded ones; the correction moves all candidates alike and keeps their order"
        }
        (true, true) => {
            "修正后的质量是人工评分的均值的估计，前提是裁判在这些回答上犯的错与在人工评过的回答上一样；修正对所有候选一样，不改变先后"
        }
        (false, false) => {
            "qualities cannot be corrected: people gave one grade only, there are too few graded answers, or the judge does not tell good answers from bad ones"
        }
        (false, true) => "质量无法修正：人工只给了一种等级，或评过的回答太少，或裁判分不出好坏",
    }
}

/// How a judge and people agree, a fact each.
pub fn agreement_facts(agreement: &Agreement, language: ReportLanguage) -> Vec<String> {
    let chinese = language == ReportLanguage::Chinese;
    let named = |english: &str, in_chinese: &str, value: String| {
        if chinese { format!("{in_chinese} {value}") } else { format!("{english} {value}") }
    };
    let mut all = vec![named("same grade", "等级相同", shown(agreement.same, chinese))];
    let intervals = [
        ("Cohen's kappa", "Cohen 的 kappa", agreement.kappa),
        ("quadratically weighted kappa", "二次加权 kappa", agreement.weighted_kappa),
        ("passes what people pass (sensitivity)", "人工判合格的也判合格（灵敏度）", agreement.sensitivity),
        ("fails what people fail (specificity)", "人工判不合格的也判不合格（特异度）", agreement.specificity),
    ];
    for (english, in_chinese, value) in intervals {
        all.extend(value.map(|value| named(english, in_chinese, shown(value, chinese))));
    }
    if agreement.confusion.len() > 2 {
        all.extend(
            agreement
                .spearman
                .map(|value| named("Spearman's rank correlation", "Spearman 等级相关", format!("{value:.3}"))),
        );
    }
    all.push(named("mean of the judge minus people's", "裁判均值减人工均值", format!("{:+.3}", agreement.bias)));
    all
}

fn shown(Interval { value, low, high }: Interval, chinese: bool) -> String {
    if chinese {
        format!("{value:.3}（{low:.3} 至 {high:.3}）")
    } else {
        format!("{value:.3} ({low:.3} to {high:.3})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_told_in_both_languages() {
        let pairs: Vec<(f64, f64)> =
            (0..40).map(|at| (f64::from(at % 2), f64::from(at % 2 == 1 || at % 8 == 0))).collect();
        let agreement = evaluate::agreement(&pairs, 2, 0.95, 1).unwrap();
        let english = agreement_facts(&agreement, ReportLanguage::English).join("\n");
        let chinese = agreement_facts(&agreement, ReportLanguage::Chinese).join("\n");
        for part in ["same grade 0.875", "specificity) 0.750", "minus people's +0.125"] {
            assert!(english.contains(part), "{english}");
        }
        assert!(chinese.contains("特异度") && !chinese.contains("grade"), "{chinese}");
    }
}
