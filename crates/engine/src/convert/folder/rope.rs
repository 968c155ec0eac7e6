//! How a Transformer's positions are turned and stretched, from the several ways configurations have of saying it.

use std::f64::consts::TAU;

use super::family::Header;
use super::json::Fields;
use super::tensors::{Part, Plan};
use crate::LoadError;

/// Kinds of stretching that the engine runs, as they are named.
const KNOWN: &str = "default, linear, yarn, llama3, longrope (phi3) and dynamic";

pub(super) struct Positions<'a> {
    config: Fields<'a>,
    /// Of layers that see everything.
    everywhere: Option<Fields<'a>>,
    /// Of layers with a window.
    local: Option<Fields<'a>>,
    pub(super) kind: &'a str,
}

impl<'a> Positions<'a> {
    pub(super) fn read(config: Fields<'a>) -> Result<Self, LoadError> {
        let one = match config.object("rope_parameters")? {
            None => config.object("rope_scaling")?,
            found => found,
        };
        let of = |kind: &str| one.map_or(Ok(None), |one| one.object(kind));
        let local = of("sliding_attention")?;
        let everywhere = of("full_attention")?.or(one);
        let mut positions = Self { config, everywhere, local, kind: "default" };
        for key in ["rope_type", "type"] {
            if let Some(kind) = positions.text(key)? {
                positions.kind = kind;
                break;
            }
        }
        if positions.value("mrope_section") {
            return Err(config.wrong("mrope_section", "is for pictures and films, which are not run here"));
        }
        Ok(positions)
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, LoadError> {
        self.everywhere.map_or(Ok(None), |fields| fields.text(key))
    }

    fn value(&self, key: &str) -> bool {
        self.everywhere.is_some_and(|fields| fields.has(key))
    }

    /// A number of the positions' own, or of the configuration.
    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        match self.everywhere.map_or(Ok(None), |fields| fields.float(key))? {
            None => self.config.float(key),
            found => Ok(found),
        }
    }

    pub(super) fn base(&self, usual: f64) -> Result<f64, LoadError> {
        Ok(self.float("rope_theta")?.unwrap_or(usual))
    }

    /// The base of layers with a window, if the configuration has one.
    pub(super) fn local_base(&self) -> Result<Option<f64>, LoadError> {
        match self.local.map_or(Ok(None), |fields| fields.float("rope_theta"))? {
            None => self.config.float("rope_local_base_freq"),
            found => Ok(found),
        }
    }

    /// Of how many numbers of a head positions are a turn.
    pub(super) fn rotated(&self, head: usize, usual: f64) -> Result<usize, LoadError> {
        let part = self.float("partial_rotary_factor")?.unwrap_or(usual);
        let rotated = (part * head as f64) as usize;
        if rotated == 0 || rotated > head || !rotated.is_multiple_of(2) {
            let why = format!("is {part}, which leaves {rotated} numbers of a head's {head}");
            return Err(self.config.wrong("partial_rotary_factor", why));
        }
        Ok(rotated)
    }

    /// Tokens of context before it was stretched.
    pub(super) fn original(&self) -> Result<Option<usize>, LoadError> {
        Ok(self.float("original_max_position_embeddings")?.map(|tokens| tokens as usize))
    }

    pub(super) fn factor(&self, key: &str) -> Result<f64, LoadError> {
        let factor = self.everywhere.map_or(Ok(None), |fields| fields.float(key))?;
        let factor = factor.filter(|factor| *factor > 0.0);
        factor.ok_or_else(|| {
            self.config.wrong(key, format!("of rope_scaling is missing or not above 0, and '{}' needs it", self.kind))
        })
    }

    /// What each frequency is divided by, as the configuration lists it.
    pub(super) fn factors(&self, key: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        let factors = self.everywhere.map_or(Ok(None), |fields| fields.floats(key))?.unwrap_or_default();
        if factors.len() != len || factors.iter().any(|factor| *factor <= 0.0) {
            let why = format!("of rope_scaling lists {} numbers; {len} above 0 expected", factors.len());
            return Err(self.config.wrong(key, why));
        }
        Ok(factors)
    }

    /// Writes how positions are stretched; `llama3`'s factors become a tensor.
    pub(super) fn write(
        &self,
        header: &mut Header<'_, '_>,
        plan: &mut Plan<'_>,
        head: usize,
        context: usize,
    ) -> Result<(), LoadError> {
        match self.kind {
            // Within the context a model was trained for, "dynamic" changes nothing.
            "default" | "dynamic" => {}
            "linear" => {
                header.text("rope.scaling.type", "linear");
                header.float("rope.scaling.factor", self.factor("factor")?);
            }
            "yarn" => {
                for (key, run) in
                    [("beta_fast", 32.0), ("beta_slow", 1.0), ("attention_factor", -1.0), ("mscale", -1.0)]
                {
                    if let Some(set) =
                        self.everywhere.map_or(Ok(None), |fields| fields.float(key))?.filter(|set| *set != run)
                    {
                        return Err(self.config.wrong(
                            key,
                            format!("of rope_scaling is {set}, and yarn is run here with its usual one only"),
                        ));
                    }
                }
                header.text("rope.scaling.type", "yarn");
                header.float("rope.scaling.factor", self.factor("factor")?);
                header.number("rope.scaling.original_context_length", self.original()?.unwrap_or(context));
            }
            "llama3" => {
                let factors = self.llama3(head)?;
                plan.exact("rope_freqs.weight", &[factors.len()], vec![Part::Computed(factors)]);
            }
            other => {
                let why = format!(
                    "is '{}', a stretching of positions that is not run here; known are {KNOWN}",
                    other.escape_debug()
                );
                return Err(self.config.wrong("rope_type", why));
            }
        }
        Ok(())
    }

    /// What each frequency is divided by: slow turns by the factor, quick ones by nothing, those between by a mix (Llama 3.1).
    fn llama3(&self, head: usize) -> Result<Vec<f32>, LoadError> {
        let (base, factor) = (self.base(10_000.0)? as f32, self.factor("factor")? as f32);
        let (low, high) = (self.factor("low_freq_factor")? as f32, self.factor("high_freq_factor")? as f32);
        let original = self.original()?.unwrap_or(8192) as f32;
        let one = |at: usize| {
            let frequency = 1.0 / base.powf((2 * at) as f32 / head as f32);
            let length = TAU as f32 / frequency;
            if length < original / high {
                return 1.0;
            }
            if length > original / low {
                return factor;
            }
            let smooth = (original / length - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        };
        Ok((0..head / 2).map(one).collect())
    }
}
