//! A small but whole container, and what is said of damaged ones.

use proptest::prelude::*;

use super::*;
use crate::gguf::Gguf;
use crate::tokenizer::Tokenizer;

const WIDTH: usize = 32;
const INNER: usize = 32;

struct Builder {
    bytes: Vec<u8>,
    /// Name, whether in 4-bit blocks, count of numbers.
    tensors: Vec<(String, bool, usize)>,
}

impl Builder {
    fn u32s(&mut self, values: &[u32]) {
        self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn directory(mut self) -> Vec<u8> {
        self.u32s(&[self.tensors.len() as u32]);
        let entries: usize = self.tensors.iter().map(|(name, _, _)| 2 + name.len() + 1 + 4 + 16).sum();
        let mut offset = self.bytes.len() + entries;
        let mut data = Vec::new();
        for (name, blocks, count) in std::mem::take(&mut self.tensors) {
            let tensor = if blocks { four_bits(count) } else { floats(count) };
            self.bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
            self.bytes.extend_from_slice(name.as_bytes());
            self.bytes.push(u8::from(blocks));
            self.u32s(&[count as u32]);
            self.bytes.extend_from_slice(&(offset as u64).to_le_bytes());
            self.bytes.extend_from_slice(&(tensor.len() as u64).to_le_bytes());
            offset += tensor.len();
            data.extend(tensor);
        }
        self.bytes.extend(data);
        self.bytes
    }
}

fn four_bits(count: usize) -> Vec<u8> {
    let block = |at: usize| {
        let scale = half::f16::from_f32(0.05).to_le_bytes();
        scale.into_iter().chain((0..16).map(move |i| (at * 37 + i * 91 + i * i * 13) as u8))
    };
    (0..count / 32).flat_map(block).collect()
}

fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|at| (1.0 + (at % 7) as f32 / 8.0).to_le_bytes()).collect()
}

/// One layer, four heads, six pieces, eight positions.
pub(crate) fn container() -> Vec<u8> {
    let mut builder = Builder { bytes: b"E5S1".to_vec(), tensors: Vec::new() };
    builder.u32s(&[1, WIDTH as u32, 1, 4, INNER as u32, 8, 8, 2, 1e-6f32.to_bits(), 32]);
    let pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "▁b"];
    builder.u32s(&[pieces.len() as u32, 0, 2, 1, 3]);
    builder.bytes.extend_from_slice(&(pieces.concat().len() as u64).to_le_bytes());
    let mut end = 0;
    let ends = pieces.iter().map(|piece| {
        end += piece.len() as u32;
        end
    });
    let ends: Vec<u32> = [0].into_iter().chain(ends).collect();
    builder.u32s(&ends);
    builder.u32s(&[0, 0, 0, 0, (-1.0f32).to_bits(), (-2.0f32).to_bits()]);
    builder.bytes.extend_from_slice(pieces.concat().as_bytes());
    // A tab reads as a space.
    builder.u32s(&[1, 9, 9]);
    builder.bytes.push(1);
    builder.u32s(&[32]);
    let mut add = |name: &str, blocks, count| builder.tensors.push((name.to_owned(), blocks, count));
    add("emb.word", true, 8 * WIDTH);
    for (name, count) in [("emb.pos", 8 * WIDTH), ("emb.type", 2 * WIDTH), ("emb.ln.w", WIDTH), ("emb.ln.b", WIDTH)] {
        add(name, false, count);
    }
    for name in ["q", "k", "v", "ao", "fi", "fo"] {
        add(&format!("l0.{name}.w"), true, WIDTH * INNER);
        add(&format!("l0.{name}.b"), false, WIDTH);
    }
    for name in ["aln.w", "aln.b", "oln.w", "oln.b"] {
        add(&format!("l0.{name}"), false, WIDTH);
    }
    builder.directory()
}

fn convert(bytes: &[u8]) -> (tempfile::TempDir, Result<(), LoadError>) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model.bin");
    std::fs::write(&source, bytes).unwrap();
    let result = e5s1(&source, folder.path());
    (folder, result)
}

#[test]
fn a_container_becomes_a_gguf_with_the_same_numbers() {
    let (folder, result) = convert(&container());
    result.unwrap();
    let gguf = Gguf::open(&folder.path().join(CONVERTED)).unwrap();
    assert_eq!(gguf.architecture().unwrap(), "bert");
    assert_eq!(gguf.u32("bert.context_length").unwrap(), 8);
    let words = gguf.tensor("token_embd.weight").unwrap();
    assert_eq!((words.dtype, words.rows, words.cols), (kernels::Dtype::Q4_0, 8, WIDTH));
    assert_eq!(words.data, four_bits(8 * WIDTH));
    assert_eq!(gguf.tensor("blk.0.attn_output_norm.bias").unwrap().data, floats(WIDTH));
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    assert_eq!(tokenizer.encode_framed("a\tb ?", 8), [0, 4, 5, 3, 2]);
    assert!(!folder.path().join("model.gguf.partial").exists());
}

#[test]
fn a_flaw_is_named_and_leaves_no_file() {
    let sound = container();
    let with = |at: usize, value: u32| {
        let mut bytes = sound.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let cases = [
        (b"GGUF".to_vec(), "not with \"E5S1\""),
        (with(4, 9), "version is 9"),
        (with(8, 33), "width 33 is not a multiple of 32"),
        (with(8, u32::MAX), "width is -1"),
        (with(12, 0), "layer count is 0"),
        (with(16, 5), "multiple of 5"),
        (with(36, f32::NAN.to_bits()), "epsilon is NaN"),
        (with(40, 64), "block size is 64"),
        (with(44, 1_000_000), "piece count is 1000000"),
        (with(48, 77), "begin id is 77"),
        (with(64, u32::MAX), "pieces at byte"),
        (with(12, 2), "'l1.q.w' is missing"),
        (with(28, 9), "'emb.pos' holds 256 numbers, not 288"),
        (sound[..sound.len() - 1].to_vec(), "'l0.oln.b' at byte"),
        (sound[..200].to_vec(), "are left"),
    ];
    for (bytes, expected) in cases {
        let (folder, result) = convert(&bytes);
        let error = result.expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("model.bin"), "{expected}: {error}");
        assert!(!folder.path().join(CONVERTED).exists());
    }
    let error = e5s1(Path::new("/nowhere/model.bin"), Path::new("/nowhere")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/model.bin"), "{error}");
}

proptest! {
    #[test]
    fn no_changed_byte_is_a_panic(at in 0usize..900, value in any::<u8>(), end in 0usize..4000) {
        let mut bytes = container();
        let place = at % bytes.len();
        bytes[place] = value;
        bytes.truncate(end.max(place + 1));
        if let Ok(container) = Container::parse(&bytes) {
            let _ = to_gguf(&container);
        }
    }
}
