//! Mamba-1, its cousin Falcon Mamba, and Mamba-2.

use super::family::{Header, ends, only};
use super::json::Fields;
use super::tensors::{Plan, Step};
use crate::LoadError;

/// Mamba has no longest context; files say this.
const CONTEXT: usize = 1 << 20;

/// Some files put everything below `model.`.
pub(super) fn canonical(name: &str) -> Option<String> {
    Some(name.strip_prefix("model.").unwrap_or(name).to_owned())
}

struct Sizes {
    width: usize,
    layers: usize,
    inner: usize,
    states: usize,
    taps: usize,
}

impl Sizes {
    fn read(config: Fields<'_>, inner: &[&str], states: usize) -> Result<Self, LoadError> {
        only(config, "hidden_act", &["silu", "swish"])?;
        let width = config.needed(&["hidden_size", "d_model", "dim"])?;
        let expand = config.size(&["expand"])?.unwrap_or(2);
        Ok(Self {
            width,
            layers: config.needed(&["num_hidden_layers", "n_layers", "n_layer", "num_layers"])?,
            inner: config.size(inner)?.unwrap_or(expand * width),
            states: config.size(&["state_size", "d_state"])?.unwrap_or(states),
            taps: config.size(&["conv_kernel", "d_conv"])?.unwrap_or(4),
        })
    }

    fn write(&self, header: &mut Header<'_, '_>, config: Fields<'_>, rank: usize) -> Result<(), LoadError> {
        let epsilon = match config.float("layer_norm_epsilon")? {
            None => config.float("rms_norm_eps")?,
            found => found,
        };
        for (key, value) in [
            ("context_length", CONTEXT),
            ("embedding_length", self.width),
            ("feed_forward_length", 0),
            ("attention.head_count", 0),
            ("block_count", self.layers),
            ("ssm.conv_kernel", self.taps),
            ("ssm.inner_size", self.inner),
            ("ssm.state_size", self.states),
            ("ssm.time_step_rank", rank),
        ] {
            header.number(key, value);
        }
        header.float("attention.layer_norm_rms_epsilon", epsilon.unwrap_or(1e-5));
        Ok(())
    }

    /// What both kinds have around their layers, and in them.
    fn frame(&self, plan: &mut Plan<'_>, config: Fields<'_>) -> Result<(), LoadError> {
        let embeddings = plan.either(&["backbone.embeddings.weight", "backbone.embedding.weight"]);
        ends(plan, config, [embeddings, "lm_head.weight"], self.width)?;
        plan.vector("backbone.norm_f.weight", "output_norm.weight", self.width, Step::Same)
    }

    fn layer(&self, plan: &mut Plan<'_>, at: usize, input: usize, convolved: usize) -> Result<(), LoadError> {
        let (from, to) = (format!("backbone.layers.{at}"), format!("blk.{at}"));
        plan.vector(&format!("{from}.norm.weight"), format!("{to}.attn_norm.weight"), self.width, Step::Same)?;
        plan.linear(&format!("{from}.mixer.in_proj"), &format!("{to}.ssm_in"), [input, self.width], Step::Same)?;
        plan.linear(&format!("{from}.mixer.out_proj"), &format!("{to}.ssm_out"), [self.width, self.inner], Step::Same)?;
        let part = plan.part(&format!("{from}.mixer.conv1d.weight"), &[convolved, 1, self.taps], Step::Same)?;
        plan.exact(format!("{to}.ssm_conv1d.weight"), &[self.taps, convolved], vec![part]);
        let bias = format!("{from}.mixer.conv1d.bias");
        if plan.has(&bias) {
            plan.vector(&bias, format!("{to}.ssm_conv1d.bias"), convolved, Step::Same)?;
        }
        Ok(())
    }
}

pub(super) fn one(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    let sizes = Sizes::read(config, &["intermediate_size", "d_inner"], 16)?;
    let Sizes { inner, states, .. } = sizes;
    // Some say "auto", and mean this.
    let rank = match config.value("time_step_rank") {
        Some(serde_json::Value::String(_)) => None,
        _ => config.size(&["time_step_rank", "dt_rank"])?,
    };
    let rank = rank.unwrap_or(sizes.width.div_ceil(16));
    sizes.write(header, config, rank)?;
    header.flag("ssm.dt_b_c_rms", config.text("model_type")? == Some("falcon_mamba"));
    sizes.frame(plan, config)?;
    for at in 0..sizes.layers {
        sizes.layer(plan, at, 2 * inner, inner)?;
        let (from, to) = (format!("backbone.layers.{at}.mixer"), format!("blk.{at}"));
        plan.linear(&format!("{from}.x_proj"), &format!("{to}.ssm_x"), [rank + 2 * states, inner], Step::Same)?;
        plan.linear(&format!("{from}.dt_proj"), &format!("{to}.ssm_dt"), [inner, rank], Step::Same)?;
        let decay = plan.part(&format!("{from}.A_log"), &[inner, states], Step::NegativeExp)?;
        plan.exact(format!("{to}.ssm_a"), &[states, inner], vec![decay]);
        plan.vector(&format!("{from}.D"), format!("{to}.ssm_d"), inner, Step::Same)?;
    }
    Ok(())
}

pub(super) fn two(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    let sizes = Sizes::read(config, &["mamba_d_ssm", "intermediate_size", "d_inner"], 128)?;
    let Sizes { inner, states, .. } = sizes;
    let head = config.size(&["mamba_d_head", "head_dim"])?.unwrap_or(64);
    let groups = config.size(&["n_groups"])?.unwrap_or(1);
    if !inner.is_multiple_of(head) || !(inner / head).is_multiple_of(groups) {
        return Err(
            config.wrong("head_dim", format!("is {head}, which does not fit {inner} channels in {groups} groups"))
        );
    }
    let heads = inner / head;
    let convolved = inner + 2 * groups * states;
    sizes.write(header, config, heads)?;
    header.number("ssm.group_count", groups);
    sizes.frame(plan, config)?;
    for at in 0..sizes.layers {
        sizes.layer(plan, at, inner + convolved + heads, convolved)?;
        let (from, to) = (format!("backbone.layers.{at}.mixer"), format!("blk.{at}"));
        plan.vector(&format!("{from}.dt_bias"), format!("{to}.ssm_dt.bias"), heads, Step::Same)?;
        for (name, part, step) in [("A_log", "ssm_a", Step::NegativeExp), ("D", "ssm_d", Step::Same)] {
            let part_of = plan.part(&format!("{from}.{name}"), &[heads], step)?;
            plan.exact(format!("{to}.{part}"), &[1, heads], vec![part_of]);
        }
        let norm = plan.part(&format!("{from}.norm.weight"), &[inner], Step::Same)?;
        plan.exact(format!("{to}.ssm_norm.weight"), &[inner / groups, groups], vec![norm]);
    }
    Ok(())
}
