//! The header's bytes, each length checked before it is believed.

use std::collections::{HashMap, HashSet};

use kernels::Dtype;

use super::{TensorInfo, Value};

/// Longest text in a header; chat templates are the longest that occur.
const LONGEST_TEXT: u64 = 16 << 20;
/// Most metadata keys, and most tensors; the largest files in use have a few thousand.
const MOST_ENTRIES: u64 = 1 << 17;
/// Most members of a list; vocabularies have a few hundred thousand.
const MOST_MEMBERS: u64 = 1 << 24;
/// Deepest list of lists.
const DEEPEST: u32 = 4;

type Header = (HashMap<String, Value>, HashMap<String, TensorInfo>);

/// Reads metadata and tensor places. An error says what is wrong and at which byte.
pub(super) fn header(bytes: &[u8]) -> Result<Header, String> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.take(4)? != b"GGUF" {
        return Err("it does not begin with 'GGUF'".to_owned());
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        let hint = if version.swap_bytes() <= 3 { " (a big-endian file?)" } else { "" };
        return Err(format!("GGUF version {version} is not 2 or 3{hint}"));
    }
    let tensors = reader.count("tensors", MOST_ENTRIES)?;
    let keys = reader.count("metadata keys", MOST_ENTRIES)?;
    let mut meta = HashMap::new();
    for _ in 0..keys {
        let key = reader.text()?;
        let kind = reader.u32()?;
        let value = reader.value(kind, 0).map_err(|why| format!("metadata '{key}': {why}"))?;
        if meta.insert(key.clone(), value).is_some() {
            return Err(format!("metadata '{key}' is there twice"));
        }
    }
    let alignment = match meta.get("general.alignment") {
        None => 32,
        Some(Value::U(n)) if n.is_power_of_two() && *n <= 1 << 20 => *n as usize,
        Some(other) => return Err(format!("general.alignment {other:?} is not a power of two up to 2^20")),
    };
    let mut infos = Vec::new();
    for _ in 0..tensors {
        infos.push(reader.tensor()?);
    }
    let data = reader.at.next_multiple_of(alignment);
    place(infos, data, alignment, bytes.len()).map(|tensors| (meta, tensors))
}

type Unplaced = (String, Dtype, Vec<usize>, u64);

/// Gives each tensor its bytes, which must lie within the file.
fn place(
    infos: Vec<Unplaced>,
    data: usize,
    alignment: usize,
    len: usize,
) -> Result<HashMap<String, TensorInfo>, String> {
    let mut tensors = HashMap::new();
    let mut names = HashSet::new();
    for (name, dtype, shape, offset) in infos {
        let rows = shape[1..].iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if !shape[0].is_multiple_of(dtype.block_len()) {
            return Err(format!("tensor '{name}': rows of {} are not whole {dtype} blocks", shape[0]));
        }
        let row = dtype.row_bytes(shape[0]);
        let bytes = rows
            .and_then(|rows| rows.checked_mul(row))
            .ok_or_else(|| format!("tensor '{name}': its size overflows"))?;
        let start = usize::try_from(offset)
            .ok()
            .filter(|offset| offset.is_multiple_of(alignment))
            .and_then(|offset| data.checked_add(offset));
        let start =
            start.ok_or_else(|| format!("tensor '{name}': offset {offset} is not a multiple of {alignment}"))?;
        if start.checked_add(bytes).is_none_or(|end| end > len) {
            return Err(format!(
                "tensor '{name}' would end at byte {}, the file at {len}",
                start.saturating_add(bytes)
            ));
        }
        if !names.insert(name.clone()) {
            return Err(format!("tensor '{name}' is there twice"));
        }
        tensors.insert(name, TensorInfo { dtype, shape, start, bytes });
    }
    Ok(tensors)
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| {
            format!("the header goes on at byte {}, but the file ends at {}", self.at, self.bytes.len())
        })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn count(&mut self, what: &str, most: u64) -> Result<usize, String> {
        let at = self.at;
        let count = self.u64()?;
        if count > most {
            return Err(format!("{count} {what} at byte {at}; no sound file has more than {most}"));
        }
        Ok(count as usize)
    }

    fn text(&mut self) -> Result<String, String> {
        let at = self.at;
        let len = self.count("bytes of text", LONGEST_TEXT)?;
        let bytes = self.take(len)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| format!("the text at byte {at} is not UTF-8"))
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::U(self.array::<1>()?[0].into()),
            1 => Value::I(i8::from_le_bytes(self.array()?).into()),
            2 => Value::U(u16::from_le_bytes(self.array()?).into()),
            3 => Value::I(i16::from_le_bytes(self.array()?).into()),
            4 => Value::U(self.u32()?.into()),
            5 => Value::I(i32::from_le_bytes(self.array()?).into()),
            6 => Value::F(f32::from_le_bytes(self.array()?).into()),
            7 => Value::B(self.array::<1>()?[0] != 0),
            8 => Value::S(self.text()?),
            9 => {
                if depth == DEEPEST {
                    return Err(format!("lists more than {DEEPEST} deep at byte {}", self.at));
                }
                let kind = self.u32()?;
                let members = self.count("list members", MOST_MEMBERS)?;
                // At least a byte each: a count that cannot be true is refused before memory is asked for.
                if members > self.bytes.len() - self.at {
                    return Err(format!(
                        "a list of {members} members at byte {}, the file ends at {}",
                        self.at,
                        self.bytes.len()
                    ));
                }
                let list: Result<Vec<_>, _> = (0..members).map(|_| self.value(kind, depth + 1)).collect();
                Value::A(list?)
            }
            10 => Value::U(self.u64()?),
            11 => Value::I(i64::from_le_bytes(self.array()?)),
            12 => Value::F(f64::from_le_bytes(self.array()?)),
            other => return Err(format!("value type {other} is not known (byte {})", self.at)),
        })
    }

    fn tensor(&mut self) -> Result<Unplaced, String> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("tensor '{name}' has {dimensions} dimensions; there are 1 to 4"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let size = self.u64()?;
            let size = usize::try_from(size).ok().filter(|&size| size > 0 && size <= 1 << 40);
            shape.push(size.ok_or_else(|| format!("tensor '{name}' has a dimension that is 0 or beyond 2^40"))?);
        }
        let id = self.u32()?;
        let dtype = Dtype::from_ggml(id).ok_or_else(|| {
            let known: Vec<_> = Dtype::ALL.iter().map(|dtype| dtype.name()).collect();
            format!(
                "tensor '{name}' is stored as type {id}, which this build does not read; it reads {}",
                known.join(", ")
            )
        })?;
        Ok((name, dtype, shape, self.u64()?))
    }
}
