//! Recurrences and their way back: states are kept for every token, and gone through in reverse.

use std::rc::Rc;

use super::super::ops::Vector;
use super::{Tape, Value, keep};

/// How the channels of a scan share what drives it.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// Channels that share a step, a decay and a way by.
    pub(super) per_step: usize,
    /// Numbers each channel carries.
    pub(super) states: usize,
    /// Groups of channels that share what is put in and taken out.
    pub(super) groups: usize,
}

impl Tape<'_> {
    pub(super) fn convolve(&mut self, x: &Rc<Value>, weight: &Vector, bias: Option<&Vector>) -> Rc<Value> {
        let rows = self.tokens.len();
        let width = x.data.len() / rows;
        let taps = weight.data.len() / width;
        let (name, weight) = keep(weight);
        let bias = bias.map(keep);
        let x = Rc::clone(x);
        // Every product there is: row, channel, tap and the row it looks back to.
        let products = move || {
            let places = (0..rows).flat_map(move |row| (0..width).map(move |c| (row, c)));
            places.flat_map(move |(row, c)| {
                (0..taps).filter_map(move |tap| (row + tap + 1).checked_sub(taps).map(|from| (row, c, tap, from)))
            })
        };
        let mut data = vec![0.0; x.data.len()];
        if let Some((_, bias)) = &bias {
            data.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(bias));
        }
        for (row, c, tap, from) in products() {
            data[row * width + c] += weight[c * taps + tap] * x.data[from * width + c];
        }
        self.push(data, move |grad, grads| {
            for (row, c, tap, from) in products() {
                let grad = grad[row * width + c];
                grads.of(&x)[from * width + c] += grad * weight[c * taps + tap];
                grads.of_weights(&name, 0, weight.len())[c * taps + tap] += grad * x.data[from * width + c];
            }
            if let Some((name, bias)) = &bias {
                grad.chunks_exact(width).for_each(|row| kernels::add(grads.of_weights(name, 0, bias.len()), row));
            }
        })
    }

    pub(super) fn recur6(&mut self, x: [&Rc<Value>; 4], bonus: &Vector, head: usize) -> Rc<Value> {
        let (rows, width) = (self.tokens.len(), bonus.data.len());
        let x = x.map(Rc::clone);
        let (name, bonus) = keep(bonus);
        let mut data = vec![0.0; rows * width];
        // The state before each row: a row of each key channel, a column of each value channel of its head.
        let mut states = vec![vec![0.0f32; width * head]; rows + 1];
        for row in 0..rows {
            let (before, after) = states.split_at_mut(row + 1);
            let (before, after) = (&before[row], &mut after[0]);
            for key in 0..width {
                let [r, w, k, _] = [0, 1, 2, 3].map(|n: usize| x[n].data[row * width + key]);
                for j in 0..head {
                    let value = row * width + key / head * head + j;
                    let v = x[3].data[value];
                    let kept = before[key * head + j];
                    data[value] += r * (kept + bonus[key] * k * v);
                    after[key * head + j] = w * kept + k * v;
                }
            }
        }
        self.push(data, move |grad, grads| {
            let mut of_state = vec![0.0f32; width * head];
            for row in (0..rows).rev() {
                for key in 0..width {
                    let place = row * width + key;
                    let [r, w, k, _] = [0, 1, 2, 3].map(|n: usize| x[n].data[place]);
                    for j in 0..head {
                        let value = row * width + key / head * head + j;
                        let (v, grad) = (x[3].data[value], grad[value]);
                        let kept = states[row][key * head + j];
                        let after = of_state[key * head + j];
                        grads.of(&x[0])[place] += grad * (kept + bonus[key] * k * v);
                        grads.of(&x[1])[place] += after * kept;
                        grads.of(&x[2])[place] += grad * r * bonus[key] * v + after * v;
                        grads.of(&x[3])[value] += grad * r * bonus[key] * k + after * k;
                        grads.of_weights(&name, 0, width)[key] += grad * r * k * v;
                        of_state[key * head + j] = w * after + r * grad;
                    }
                }
            }
        })
    }

    pub(super) fn recur7(&mut self, x: [&Rc<Value>; 6], head: usize) -> Rc<Value> {
        let rows = self.tokens.len();
        let width = x[0].data.len() / rows;
        let x = x.map(Rc::clone);
        let mut data = vec![0.0; rows * width];
        // The state before each row: a row of each value channel, a column of each key channel of its head.
        let mut states = vec![vec![0.0f32; width * head]; rows + 1];
        let mut taken = vec![0.0f32; rows * width];
        for row in 0..rows {
            let (before, after) = states.split_at_mut(row + 1);
            let (before, after) = (&before[row], &mut after[0]);
            for value in 0..width {
                let place = row * width + value;
                let keys = row * width + value / head * head;
                let kept = &before[value * head..][..head];
                taken[place] = (0..head).map(|j| kept[j] * x[4].data[keys + j]).sum();
                for j in 0..head {
                    let [r, w, k, _, _, b] = [0, 1, 2, 3, 4, 5].map(|n: usize| x[n].data[keys + j]);
                    let now = kept[j] * w + x[3].data[place] * k + taken[place] * b;
                    after[value * head + j] = now;
                    data[place] += now * r;
                }
            }
        }
        self.push(data, move |grad, grads| {
            let mut of_state = vec![0.0f32; width * head];
            for row in (0..rows).rev() {
                for value in 0..width {
                    let place = row * width + value;
                    let keys = row * width + value / head * head;
                    let (kept, now) = (&states[row][value * head..], &states[row + 1][value * head..]);
                    let of_now = &mut of_state[value * head..][..head];
                    let mut of_taken = 0.0;
                    for j in 0..head {
                        let [r, _, k, _, _, b] = [0, 1, 2, 3, 4, 5].map(|n: usize| x[n].data[keys + j]);
                        of_now[j] += grad[place] * r;
                        grads.of(&x[0])[keys + j] += grad[place] * now[j];
                        grads.of(&x[1])[keys + j] += of_now[j] * kept[j];
                        grads.of(&x[2])[keys + j] += of_now[j] * x[3].data[place];
                        grads.of(&x[3])[place] += of_now[j] * k;
                        grads.of(&x[5])[keys + j] += of_now[j] * taken[place];
                        of_taken += of_now[j] * b;
                    }
                    for j in 0..head {
                        grads.of(&x[4])[keys + j] += of_taken * kept[j];
                        of_now[j] = of_now[j] * x[1].data[keys + j] + of_taken * x[4].data[keys + j];
                    }
                }
            }
        })
    }

    pub(super) fn scan_in(&mut self, x: [&Rc<Value>; 4], decay: &Vector, by: &Vector, cut: Cut) -> Rc<Value> {
        let rows = self.tokens.len();
        let width = x[0].data.len() / rows;
        let x = x.map(Rc::clone);
        let ((decay_name, decay), (by_name, by)) = (keep(decay), keep(by));
        let Cut { per_step, states, groups } = cut;
        let (steps, shared) = (width / per_step, groups * states);
        // Of a channel's number: where its decay is, its step in a row, and what is put in and taken out.
        let each = decay.len() == width * states;
        let decay_at = move |c: usize, n: usize| if each { c * states + n } else { c / per_step };
        let step_at = move |row: usize, c: usize| row * steps + c / per_step;
        let put_at = move |row: usize, c: usize, n: usize| row * shared + c / (width / groups) * states + n;
        let mut data = vec![0.0; rows * width];
        let mut kept = vec![vec![0.0f32; width * states]; rows + 1];
        for row in 0..rows {
            for c in 0..width {
                let (input, step) = (x[0].data[row * width + c], x[1].data[step_at(row, c)]);
                for n in 0..states {
                    let now = kept[row][c * states + n] * (step * decay[decay_at(c, n)]).exp()
                        + step * x[2].data[put_at(row, c, n)] * input;
                    kept[row + 1][c * states + n] = now;
                    data[row * width + c] += now * x[3].data[put_at(row, c, n)];
                }
                data[row * width + c] += by[c / per_step] * input;
            }
        }
        self.push(data, move |grad, grads| {
            let mut of_state = vec![0.0f32; width * states];
            for row in (0..rows).rev() {
                for c in 0..width {
                    let (place, step_place) = (row * width + c, step_at(row, c));
                    let (input, step, grad) = (x[0].data[place], x[1].data[step_place], grad[place]);
                    for n in 0..states {
                        let (put_place, decay_place) = (put_at(row, c, n), decay_at(c, n));
                        let (put, take) = (x[2].data[put_place], x[3].data[put_place]);
                        let (before, now) = (kept[row][c * states + n], kept[row + 1][c * states + n]);
                        let shrunk = (step * decay[decay_place]).exp();
                        let of_now = of_state[c * states + n] + grad * take;
                        grads.of(&x[0])[place] += of_now * step * put;
                        grads.of(&x[1])[step_place] += of_now * (before * decay[decay_place] * shrunk + put * input);
                        grads.of(&x[2])[put_place] += of_now * step * input;
                        grads.of(&x[3])[put_place] += grad * now;
                        grads.of_weights(&decay_name, 0, decay.len())[decay_place] += of_now * before * step * shrunk;
                        of_state[c * states + n] = of_now * shrunk;
                    }
                    grads.of(&x[0])[place] += grad * by[c / per_step];
                    grads.of_weights(&by_name, 0, by.len())[c / per_step] += grad * input;
                }
            }
        })
    }
}
