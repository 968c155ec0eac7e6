//! Graders: what is asked of an answer, and whether it passes.

use domain::{Purpose, Sampling};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::template::{self, Scope};
use super::{Fault, Graded, Said, Spent, judge};
use crate::workspace::blocking;
use crate::{Error, Result, Workspace};

/// A grader by a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// Its name, of which an eval has one.
    pub name: String,
    /// What it does.
    pub grader: Grader,
    /// As it was asked for.
    pub sent: Value,
}

/// What is asked of an answer. Texts may hold templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grader {
    /// Two texts are compared; 1 if they agree as asked, else 0.
    StringCheck {
        /// What is graded.
        input: String,
        /// What it is held against.
        reference: String,
        /// How.
        operation: Operation,
    },
    /// How alike two texts are, 0 to 1.
    TextSimilarity {
        /// What is graded.
        input: String,
        /// What it is held against.
        reference: String,
        /// How.
        metric: Similarity,
        /// The least that passes.
        threshold: f64,
    },
    /// A model chooses one of some labels.
    LabelModel {
        /// Who.
        model: String,
        /// What is said to it.
        messages: Vec<Said>,
        /// What it chooses from.
        labels: Vec<String>,
        /// Those that pass.
        passing: Vec<String>,
    },
    /// A model gives a number.
    ScoreModel {
        /// Who.
        model: String,
        /// What is said to it.
        messages: Vec<Said>,
        /// The least and the most.
        range: (f64, f64),
        /// The least that passes.
        threshold: f64,
        /// How its tokens are drawn.
        sampling: Sampling,
        /// Tokens of its answer, at most.
        max_tokens: Option<u32>,
    },
}

/// How two texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// They are the same.
    Eq,
    /// They are not.
    Ne,
    /// The input holds the reference.
    Like,
    /// The same, whatever the case of letters.
    Ilike,
}

/// How alike two texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// By an embedding model.
    Cosine,
    /// By letters in order.
    FuzzyMatch,
    /// Papineni et al. 2002.
    Bleu,
    /// Wu et al. 2016.
    Gleu,
    /// Banerjee and Lavie 2005, without synonyms.
    Meteor,
    /// F1 of words.
    #[serde(rename = "rouge_1")]
    Rouge1,
    /// F1 of pairs of words.
    #[serde(rename = "rouge_2")]
    Rouge2,
    /// F1 of three words in a row.
    #[serde(rename = "rouge_3")]
    Rouge3,
    /// F1 of four words in a row.
    #[serde(rename = "rouge_4")]
    Rouge4,
    /// F1 of five words in a row.
    #[serde(rename = "rouge_5")]
    Rouge5,
    /// F1 of the longest common subsequence of words.
    RougeL,
}

impl Similarity {
    /// By its name on the wire.
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(Value::from(name)).ok()
    }
}

impl Grader {
    /// Its kind, in OpenAI's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StringCheck { .. } => "string_check",
            Self::TextSimilarity { .. } => "text_similarity",
            Self::LabelModel { .. } => "label_model",
            Self::ScoreModel { .. } => "score_model",
        }
    }

    /// The model that is asked, if one is.
    pub(super) fn model(&self) -> Option<&str> {
        match self {
            Self::LabelModel { model, .. } | Self::ScoreModel { model, .. } => Some(model),
            _ => None,
        }
    }

    /// Whether an embedding model is needed.
    pub(super) fn embeds(&self) -> bool {
        matches!(self, Self::TextSimilarity { metric: Similarity::Cosine, .. })
    }
}

/// Checks what types do not: names, templates, labels, ranges.
///
/// # Errors
/// [`Error::Invalid`] naming the first that cannot be.
pub(super) fn check(criteria: &[Criterion]) -> Result<()> {
    if criteria.is_empty() {
        let message = "Invalid value for 'testing_criteria': it is empty; give at least one grader.";
        return Err(Error::invalid("testing_criteria", "invalid_value", message));
    }
    for (at, criterion) in criteria.iter().enumerate() {
        let path = format!("testing_criteria[{at}]");
        if criteria[..at].iter().any(|other| other.name == criterion.name) {
            let why = format!("'{}' is the name of an earlier one; results are told apart by names", criterion.name);
            return Err(wrong(&format!("{path}.name"), &why));
        }
        check_one(&path, &criterion.grader)?;
    }
    Ok(())
}

fn check_one(path: &str, grader: &Grader) -> Result<()> {
    match grader {
        Grader::StringCheck { input, reference, .. } | Grader::TextSimilarity { input, reference, .. } => {
            template::check(&format!("{path}.input"), input)?;
            template::check(&format!("{path}.reference"), reference)
        }
        Grader::LabelModel { messages, labels, passing, .. } => {
            check_messages(&format!("{path}.input"), messages)?;
            if labels.is_empty() || labels.iter().any(String::is_empty) {
                return Err(wrong(&format!("{path}.labels"), "give at least one label, and none that is empty"));
            }
            if let Some(label) = passing.iter().find(|label| !labels.contains(label)) {
                let why = format!("'{label}' is none of the labels {}", labels.join(", "));
                return Err(wrong(&format!("{path}.passing_labels"), &why));
            }
            Ok(())
        }
        Grader::ScoreModel { messages, range: (least, most), threshold, .. } => {
            check_messages(&format!("{path}.input"), messages)?;
            if least >= most {
                return Err(wrong(&format!("{path}.range"), &format!("{least} is not less than {most}")));
            }
            if !(*least..=*most).contains(threshold) {
                let why = format!("{threshold} is outside the range {least} to {most}");
                return Err(wrong(&format!("{path}.pass_threshold"), &why));
            }
            Ok(())
        }
    }
}

