//! The operations once more, remembered: gradients flow back through the same definitions that inference runs.
//!
//! One sequence from its beginning, everything in 32-bit floats. Weights are read from the file as they are.

mod attention;
mod recurrences;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use kernels::{AttnShape, Pool};

use super::Decoder;
use super::ops::{Gate, Linear, Map, Norm, Ops, Pairs, Rope, Stored, Vector};
use crate::LoadError;

/// How the loss changes with each number of each tensor, by the tensor's name. A tensor of several vectors has one entry for each,
/// `name[index]`.
pub type Gradients = BTreeMap<String, Vec<f32>>;

/// The mean cross-entropy of each token but the first of a text, given those before it, and its gradients.
///
/// # Errors
/// [`LoadError`] if the file is damaged or of a kind this build does not run, or a token is not in its vocabulary.
pub fn gradients(model: &Path, tokens: &[u32]) -> Result<(f32, Gradients), LoadError> {
    let decoder = Decoder::load(model, &Pool::new(1), true, tokens.len())?;
    let vocabulary = decoder.vocabulary();
    if tokens.len() < 2 || tokens.iter().any(|&token| token as usize >= vocabulary) {
        let why = format!("{} tokens, where at least two of a vocabulary of {vocabulary} are expected", tokens.len());
        return Err(LoadError::Unsupported(why));
    }
    Ok(Tape::new(&decoder, &tokens[..tokens.len() - 1]).loss(&tokens[1..]))
}

/// Rows of numbers that were computed.
pub(super) struct Value {
    at: usize,
    data: Vec<f32>,
}

type Back = Box<dyn FnOnce(&[f32], &mut Grads)>;

/// What was computed, in order, and the way back.
pub(super) struct Tape<'a> {
    decoder: &'a Decoder,
    tokens: &'a [u32],
    backs: Vec<Back>,
}

/// Gradients on the way back.
pub(super) struct Grads {
    values: Vec<Vec<f32>>,
    weights: Gradients,
}

impl Grads {
    /// The gradient of a value, to be added to.
    fn of(&mut self, value: &Value) -> &mut [f32] {
        let grad = &mut self.values[value.at];
        grad.resize(value.data.len(), 0.0);
        grad
    }

    /// Of numbers that are learned: from `first` on in the tensor.
    fn of_weights(&mut self, name: &str, first: usize, len: usize) -> &mut [f32] {
        let grad = self.weights.entry(name.to_owned()).or_default();
        if grad.len() < first + len {
            grad.resize(first + len, 0.0);
        }
        &mut grad[first..first + len]
    }
}

/// What a closure keeps of a vector.
fn keep(vector: &Vector) -> (String, Vec<f32>) {
    (vector.name.clone(), vector.data.clone())
}

impl<'a> Tape<'a> {
    pub(super) fn new(decoder: &'a Decoder, tokens: &'a [u32]) -> Self {
        Self { decoder, tokens, backs: Vec::new() }
    }

    /// Runs the tokens, compares what is said of the next ones with what they are, and goes back.
    pub(super) fn loss(mut self, next: &[u32]) -> (f32, Gradients) {
        let embeddings = self.embeddings();
        let decoder = self.decoder;
        let run = decoder.run(&mut self, embeddings, |_, _| true, |_, x| x);
        let logits = run.expect("a tape does not give up");
        let width = logits.data.len() / next.len();
        let mut loss = 0.0;
        let mut grad = logits.data.clone();
        for (row, &token) in grad.chunks_exact_mut(width).zip(next) {
            kernels::softmax(row);
            loss -= f64::from(row[token as usize].max(f32::MIN_POSITIVE)).ln();
            row[token as usize] -= 1.0;
            row.iter_mut().for_each(|x| *x /= next.len() as f32);
        }
        let mut grads = Grads { values: vec![Vec::new(); self.backs.len()], weights: Gradients::new() };
        grads.values[logits.at] = grad;
        for (at, back) in self.backs.into_iter().enumerate().rev() {
            let grad = std::mem::take(&mut grads.values[at]);
            if !grad.is_empty() {
                back(&grad, &mut grads);
            }
        }
        ((loss / next.len() as f64) as f32, grads.weights)
    }

