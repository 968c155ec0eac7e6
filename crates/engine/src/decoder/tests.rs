//! The decoder beside the formulas, one number after another in f64, for each family.

use kernels::Pool;

use super::*;
use crate::tiny::{HEAD_DIM, HEADS, INNER, KV_HEADS, LAYERS, Tiny, WIDTH, WINDOW};

/// What the formulas need to know of a family; written out here again so that the table is checked too.
#[derive(Clone, Copy, Default)]
struct Formula {
    neighbours: bool,
    gelu: bool,
    gemma: bool,
    linear: Option<f64>,
    factors: bool,
    softcap: Option<f64>,
    final_softcap: Option<f64>,
}

struct Naive<'a> {
    tiny: &'a Tiny,
    formula: Formula,
}

impl Naive<'_> {
    fn tensor(&self, name: &str) -> Option<Vec<f64>> {
        self.tiny.tensors.get(name).map(|data| data.iter().map(|&x| f64::from(x)).collect())
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.tensor(&format!("{name}.weight")).unwrap();
        let mut out: Vec<f64> =
            weight.chunks(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>()).collect();
        if let Some(bias) = self.tensor(&format!("{name}.bias")) {
            out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
        }
        out
    }

    /// Root-mean-square norm, if there is a weight by that name.
    fn norm(&self, name: &str, x: &mut [f64]) {
        let Some(weight) = self.tensor(&format!("{name}.weight")) else { return };
        for part in x.chunks_mut(weight.len()) {
            let mean = part.iter().map(|x| x * x).sum::<f64>() / part.len() as f64;
            part.iter_mut().zip(&weight).for_each(|(x, w)| *x *= w / (mean + 1e-6).sqrt());
        }
    }

    fn turn(&self, head: &mut [f64], position: usize, local: bool) {
        let half = HEAD_DIM / 2;
        let factors = self.tensor("rope_freqs.weight").filter(|_| self.formula.factors);
        for i in 0..half {
            let base: f64 = if self.formula.gemma && !local { 1_000_000.0 } else { 10_000.0 };
            let mut freq = base.powf(-2.0 * i as f64 / HEAD_DIM as f64);
            freq /= self.formula.linear.filter(|_| !local).unwrap_or(1.0);
            freq /= factors.as_ref().map_or(1.0, |factors| factors[i]);
            let (sin, cos) = (position as f64 * freq).sin_cos();
            let (a, b) = if self.formula.neighbours { (2 * i, 2 * i + 1) } else { (i, i + half) };
            (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
        }
    }

    fn attend(&self, layer: usize, normed: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let local = self.formula.gemma && !(layer + 1).is_multiple_of(6);
        let heads = |part: &str, turned: bool| -> Vec<Vec<f64>> {
            let one = |(position, x): (usize, &Vec<f64>)| {
                let mut out = self.linear(&format!("blk.{layer}.attn_{part}"), x);
                self.norm(&format!("blk.{layer}.attn_{part}_norm"), &mut out);
                if turned {
                    out.chunks_mut(HEAD_DIM).for_each(|head| self.turn(head, position, local));
                }
                out
            };
            normed.iter().enumerate().map(one).collect()
        };
        let (q, k, v) = (heads("q", true), heads("k", true), heads("v", false));
        let mix = |position: usize| {
            let mut mixed = Vec::new();
            for head in 0..HEADS {
                let part = |x: &[f64], head: usize| x[head * HEAD_DIM..(head + 1) * HEAD_DIM].to_vec();
                let query = part(&q[position], head);
                let kv = head / (HEADS / KV_HEADS);
                let first = if local { (position + 1).saturating_sub(WINDOW) } else { 0 };
                let scores = (first..=position).map(|at| {
                    let dot: f64 = query.iter().zip(part(&k[at], kv)).map(|(a, b)| a * b).sum();
                    let score = dot / (HEAD_DIM as f64).sqrt();
                    self.formula.softcap.map_or(score, |cap| cap * (score / cap).tanh()).exp()
                });
                let scores: Vec<f64> = scores.collect();
                let total: f64 = scores.iter().sum();
                mixed.extend((0..HEAD_DIM).map(|d| {
                    let weighed = scores.iter().zip(first..).map(|(p, at)| p / total * part(&v[at], kv)[d]);
                    weighed.sum::<f64>()
                }));
            }
            mixed
        };
        (0..normed.len()).map(mix).collect()
    }

    /// Logits after the last of some tokens.
    fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let embeddings = self.tensor("token_embd.weight").unwrap();
        let scale = if self.formula.gemma { (WIDTH as f64).sqrt() } else { 1.0 };
        let row = |&id: &u32| embeddings[id as usize * WIDTH..][..WIDTH].iter().map(|x| x * scale).collect();
        let mut x: Vec<Vec<f64>> = tokens.iter().map(row).collect();
        let normed = |x: &[Vec<f64>], name: &str| -> Vec<Vec<f64>> {
            x.iter()
                .cloned()
                .map(|mut row| {
                    self.norm(name, &mut row);
                    row
                })
                .collect()
        };
        let add = |x: &mut [f64], y: Vec<f64>| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        for layer in 0..LAYERS {
            let mixed = self.attend(layer, &normed(&x, &format!("blk.{layer}.attn_norm")));
            for (x, mixed) in x.iter_mut().zip(mixed) {
                let mut out = self.linear(&format!("blk.{layer}.attn_output"), &mixed);
                self.norm(&format!("blk.{layer}.post_attention_norm"), &mut out);
                add(x, out);
            }
            let before = normed(&x, &format!("blk.{layer}.ffn_norm"));
            for (x, before) in x.iter_mut().zip(before) {
                let gate = self.linear(&format!("blk.{layer}.ffn_gate"), &before);
                let up = self.linear(&format!("blk.{layer}.ffn_up"), &before);
                let act = |g: f64| {
                    if self.formula.gelu {
                        0.5 * g * (1.0 + (0.797_884_560_8 * (g + 0.044_715 * g * g * g)).tanh())
                    } else {
                        g / (1.0 + (-g).exp())
                    }
                };
                let inner: Vec<f64> = gate.into_iter().zip(up).map(|(g, u)| act(g) * u).collect();
                assert_eq!(inner.len(), INNER);
                let mut out = self.linear(&format!("blk.{layer}.ffn_down"), &inner);
                self.norm(&format!("blk.{layer}.post_ffw_norm"), &mut out);
                add(x, out);
            }
        }
        let mut last = x.pop().unwrap();
        self.norm("output_norm", &mut last);
        let output = if self.tiny.tensors.contains_key("output.weight") { "output" } else { "token_embd" };
        let capped = |x: f64| self.formula.final_softcap.map_or(x, |cap| cap * (x / cap).tanh());
        self.linear(output, &last).into_iter().map(capped).collect()
    }
}