/// Checks the templates of messages.
///
/// # Errors
/// [`Error::Invalid`] naming the first that cannot be read.
pub(super) fn check_messages(path: &str, messages: &[Said]) -> Result<()> {
    if messages.is_empty() {
        return Err(wrong(path, "it is empty; give at least one message"));
    }
    messages
        .iter()
        .enumerate()
        .try_for_each(|(at, message)| template::check(&format!("{path}[{at}].content"), &message.content))
}

fn wrong(path: &str, why: &str) -> Error {
    Error::invalid(path, "invalid_value", format!("Invalid value for '{path}': {why}."))
}

/// A figure, whether it passes, what a model said about it, and what that cost.
pub(super) struct Judged {
    pub(super) score: f64,
    pub(super) passed: bool,
    pub(super) sample: Option<Value>,
    pub(super) spent: Option<Spent>,
}

/// What a grader says of one answer.
pub(super) async fn grade(workspace: &Workspace, criterion: &Criterion, scope: Scope<'_>) -> (Graded, Option<Spent>) {
    let judged = match &criterion.grader {
        Grader::StringCheck { input, reference, operation } => compare(input, reference, *operation, scope),
        Grader::TextSimilarity { input, reference, metric, threshold } => {
            let texts = template::fill(input, scope).and_then(|a| Ok((a, template::fill(reference, scope)?)));
            match texts {
                Ok((input, reference)) => liken(workspace, input, reference, *metric, *threshold).await,
                Err(fault) => Err(fault),
            }
        }
        Grader::LabelModel { model, messages, labels, passing } => {
            judge::label(workspace, model, messages, (labels, passing), scope).await
        }
        Grader::ScoreModel { .. } => judge::score(workspace, &criterion.grader, scope).await,
    };
    let named = |passed, score, sample, error| Graded {
        name: criterion.name.clone(),
        kind: criterion.grader.kind().to_owned(),
        passed,
        score,
        sample,
        error,
    };
    match judged {
        Ok(Judged { score, passed, sample, spent }) => (named(passed, score, sample, None), spent),
        Err(fault) => {
            let message = format!("The grader '{}' could not grade: {}", criterion.name, fault.message);
            (named(false, 0.0, None, Some(Fault { message, ..fault })), None)
        }
    }
}

fn compare(input: &str, reference: &str, operation: Operation, scope: Scope<'_>) -> std::result::Result<Judged, Fault> {
    let (input, reference) = (template::fill(input, scope)?, template::fill(reference, scope)?);
    let passed = match operation {
        Operation::Eq => input == reference,
        Operation::Ne => input != reference,
        Operation::Like => input.contains(&reference),
        Operation::Ilike => input.to_lowercase().contains(&reference.to_lowercase()),
    };
    Ok(Judged { score: f64::from(passed), passed, sample: None, spent: None })
}

async fn liken(
    workspace: &Workspace,
    input: String,
    reference: String,
    metric: Similarity,
    threshold: f64,
) -> std::result::Result<Judged, Fault> {
    let score = match metric {
        Similarity::Cosine => cosine(workspace, input, reference).await,
        // The others are figured out away from the threads that serve: long texts take a while.
        Similarity::FuzzyMatch => of(evaluate::fuzzy_match, reference, input).await,
        Similarity::Bleu => of(evaluate::bleu, reference, input).await,
        Similarity::Gleu => of(evaluate::gleu, reference, input).await,
        Similarity::Meteor => of(evaluate::meteor, reference, input).await,
        Similarity::Rouge1 => of(|a, b| evaluate::rouge_n(1, a, b), reference, input).await,
        Similarity::Rouge2 => of(|a, b| evaluate::rouge_n(2, a, b), reference, input).await,
        Similarity::Rouge3 => of(|a, b| evaluate::rouge_n(3, a, b), reference, input).await,
        Similarity::Rouge4 => of(|a, b| evaluate::rouge_n(4, a, b), reference, input).await,
        Similarity::Rouge5 => of(|a, b| evaluate::rouge_n(5, a, b), reference, input).await,
        Similarity::RougeL => of(evaluate::rouge_l, reference, input).await,
    };
    let score = score.map_err(|error| Fault::from(&error))?;
    Ok(Judged { score, passed: score >= threshold, sample: None, spent: None })
}

async fn of(alike: fn(&str, &str) -> f64, reference: String, input: String) -> Result<f64> {
    blocking(move || alike(&reference, &input)).await
}

async fn cosine(workspace: &Workspace, input: String, reference: String) -> Result<f64> {
    let embedder = workspace.embedder(&workspace.default_embedder()?).await?;
    // Both sides are of a kind, for which embedding models want a question's prefix on each.
    let vectors = embedder.embed(vec![input, reference], Purpose::Query).await?.vectors;
    let [a, b] = vectors.as_slice() else {
        return Err(Error::failed("an embedding model gave other than two vectors for two texts: this is a bug"));
    };
    Ok(a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum())
}
