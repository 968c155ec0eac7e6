//! Writes a GGUF file: header, metadata, tensor table, then the tensors, each aligned.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const ALIGNMENT: u64 = 32;
const VERSION: u32 = 3;

/// How a tensor's numbers are stored, by GGUF's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    F32 = 0,
    Q4_0 = 2,
}

/// A GGUF in the making; tensors are borrowed until it is written.
#[derive(Default)]
pub(crate) struct Writer<'a> {
    metadata: Vec<u8>,
    keys: u64,
    tensors: Vec<Tensor<'a>>,
}

struct Tensor<'a> {
    name: String,
    /// Innermost first, as GGUF has it.
    shape: Vec<u64>,
    storage: Storage,
    data: &'a [u8],
}

impl<'a> Writer<'a> {
    pub(crate) fn number(&mut self, key: &str, value: u32) {
        self.key(key, 4);
        self.metadata.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn float(&mut self, key: &str, value: f32) {
        self.key(key, 6);
        self.metadata.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.key(key, 7);
        self.metadata.push(u8::from(value));
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key, 8);
        put_text(&mut self.metadata, value);
    }

    pub(crate) fn numbers(&mut self, key: &str, values: &[u32]) {
        self.array(key, 4, values.len());
        self.metadata.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(crate) fn integers(&mut self, key: &str, values: &[i32]) {
        self.array(key, 5, values.len());
        self.metadata.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(crate) fn floats(&mut self, key: &str, values: &[f32]) {
        self.array(key, 6, values.len());
        self.metadata.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(crate) fn texts(&mut self, key: &str, values: &[String]) {
        self.array(key, 8, values.len());
        for value in values {
            put_text(&mut self.metadata, value);
        }
    }

    pub(crate) fn tensor(&mut self, name: String, shape: &[u64], storage: Storage, data: &'a [u8]) {
        self.tensors.push(Tensor { name, shape: shape.to_vec(), storage, data });
    }

    /// Writes the file beside its place and moves it there when it is whole and on the disk.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let written = self.write_to(Path::new(&partial)).and_then(|()| std::fs::rename(&partial, path));
        if written.is_err() {
            // What is left of a failed write is of no use; that it cannot be removed changes nothing.
            let _ = std::fs::remove_file(&partial);
        }
        written
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        let head = self.head();
        out.write_all(&head)?;
        pad(&mut out, head.len() as u64)?;
        for tensor in &self.tensors {
            out.write_all(tensor.data)?;
            pad(&mut out, tensor.data.len() as u64)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    fn head(&self) -> Vec<u8> {
        let mut head = b"GGUF".to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&(self.tensors.len() as u64).to_le_bytes());
        head.extend_from_slice(&self.keys.to_le_bytes());
        head.extend_from_slice(&self.metadata);
        let mut offset = 0u64;
        for tensor in &self.tensors {
            put_text(&mut head, &tensor.name);
            head.extend_from_slice(&(tensor.shape.len() as u32).to_le_bytes());
            head.extend(tensor.shape.iter().flat_map(|size| size.to_le_bytes()));
            head.extend_from_slice(&(tensor.storage as u32).to_le_bytes());
            head.extend_from_slice(&offset.to_le_bytes());
            offset += (tensor.data.len() as u64).next_multiple_of(ALIGNMENT);
        }
        head
    }

    fn key(&mut self, key: &str, kind: u32) {
        self.keys += 1;
        put_text(&mut self.metadata, key);
        self.metadata.extend_from_slice(&kind.to_le_bytes());
    }

    fn array(&mut self, key: &str, kind: u32, len: usize) {
        self.key(key, 9);
        self.metadata.extend_from_slice(&kind.to_le_bytes());
        self.metadata.extend_from_slice(&(len as u64).to_le_bytes());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn pad(out: &mut impl Write, written: u64) -> io::Result<()> {
    let missing = written.next_multiple_of(ALIGNMENT) - written;
    out.write_all(&[0; ALIGNMENT as usize][..missing as usize])
}
