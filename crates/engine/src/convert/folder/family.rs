//! Which architectures of Hugging Face become which of ours, and by whom.

use super::json::Fields;
use super::shards::Canonical;
use super::tensors::Plan;
use super::{mamba, rwkv, transformer};
use crate::LoadError;
use crate::convert::writer::Writer;

/// An architecture's row.
pub(super) struct Family {
    /// Its name in GGUF files.
    pub(super) name: &'static str,
    /// Its names in `config.json`.
    pub(super) hub: &'static [&'static str],
    pub(super) canonical: Canonical,
    /// Writes its sizes, and plans its tensors.
    pub(super) lay_out: fn(&mut Header<'_, '_>, Fields<'_>, &mut Plan<'_>) -> Result<(), LoadError>,
}

const FAMILIES: [Family; 10] = [
    Family {
        name: "llama",
        hub: &["LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM"],
        canonical: transformer::canonical,
        lay_out: transformer::llama,
    },
    Family {
        name: "qwen2",
        hub: &["Qwen2ForCausalLM"],
        canonical: transformer::canonical,
        lay_out: transformer::qwen2,
    },
    Family {
        name: "qwen3",
        hub: &["Qwen3ForCausalLM"],
        canonical: transformer::canonical,
        lay_out: transformer::qwen3,
    },
    Family {
        name: "gemma3",
        hub: &["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
        canonical: transformer::canonical,
        lay_out: transformer::gemma3,
    },
    Family { name: "phi3", hub: &["Phi3ForCausalLM"], canonical: transformer::canonical, lay_out: transformer::phi3 },
    Family { name: "glm4", hub: &["Glm4ForCausalLM"], canonical: transformer::canonical, lay_out: transformer::glm4 },
    Family { name: "rwkv6", hub: &["Rwkv6ForCausalLM"], canonical: rwkv::canonical, lay_out: rwkv::six },
    Family {
        name: "rwkv7",
        hub: &["RWKV7ForCausalLM", "Rwkv7ForCausalLM"],
        canonical: rwkv::canonical_seven,
        lay_out: rwkv::seven,
    },
    Family {
        name: "mamba",
        hub: &["MambaForCausalLM", "MambaLMHeadModel", "FalconMambaForCausalLM"],
        canonical: mamba::canonical,
        lay_out: mamba::one,
    },
    Family { name: "mamba2", hub: &["Mamba2ForCausalLM"], canonical: mamba::canonical, lay_out: mamba::two },
];

/// The family `config.json` names.
pub(super) fn of(config: Fields<'_>) -> Result<&'static Family, LoadError> {
    let named = config.list("architectures")?.first().and_then(|name| name.as_str());
    let known: Vec<&str> = FAMILIES.iter().flat_map(|family| family.hub).copied().collect();
    let known = known.join(", ");
    let Some(named) = named else {
        return Err(config.wrong("architectures", format!("names none; known are {known}")));
    };
    let family = FAMILIES.iter().find(|family| family.hub.contains(&named));
    family.ok_or_else(|| {
        let why = format!("'{}' is not an architecture this build converts; it knows {known}", named.escape_debug());
        LoadError::unfit(config.path(), why)
    })
}

/// The sizes of a model, as they are written under its architecture's name.
pub(super) struct Header<'w, 'a> {
    pub(super) gguf: &'w mut Writer<'a>,
    pub(super) architecture: &'static str,
}

impl Header<'_, '_> {
    pub(super) fn number(&mut self, key: &str, value: usize) {
        self.gguf.number(&format!("{}.{key}", self.architecture), value as u32);
    }

    pub(super) fn float(&mut self, key: &str, value: f64) {
        self.gguf.float(&format!("{}.{key}", self.architecture), value as f32);
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.gguf.flag(&format!("{}.{key}", self.architecture), value);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.gguf.text(&format!("{}.{key}", self.architecture), value);
    }
}

/// Refuses a setting that the engine runs in one way only.
pub(super) fn only(config: Fields<'_>, key: &str, runs: &[&str]) -> Result<(), LoadError> {
    match config.text(key)? {
        Some(set) if !runs.contains(&set) => {
            let why = format!(
                "is '{}', and this architecture is run here with {} only",
                set.escape_debug(),
                runs.join(" or ")
            );
            Err(config.wrong(key, why))
        }
        _ => Ok(()),
    }
}

/// Plans the embeddings and what gives logits: the same where `config.json` ties them or there is no other.
pub(super) fn ends(
    plan: &mut Plan<'_>,
    config: Fields<'_>,
    [embeddings, head]: [&str; 2],
    width: usize,
) -> Result<(), LoadError> {
    let vocabulary = plan.size(embeddings, 0)?;
    let part = plan.part(embeddings, &[vocabulary, width], super::tensors::Step::Same)?;
    plan.matrix("token_embd.weight", [vocabulary, width], part);
    let tied = config.flag("tie_word_embeddings")?;
    if tied == Some(true) || tied.is_none() && !plan.has(head) {
        plan.leave(head);
        return Ok(());
    }
    let part = plan.part(head, &[vocabulary, width], super::tensors::Step::Same)?;
    plan.matrix("output.weight", [vocabulary, width], part);
    Ok(())
}
