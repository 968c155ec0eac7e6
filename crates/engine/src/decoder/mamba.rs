//! Mamba-1 and Mamba-2 (Gu and Dao 2023, Dao and Gu 2024): a convolution and a selective scan in place of attention and feed-forward net.

use std::ops::Range;

use super::load::Find;
use super::ops::{Gate, Linear, Map, Norm, Ops, Vector};
use crate::LoadError;

/// Mamba-1: what makes steps, what is put in and what is taken out.
struct One {
    parameters: Linear,
    delta: Linear,
    norms: Option<[Norm; 2]>,
}

/// What the layers of a model share.
pub(super) struct Mamba {
    /// Channels inside.
    inner: usize,
    /// Numbers each channel carries.
    states: usize,
    /// Taps of the convolution.
    taps: usize,
    kind: Kind,
}

enum Kind {
    One {
        /// Numbers a step's length is made from.
        rank: usize,
        /// Steps, what is put in and what is taken out are normed (Falcon Mamba).
        normed: bool,
    },
    Two {
        heads: usize,
        groups: usize,
    },
}

pub(super) struct Layer {
    norm: Norm,
    input: Linear,
    conv: Vector,
    conv_bias: Option<Vector>,
    scan: Scan,
    decay: Vector,
    by: Vector,
    output: Linear,
}

enum Scan {
    One(Box<One>),
    Two { delta: Vector, norm: Norm },
}

impl Mamba {
    pub(super) fn load(find: &Find<'_>) -> Result<(Self, Vec<Layer>), LoadError> {
        let width = find.size("embedding_length")?;
        let (inner, states, taps) =
            (find.size("ssm.inner_size")?, find.size("ssm.state_size")?, find.size("ssm.conv_kernel")?);
        let rank = find.size("ssm.time_step_rank")?;
        let kind = if find.architecture() == "mamba2" {
            let groups = find.number_or("ssm.group_count", 1)?.max(1);
            if !inner.is_multiple_of(rank) || !rank.is_multiple_of(groups) {
                return Err(find.wrong(
                    "ssm.time_step_rank",
                    format!("{rank} heads do not fit {inner} channels in {groups} groups"),
                ));
            }
            Kind::Two { heads: rank, groups }
        } else {
            Kind::One { rank, normed: find.flag("ssm.dt_b_c_rms") }
        };
        let model = Self { inner, states, taps, kind };
        let layers =
            (0..find.size("block_count")?).map(|at| model.layer(&find.layer(at), width)).collect::<Result<_, _>>()?;
        Ok((model, layers))
    }

    /// Numbers a layer carries: the last rows before the convolution, and what each channel carries.
    pub(super) fn state(&self) -> usize {
        self.carried().end
    }

    fn last(&self) -> Range<usize> {
        0..(self.taps - 1) * self.convolved()
    }

    fn carried(&self) -> Range<usize> {
        let from = self.last().end;
        from..from + self.inner * self.states
    }

    /// Columns that go through the convolution.
    fn convolved(&self) -> usize {
        match self.kind {
            Kind::One { .. } => self.inner,
            Kind::Two { groups, .. } => self.inner + 2 * groups * self.states,
        }
    }

    fn layer(&self, find: &Find<'_>, width: usize) -> Result<Layer, LoadError> {
        let (inner, states, convolved) = (self.inner, self.states, self.convolved());
        let epsilon = find.float("attention.layer_norm_rms_epsilon")?;
        let bias = |name: &str, len: usize| find.has(name).then(|| find.vector(name, len)).transpose();
        let (input, decay, by) = match self.kind {
            Kind::One { .. } => (2 * inner, inner * states, inner),
            Kind::Two { heads, .. } => (inner + convolved + heads, heads, heads),
        };
        Ok(Layer {
            norm: find.rms_norm("attn_norm", width, epsilon)?,
            input: find.linear("ssm_in", input, width)?,
            conv: find.vector("ssm_conv1d.weight", convolved * self.taps)?,
            conv_bias: bias("ssm_conv1d.bias", convolved)?,
            scan: match self.kind {
                Kind::One { rank, normed } => {
                    let plain = |size: usize| Norm {
                        weight: Vector { name: String::new(), data: vec![1.0; size] },
                        bias: None,
                        size,
                        epsilon,
                    };
                    Scan::One(Box::new(One {
                        parameters: find.linear("ssm_x", rank + 2 * states, inner)?,
                        delta: find.linear("ssm_dt", inner, rank)?,
                        norms: normed.then(|| [plain(rank), plain(states)]),
                    }))
                }
                Kind::Two { heads, groups } => Scan::Two {
                    delta: find.vector("ssm_dt.bias", heads)?,
                    norm: Norm { size: inner / groups, ..find.rms_norm("ssm_norm", inner, epsilon)? },
                },
            },
            decay: find.vector("ssm_a", decay)?,
            by: find.vector("ssm_d", by)?,
            output: find.linear("ssm_out", width, inner)?,
        })
    }

