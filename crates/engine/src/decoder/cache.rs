//! What a sequence has been read as far as: its tokens, and each layer's keys and values.

use half::f16;

/// One slot's cache. Keys and values lie position after position, `kv_heads * head_dim` each.
#[derive(Default)]
pub(crate) struct Cache {
    /// Tokens whose keys and values are held.
    pub(crate) tokens: Vec<u32>,
    layers: Vec<Layer>,
}

#[derive(Default, Clone)]
struct Layer {
    keys: Vec<f16>,
    values: Vec<f16>,
}

impl Cache {
    pub(crate) fn new(layers: usize) -> Self {
        Self { tokens: Vec::new(), layers: vec![Layer::default(); layers] }
    }

    /// Tokens that `prompt` and this cache begin with in common.
    pub(crate) fn common(&self, prompt: &[u32]) -> usize {
        self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count()
    }

    /// Forgets everything from position `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
    }

    /// Puts a position's keys and values in, in f16.
    pub(super) fn put(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let width = keys.len();
        let layer = &mut self.layers[layer];
        for (store, numbers) in [(&mut layer.keys, keys), (&mut layer.values, values)] {
            if store.len() < (position + 1) * width {
                store.resize((position + 1) * width, f16::ZERO);
            }
            for (half, number) in store[position * width..][..width].iter_mut().zip(numbers) {
                *half = f16::from_f32(*number);
            }
        }
    }

    pub(super) fn keys(&self, layer: usize) -> &[f16] {
        &self.layers[layer].keys
    }

    pub(super) fn values(&self, layer: usize) -> &[f16] {
        &self.layers[layer].values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_beginning_is_kept() {
        let mut cache = Cache::new(1);
        cache.tokens = vec![1, 2, 3];
        for (prompt, expected) in [(&[1, 2, 4][..], 2), (&[], 0), (&[1, 2, 3, 4], 3), (&[9], 0)] {
            assert_eq!(cache.common(prompt), expected);
        }
        cache.truncate(1);
        assert_eq!(cache.common(&[1, 2]), 1);
    }
}
