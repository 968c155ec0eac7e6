//! Which model may see which data, for whom the answers are.
//!
//! [`Policy::allows`] is asked before anything is sent. Its table is the strict reading of the usual duties: it keeps
//! people from mistakes, and is no legal advice.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Jurisdiction};

/// How much harm it would do if others read the data; more comes after less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// Anybody may read it.
    Public,
    /// Nobody outside should, and little harm is done if somebody does.
    Internal,
    /// It tells of people who can be found by it.
    Personal,
    /// Nobody else may ever read it.
    Secret,
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Personal => "personal",
            Self::Secret => "secret",
        })
    }
}

/// For whom the answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Market {
    /// The public in China: a model that serves it has to be registered.
    #[serde(rename = "2c")]
    Consumer,
    /// Firms in China.
    #[serde(rename = "2b")]
    Business,
    /// Authorities in China.
    #[serde(rename = "government")]
    Government,
    /// People and firms elsewhere.
    #[serde(rename = "abroad")]
    Abroad,
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "2c",
            Self::Business => "2b",
            Self::Government => "government",
            Self::Abroad => "abroad",
        })
    }
}

/// A model as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub model: String,
    /// Whose law the machine stands under that runs it.
    pub jurisdiction: Jurisdiction,
    /// Whether it is registered for service to the public in China.
    pub registered: bool,
    /// Whether its weights can be had.
    pub open_weights: bool,
    /// How long what it is sent is kept; `None`: nobody says.
    pub retention_days: Option<u32>,
}

impl Standing {
    /// A model that runs here, from a file of weights.
    pub fn local(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            jurisdiction: Jurisdiction::Local,
            registered: false,
            open_weights: true,
            retention_days: Some(0),
        }
    }
}

/// What data there is and for whom the answers are: which models that leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The data.
    pub data: Sensitivity,
    /// For whom the answers are; `None`: for nobody outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// Only models from here, of those that are allowed anyway; `None`: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<Jurisdiction>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { data: Sensitivity::Internal, market: None, allow: None }
    }
}

/// Why a model may not see the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// The model.
    pub model: String,
    /// A stable code (`secret_stays_local`, `model_not_registered`...).
    pub rule: &'static str,
    /// What stands against it, with the value, and what to do.
    pub why: String,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::invalid("model", refusal.rule, refusal.why)
    }
}

