//! Finds a model's tensors and numbers in its file, and checks them.

use std::path::Path;

use kernels::{Packed, Pool};

use super::ops::{Linear, Norm, Stored, Vector};
use crate::LoadError;
use crate::gguf::{Gguf, TensorInfo};

/// Looks things up in a file: keys under its architecture's name, tensors under a layer's.
pub(super) struct Find<'a> {
    gguf: &'a Gguf,
    path: &'a Path,
    architecture: &'a str,
    /// Threads that repack; without, matrices stay in the file.
    pool: Option<&'a Pool>,
    prefix: String,
}

impl<'a> Find<'a> {
    pub(super) fn new(gguf: &'a Gguf, path: &'a Path, pool: Option<&'a Pool>) -> Result<Self, LoadError> {
        Ok(Self { gguf, path, architecture: gguf.architecture()?, pool, prefix: String::new() })
    }

    /// The same, for the tensors of a layer.
    pub(super) fn layer(&self, at: usize) -> Self {
        Self { prefix: format!("blk.{at}."), ..*self }
    }

    pub(super) fn gguf(&self) -> &'a Gguf {
        self.gguf
    }

    pub(super) fn architecture(&self) -> &'a str {
        self.architecture
    }

    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    /// A size: at least 1, and not beyond any model.
    pub(super) fn size(&self, name: &str) -> Result<usize, LoadError> {
        match self.gguf.u32(&self.key(name))? as usize {
            0 => Err(self.wrong(name, "0; at least 1 expected")),
            size if size > 1 << 24 => Err(self.wrong(name, format!("{size} is beyond any model"))),
            size => Ok(size),
        }
    }

    pub(super) fn number_or(&self, name: &str, default: usize) -> Result<usize, LoadError> {
        Ok(self.gguf.u32_or(&self.key(name), default as u32)? as usize)
    }

    pub(super) fn float(&self, name: &str) -> Result<f32, LoadError> {
        self.gguf.f32(&self.key(name))
    }

    /// Whether a flag is there and set.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.gguf.meta(&self.key(name)), Some(crate::gguf::Value::B(true)))
    }

    /// A key's value does not fit.
    pub(super) fn wrong(&self, name: &str, why: impl Into<String>) -> LoadError {
        LoadError::metadata(&self.key(name), why)
    }

    /// A tensor does not fit.
    pub(super) fn misfit(&self, name: &str, why: &str) -> LoadError {
        let name = self.name(name);
        let shape = self.gguf.info(&name).map(|info| info.shape.clone()).unwrap_or_default();
        LoadError::damaged(self.path, format!("tensor '{name}' is {shape:?}, {why}"))
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.gguf.has(&self.name(name))
    }

    /// Numbers of a tensor, `len` of them.
    pub(super) fn vector(&self, name: &str, len: usize) -> Result<Vector, LoadError> {
        let name = self.name(name);
        let data = self.gguf.floats(&name, len)?;
        if !data.iter().all(|number| number.is_finite()) {
            return Err(LoadError::no_weight(self.path, &name));
        }
        Ok(Vector { data, name })
    }

    /// A tensor's rows of `width` numbers, each for itself.
    pub(super) fn vectors(&self, name: &str, width: usize) -> Result<Vec<Vector>, LoadError> {
        let info = self.gguf.info(&self.name(name))?;
        let len: usize = info.shape.iter().product();
        if info.shape.first() != Some(&width) {
            return Err(self.misfit(name, &format!("rows of {width} expected")));
        }
        let all = self.vector(name, len)?;
        let part = |(at, row): (usize, &[f32])| Vector { name: format!("{}[{at}]", all.name), data: row.to_vec() };
        Ok(all.data.chunks_exact(width).enumerate().map(part).collect())
    }

    /// A root-mean-square norm of rows of `len`.
    pub(super) fn rms_norm(&self, name: &str, len: usize, epsilon: f32) -> Result<Norm, LoadError> {
        let weight = self.vector(&format!("{name}.weight"), len)?;
        Ok(Norm { weight, bias: None, size: len, epsilon })
    }

    /// A layer norm of rows of `len`.
    pub(super) fn layer_norm(&self, name: &str, len: usize, epsilon: f32) -> Result<Norm, LoadError> {
        let bias = Some(self.vector(&format!("{name}.bias"), len)?);
        Ok(Norm { bias, ..self.rms_norm(name, len, epsilon)? })
    }

    /// The inner size of a pair of narrow maps: the columns of its second.
    pub(super) fn narrow(&self, name: &str) -> Result<usize, LoadError> {
        Ok(self.gguf.info(&self.name(name))?.shape[0])
    }

    /// A linear map of `cols` to `rows` numbers, and its bias if there is one.
    pub(super) fn linear(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let info = self.matrix(&format!("{name}.weight"), Some(rows), cols)?;
        self.linear_of(name, info, 0..rows, cols)
    }

    /// Some of a tensor's rows as a linear map.
    pub(super) fn linear_part(&self, name: &str, first: usize, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let info = self.matrix(&format!("{name}.weight"), None, cols)?;
        if first + rows > rows_of(&info) {
            return Err(self.misfit(&format!("{name}.weight"), &format!("at least {} rows expected", first + rows)));
        }
        self.linear_of(name, info.part(first, rows), first..first + rows, cols)
    }

    fn linear_of(
        &self,
        name: &str,
        info: TensorInfo,
        part: std::ops::Range<usize>,
        cols: usize,
    ) -> Result<Linear, LoadError> {
        let bias = format!("{name}.bias");
        let whole = rows_of(self.gguf.info(&self.name(&format!("{name}.weight")))?);
        let bias = if self.has(&bias) {
            let all = self.vector(&bias, whole)?;
            Some(Vector { data: all.data[part.clone()].to_vec(), ..all })
        } else {
            None
        };
        let (name, rows) = (self.name(&format!("{name}.weight")), part.len());
        let weight = self.stored(&name, info)?;
        Ok(Linear { name, first: part.start, rows, cols, weight, bias })
    }

    fn stored(&self, name: &str, info: TensorInfo) -> Result<Stored, LoadError> {
        let Some(pool) = self.pool else { return Ok(Stored::File(info)) };
        let matrix = self.gguf.matrix(&info);
        let (stored, finite) = match Packed::new(pool, &matrix) {
            Some(packed) => {
                #[cfg(unix)]
                self.gguf.let_go(&info);
                let finite = packed.is_finite();
                (Stored::Packed(packed), finite)
            }
            None => (Stored::File(info), matrix.is_finite(pool)),
        };
        if finite { Ok(stored) } else { Err(LoadError::no_weight(self.path, name)) }
    }

    /// Where a matrix lies.
    pub(super) fn matrix(&self, name: &str, expected: Option<usize>, cols: usize) -> Result<TensorInfo, LoadError> {
        let info = self.gguf.info(&self.name(name))?;
        if info.shape[0] != cols || expected.is_some_and(|expected| expected != rows_of(info)) {
            let rows = expected.map_or("any".to_owned(), |rows| rows.to_string());
            return Err(self.misfit(name, &format!("{rows} by {cols} expected")));
        }
        Ok(info.clone())
    }
}

/// A tensor's rows, its innermost dimension being the columns.
pub(super) fn rows_of(info: &TensorInfo) -> usize {
    info.shape[1..].iter().product()
}