    fn push(&mut self, data: Vec<f32>, back: impl FnOnce(&[f32], &mut Grads) + 'static) -> Rc<Value> {
        let at = self.backs.len();
        self.backs.push(Box::new(back));
        Rc::new(Value { at, data })
    }

    /// A value made number by number from others; `slope` is how it changes with each of them, at a place.
    fn pointwise<const N: usize>(
        &mut self,
        from: [&Rc<Value>; N],
        value: impl Fn([f32; N]) -> f32,
        slope: impl Fn([f32; N]) -> [f32; N] + 'static,
    ) -> Rc<Value> {
        let from = from.map(Rc::clone);
        let data = (0..from[0].data.len()).map(|i| value(std::array::from_fn(|n| from[n].data[i]))).collect();
        self.push(data, move |grad, grads| {
            for (i, grad) in grad.iter().enumerate() {
                let slopes = slope(std::array::from_fn(|n| from[n].data[i]));
                for (from, slope) in from.iter().zip(slopes) {
                    grads.of(from)[i] += grad * slope;
                }
            }
        })
    }

    fn embeddings(&mut self) -> Rc<Value> {
        let (width, table) = (self.decoder.width, self.decoder.gguf.matrix(&self.decoder.embeddings));
        let mut data = vec![0.0; self.tokens.len() * width];
        for (&token, row) in self.tokens.iter().zip(data.chunks_exact_mut(width)) {
            kernels::dequantize_row(table.dtype, table.row(token as usize), row);
        }
        let (tokens, all) = (self.tokens.to_vec(), table.rows * width);
        self.push(data, move |grad, grads| {
            let weights = grads.of_weights("token_embd.weight", 0, all);
            for (token, grad) in tokens.iter().zip(grad.chunks_exact(width)) {
                kernels::add(&mut weights[*token as usize * width..][..width], grad);
            }
        })
    }

    /// A linear map's weights as they are in the file.
    fn weights(&self, linear: &Linear) -> Vec<f32> {
        let Stored::File(info) = &linear.weight else {
            unreachable!("a tape's decoder is loaded exactly: this is a bug")
        };
        let matrix = self.decoder.gguf.matrix(info);
        let mut data = vec![0.0; matrix.rows * matrix.cols];
        for (row, out) in data.chunks_exact_mut(matrix.cols).enumerate() {
            kernels::dequantize_row(matrix.dtype, matrix.row(row), out);
        }
        data
    }

    fn apply(&mut self, linear: &Linear, x: &Rc<Value>) -> Rc<Value> {
        let (weights, rows, cols) = (self.weights(linear), linear.rows, linear.cols);
        let count = x.data.len() / cols;
        let mut data = Vec::with_capacity(count * rows);
        for x in x.data.chunks_exact(cols) {
            data.extend(weights.chunks_exact(cols).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>()));
        }
        let bias = linear.bias.as_ref().map(|bias| bias.name.clone());
        if let Some(bias) = &linear.bias {
            data.chunks_exact_mut(rows).for_each(|row| kernels::add(row, &bias.data));
        }
        let (x, name, first) = (Rc::clone(x), linear.name.clone(), linear.first);
        self.push(data, move |grad, grads| {
            for (grad, x) in grad.chunks_exact(rows).zip(x.data.chunks_exact(cols)) {
                let into = grads.of_weights(&name, first * cols, rows * cols);
                for (into, grad) in into.chunks_exact_mut(cols).zip(grad) {
                    into.iter_mut().zip(x).for_each(|(into, x)| *into += grad * x);
                }
                if let Some(bias) = &bias {
                    kernels::add(grads.of_weights(bias, first, rows), grad);
                }
            }
            let into = grads.of(&x);
            for (into, grad) in into.chunks_exact_mut(cols).zip(grad.chunks_exact(rows)) {
                for (row, grad) in weights.chunks_exact(cols).zip(grad) {
                    into.iter_mut().zip(row).for_each(|(into, w)| *into += grad * w);
                }
            }
        })
    }

    /// `value` and its slopes of each number of `x` and of the vector that every row meets.
    fn with_vector(
        &mut self,
        x: &Rc<Value>,
        vector: &Vector,
        value: impl Fn(f32, f32) -> f32,
        slopes: impl Fn(f32, f32) -> (f32, f32) + 'static,
    ) -> Rc<Value> {
        let (name, vector) = keep(vector);
        let x = Rc::clone(x);
        let met = |i: usize| vector[i % vector.len()];
        let data = x.data.iter().enumerate().map(|(i, x)| value(*x, met(i))).collect();
        self.push(data, move |grad, grads| {
            let len = vector.len();
            for (i, grad) in grad.iter().enumerate() {
                let (of_x, of_vector) = slopes(x.data[i], vector[i % len]);
                grads.of(&x)[i] += grad * of_x;
                grads.of_weights(&name, 0, len)[i % len] += grad * of_vector;
            }
        })
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn silu_slope(x: f32) -> f32 {
    sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)))
}