fn rows(slot: usize, from: usize, tokens: &[u32]) -> Vec<Row> {
    let last = tokens.len() - 1;
    let row = |(i, &token)| Row { slot, position: from + i, token, logits: i == last };
    tokens.iter().enumerate().map(row).collect()
}

fn close(ours: &[f32], exact: &[f64]) {
    assert_eq!(ours.len(), exact.len());
    let size = exact.iter().fold(1.0f64, |size, x| size.max(x.abs()));
    for (ours, exact) in ours.iter().zip(exact) {
        // Keys and values are kept in half precision.
        assert!((f64::from(*ours) - exact).abs() < 5e-3 * size, "{ours} {exact}");
    }
}

#[test]
fn every_family_follows_its_formulas() {
    let llama = Formula { neighbours: true, ..Formula::default() };
    let gemma = Formula { gelu: true, gemma: true, ..Formula::default() };
    let tied = |family| Tiny::new(family);
    let untied = {
        let mut tiny = Tiny::new("llama");
        tiny.random("output.weight", 258 * WIDTH, 0.0, 1.0);
        tiny.random("rope_freqs.weight", HEAD_DIM / 2, 2.0, 0.9);
        tiny
    };
    let gemma3 = || Tiny::new("gemma3").number("attention.sliding_window", WINDOW as u32).float("rope.freq_base", 1e6);
    let cases = [
        (tied("llama"), llama),
        (untied, Formula { factors: true, ..llama }),
        (Tiny::new("llama").float("rope.scaling.factor", 4.0), Formula { linear: Some(4.0), ..llama }),
        (tied("qwen2"), Formula::default()),
        (tied("qwen3"), Formula::default()),
        (gemma3(), gemma),
        (
            gemma3().float("attn_logit_softcapping", 3.0).float("final_logit_softcapping", 2.0),
            Formula { softcap: Some(3.0), final_softcap: Some(2.0), ..gemma },
        ),
    ];
    let pool = Pool::new(2);
    let tokens: Vec<u32> = (0..19).map(|i| i * 37 % 256).collect();
    for (tiny, formula) in cases {
        let (_folder, path) = tiny.write();
        let decoder = Decoder::load(&path, &Pool::new(2), false, 4096).unwrap();
        let exact = Naive { tiny: &tiny, formula }.logits(&tokens);
        let mut sequences = [sequence(&decoder), sequence(&decoder), sequence(&decoder)];
        let mut pass = |rows: &[Row]| forward(&decoder, &pool, &mut sequences, rows, &|| true).unwrap();
        close(&pass(&rows(0, 0, &tokens)), &exact);
        // In two parts, the second of them in one pass with another sequence.
        pass(&rows(1, 0, &tokens[..7]));
        let mut both = rows(1, 7, &tokens[7..]);
        both.extend(rows(2, 0, &tokens));
        let logits = pass(&both);
        close(&logits[..exact.len()], &exact);
        close(&logits[exact.len()..], &exact);
    }
}

