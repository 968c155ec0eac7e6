//! Gradients beside finite differences, for every tensor of every family.

use super::super::{Row, Sequence, forward};
use super::*;
use crate::tiny::{FAMILIES, Tiny, WINDOW};

fn loss(tiny: &Tiny, tokens: &[u32]) -> f32 {
    let (_folder, path) = tiny.write();
    let decoder = Decoder::load(&path, &Pool::new(1), true, tokens.len()).unwrap();
    Tape::new(&decoder, &tokens[..tokens.len() - 1]).loss(&tokens[1..]).0
}

/// Of a tensor, which may have been taken apart.
fn gradient(all: &Gradients, name: &str) -> Vec<f32> {
    match all.get(name) {
        Some(whole) => whole.clone(),
        None => (0..).map_while(|at| all.get(&format!("{name}[{at}]"))).flatten().copied().collect(),
    }
}

#[test]
fn gradients_are_what_finite_differences_say() {
    let tokens: Vec<u32> = (0..9).map(|i| (i * 71 + 13) % 256).collect();
    for family in FAMILIES {
        let mut tiny = Tiny::new(family);
        if matches!(family, "gemma3" | "phi3") {
            tiny = tiny.number("attention.sliding_window", WINDOW as u32);
        }
        if family == "gemma3" {
            tiny = tiny.float("attn_logit_softcapping", 3.0).float("final_logit_softcapping", 8.0);
        }
        let (_folder, path) = tiny.write();
        let (value, all) = gradients(&path, &tokens).unwrap();
        assert!(value.is_finite() && value > 0.0);
        let names: Vec<String> = tiny
            .tensors
            .keys()
            .filter(|name| !name.starts_with("blk.") || name.starts_with("blk.1."))
            .cloned()
            .collect();
        for name in names {
            let grad = gradient(&all, &name);
            let before = tiny.tensors[&name].clone();
            assert_eq!(grad.len(), before.len(), "{family} {name}");
            // Along the gradient itself the loss changes by its length.
            let length = grad.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
            assert!(length > 1e-6, "{family} {name}: nothing flows back");
            let step = 5e-3 / length.max(1.0);
            let moved = |by: f64| -> Vec<f32> {
                before.iter().zip(&grad).map(|(x, grad)| x + (by * f64::from(*grad) / length) as f32).collect()
            };
            let mut at = |by: f64| {
                tiny.tensors.insert(name.clone(), moved(by));
                f64::from(loss(&tiny, &tokens))
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let gap = (difference - length).abs() / length.max(1e-2);
            assert!(gap < 2e-2, "{family} {name}: {length} back, {difference} by difference");
            tiny.tensors.insert(name, before);
        }
    }
}

#[test]
fn both_ways_through_a_definition_say_the_same() {
    let tokens: Vec<u32> = (0..70).map(|i| (i * 71 + 13) % 256).collect();
    for family in FAMILIES {
        let (_folder, path) = Tiny::new(family).write();
        let decoder = Decoder::load(&path, &Pool::new(2), true, 4096).unwrap();
        let row = |(position, &token)| Row { slot: 0, position, token, logits: true };
        let rows: Vec<Row> = tokens[..tokens.len() - 1].iter().enumerate().map(row).collect();
        let pages = decoder.pages(0, 128, false);
        let pages = (0..2).map(|_| pages.make().unwrap()).collect();
        let mut sequences = [Sequence { tokens: Vec::new(), pages }];
        let logits = forward(&decoder, &Pool::new(2), &mut sequences, &rows, &|| true).unwrap();
        let ours: f32 = logits
            .chunks_exact(decoder.vocabulary())
            .zip(&tokens[1..])
            .map(|(logits, &token)| {
                let mut said = logits.to_vec();
                kernels::softmax(&mut said);
                -said[token as usize].max(f32::MIN_POSITIVE).ln()
            })
            .sum();
        let (theirs, _) = gradients(&path, &tokens).unwrap();
        let gap = (ours / rows.len() as f32 - theirs).abs();
        // Inference keeps keys and values in half precision.
        assert!(gap < 5e-3, "{family}: {gap}");
    }
}

#[test]
fn a_text_that_cannot_be_scored_is_refused() {
    let (_folder, path) = Tiny::new("llama").write();
    for tokens in [&[][..], &[1], &[1, 5000]] {
        assert!(gradients(&path, tokens).unwrap_err().to_string().contains("258"));
    }
}
