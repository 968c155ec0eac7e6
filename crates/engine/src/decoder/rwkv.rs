//! RWKV-6 "Finch" and RWKV-7 "Goose" (Peng et al. 2024, 2025): a matrix for each head instead of attention, carried from token to token.

use std::ops::Range;

use super::load::Find;
use super::ops::{Linear, Map, Norm, Ops, Vector};
use crate::LoadError;

/// Of the norm of heads; smaller numbers are next to nothing.
const HEAD_EPSILON: f32 = 64e-5;

/// What the layers of a model share.
pub(super) struct Rwkv {
    head: usize,
    width: usize,
    /// RWKV-6: after so many layers everything is halved, as the weights were when they were stored; 0 for never.
    halve_every: usize,
}

pub(super) struct Layer {
    time_norm: Norm,
    time: Time,
    receptance: Linear,
    key: Linear,
    value: Linear,
    head_norm: Norm,
    output: Linear,
    channel_norm: Norm,
    channel: Channel,
}

/// How a layer mixes along time.
enum Time {
    Six(Box<Six>),
    Seven(Box<Seven>),
}

struct Six {
    mix: Vector,
    mixes: Linear,
    /// For decay, key, value, receptance and gate: how far the predecessor is mixed in, and what the token itself adds to that.
    parts: [(Vector, Linear); 5],
    decay: Vector,
    decays: [Linear; 2],
    bonus: Vector,
    gate: Linear,
}

struct Seven {
    /// How far the predecessor is mixed into receptance, decay, key, value, rate and gate.
    mixes: Vec<Vector>,
    decay: Adapter,
    rate: Adapter,
    /// How far values go back to those of the first layer, which has none.
    residual: Option<Adapter>,
    gate: Option<[Linear; 2]>,
    removal: Vector,
    rate_on_key: Vector,
    bonus: Vector,
}

/// A vector, and what two narrow maps add to it.
struct Adapter(Vector, [Linear; 2]);

struct Channel {
    mix: Vector,
    key: Linear,
    value: Linear,
    /// RWKV-6.
    receptance: Option<(Vector, Linear)>,
}

impl Rwkv {
    pub(super) fn load(find: &Find<'_>) -> Result<(Self, Vec<Layer>), LoadError> {
        let six = find.architecture() == "rwkv6";
        let width = find.size("embedding_length")?;
        let head = find.size("wkv.head_size")?;
        if !width.is_multiple_of(head) || !head.is_multiple_of(8) {
            return Err(find.wrong(
                "wkv.head_size",
                format!("heads of {head} do not divide a width of {width}, or are not eights"),
            ));
        }
        let halve_every = if six { find.number_or("rescale_every_n_layers", 0)? } else { 0 };
        let model = Self { head, width, halve_every };
        let layers = (0..find.size("block_count")?).map(|at| model.layer(find, at, six)).collect::<Result<_, _>>()?;
        Ok((model, layers))
    }

    /// Numbers a layer carries: the last row before time and before channel mixing, and the heads' matrices.
    pub(super) fn state(&self) -> usize {
        self.matrices().end
    }

    fn last_of_time(&self) -> Range<usize> {
        0..self.width
    }

    fn last_of_channel(&self) -> Range<usize> {
        self.width..2 * self.width
    }

    fn matrices(&self) -> Range<usize> {
        2 * self.width..(2 + self.head) * self.width
    }

    fn layer(&self, find: &Find<'_>, at: usize, six: bool) -> Result<Layer, LoadError> {
        let (width, inner) = (self.width, find.size("feed_forward_length")?);
        let find = find.layer(at);
        let epsilon = find.float("attention.layer_norm_epsilon")?;
        let square = |name: &str| find.linear(name, width, width);
        Ok(Layer {
            time_norm: find.layer_norm("attn_norm", width, epsilon)?,
            time: if six {
                Time::Six(Box::new(self.six(&find)?))
            } else {
                Time::Seven(Box::new(self.seven(&find, at)?))
            },
            receptance: square("time_mix_receptance")?,
            key: square("time_mix_key")?,
            value: square("time_mix_value")?,
            head_norm: Norm { size: self.head, ..find.layer_norm("time_mix_ln", width, HEAD_EPSILON)? },
            output: square("time_mix_output")?,
            channel_norm: find.layer_norm("attn_norm_2", width, epsilon)?,
            channel: Channel {
                mix: find.vector("channel_mix_lerp_k.weight", width)?,
                key: find.linear("channel_mix_key", inner, width)?,
                value: find.linear("channel_mix_value", width, inner)?,
                receptance: if six {
                    Some((find.vector("channel_mix_lerp_r.weight", width)?, square("channel_mix_receptance")?))
                } else {
                    None
                },
            },
        })
    }

