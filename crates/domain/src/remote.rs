//! Models on other people's machines: where they are, what they cost, and under whose law they stand.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Standing, Usage};

/// Tokens a price is for.
const MILLION: f64 = 1_000_000.0;

/// Whose law the machine stands under that reads the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Jurisdiction {
    /// This machine: nothing leaves it.
    Local,
    /// Mainland China.
    Cn,
    /// Anywhere else.
    Other,
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Cn => "cn",
            Self::Other => "other",
        })
    }
}

/// What a million tokens cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of the prompt.
    pub input: f64,
    /// Of the prompt, where the provider had read them before; `None`: as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
    /// Generated.
    pub output: f64,
    /// ISO 4217: `CNY`, `USD`...
    pub currency: String,
}

impl Price {
    /// Whether nothing costs anything.
    pub fn is_free(&self) -> bool {
        [Some(self.input), self.cached, Some(self.output)].into_iter().flatten().all(|price| price == 0.0)
    }

    /// What so many tokens cost, in `currency`.
    pub fn cost(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let fresh = usage.prompt_tokens - cached;
        let sum = f64::from(fresh) * self.input
            + f64::from(cached) * self.cached.unwrap_or(self.input)
            + f64::from(usage.completion_tokens) * self.output;
        sum / MILLION
    }
}

/// How far a provider's answers can be held to a form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Structured {
    /// To a JSON Schema (`response_format` of type `json_schema`).
    #[default]
    Schema,
    /// To JSON of any form (`json_object`).
    Object,
    /// Not at all.
    None,
}

/// The card of a remote model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// The name requests use.
    pub name: String,
    /// Where its API is, up to and with the version: `https://api.example.com/v1`.
    pub base_url: String,
    /// What the provider calls it.
    pub model: String,
    /// Who runs it.
    #[serde(default)]
    pub vendor: String,
    /// Whose law its machines stand under.
    pub jurisdiction: Jurisdiction,
    /// Whether it is registered for service to the public in China.
    #[serde(default)]
    pub registered: bool,
    /// Whether its weights can be had.
    #[serde(default)]
    pub open_weights: bool,
    /// How long the provider keeps what it is sent; `None`: nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Tokens of context.
    pub context: u32,
    /// What it costs; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// How far its answers can be held to a form.
    #[serde(default)]
    pub structured: Structured,
    /// Whether it thinks before it answers and takes no temperature, as OpenAI's reasoning models: `max_completion_tokens`
    /// is sent instead of `max_tokens`, and no sampling parameters.
    #[serde(default)]
    pub reasoning: bool,
    /// Tokens that a model which reasons may think, beside those an answer may have: providers count both against one limit.
    #[serde(default = "thinking_tokens")]
    pub thinking_tokens: u32,
    /// Requests at a time.
    #[serde(default = "concurrency")]
    pub concurrency: u32,
    /// How long the provider may say nothing.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u32,
    /// How often a request is sent again that failed for a reason that passes.
    #[serde(default = "retries")]
    pub retries: u32,
    /// At most so much may be spent on it in all, in the price's currency; `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_limit: Option<f64>,
}

impl Remote {
    /// How it stands before a [`crate::Policy`].
    pub fn standing(&self) -> Standing {
        Standing {
            model: self.name.clone(),
            jurisdiction: self.jurisdiction,
            registered: self.registered,
            open_weights: self.open_weights,
            retention_days: self.retention_days,
        }
    }

    /// Tokens it may think beside an answer: none if it does not reason, and half its context at most.
    pub fn thoughts(&self) -> u32 {
        if self.reasoning { self.thinking_tokens.min(self.context / 2) } else { 0 }
    }
}

fn thinking_tokens() -> u32 {
    8192
}

fn concurrency() -> u32 {
    8
}

fn timeout_seconds() -> u32 {
    120
}

fn retries() -> u32 {
    4
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_card_gets_the_usual_values() {
        let card = json!({"name": "far", "base_url": "https://api.example.com/v1", "model": "far-1", "jurisdiction": "cn", "context": 65536});
        let remote: Remote = serde_json::from_value(card.clone()).unwrap();
        assert_eq!((remote.concurrency, remote.timeout_seconds, remote.retries), (8, 120, 4));
        assert_eq!((remote.registered, remote.open_weights, remote.retention_days), (false, false, None));
        assert_eq!((remote.structured, remote.reasoning), (Structured::Schema, false));
        let thinks = Remote { reasoning: true, ..remote.clone() };
        assert_eq!((remote.thoughts(), thinks.thoughts()), (0, 8192));
        assert_eq!(Remote { context: 1000, ..thinks }.thoughts(), 500, "there is room for the prompt");
        assert_eq!(serde_json::from_value::<Remote>(serde_json::to_value(&remote).unwrap()).unwrap(), remote);
        for (field, value) in
            [("regsitered", json!(true)), ("jurisdiction", json!("mars")), ("retention_days", json!(-1))]
        {
            let mut wrong = card.clone();
            wrong[field] = value;
            assert!(serde_json::from_value::<Remote>(wrong).is_err(), "{field}");
        }
    }

    #[test]
    fn costs() {
        let price = |cached| Price { input: 2.0, cached, output: 8.0, currency: "CNY".to_owned() };
        let usage = |prompt_tokens, cached_tokens, completion_tokens| Usage {
            prompt_tokens,
            cached_tokens,
            completion_tokens,
            ..Usage::default()
        };
        for (price, usage, expected) in [
            (price(None), usage(0, 0, 0), 0.0),
            (price(None), usage(1_000_000, 0, 0), 2.0),
            (price(None), usage(1_000_000, 500_000, 1_000_000), 10.0),
            (price(Some(0.5)), usage(1_000_000, 500_000, 1_000_000), 9.25),
            // More cached than read is a provider's mistake, and costs nobody anything.
            (price(Some(0.5)), usage(1_000_000, 2_000_000, 0), 0.5),
        ] {
            assert!((price.cost(&usage) - expected).abs() < 1e-9, "{usage:?}");
        }
    }
}
