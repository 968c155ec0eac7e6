//! What a sequence has been read as far as: its tokens, and each layer's keys and values.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// One slot's cache. Keys and values lie position after position, `kv_heads * head_dim` each.
pub(crate) struct Cache {
    /// Tokens whose keys and values are held. Numbers beyond the last are leftovers.
    pub(crate) tokens: Vec<u32>,
    width: usize,
    layers: Vec<Layer>,
}

#[derive(Default, Clone)]
struct Layer {
    keys: Vec<f16>,
    values: Vec<f16>,
}

impl Cache {
    /// An empty cache; `width` numbers are a position's keys in a layer, and as many its values.
    pub(crate) fn new(layers: usize, width: usize) -> Self {
        Self { tokens: Vec::new(), width, layers: vec![Layer::default(); layers] }
    }

    /// Tokens that `prompt` and this cache begin with in common.
    pub(crate) fn common(&self, prompt: &[u32]) -> usize {
        self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count()
    }

    /// Forgets everything from position `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
    }

    /// Takes over the first `len` positions of another cache, and forgets its own.
    pub(crate) fn copy(&mut self, other: &Self, len: usize) {
        self.tokens.clear();
        self.tokens.extend_from_slice(&other.tokens[..len]);
        for (mine, theirs) in self.layers.iter_mut().zip(&other.layers) {
            for (mine, theirs) in [(&mut mine.keys, &theirs.keys), (&mut mine.values, &theirs.values)] {
                mine.clear();
                mine.extend_from_slice(&theirs[..len * self.width]);
            }
        }
    }

    /// Puts a position's keys and values in, in f16.
    pub(super) fn put(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let place = position * self.width..(position + 1) * self.width;
        let layer = &mut self.layers[layer];
        for (store, numbers) in [(&mut layer.keys, keys), (&mut layer.values, values)] {
            if store.len() < place.end {
                store.resize(place.end, f16::ZERO);
            }
            store[place.clone()].convert_from_f32_slice(numbers);
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
        let mut cache = Cache::new(1, 2);
        cache.tokens = vec![1, 2, 3];
        for (prompt, expected) in [(&[1, 2, 4][..], 2), (&[], 0), (&[1, 2, 3, 4], 3), (&[9], 0)] {
            assert_eq!(cache.common(prompt), expected);
        }
        cache.truncate(1);
        assert_eq!(cache.common(&[1, 2]), 1);
    }

    #[test]
    fn a_beginning_is_taken_over() {
        let mut first = Cache::new(2, 2);
        for position in 0..3 {
            for layer in 0..2 {
                first.put(layer, position, &[position as f32, layer as f32], &[0.5, position as f32]);
            }
            first.tokens.push(position as u32 + 7);
        }
        let mut second = Cache::new(2, 2);
        second.tokens = vec![1];
        second.copy(&first, 2);
        assert_eq!(second.tokens, [7, 8]);
        for layer in 0..2 {
            assert_eq!(second.keys(layer), &first.keys(layer)[..4]);
            assert_eq!(second.values(layer), &first.values(layer)[..4]);
        }
    }
}