    fn six(&self, find: &Find<'_>) -> Result<Six, LoadError> {
        let width = self.width;
        let narrow = find.narrow("time_mix_w2.weight")?;
        let decay = find.narrow("time_mix_decay_w2.weight")?;
        let mixes = find.vectors("time_mix_lerp_fused.weight", width)?;
        let mixes: [Vector; 5] =
            mixes.try_into().map_err(|_| find.misfit("time_mix_lerp_fused.weight", "five rows expected"))?;
        let mut at = 0;
        let parts = mixes.map(|mix| {
            at += 1;
            Ok((mix, find.linear_part("time_mix_w2", (at - 1) * width, width, narrow)?))
        });
        let [a, b, c, d, e] = parts;
        Ok(Six {
            mix: find.vector("time_mix_lerp_x.weight", width)?,
            mixes: find.linear("time_mix_w1", 5 * narrow, width)?,
            parts: [a?, b?, c?, d?, e?],
            decay: find.vector("time_mix_decay.weight", width)?,
            decays: [find.linear("time_mix_decay_w1", decay, width)?, find.linear("time_mix_decay_w2", width, decay)?],
            bonus: find.vector("time_mix_first.weight", width)?,
            gate: find.linear("time_mix_gate", width, width)?,
        })
    }

    fn seven(&self, find: &Find<'_>, at: usize) -> Result<Seven, LoadError> {
        let width = self.width;
        let narrow = |name: &str| -> Result<[Linear; 2], LoadError> {
            let inner = find.narrow(&format!("time_mix_{name}2.weight"))?;
            let linear = |part: usize, rows, cols| find.linear(&format!("time_mix_{name}{part}"), rows, cols);
            Ok([linear(1, inner, width)?, linear(2, width, inner)?])
        };
        let adapter = |name: &str| -> Result<Adapter, LoadError> {
            Ok(Adapter(find.vector(&format!("time_mix_{name}0.weight"), width)?, narrow(name)?))
        };
        let gated = find.has("time_mix_g1.weight");
        let mixes = find.vectors("time_mix_lerp_fused.weight", width)?;
        if mixes.len() < if gated { 6 } else { 5 } {
            return Err(find.misfit("time_mix_lerp_fused.weight", "a row for each mix expected"));
        }
        Ok(Seven {
            mixes,
            decay: adapter("w")?,
            rate: adapter("a")?,
            residual: (at > 0).then(|| adapter("v")).transpose()?,
            gate: gated.then(|| narrow("g")).transpose()?,
            removal: find.vector("time_mix_k_k.weight", width)?,
            rate_on_key: find.vector("time_mix_k_a.weight", width)?,
            bonus: find.vector("time_mix_r_k.weight", width)?,
        })
    }

    /// One layer. `first` are the first layer's values, for RWKV-7.
    pub(super) fn forward<O: Ops>(
        &self,
        ops: &mut O,
        layer: &Layer,
        at: usize,
        x: O::Rows,
        first: &mut Option<O::Rows>,
    ) -> O::Rows {
        let normed = ops.norm(&layer.time_norm, &x);
        let before = ops.shift(&normed, self.last_of_time());
        let mixed = match &layer.time {
            Time::Six(six) => self.mix_six(ops, layer, six, &normed, &before),
            Time::Seven(seven) => self.mix_seven(ops, layer, seven, [&normed, &before], first),
        };
        let [out] = ops.linear([&layer.output], &mixed);
        let x = ops.add(x, &out);
        let normed = ops.norm(&layer.channel_norm, &x);
        let before = ops.shift(&normed, self.last_of_channel());
        let out = layer.channel.forward(ops, &normed, &before);
        let x = ops.add(x, &out);
        let halve = self.halve_every > 0 && (at + 1).is_multiple_of(self.halve_every);
        if halve { ops.scale(x, 0.5) } else { x }
    }

