//! Writes a GGUF file: header, metadata, tensor table, then the tensors, each aligned.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use kernels::Dtype;

const ALIGNMENT: u64 = 32;
const VERSION: u32 = 3;

/// A GGUF in the making. Tensors are borrowed until it is written, or poured in while it is.
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
    dtype: Dtype,
    /// Nothing while it is still to be poured in.
    data: Option<&'a [u8]>,
}

impl Tensor<'_> {
    fn bytes(&self) -> u64 {
        let [cols, rows @ ..] = self.shape.as_slice() else { return 0 };
        self.dtype.row_bytes(*cols as usize) as u64 * rows.iter().product::<u64>()
    }
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

    pub(crate) fn tensor(&mut self, name: String, shape: &[u64], dtype: Dtype, data: &'a [u8]) {
        self.tensors.push(Tensor { name, shape: shape.to_vec(), dtype, data: Some(data) });
    }

    /// A tensor whose bytes come only when the file is written: [`Self::pour`].
    pub(crate) fn later(&mut self, name: String, shape: &[u64], dtype: Dtype) {
        self.tensors.push(Tensor { name, shape: shape.to_vec(), dtype, data: None });
    }

    /// Bytes of the tensors.
    pub(crate) fn bytes(&self) -> u64 {
        self.tensors.iter().map(Tensor::bytes).sum()
    }

    /// Writes a file of tensors that are all here, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        whole(path, |path| self.pour(path, |at, _| unreachable!("tensor {at} is not here: this is a bug")))
    }

    /// Writes a file in place; `give` writes the bytes of the tensor of that number wherever they are not here yet.
    pub(crate) fn pour<E: From<io::Error>>(
        &self,
        path: &Path,
        mut give: impl FnMut(usize, &mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut out = Counted { out: BufWriter::new(File::create(path)?), written: 0 };
        out.write_all(&self.head())?;
        out.pad()?;
        for (at, tensor) in self.tensors.iter().enumerate() {
            let before = out.written;
            match tensor.data {
                Some(data) => out.write_all(data)?,
                None => give(at, &mut out)?,
            }
            assert_eq!(out.written - before, tensor.bytes(), "{}: all its bytes: this is a bug", tensor.name);
            out.pad()?;
        }
        out.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(())
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
            head.extend_from_slice(&tensor.dtype.ggml().to_le_bytes());
            head.extend_from_slice(&offset.to_le_bytes());
            offset += tensor.bytes().next_multiple_of(ALIGNMENT);
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

/// Makes a file beside its place and moves it there once it is made.
pub(crate) fn whole<E: From<io::Error>>(path: &Path, make: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let made = make(Path::new(&partial)).and_then(|()| Ok(std::fs::rename(&partial, path)?));
    if made.is_err() {
        // What is left of a failed attempt is of no use; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(&partial);
    }
    made
}

struct Counted {
    out: BufWriter<File>,
    written: u64,
}

impl Counted {
    fn pad(&mut self) -> io::Result<()> {
        let missing = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.write_all(&[0; ALIGNMENT as usize][..missing as usize])
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
