//! RWKV-6 as RWKV's own repositories lay it out, and RWKV-7 as `fla` does, or as RWKV's own do.

use super::family::{Header, ends};
use super::json::Fields;
use super::tensors::{Part, Plan, Step};
use crate::LoadError;

/// RWKV has no longest context; files say this.
const CONTEXT: usize = 1 << 20;

pub(super) fn canonical(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// RWKV-7's names in one way: `layers`, `attention`, `feed_forward`, `ln_x`.
pub(super) fn canonical_seven(name: &str) -> Option<String> {
    let name = name.replace("blocks.", "layers.").replace(".time_mixer.", ".");
    let parts = name.split('.').map(|part| match part {
        "self_attn" | "attn" | "att" => "attention",
        "ffn" => "feed_forward",
        "attn_norm" => "ln1",
        "ffn_norm" => "ln2",
        "g_norm" => "ln_x",
        "r_proj" => "receptance",
        "k_proj" => "key",
        "v_proj" => "value",
        "o_proj" => "output",
        other => other,
    });
    Some(parts.collect::<Vec<_>>().join("."))
}

fn write(header: &mut Header<'_, '_>, [width, layers, head, inner]: [usize; 4], epsilon: f64) {
    for (key, value) in [
        ("context_length", CONTEXT),
        ("embedding_length", width),
        ("block_count", layers),
        ("wkv.head_size", head),
        ("feed_forward_length", inner),
        ("attention.head_count", 0),
    ] {
        header.number(key, value);
    }
    header.float("attention.layer_norm_epsilon", epsilon);
}

pub(super) fn six(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    let width = config.needed(&["hidden_size"])?;
    let layers = config.needed(&["num_hidden_layers"])?;
    let head = config.needed(&["head_size"])?;
    let inner = config.size(&["intermediate_size"])?.unwrap_or(width * 7 / 2 / 32 * 32);
    if !width.is_multiple_of(head) {
        return Err(config.wrong("head_size", format!("is {head}, which does not divide a width of {width}")));
    }
    write(header, [width, layers, head, inner], config.float("layer_norm_epsilon")?.unwrap_or(1e-5));
    let halve = config.number("rescale_every")?.unwrap_or(0) as usize;
    header.number("rescale_every_n_layers", halve);
    ends(plan, config, ["rwkv.embeddings.weight", "head.weight"], width)?;
    plan.layer_norm("rwkv.blocks.0.pre_ln", "token_embd_norm", width)?;
    plan.layer_norm("rwkv.ln_out", "output_norm", width)?;
    let narrow = plan.size("rwkv.blocks.0.attention.time_maa_w2", 1)?;
    let decay = plan.size("rwkv.blocks.0.attention.time_decay_w2", 0)?;
    header.number("time_mix_extra_dim", narrow);
    header.number("time_decay_extra_dim", decay);
    for at in 0..layers {
        let mut layer = Layer { plan: &mut *plan, from: format!("rwkv.blocks.{at}"), to: format!("blk.{at}"), width };
        // Every so many layers the engine halves everything; what flows into the sum is halved in the weights.
        let half = at.checked_div(halve).map_or(Step::Same, |times| Step::Times(0.5f32.powi(times as i32)));
        layer.common(inner, half, ["receptance", "key", "value", "gate"].as_slice())?;
        layer.linear("feed_forward.receptance", "channel_mix_receptance", [width, width], Step::Same)?;
        layer.vector("feed_forward.time_maa_k", "channel_mix_lerp_k.weight")?;
        layer.vector("feed_forward.time_maa_r", "channel_mix_lerp_r.weight")?;
        layer.vector("attention.time_maa_x", "time_mix_lerp_x.weight")?;
        layer.vector("attention.time_decay", "time_mix_decay.weight")?;
        layer.stacked("attention.time_maa_", &["w", "k", "v", "r", "g"])?;
        layer.exact(
            "attention.time_maa_w1",
            &[width, 5 * narrow],
            Step::Transpose,
            "time_mix_w1",
            &[width, 5 * narrow],
        )?;
        let (from, to) = ([5, narrow, width], [narrow, width, 5]);
        layer.exact("attention.time_maa_w2", &from, Step::TransposeEach, "time_mix_w2", &to)?;
        layer.exact(
            "attention.time_decay_w1",
            &[width, decay],
            Step::Transpose,
            "time_mix_decay_w1",
            &[width, decay],
        )?;
        layer.exact(
            "attention.time_decay_w2",
            &[decay, width],
            Step::Transpose,
            "time_mix_decay_w2",
            &[decay, width],
        )?;
        let heads = width / head;
        layer.exact("attention.time_faaaa", &[heads, head], Step::Same, "time_mix_first", &[head, heads])?;
    }
    Ok(())
}

pub(super) fn seven(header: &mut Header<'_, '_>, config: Fields<'_>, plan: &mut Plan<'_>) -> Result<(), LoadError> {
    let width = config.needed(&["hidden_size"])?;
    let layers = config.needed(&["num_hidden_layers"])?;
    let head = config.needed(&["head_size", "head_dim"])?;
    let inner = config.size(&["intermediate_size"])?.unwrap_or(4 * width);
    let epsilon = match config.float("layer_norm_epsilon")? {
        None => config.float("norm_eps")?.unwrap_or(1e-5),
        Some(epsilon) => epsilon,
    };
    write(header, [width, layers, head, inner], epsilon);
    let head_name = plan.either(&["lm_head.weight", "head.weight"]);
    ends(plan, config, ["model.embeddings.weight", head_name], width)?;
    let first = plan.either(&["model.layers.0.pre_norm.weight", "model.layers.0.pre_ln.weight", "model.pre_ln.weight"]);
    plan.layer_norm(first.trim_end_matches(".weight"), "token_embd_norm", width)?;
    let last = plan.either(&["model.norm.weight", "model.ln_out.weight"]);
    plan.layer_norm(last.trim_end_matches(".weight"), "output_norm", width)?;
    for at in 0..layers {
        let mut layer = Layer { plan: &mut *plan, from: format!("model.layers.{at}"), to: format!("blk.{at}"), width };
        layer.common(inner, Step::Same, ["receptance", "key", "value"].as_slice())?;
        layer.vector("feed_forward.x_k", "channel_mix_lerp_k.weight")?;
        for name in ["k_k", "k_a", "r_k"] {
            layer.vector(&format!("attention.{name}"), &format!("time_mix_{name}.weight"))?;
        }
        if layer.has("attention.x_x") {
            layer.exact("attention.x_x", &[6, width], Step::Same, "time_mix_lerp_fused", &[width, 1, 1, 6])?;
        } else {
            layer.stacked("attention.x_", &["r", "w", "k", "v", "a", "g"])?;
        }
        for (name, key) in [("w", "decay"), ("a", "iclr"), ("g", "gate")] {
            let rank = layer.adapter(name, name)?;
            if at == 0 {
                header.number(&format!("attention.{key}_lora_rank"), rank);
            }
        }
        // Nothing mixes the first layer's values with themselves, but readers of such files want the tensors.
        if at == 0 {
            layer.leave_adapter("v");
        }
        let rank = layer.adapter(if at == 0 { "a" } else { "v" }, "v")?;
        if at == 1.min(layers - 1) {
            header.number("attention.value_residual_mix_lora_rank", rank);
        }
    }
    Ok(())
}

struct Layer<'p, 'a> {
    plan: &'p mut Plan<'a>,
    from: String,
    to: String,
    width: usize,
}

impl Layer<'_, '_> {
    fn from(&self, name: &str) -> String {
        format!("{}.{name}", self.from)
    }

    fn to(&self, name: &str) -> String {
        format!("{}.{name}", self.to)
    }

    fn has(&self, name: &str) -> bool {
        self.plan.has(&self.from(name))
    }

    fn linear(&mut self, from: &str, to: &str, size: [usize; 2], step: Step) -> Result<(), LoadError> {
        let (from, to) = (self.from(from), self.to(to));
        self.plan.linear(&from, &to, size, step)
    }

    fn vector(&mut self, from: &str, to: &str) -> Result<(), LoadError> {
        let (from, to) = (self.from(from), self.to(to));
        // Heads by numbers of a head are as many numbers one after another.
        let shape = self
            .plan
            .shards
            .shape(&from)
            .map(<[usize]>::to_vec)
            .filter(|shape| shape.iter().product::<usize>() == self.width);
        let part = self.plan.part(&from, shape.as_deref().unwrap_or(&[self.width]), Step::Same)?;
        self.plan.exact(to, &[self.width], vec![part]);
        Ok(())
    }

    fn exact(&mut self, from: &str, shape: &[usize], step: Step, to: &str, stored: &[usize]) -> Result<(), LoadError> {
        let part = self.plan.part(&self.from(from), shape, step)?;
        let to = self.to(&format!("{to}.weight"));
        self.plan.exact(to, stored, vec![part]);
        Ok(())
    }

    /// Vectors in one tensor, one after the other.
    fn stacked(&mut self, from: &str, names: &[&str]) -> Result<(), LoadError> {
        let width = self.width;
        let part = |name: &&str| self.plan.part(&format!("{}.{from}{name}", self.from), &[width], Step::Same);
        let parts = names.iter().map(part).collect::<Result<Vec<Part>, _>>()?;
        let to = self.to("time_mix_lerp_fused.weight");
        self.plan.exact(to, &[width, 1, 1, names.len()], parts);
        Ok(())
    }

    /// Norms and maps that both kinds have.
    fn common(&mut self, inner: usize, output: Step, squares: &[&str]) -> Result<(), LoadError> {
        let width = self.width;
        for (from, to) in [("ln1", "attn_norm"), ("ln2", "attn_norm_2"), ("attention.ln_x", "time_mix_ln")] {
            let (from, to) = (self.from(from), self.to(to));
            self.plan.layer_norm(&from, &to, width)?;
        }
        for name in squares {
            self.linear(&format!("attention.{name}"), &format!("time_mix_{name}"), [width, width], Step::Same)?;
        }
        self.linear("attention.output", "time_mix_output", [width, width], output)?;
        self.linear("feed_forward.key", "channel_mix_key", [inner, width], Step::Same)?;
        self.linear("feed_forward.value", "channel_mix_value", [width, inner], output)
    }

    /// Two narrow maps and a vector; their inner size. `fla` has them as linear maps, RWKV's own files the other way round.
    fn adapter(&mut self, from: &str, to: &str) -> Result<usize, LoadError> {
        let width = self.width;
        let down = format!("attention.{from}_lora.lora.0.weight");
        let fla = self.has(&down);
        let names = if fla {
            [0, 2].map(|at| format!("attention.{from}_lora.lora.{at}.weight"))
        } else {
            [1, 2].map(|at| format!("attention.{from}{at}"))
        };
        let rank = self.plan.size(&self.from(&names[0]), if fla { 0 } else { 1 })?;
        for (name, at, [rows, cols]) in [(&names[0], 1, [rank, width]), (&names[1], 2, [width, rank])] {
            let (shape, step) = if fla { ([rows, cols], Step::Same) } else { ([cols, rows], Step::Transpose) };
            let part = self.plan.part(&self.from(name), &shape, step)?;
            let to = self.to(&format!("time_mix_{to}{at}.weight"));
            // The decay is worked out from few numbers: its maps stay exact.
            if from == "w" {
                self.plan.exact(to, &[cols, rows], vec![part])
            } else {
                self.plan.matrix(to, [rows, cols], part)
            }
        }
        if from != "g" {
            let vector = if fla { format!("attention.{from}_lora.lora.2.bias") } else { format!("attention.{from}0") };
            self.vector(&vector, &format!("time_mix_{to}0.weight"))?;
        }
        Ok(rank)
    }

    fn leave_adapter(&mut self, name: &str) {
        for part in ["_lora.lora.0.weight", "_lora.lora.2.weight", "_lora.lora.2.bias", "0", "1", "2"] {
            let name = self.from(&format!("attention.{name}{part}"));
            self.plan.leave(&name);
        }
    }
}