/// A rule's code, and why it forbids.
type Forbidden = (&'static str, String);

impl Policy {
    /// Whether a model may see the data: what the data forbids comes first, then what the market does, then `allow`.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub fn allows(&self, what: &Standing) -> Result<(), Refusal> {
        self.by_data(what)
            .and_then(|()| self.by_market(what))
            .and_then(|()| self.by_list(what))
            .map_err(|(rule, why)| Refusal { model: what.model.clone(), rule, why })
    }

    /// The policy for a row with a label of its own: the stricter of both holds.
    pub fn for_row(&self, label: Option<Sensitivity>) -> Self {
        Self { data: label.map_or(self.data, |label| label.max(self.data)), ..self.clone() }
    }

    fn by_data(&self, what: &Standing) -> Result<(), Forbidden> {
        let Standing { model, jurisdiction, .. } = what;
        let here = *jurisdiction == Jurisdiction::Local;
        match self.data {
            Sensitivity::Public | Sensitivity::Internal => Ok(()),
            Sensitivity::Secret if !here => Err((
                "secret_stays_local",
                format!(
                    "Secret data stays on this machine, but '{model}' runs elsewhere ({jurisdiction}); use a local model."
                ),
            )),
            Sensitivity::Secret if !what.open_weights => Err((
                "secret_needs_open_weights",
                format!(
                    "Secret data needs a model whose weights are open, but those of '{model}' are not; use another local model."
                ),
            )),
            Sensitivity::Personal if *jurisdiction == Jurisdiction::Other && self.market_is_in_china() => Err((
                "personal_stays_in_jurisdiction",
                format!(
                    "Personal data of the market '{}' stays in China, but '{model}' runs elsewhere ({jurisdiction}); use a local model, or one of 'cn' that keeps nothing.",
                    self.market_name()
                ),
            )),
            Sensitivity::Personal if !here && what.retention_days != Some(0) => Err((
                "personal_needs_zero_retention",
                format!(
                    "Personal data needs a model that keeps nothing, but '{model}' keeps what it is sent for {}; use a local model, or set retention_days to 0 if the contract says so.",
                    what.retention_days.map_or_else(|| "an unknown time".to_owned(), |days| format!("{days} days"))
                ),
            )),
            Sensitivity::Personal | Sensitivity::Secret => Ok(()),
        }
    }

    fn by_market(&self, what: &Standing) -> Result<(), Forbidden> {
        let public = matches!(self.market, Some(Market::Consumer | Market::Government));
        let model = &what.model;
        match what.jurisdiction {
            Jurisdiction::Cn if public && !what.registered => Err((
                "model_not_registered",
                format!(
                    "The market '{}' needs a registered model, but '{model}' is not; use a registered one (registered = true) or a local one.",
                    self.market_name()
                ),
            )),
            Jurisdiction::Other if public => Err((
                "model_abroad",
                format!(
                    "The market '{}' needs a model in China, but '{model}' runs elsewhere (other); use a local model, or a registered one of 'cn'.",
                    self.market_name()
                ),
            )),
            Jurisdiction::Local | Jurisdiction::Cn | Jurisdiction::Other => Ok(()),
        }
    }

    fn by_list(&self, what: &Standing) -> Result<(), Forbidden> {
        let Some(allowed) = &self.allow else { return Ok(()) };
        if allowed.contains(&what.jurisdiction) {
            return Ok(());
        }
        let names: Vec<String> = allowed.iter().map(Jurisdiction::to_string).collect();
        Err((
            "jurisdiction_not_allowed",
            format!(
                "'{}' runs in '{}', and this policy allows only [{}]; use a model from there, or extend 'allow'.",
                what.model,
                what.jurisdiction,
                names.join(", ")
            ),
        ))
    }

    fn market_is_in_china(&self) -> bool {
        matches!(self.market, Some(Market::Consumer | Market::Business | Market::Government))
    }

    fn market_name(&self) -> String {
        self.market.map_or_else(|| "none".to_owned(), |market| market.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use serde_json::json;

    use super::*;

    fn standing(jurisdiction: Jurisdiction, registered: bool, open_weights: bool, days: Option<u32>) -> Standing {
        Standing { model: "m".to_owned(), jurisdiction, registered, open_weights, retention_days: days }
    }

    /// In the order of the columns below.
    fn models() -> [Standing; 8] {
        use Jurisdiction::{Cn, Local, Other};
        [
            Standing::local("m"),
            standing(Local, false, false, None),
            standing(Cn, true, true, Some(0)),
            standing(Cn, true, false, Some(30)),
            standing(Cn, false, true, Some(0)),
            standing(Cn, false, false, None),
            standing(Other, false, true, Some(0)),
            standing(Other, true, false, None),
        ]
    }

    fn mark(verdict: Result<(), Refusal>) -> &'static str {
        match verdict.map_err(|refusal| refusal.rule) {
            Ok(()) => "+",
            Err("secret_stays_local") => "s",
            Err("secret_needs_open_weights") => "w",
            Err("personal_needs_zero_retention") => "k",
            Err("personal_stays_in_jurisdiction") => "j",
            Err("model_not_registered") => "r",
            Err("model_abroad") => "a",
            Err("jurisdiction_not_allowed") => "l",
            Err(other) => panic!("{other}"),
        }
    }

    fn marks(policy: &Policy) -> String {
        models().iter().map(|model| mark(policy.allows(model))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_kind_of_data_for_every_market_on_every_kind_of_model() {
        use Market::{Abroad, Business, Consumer, Government};
        use Sensitivity::{Internal, Personal, Public, Secret};
        // Columns: here (open weights, closed); cn (registered: keeps nothing, keeps; not registered: keeps nothing,
        // unknown); other (keeps nothing, unknown).
        for (data, market, expected) in [
            (Public, None, "+ + + + + + + +"),
            (Public, Some(Consumer), "+ + + + r r a a"),
            (Public, Some(Business), "+ + + + + + + +"),
            (Public, Some(Government), "+ + + + r r a a"),
            (Public, Some(Abroad), "+ + + + + + + +"),
            (Internal, None, "+ + + + + + + +"),
            (Internal, Some(Consumer), "+ + + + r r a a"),
            (Internal, Some(Business), "+ + + + + + + +"),
            (Internal, Some(Government), "+ + + + r r a a"),
            (Internal, Some(Abroad), "+ + + + + + + +"),
            (Personal, None, "+ + + k + k + k"),
            (Personal, Some(Consumer), "+ + + k r k j j"),
            (Personal, Some(Business), "+ + + k + k j j"),
            (Personal, Some(Government), "+ + + k r k j j"),
            (Personal, Some(Abroad), "+ + + k + k + k"),
            (Secret, None, "+ w s s s s s s"),
            (Secret, Some(Consumer), "+ w s s s s s s"),
            (Secret, Some(Business), "+ w s s s s s s"),
            (Secret, Some(Government), "+ w s s s s s s"),
            (Secret, Some(Abroad), "+ w s s s s s s"),
        ] {
            let policy = Policy { data, market, allow: None };
            assert_eq!(marks(&policy), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_list_only_narrows() {
        use Jurisdiction::{Cn, Local, Other};
        for (data, market, allow, expected) in [
            (Sensitivity::Public, None, vec![], "l l l l l l l l"),
            (Sensitivity::Public, None, vec![Local], "+ + l l l l l l"),
            (Sensitivity::Public, None, vec![Cn, Other], "l l + + + + + +"),
            (Sensitivity::Public, Some(Market::Consumer), vec![Cn, Other], "l l + + r r a a"),
            (Sensitivity::Secret, None, vec![Local, Cn, Other], "+ w s s s s s s"),
        ] {
            let policy = Policy { data, market, allow: Some(allow) };
            assert_eq!(marks(&policy), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_label_only_makes_stricter() {
        use Sensitivity::{Internal, Personal, Public, Secret};
        for (data, label, expected) in [
            (Internal, None, Internal),
            (Internal, Some(Public), Internal),
            (Internal, Some(Personal), Personal),
            (Public, Some(Secret), Secret),
            (Secret, Some(Public), Secret),
        ] {
            let policy = Policy { data, market: Some(Market::Business), allow: Some(vec![Jurisdiction::Cn]) };
            assert_eq!(policy.for_row(label), Policy { data: expected, ..policy.clone() }, "{data} {label:?}");
        }
    }

    #[test]
    fn refusals_name_the_model_the_value_and_the_remedy() {
        let policy = |data, market| Policy { data, market, allow: Some(vec![Jurisdiction::Local]) };
        let far = Standing { model: "far".to_owned(), ..standing(Jurisdiction::Cn, false, false, Some(30)) };
        for (policy, parts) in [
            (policy(Sensitivity::Secret, None), ["'far'", "cn", "local model"]),
            (policy(Sensitivity::Personal, None), ["'far'", "30 days", "retention_days"]),
            (policy(Sensitivity::Public, Some(Market::Consumer)), ["'far'", "'2c'", "registered"]),
            (policy(Sensitivity::Public, None), ["'far'", "[local]", "'allow'"]),
        ] {
            let refusal = policy.allows(&far).unwrap_err();
            assert!(parts.iter().all(|part| refusal.to_string().contains(part)), "{refusal}");
            assert!(matches!(Error::from(refusal.clone()), Error::Invalid { code, .. } if code == refusal.rule));
        }
    }

    #[test]
    fn policies_are_read_by_their_words() {
        let read = |value| serde_json::from_value::<Policy>(value);
        assert_eq!(read(json!({})).unwrap(), Policy::default());
        let expected = Policy {
            data: Sensitivity::Personal,
            market: Some(Market::Consumer),
            allow: Some(vec![Jurisdiction::Local, Jurisdiction::Cn]),
        };
        assert_eq!(read(json!({"data": "personal", "market": "2c", "allow": ["local", "cn"]})).unwrap(), expected);
        for (word, market) in [("2b", Market::Business), ("government", Market::Government), ("abroad", Market::Abroad)]
        {
            let policy = read(json!({"market": word})).unwrap();
            assert_eq!(policy.market, Some(market));
            assert_eq!(serde_json::to_value(&policy).unwrap(), json!({"data": "internal", "market": word}));
            assert_eq!(market.to_string(), word);
        }
        for wrong in [json!({"data": "top"}), json!({"market": "2d"}), json!({"markt": "2c"})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