    /// One layer.
    pub(super) fn forward<O: Ops>(&self, ops: &mut O, layer: &Layer, x: O::Rows) -> O::Rows {
        let normed = ops.norm(&layer.norm, &x);
        let [input] = ops.linear([&layer.input], &normed);
        let mixed = match (&self.kind, &layer.scan) {
            (Kind::One { rank, .. }, Scan::One(one)) => self.mix_one(ops, layer, &input, *rank, one),
            (Kind::Two { heads, groups }, Scan::Two { delta, norm }) => {
                self.mix_two(ops, layer, &input, (*heads, *groups), (delta, norm))
            }
            _ => unreachable!("a model's layers are of its kind: this is a bug"),
        };
        let [out] = ops.linear([&layer.output], &mixed);
        ops.add(x, &out)
    }

    /// The convolution of some columns of what came in.
    fn convolve<O: Ops>(&self, ops: &mut O, layer: &Layer, x: &O::Rows) -> O::Rows {
        let x = ops.conv(x, &layer.conv, layer.conv_bias.as_ref(), self.last());
        ops.map(Map::Silu, x)
    }

    fn mix_one<O: Ops>(
        &self,
        ops: &mut O,
        layer: &Layer,
        input: &O::Rows,
        rank: usize,
        One { parameters, delta, norms }: &One,
    ) -> O::Rows {
        let (inner, states) = (self.inner, self.states);
        let x = ops.columns(input, 0..inner);
        let gate = ops.columns(input, inner..2 * inner);
        let x = self.convolve(ops, layer, &x);
        let [all] = ops.linear([parameters], &x);
        let mut step = ops.columns(&all, 0..rank);
        let mut put = ops.columns(&all, rank..rank + states);
        let mut take = ops.columns(&all, rank + states..rank + 2 * states);
        if let Some([of_step, of_state]) = norms {
            step = ops.norm(of_step, &step);
            put = ops.norm(of_state, &put);
            take = ops.norm(of_state, &take);
        }
        let [step] = ops.linear([delta], &step);
        let step = ops.map(Map::Softplus, step);
        let out = ops.scan([&x, &step, &put, &take], &layer.decay, &layer.by, self.carried());
        ops.gate(Gate::Silu, gate, &out)
    }

    fn mix_two<O: Ops>(
        &self,
        ops: &mut O,
        layer: &Layer,
        input: &O::Rows,
        (heads, groups): (usize, usize),
        (delta, norm): (&Vector, &Norm),
    ) -> O::Rows {
        let (inner, convolved, states) = (self.inner, self.convolved(), groups * self.states);
        let gate = ops.columns(input, 0..inner);
        let x = ops.columns(input, inner..inner + convolved);
        let step = ops.columns(input, inner + convolved..inner + convolved + heads);
        let all = self.convolve(ops, layer, &x);
        let x = ops.columns(&all, 0..inner);
        let put = ops.columns(&all, inner..inner + states);
        let take = ops.columns(&all, inner + states..inner + 2 * states);
        let step = ops.add_vector(step, delta);
        let step = ops.map(Map::Softplus, step);
        let out = ops.scan2([&x, &step, &put, &take], &layer.decay, &layer.by, groups, self.carried());
        let out = ops.gate(Gate::Silu, gate, &out);
        ops.norm(norm, &out)
    }
}
