//! Reads `model.safetensors` files.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};

use crate::LoadError;

/// Files beyond this are not encoders, which is all that is read from such files.
const LARGEST: u64 = 8 << 30;

/// A file's tensors; the file is held in memory until this is dropped.
pub struct Tensors {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: Metadata,
    data: usize,
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
    /// Reads a file; its header's sizes and offsets are checked against the file's length.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let size = std::fs::metadata(path).map_err(|error| LoadError::io(path, error))?.len();
        if size > LARGEST {
            return Err(LoadError::damaged(
                path,
                format!("{size} bytes are too many for an encoder's safetensors file"),
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| LoadError::io(path, error))?;
        let header = SafeTensors::read_metadata(&bytes);
        let (len, metadata) =
            header.map_err(|error| LoadError::damaged(path, format!("not a sound safetensors file: {error}")))?;
        Ok(Self { path: path.to_owned(), bytes, metadata, data: len + 8 })
    }

    /// Whether there is a tensor by that name.
    pub fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// A tensor's numbers.
    ///
    /// # Errors
    /// When it is missing or does not hold floats.
    pub fn tensor(&self, name: &str) -> Result<Tensor, LoadError> {
        let damaged = |why: String| LoadError::damaged(&self.path, why);
        let info = self.metadata.info(name).ok_or_else(|| damaged(format!("tensor '{name}' is missing")))?;
        let (start, end) = info.data_offsets;
        let range = self.data.checked_add(start).zip(self.data.checked_add(end));
        let bytes = range.and_then(|(start, end)| self.bytes.get(start..end));
        let bytes = bytes.ok_or_else(|| damaged(format!("tensor '{name}' reaches beyond the file")))?;
        let data = match info.dtype {
            Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect(),
            Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|&chunk| f16::from_le_bytes(chunk).to_f32()).collect(),
            Dtype::BF16 => bytes.as_chunks::<2>().0.iter().map(|&chunk| bf16::from_le_bytes(chunk).to_f32()).collect(),
            other => return Err(damaged(format!("tensor '{name}' holds {other:?}, not 32- or 16-bit floats"))),
        };
        Ok(Tensor { shape: info.shape.clone(), data })
    }

    /// A tensor's numbers, if it has that shape.
    ///
    /// # Errors
    /// As [`Self::tensor`], and when the shape is another.
    pub fn shaped(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let tensor = self.tensor(name)?;
        if tensor.shape != shape {
            let why = format!("tensor '{name}' has the shape {:?}, not {shape:?}", tensor.shape);
            return Err(LoadError::damaged(&self.path, why));
        }
        Ok(tensor.data)
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
            assert!(tensors.tensor("b").unwrap_err().to_string().contains("'b' is missing"));
        }
    }

    #[test]
    fn refuses_what_is_not_sound() {
        let cases = [
            (r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4),
            ("not json", 0),
        ];
        for (header, len) in cases {
            let file = file(header, &vec![0; len]);
            assert!(Tensors::open(file.path()).is_err(), "{header}");
        }
    }
}