    fn mix_six<O: Ops>(&self, ops: &mut O, layer: &Layer, six: &Six, x: &O::Rows, before: &O::Rows) -> O::Rows {
        let mixed = ops.mix(x, before, &six.mix);
        let [mixes] = ops.linear([&six.mixes], &mixed);
        let mixes = ops.map(Map::Tanh, mixes);
        let mut part = |at: usize| {
            let (mix, linear) = &six.parts[at];
            let narrow = linear.cols;
            let own = ops.columns(&mixes, at * narrow..(at + 1) * narrow);
            let [by] = ops.linear([linear], &own);
            let by = ops.add_vector(by, mix);
            ops.mix_rows(x, before, &by)
        };
        let [decay, key, value, receptance, gate] = std::array::from_fn(&mut part);
        let decay = adapt(ops, &six.decay, &six.decays, Some(Map::Tanh), &decay);
        let decay = ops.map(Map::Exp, decay);
        let decay = ops.scale(decay, -1.0);
        let decay = ops.map(Map::Exp, decay);
        let [key] = ops.linear([&layer.key], &key);
        let [value] = ops.linear([&layer.value], &value);
        let [receptance] = ops.linear([&layer.receptance], &receptance);
        let [gate] = ops.linear([&six.gate], &gate);
        let gate = ops.map(Map::Silu, gate);
        let out = ops.wkv6([&receptance, &decay, &key, &value], &six.bonus, self.head, self.matrices());
        let out = ops.norm(&layer.head_norm, &out);
        ops.multiply(out, &gate)
    }

    fn mix_seven<O: Ops>(
        &self,
        ops: &mut O,
        layer: &Layer,
        seven: &Seven,
        [x, before]: [&O::Rows; 2],
        first: &mut Option<O::Rows>,
    ) -> O::Rows {
        let mut mixed = |at: usize| ops.mix(x, before, &seven.mixes[at]);
        let [receptance, decay, key, from_value, rate] = std::array::from_fn(&mut mixed);
        let [receptance] = ops.linear([&layer.receptance], &receptance);
        let [key] = ops.linear([&layer.key], &key);
        let [mut value] = ops.linear([&layer.value], &from_value);
        let decay = adapt(ops, &seven.decay.0, &seven.decay.1, Some(Map::Tanh), &decay);
        let decay = ops.map(Map::Sigmoid, decay);
        let decay = ops.scale(decay, -0.606_531); // e^-0.5: no channel forgets faster than e^-e^-0.5
        let decay = ops.map(Map::Exp, decay);
        match (&seven.residual, first.as_ref()) {
            (Some(Adapter(vector, narrow)), Some(first)) => {
                let by = adapt(ops, vector, narrow, None, &from_value);
                let by = ops.map(Map::Sigmoid, by);
                value = ops.mix_rows(&value, first, &by);
            }
            _ => *first = Some(ops.copy(&value)),
        }
        let rate = adapt(ops, &seven.rate.0, &seven.rate.1, None, &rate);
        let rate = ops.map(Map::Sigmoid, rate);
        let removed = ops.copy(&key);
        let removed = ops.multiply_vector(removed, &seven.removal);
        let removed = ops.unit(removed, self.head);
        // key (1 + (rate - 1) rate_on_key)
        let slowed = ops.copy(&key);
        let slowed = ops.multiply(slowed, &rate);
        let key = ops.mix(&key, &slowed, &seven.rate_on_key);
        let added = ops.multiply(rate, &removed);
        let removed = ops.scale(removed, -1.0);
        let out = ops.wkv7([&receptance, &decay, &key, &value, &removed, &added], self.head, self.matrices());
        let out = ops.norm(&layer.head_norm, &out);
        let bonus = ops.multiply(key, &receptance);
        let bonus = ops.multiply_vector(bonus, &seven.bonus);
        let bonus = ops.part_sums(bonus, self.head);
        let bonus = ops.multiply(bonus, &value);
        let out = ops.add(out, &bonus);
        let Some([down, up]) = &seven.gate else { return out };
        let gate = ops.mix(x, before, &seven.mixes[5]);
        let [gate] = ops.linear([down], &gate);
        let gate = ops.map(Map::Sigmoid, gate);
        let [gate] = ops.linear([up], &gate);
        ops.multiply(out, &gate)
    }
}

/// `vector` and what two narrow maps of `x`, with a function between them, add to it.
fn adapt<O: Ops>(ops: &mut O, vector: &Vector, [down, up]: &[Linear; 2], between: Option<Map>, x: &O::Rows) -> O::Rows {
    let [narrow] = ops.linear([down], x);
    let narrow = match between {
        Some(map) => ops.map(map, narrow),
        None => narrow,
    };
    let [out] = ops.linear([up], &narrow);
    ops.add_vector(out, vector)
}

impl Channel {
    fn forward<O: Ops>(&self, ops: &mut O, x: &O::Rows, before: &O::Rows) -> O::Rows {
        let key = ops.mix(x, before, &self.mix);
        let [key] = ops.linear([&self.key], &key);
        let key = ops.map(Map::ReluSquared, key);
        let [out] = ops.linear([&self.value], &key);
        let Some((mix, receptance)) = &self.receptance else { return out };
        let open = ops.mix(x, before, mix);
        let [open] = ops.linear([receptance], &open);
        let open = ops.map(Map::Sigmoid, open);
        ops.multiply(out, &open)
    }
}