/// Gelu by its tanh approximation, and its slope.
fn gelu(x: f32) -> (f32, f32) {
    let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
    let (tanh, of_inner) = (inner.tanh(), 0.797_884_6 * (1.0 + 3.0 * 0.044_715 * x * x));
    (0.5 * x * (1.0 + tanh), 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * of_inner)
}

impl Ops for Tape<'_> {
    type Rows = Rc<Value>;

    fn linear<const N: usize>(&mut self, maps: [&Linear; N], x: &Rc<Value>) -> [Rc<Value>; N] {
        maps.map(|linear| self.apply(linear, x))
    }

    fn norm(&mut self, norm: &Norm, x: &Rc<Value>) -> Rc<Value> {
        let (size, epsilon) = (norm.size, norm.epsilon);
        let (name, weight) = keep(&norm.weight);
        let bias = norm.bias.as_ref().map(keep);
        let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
        // Each part brought to its scale, and the scale.
        let normed = move |part: &[f32], centred: bool| -> (Vec<f32>, f32) {
            let middle = if centred { mean(part) } else { 0.0 };
            let square = part.iter().map(|x| (x - middle) * (x - middle)).sum::<f32>() / size as f32;
            let scale = 1.0 / (square + epsilon).sqrt();
            (part.iter().map(|x| (x - middle) * scale).collect(), scale)
        };
        let centred = bias.is_some();
        let mut data = Vec::with_capacity(x.data.len());
        for (at, part) in x.data.chunks_exact(size).enumerate() {
            let place = at * size % weight.len();
            let (part, _) = normed(part, centred);
            data.extend(part.iter().zip(&weight[place..]).map(|(x, w)| x * w));
            if let Some((_, bias)) = &bias {
                let from = data.len() - size;
                kernels::add(&mut data[from..], &bias[place..place + size]);
            }
        }
        let x = Rc::clone(x);
        self.push(data, move |grad, grads| {
            for (at, (part, grad)) in x.data.chunks_exact(size).zip(grad.chunks_exact(size)).enumerate() {
                let place = at * size % weight.len();
                let (part, scale) = normed(part, centred);
                if !name.is_empty() {
                    let into = &mut grads.of_weights(&name, 0, weight.len())[place..place + size];
                    into.iter_mut().zip(grad.iter().zip(&part)).for_each(|(into, (grad, x))| *into += grad * x);
                }
                if let Some((name, bias)) = &bias {
                    kernels::add(&mut grads.of_weights(name, 0, bias.len())[place..place + size], grad);
                }
                let of_part: Vec<f32> = grad.iter().zip(&weight[place..]).map(|(grad, w)| grad * w).collect();
                let along = of_part.iter().zip(&part).map(|(grad, x)| grad * x).sum::<f32>() / size as f32;
                let middle = if centred { mean(&of_part) } else { 0.0 };
                let into = &mut grads.of(&x)[at * size..][..size];
                for (i, into) in into.iter_mut().enumerate() {
                    *into += scale * (of_part[i] - middle - part[i] * along);
                }
            }
        })
    }

    fn unit(&mut self, x: Rc<Value>, size: usize) -> Rc<Value> {
        let length = |part: &[f32]| part.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        let data = x.data.chunks_exact(size).flat_map(|part| part.iter().map(move |x| x / length(part))).collect();
        self.push(data, move |grad, grads| {
            for (at, (part, grad)) in x.data.chunks_exact(size).zip(grad.chunks_exact(size)).enumerate() {
                let length = length(part);
                let along = part.iter().zip(grad).map(|(x, grad)| x * grad).sum::<f32>() / (length * length);
                let into = &mut grads.of(&x)[at * size..][..size];
                for (i, into) in into.iter_mut().enumerate() {
                    *into += (grad[i] - part[i] * along) / length;
                }
            }
        })
    }

    fn map(&mut self, map: Map, x: Rc<Value>) -> Rc<Value> {
        let value = move |x: f32| match map {
            Map::Silu => x * sigmoid(x),
            Map::Sigmoid => sigmoid(x),
            Map::Tanh => x.tanh(),
            Map::Softplus if x > 20.0 => x,
            Map::Softplus => x.exp().ln_1p(),
            Map::ReluSquared => x.max(0.0) * x.max(0.0),
            Map::Exp => x.exp(),
        };
        let slope = move |x: f32| match map {
            Map::Silu => silu_slope(x),
            Map::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
            Map::Tanh => 1.0 - x.tanh() * x.tanh(),
            Map::Softplus => sigmoid(x),
            Map::ReluSquared => 2.0 * x.max(0.0),
            Map::Exp => x.exp(),
        };
        self.pointwise([&x], move |[x]| value(x), move |[x]| [slope(x)])
    }

    fn copy(&mut self, x: &Rc<Value>) -> Rc<Value> {
        Rc::clone(x)
    }

    fn scale(&mut self, x: Rc<Value>, by: f32) -> Rc<Value> {
        self.pointwise([&x], move |[x]| x * by, move |_| [by])
    }

    fn add(&mut self, a: Rc<Value>, b: &Rc<Value>) -> Rc<Value> {
        self.pointwise([&a, b], |[a, b]| a + b, |_| [1.0, 1.0])
    }

    fn multiply(&mut self, a: Rc<Value>, b: &Rc<Value>) -> Rc<Value> {
        self.pointwise([&a, b], |[a, b]| a * b, |[a, b]| [b, a])
    }

    fn add_vector(&mut self, x: Rc<Value>, vector: &Vector) -> Rc<Value> {
        self.with_vector(&x, vector, |x, v| x + v, |_, _| (1.0, 1.0))
    }

    fn multiply_vector(&mut self, x: Rc<Value>, vector: &Vector) -> Rc<Value> {
        self.with_vector(&x, vector, |x, v| x * v, |x, v| (v, x))
    }

    fn mix(&mut self, x: &Rc<Value>, other: &Rc<Value>, by: &Vector) -> Rc<Value> {
        let far = self.pointwise([x, other], |[x, other]| other - x, |_| [-1.0, 1.0]);
        let part = self.multiply_vector(far, by);
        self.add(part, x)
    }

    fn mix_rows(&mut self, x: &Rc<Value>, other: &Rc<Value>, by: &Rc<Value>) -> Rc<Value> {
        self.pointwise(
            [x, other, by],
            |[x, other, by]| x + (other - x) * by,
            |[x, other, by]| [1.0 - by, by, other - x],
        )
    }

    fn gate(&mut self, kind: Gate, gate: Rc<Value>, up: &Rc<Value>) -> Rc<Value> {
        let open = move |x: f32| match kind {
            Gate::Silu => (x * sigmoid(x), silu_slope(x)),
            Gate::Gelu => gelu(x),
        };
        self.pointwise([&gate, up], move |[x, up]| open(x).0 * up, move |[x, up]| [open(x).1 * up, open(x).0])
    }

    fn columns(&mut self, x: &Rc<Value>, columns: Range<usize>) -> Rc<Value> {
        let width = x.data.len() / self.tokens.len();
        let data = x.data.chunks_exact(width).flat_map(|row| row[columns.clone()].to_vec()).collect();
        let x = Rc::clone(x);
        self.push(data, move |grad, grads| {
            let into = grads.of(&x).chunks_exact_mut(width);
            into.zip(grad.chunks_exact(columns.len()))
                .for_each(|(into, grad)| kernels::add(&mut into[columns.clone()], grad));
        })
    }

    fn part_sums(&mut self, x: Rc<Value>, size: usize) -> Rc<Value> {
        let sums = move |x: &[f32]| -> Vec<f32> {
            x.chunks_exact(size).flat_map(|part| vec![part.iter().sum::<f32>(); size]).collect()
        };
        self.push(sums(&x.data), move |grad, grads| kernels::add(grads.of(&x), &sums(grad)))
    }

    fn turn(&mut self, x: Rc<Value>, rope: &Rope) -> Rc<Value> {
        let rope = rope.clone();
        let width = x.data.len() / self.tokens.len();
        let turned = move |x: &[f32], back: f32| {
            let mut out = x.to_vec();
            for (position, row) in out.chunks_exact_mut(width).enumerate() {
                let mut angles = Vec::new();
                kernels::rope_angles(position as f32, &rope.freqs, rope.scale, &mut angles);
                angles.iter_mut().for_each(|(sin, _)| *sin *= back);
                match rope.pairs {
                    Pairs::Neighbours => kernels::rope_norm(row, rope.head, &angles),
                    Pairs::Halves => kernels::rope_neox(row, rope.head, &angles),
                }
            }
            out
        };
        // What was turned by an angle and scaled goes back by the opposite angle, scaled as well.
        self.push(turned(&x.data, 1.0), move |grad, grads| kernels::add(grads.of(&x), &turned(grad, -1.0)))
    }

    fn attention(&mut self, shape: &AttnShape, q: &Rc<Value>, k: &Rc<Value>, v: &Rc<Value>) -> Rc<Value> {
        self.attend(*shape, [q, k, v])
    }

    fn shift(&mut self, x: &Rc<Value>, state: Range<usize>) -> Rc<Value> {
        let width = state.len();
        let mut data = vec![0.0; width];
        data.extend_from_slice(&x.data[..x.data.len() - width]);
        let x = Rc::clone(x);
        self.push(data, move |grad, grads| {
            let len = grad.len() - width;
            kernels::add(&mut grads.of(&x)[..len], &grad[width..]);
        })
    }

    fn conv(&mut self, x: &Rc<Value>, weight: &Vector, bias: Option<&Vector>, _: Range<usize>) -> Rc<Value> {
        self.convolve(x, weight, bias)
    }

    fn wkv6(&mut self, x: [&Rc<Value>; 4], bonus: &Vector, head: usize, _: Range<usize>) -> Rc<Value> {
        self.recur6(x, bonus, head)
    }

    fn wkv7(&mut self, x: [&Rc<Value>; 6], head: usize, _: Range<usize>) -> Rc<Value> {
        self.recur7(x, head)
    }

    fn scan(&mut self, x: [&Rc<Value>; 4], decay: &Vector, by: &Vector, _: Range<usize>) -> Rc<Value> {
        // One decay for each number a channel carries, one step for each channel.
        let channels = by.data.len();
        self.scan_in(x, decay, by, recurrences::Cut { per_step: 1, states: decay.data.len() / channels, groups: 1 })
    }

    fn scan2(&mut self, x: [&Rc<Value>; 4], decay: &Vector, by: &Vector, groups: usize, _: Range<usize>) -> Rc<Value> {
        let rows = self.tokens.len();
        let channels = x[0].data.len() / rows;
        let states = x[2].data.len() / rows / groups;
        self.scan_in(x, decay, by, recurrences::Cut { per_step: channels / by.data.len(), states, groups })
    }
}
