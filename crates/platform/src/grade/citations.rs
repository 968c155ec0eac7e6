//! Whether an answer stands in the passages it was written from.

use domain::{Example, Passage};
use knowledge::answer::Language;
use knowledge::cite;
use serde_json::Value;

use crate::proof::Proof;
use crate::routes::plain;
use crate::{Result, Workspace};

/// The share of an answer's sentences that its passages support. One that states nothing scores 0, unless the expected answer says that there is
/// none, and so does it.
///
/// A passage in another language than the answer is compared by the default language model, if one is installed: of two languages, only figures can
/// be compared without.
pub(super) async fn score(
    workspace: &Workspace,
    example: &Example,
    answer: &Value,
    passages: &[Passage],
) -> Result<f64> {
    let (answer, expected) = (texts(answer), texts(&example.output));
    if cite::declines(&answer) {
        return Ok(f64::from(cite::declines(&expected)));
    }
    let foreign = passages.iter().any(|passage| Language::of(&passage.text) != Language::of(&answer));
    let model = match workspace.default_language_model() {
        Ok(name) if foreign => Some(workspace.language_model(&name).await?),
        _ => None,
    };
    let mut proof = Proof::new(plain(&example.input));
    proof.compare(passages.to_vec(), model);
    Ok(proof.share(&answer).await?.unwrap_or(0.0))
}

/// The texts of an answer, a line each, whatever its form.
fn texts(answer: &Value) -> String {
    fn gather(value: &Value, all: &mut Vec<String>) {
        match value {
            Value::String(text) => all.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| gather(value, all)),
            Value::Object(fields) => fields.values().for_each(|value| gather(value, all)),
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => all.push(number.to_string()),
        }
    }
    let mut all = Vec::new();
    gather(answer, &mut all);
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_records_are_lines() {
        assert_eq!(texts(&json!({"a": "x", "b": ["y", null, {"c": 3}]})), "x\ny\n3");
    }

    #[tokio::test]
    async fn answers_that_decline_are_right_only_where_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(folder.path(), crate::Access::Read).unwrap();
        let passage = crate::proof::tests::hit("员工每年享有十五天年假。病假需要证明。").passage;
        let of = async |expected: &str, answer: &str| {
            let example: Example = serde_json::from_value(json!({"input": {}, "output": expected})).unwrap();
            score(&workspace, &example, &json!(answer), std::slice::from_ref(&passage)).await.unwrap()
        };
        assert_eq!(of("十五天", "员工每年享有十五天年假[1]。病假需要证明。").await, 1.0);
        assert_eq!(of("十五天", "员工每年享有二十天年假[1]。病假需要证明。").await, 0.5);
        assert_eq!(of("十五天", "资料中没有提到。").await, 0.0);
        assert_eq!(of("文档中没有找到这个问题的答案。", "资料中没有提到。").await, 1.0);
        assert_eq!(of("文档中没有找到这个问题的答案。", "年假有二十天。").await, 0.0);
    }
}
