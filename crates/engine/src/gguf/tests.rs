use std::io::Write;

use super::*;

/// A small sound file: one of each value type, two tensors.
fn sound() -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    let text = |out: &mut Vec<u8>, s: &str| {
        out.extend((s.len() as u64).to_le_bytes());
        out.extend(s.as_bytes());
    };
    out.extend(3u32.to_le_bytes());
    out.extend(2u64.to_le_bytes());
    out.extend(5u64.to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend(8u32.to_le_bytes());
    text(&mut out, "llama");
    text(&mut out, "a.number");
    out.extend(4u32.to_le_bytes());
    out.extend(7u32.to_le_bytes());
    text(&mut out, "a.float");
    out.extend(6u32.to_le_bytes());
    out.extend(0.5f32.to_le_bytes());
    text(&mut out, "a.flag");
    out.extend(7u32.to_le_bytes());
    out.push(1);
    text(&mut out, "a.list");
    out.extend(9u32.to_le_bytes());
    out.extend(8u32.to_le_bytes());
    out.extend(2u64.to_le_bytes());
    text(&mut out, "x");
    text(&mut out, "年");
    for (name, offset) in [("one", 0u64), ("two", 32)] {
        text(&mut out, name);
        out.extend(2u32.to_le_bytes());
        out.extend(4u64.to_le_bytes());
        out.extend(2u64.to_le_bytes());
        out.extend(0u32.to_le_bytes());
        out.extend(offset.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(32), 0);
    for i in 0..16 {
        out.extend((i as f32).to_le_bytes());
    }
    out
}

fn open(bytes: &[u8]) -> Result<Gguf, LoadError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Gguf::open(file.path())
}

#[test]
fn a_sound_file_is_read() {
    let gguf = open(&sound()).unwrap();
    assert_eq!(gguf.architecture().unwrap(), "llama");
    assert_eq!(gguf.u32("a.number").unwrap(), 7);
    assert_eq!(gguf.f32("a.float").unwrap(), 0.5);
    assert_eq!(gguf.meta("a.list"), Some(&Value::A(vec![Value::S("x".into()), Value::S("年".into())])));
    assert_eq!(gguf.floats("two", 8).unwrap(), (8..16).map(|i| i as f32).collect::<Vec<_>>());
    assert_eq!((gguf.tensor("one").unwrap().rows, gguf.tensor("one").unwrap().cols), (2, 4));
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = sound();
    for len in 0..whole.len() {
        assert!(open(&whole[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    let whole = sound();
    for at in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(gguf) = open(&bytes) {
                let names: Vec<String> = gguf.tensors().map(|(name, _)| name.to_owned()).collect();
                for name in names {
                    let _ = gguf.tensor(&name); // an error or a matrix, both are fine
                }
            }
        }
    }
}

#[test]
fn flaws_are_named() {
    for (place, bytes, expected) in [
        (0, &b"GGML"[..], "GGUF"),
        (4, &9u32.to_le_bytes(), "version 9"),
        (8, &u64::MAX.to_le_bytes(), "tensors"),
        (16, &u64::MAX.to_le_bytes(), "metadata keys"),
        (24, &u64::MAX.to_le_bytes(), "text"),
    ] {
        let mut file = sound();
        file[place..place + bytes.len()].copy_from_slice(bytes);
        let Err(error) = open(&file) else { panic!("{expected}") };
        assert!(error.to_string().contains(expected), "{error}");
    }
}
