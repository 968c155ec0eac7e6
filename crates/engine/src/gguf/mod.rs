//! GGUF files, versions 2 and 3, read where they lie.
//!
//! A header is never trusted: every count, length, offset and string is checked against the file before it is used.

mod reader;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use kernels::{Dtype, Matrix};
use memmap2::Mmap;

use crate::LoadError;

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    U(u64),
    /// Any signed integer.
    I(i64),
    /// Any float.
    F(f64),
    /// A flag.
    B(bool),
    /// A text.
    S(String),
    /// A list.
    A(Vec<Value>),
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// How its numbers are stored.
    pub dtype: Dtype,
    /// Innermost first, as the file has it.
    pub shape: Vec<usize>,
    start: usize,
    bytes: usize,
}

impl TensorInfo {
    /// Some of its rows, which are there.
    pub(crate) fn part(&self, first: usize, rows: usize) -> Self {
        let row = self.dtype.row_bytes(self.shape[0]);
        Self { dtype: self.dtype, shape: vec![self.shape[0], rows], start: self.start + first * row, bytes: rows * row }
    }
}

/// An open file: its metadata in memory, its tensors mapped.
pub struct Gguf {
    path: PathBuf,
    map: Mmap,
    meta: HashMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Gguf {
    /// Opens and checks a file.
    ///
    /// # Errors
    /// [`LoadError`] naming the file, the flaw and where it is.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let file = std::fs::File::open(path).map_err(|error| LoadError::io(path, error))?;
        let kind = file.metadata().map_err(|error| LoadError::io(path, error))?;
        if !kind.is_file() {
            return Err(LoadError::io(path, "not a file; give the path of a .gguf file"));
        }
        // SAFETY: the map is read only through `&[u8]`. Another process that truncates the file while it is mapped could fault this
        // one; model files are written whole and renamed into place, never changed.
        #[allow(unsafe_code, reason = "the one memory map: weights of gigabytes are used where they lie")]
        let map = unsafe { Mmap::map(&file) }.map_err(|error| LoadError::io(path, error))?;
        let (meta, infos) = reader::header(&map).map_err(|why| LoadError::damaged(path, why))?;
        let tensors = infos.into_iter().collect();
        Ok(Self { path: path.to_owned(), map, meta, tensors })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A value of the metadata.
    pub fn meta(&self, key: &str) -> Option<&Value> {
        self.meta.get(key)
    }

    /// Drops the metadata whose keys begin so.
    pub(crate) fn forget(&mut self, beginning: &str) {
        self.meta.retain(|key, _| !key.starts_with(beginning));
    }

    /// Every tensor's name and place, by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// Whether there is a tensor by that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Where a tensor lies.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if there is none by that name.
    pub fn info(&self, name: &str) -> Result<&TensorInfo, LoadError> {
        self.tensors.get(name).ok_or_else(|| LoadError::damaged(&self.path, format!("tensor '{name}' is missing")))
    }

    /// A tensor as a matrix: its innermost dimension is `cols`, the others together are `rows`.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if there is none by that name.
    pub fn tensor(&self, name: &str) -> Result<Matrix<'_>, LoadError> {
        Ok(self.matrix(self.info(name)?))
    }

    /// Gives a tensor's memory back to the system; whoever reads it again reads it from the file.
    #[cfg(unix)]
    pub(crate) fn let_go(&self, info: &TensorInfo) {
        // SAFETY: the map is of a file and never written: pages that are dropped come back as they were.
        #[allow(unsafe_code, reason = "the one memory map")]
        let _ = unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, info.start, info.bytes) }; // a hint
    }

    /// The matrix a place holds. `info` must come from this file.
    pub fn matrix(&self, info: &TensorInfo) -> Matrix<'_> {
        let rows = info.shape[1..].iter().product();
        let data = &self.map[info.start..info.start + info.bytes];
        Matrix { dtype: info.dtype, rows, cols: info.shape[0], data }
    }

    /// A tensor's numbers, widened.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if it is missing or does not hold `len` numbers.
    pub fn floats(&self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        let matrix = self.tensor(name)?;
        if matrix.rows * matrix.cols != len {
            let why = format!("tensor '{name}' holds {} numbers, {len} expected", matrix.rows * matrix.cols);
            return Err(LoadError::damaged(&self.path, why));
        }
        let mut numbers = vec![0.0; len];
        for (row, out) in numbers.chunks_exact_mut(matrix.cols).enumerate() {
            kernels::dequantize_row(matrix.dtype, matrix.row(row), out);
        }
        Ok(numbers)
    }

    /// `general.architecture`.
    ///
    /// # Errors
    /// If it is missing or not text.
    pub fn architecture(&self) -> Result<&str, LoadError> {
        self.text("general.architecture")?.ok_or_else(|| LoadError::metadata("general.architecture", "missing"))
    }

    /// A text, if it is there.
    ///
    /// # Errors
    /// If the value is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>, LoadError> {
        match self.meta(key) {
            None => Ok(None),
            Some(Value::S(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(key, other, "a text")),
        }
    }

    /// A whole number from 0 to 2^32 - 1.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn u32(&self, key: &str) -> Result<u32, LoadError> {
        self.optional_u32(key)?.ok_or_else(|| LoadError::metadata(key, "missing"))
    }

    /// The same, or `default` if it is missing.
    ///
    /// # Errors
    /// If the value is something else.
    pub fn u32_or(&self, key: &str, default: u32) -> Result<u32, LoadError> {
        Ok(self.optional_u32(key)?.unwrap_or(default))
    }

    /// A whole number, if it is there. A list of equal numbers counts as one of them: some files write one a layer.
    ///
    /// # Errors
    /// If the value is something else.
    pub fn optional_u32(&self, key: &str) -> Result<Option<u32>, LoadError> {
        let value = match self.meta(key) {
            Some(Value::A(list)) if list.windows(2).all(|pair| pair[0] == pair[1]) => list.first(),
            other => other,
        };
        match value {
            None => Ok(None),
            Some(Value::U(number)) if u32::try_from(*number).is_ok() => Ok(Some(*number as u32)),
            Some(Value::I(number)) if u32::try_from(*number).is_ok() => Ok(Some(*number as u32)),
            Some(other) => Err(wrong(key, other, "a whole number below 2^32")),
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn f32(&self, key: &str) -> Result<f32, LoadError> {
        self.optional_f32(key)?.ok_or_else(|| LoadError::metadata(key, "missing"))
    }

    /// A finite number, if it is there.
    ///
    /// # Errors
    /// If the value is something else.
    pub fn optional_f32(&self, key: &str) -> Result<Option<f32>, LoadError> {
        match self.meta(key) {
            None => Ok(None),
            Some(Value::F(number)) if number.is_finite() => Ok(Some(*number as f32)),
            Some(Value::U(number)) => Ok(Some(*number as f32)),
            Some(other) => Err(wrong(key, other, "a finite number")),
        }
    }
}

fn wrong(key: &str, value: &Value, expected: &str) -> LoadError {
    let mut shown = format!("{value:?}");
    if shown.len() > 60 {
        shown.truncate(shown.floor_char_boundary(60));
        shown.push('…');
    }
    LoadError::metadata(key, format!("{shown} is not {expected}"))
}