/// A sequence with a page, and so room for 64 tokens.
fn sequence(decoder: &Decoder) -> Sequence {
    Sequence { tokens: Vec::new(), pages: vec![decoder.pages(0, 1, false).make().unwrap()] }
}

#[test]
fn a_pass_given_up_leaves_the_sequence_as_it_was() {
    let (_folder, path) = Tiny::new("qwen2").write();
    let decoder = Decoder::load(&path, &Pool::new(2), false, 4096).unwrap();
    let pool = Pool::new(1);
    let mut sequences = [sequence(&decoder)];
    let asked = std::cell::Cell::new(0);
    let wanted = || {
        asked.set(asked.get() + 1);
        asked.get() < 3
    };
    assert!(forward(&decoder, &pool, &mut sequences, &rows(0, 0, &[1, 2, 3]), &wanted).is_none());
    assert!(sequences[0].tokens.is_empty());
    let again = forward(&decoder, &pool, &mut sequences, &rows(0, 0, &[9, 8]), &|| true).unwrap();
    let fresh = forward(&decoder, &pool, &mut [sequence(&decoder)], &rows(0, 0, &[9, 8]), &|| true).unwrap();
    assert_eq!(*again, *fresh);
}

#[test]
fn files_that_do_not_fit_are_refused_with_the_reason() {
    let refused = |tiny: Tiny| {
        let (_folder, path) = tiny.write();
        Decoder::load(&path, &Pool::new(2), false, 4096).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let mut missing = Tiny::new("llama");
    missing.tensors.remove("blk.3.ffn_up.weight");
    let mut short = Tiny::new("llama");
    short.tensors.insert("blk.0.attn_q.weight".into(), vec![0.0; WIDTH]);
    for (tiny, expected) in [
        (missing, "blk.3.ffn_up.weight"),
        (short, "blk.0.attn_q.weight"),
        (Tiny::new("falcon"), "llama, qwen2, qwen3, gemma3, phi3, glm4, rwkv6, rwkv7, mamba, mamba2"),
        (Tiny::new("llama").number("rope.dimension_count", 99), "rope.dimension_count"),
        (Tiny::new("llama").float("rope.freq_base", 0.5), "rope.freq_base"),
        (Tiny::new("llama").float("rope.scaling.factor", -1.0), "rope.scaling.factor"),
    ] {
        let error = refused(tiny);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
