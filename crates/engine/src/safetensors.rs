//! Reads safetensors files: the header at once, each tensor when it is asked for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::LoadError;

/// Longest header; the format's own bound.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open file's tensors.
pub struct Tensors {
    path: PathBuf,
    file: Mutex<File>,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data: u64,
}

/// One tensor, widened to 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Outermost first.
    pub shape: Vec<usize>,
    /// Row by row.
    pub data: Vec<f32>,
}

impl Tensors {
    /// Opens a file; its header's sizes and offsets are checked against the file's length.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let io = |error| LoadError::io(path, error);
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let damaged = |why: String| LoadError::damaged(path, format!("not a sound safetensors file: {why}"));
        let mut len = [0; 8];
        if size < 8 {
            return Err(damaged(format!("its {size} bytes hold no header")));
        }
        file.read_exact(&mut len).map_err(io)?;
        let len = u64::from_le_bytes(len);
        if len > LONGEST_HEADER || len > size - 8 {
            return Err(damaged(format!("a header of {len} bytes does not fit a file of {size}")));
        }
        let mut header = vec![0; len as usize];
        file.read_exact(&mut header).map_err(io)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
        let end = metadata.tensors().values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
        if end != size - 8 - len {
            let why = format!("its tensors end at byte {end} of the {} after the header; is it cut?", size - 8 - len);
            return Err(damaged(why));
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), metadata, data: 8 + len })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors' names, in no order.
    pub fn names(&self) -> Vec<String> {
        self.metadata.tensors().into_keys().collect()
    }

    /// Whether there is a tensor by that name.
    pub fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// A tensor's sizes, outermost first.
    ///
    /// # Errors
    /// When it is missing.
    pub fn shape(&self, name: &str) -> Result<&[usize], LoadError> {
        Ok(&self.info(name)?.shape)
    }

    /// A tensor's numbers.
    ///
    /// # Errors
    /// When it is missing or does not hold floats.
    pub fn tensor(&self, name: &str) -> Result<Tensor, LoadError> {
        let shape = self.shape(name)?.to_vec();
        let data = self.part(name, 0..shape.iter().product())?;
        Ok(Tensor { shape, data })
    }

    /// Some of a tensor's numbers, counted row by row.
    ///
    /// # Errors
    /// As [`Self::tensor`], and when it has fewer.
    pub fn part(&self, name: &str, range: Range<usize>) -> Result<Vec<f32>, LoadError> {
        let info = self.info(name)?;
        let count: usize = info.shape.iter().product();
        if range.start > range.end || range.end > count {
            return Err(self.damaged(format!("tensor '{name}' holds {count} numbers, not {}", range.end)));
        }
        let width = match info.dtype {
            Dtype::F32 => 4,
            Dtype::F16 | Dtype::BF16 => 2,
            other => return Err(self.damaged(format!("tensor '{name}' holds {other:?}, not 32- or 16-bit floats"))),
        };
        let mut bytes = vec![0; range.len() * width];
        let start = self.data + (info.data_offsets.0 + range.start * width) as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| LoadError::io(&self.path, error))?;
        Ok(widen(info.dtype, &bytes))
    }

    /// A tensor's numbers, if it has that shape.
    ///
    /// # Errors
    /// As [`Self::tensor`], and when the shape is another.
    pub fn shaped(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let found = self.shape(name)?;
        if found != shape {
            return Err(self.damaged(format!("tensor '{name}' has the shape {found:?}, not {shape:?}")));
        }
        Ok(self.tensor(name)?.data)
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, LoadError> {
        self.metadata.info(name).ok_or_else(|| self.damaged(format!("tensor '{name}' is missing")))
    }

    fn damaged(&self, why: String) -> LoadError {
        LoadError::damaged(&self.path, why)
    }
}

fn widen(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect(),
        Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|&chunk| f16::from_le_bytes(chunk).to_f32()).collect(),
        _ => bytes.as_chunks::<2>().0.iter().map(|&chunk| bf16::from_le_bytes(chunk).to_f32()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn reads_floats_of_every_width() {
        let cases: [(&str, Vec<u8>); 3] = [
            ("F32", [1.0f32, -2.5].iter().flat_map(|x| x.to_le_bytes()).collect()),
            ("F16", [1.0f32, -2.5].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()),
            ("BF16", [1.0f32, -2.5].iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect()),
        ];
        for (dtype, data) in cases {
            let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":[1,2],"data_offsets":[0,{}]}}}}"#, data.len());
            let file = file(&header, &data);
            let tensors = Tensors::open(file.path()).unwrap();
            assert_eq!(tensors.shaped("a", &[1, 2]).unwrap(), [1.0, -2.5], "{dtype}");
            assert!(tensors.shaped("a", &[2]).unwrap_err().to_string().contains("[1, 2]"));
            assert_eq!(tensors.part("a", 1..2).unwrap(), [-2.5]);
            assert!(tensors.part("a", 1..3).is_err());
            assert!(tensors.tensor("b").unwrap_err().to_string().contains("'b' is missing"));
        }
    }

    #[test]
    fn refuses_what_is_not_sound() {
        let cases = [
            (r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4),
            (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}"#, 16),
            ("not json", 0),
        ];
        for (header, len) in cases {
            let file = file(header, &vec![0; len]);
            assert!(Tensors::open(file.path()).is_err(), "{header}");
        }
    }
}
