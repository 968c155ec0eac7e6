//! Reads the `E5S1` container: one file with an XLM-R encoder's header, unigram vocabulary, normalisation and tensors.
//!
//! Every count and offset is checked against the bytes there are before anything is read or set aside for it.

use std::collections::HashMap;

/// What is wrong with a container, in words that name the value.
pub(super) type Flaw = String;

pub(super) struct Container<'a> {
    pub header: Header,
    pub vocabulary: Vocabulary,
    tensors: HashMap<String, Tensor<'a>>,
}

pub(super) struct Header {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub inner: usize,
    pub rows: usize,
    pub positions: usize,
    pub types: usize,
    pub epsilon: f32,
}

pub(super) struct Vocabulary {
    pub pieces: Vec<String>,
    pub scores: Vec<f32>,
    pub bos: u32,
    pub eos: u32,
    pub pad: u32,
    pub unknown: u32,
    /// Per character its code point, a count, and the code points that replace it.
    pub replacements: Vec<u32>,
}

struct Tensor<'a> {
    quantised: bool,
    count: usize,
    data: &'a [u8],
}

const BLOCK: usize = 32;
const BLOCK_BYTES: usize = 18;

impl<'a> Container<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let mut reader = Reader { bytes, at: 0 };
        let magic = reader.take(4, "magic")?;
        if magic != b"E5S1" {
            return Err(format!("it begins with {:?}, not with \"E5S1\"", String::from_utf8_lossy(magic)));
        }
        let version = reader.u32("version")?;
        if version != 1 {
            return Err(format!("its version is {version}; this build reads version 1"));
        }
        let header = Header::read(&mut reader)?;
        let vocabulary = Vocabulary::read(&mut reader, &header)?;
        let tensors = read_tensors(&mut reader)?;
        Ok(Self { header, vocabulary, tensors })
    }

    /// A tensor's bytes, if it holds exactly that many numbers stored that way.
    pub(super) fn tensor(&self, name: &str, count: usize, quantised: bool) -> Result<&'a [u8], Flaw> {
        let tensor = self.tensors.get(name).ok_or_else(|| format!("tensor '{name}' is missing"))?;
        if tensor.quantised != quantised {
            let stored = |quantised| if quantised { "4-bit blocks" } else { "32-bit floats" };
            return Err(format!("tensor '{name}' holds {}, not {}", stored(tensor.quantised), stored(quantised)));
        }
        if tensor.count != count {
            return Err(format!("tensor '{name}' holds {} numbers, not {count}", tensor.count));
        }
        Ok(tensor.data)
    }
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let width = reader.within("width", 32..=8192)?;
        let layers = reader.within("layer count", 1..=256)?;
        let heads = reader.within("head count", 1..=256)?;
        let inner = reader.within("inner width", 32..=65_536)?;
        let rows = reader.within("vocabulary size", 4..=4_000_000)?;
        let positions = reader.within("position count", 8..=65_536)?;
        let types = reader.within("token type count", 1..=16)?;
        let epsilon = reader.f32("epsilon")?;
        if !(epsilon > 0.0 && epsilon < 1.0) {
            return Err(format!("epsilon is {epsilon}, not between 0 and 1"));
        }
        reader.within("block size", BLOCK..=BLOCK)?;
        for (name, value, by) in [("width", width, BLOCK), ("inner width", inner, BLOCK), ("width", width, heads)] {
            if value % by != 0 {
                return Err(format!("{name} {value} is not a multiple of {by}"));
            }
        }
        Ok(Self { width, layers, heads, inner, rows, positions, types, epsilon })
    }
}

impl Vocabulary {
    fn read(reader: &mut Reader<'_>, header: &Header) -> Result<Self, Flaw> {
        let count = reader.within("piece count", 4..=header.rows)?;
        let mut id = |name| reader.within(name, 0..=count - 1).map(|id| id as u32);
        let (bos, eos, pad, unknown) = (id("begin id")?, id("end id")?, id("pad id")?, id("unknown id")?);
        let blob_len = usize::try_from(reader.u64("piece bytes")?).map_err(|_| "piece bytes do not fit".to_owned())?;
        let offsets = reader.numbers(count + 1, "piece offsets")?;
        let scores: Vec<f32> = reader.numbers(count, "piece scores")?.into_iter().map(f32::from_bits).collect();
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return Err(format!("the score of piece {at} is {}", scores[at]));
        }
        let blob = reader.take(blob_len, "pieces")?;
        let piece = |(at, ends): (usize, &[u32])| {
            let bytes = blob.get(ends[0] as usize..ends[1] as usize);
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.map(str::to_owned).ok_or_else(|| format!("piece {at} is cut wrong: bytes {}..{}", ends[0], ends[1]))
        };
        let pieces = offsets.windows(2).enumerate().map(piece).collect::<Result<_, _>>()?;
        let replacements = read_replacements(reader)?;
        Ok(Self { pieces, scores, bos, eos, pad, unknown, replacements })
    }
}

fn read_replacements(reader: &mut Reader<'_>) -> Result<Vec<u32>, Flaw> {
    let count = reader.within("replacement count", 0..=0x11_0000)?;
    let len = reader.u32("replacement bytes")? as usize;
    let mut table = Reader { bytes: reader.take(len, "replacements")?, at: 0 };
    let mut replacements = Vec::with_capacity(len / 4);
    for _ in 0..count {
        let code = table.u32("replaced character")?;
        let characters = usize::from(table.take(1, "replacement length")?[0]);
        let by = table.numbers(characters, "replacement")?;
        if let Some(wrong) = by.iter().chain([&code]).find(|&&code| char::from_u32(code).is_none()) {
            return Err(format!("U+{wrong:X} in the replacements is no character"));
        }
        replacements.extend([code, characters as u32]);
        replacements.extend(by);
    }
    Ok(replacements)
}

fn read_tensors<'a>(reader: &mut Reader<'a>) -> Result<HashMap<String, Tensor<'a>>, Flaw> {
    let count = reader.within("tensor count", 1..=8192)?;
    let mut tensors = HashMap::with_capacity(count);
    for at in 0..count {
        let len = usize::from(reader.u16("tensor name length")?);
        let name = String::from_utf8_lossy(reader.take(len, "tensor name")?).into_owned();
        let kind = reader.take(1, "tensor kind")?[0];
        let count = reader.u32("tensor length")? as usize;
        let (offset, _) = (reader.u64("tensor offset")?, reader.u64("tensor bytes")?);
        let len = match kind {
            0 => count.checked_mul(4),
            1 if count.is_multiple_of(BLOCK) => (count / BLOCK).checked_mul(BLOCK_BYTES),
            _ => return Err(format!("tensor {at} '{name}' is of kind {kind} with {count} numbers")),
        };
        let range = usize::try_from(offset).ok().zip(len).and_then(|(at, len)| Some(at..at.checked_add(len)?));
        let Some(data) = range.and_then(|range| reader.bytes.get(range)) else {
            let end = reader.bytes.len();
            return Err(format!("tensor '{name}' at byte {offset} reaches beyond the file's {end} bytes"));
        };
        tensors.insert(name, Tensor { quantised: kind == 1, count, data });
    }
    Ok(tensors)
}

/// A cursor that never reads beyond the end.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], Flaw> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..len) else {
            return Err(format!("{what} at byte {} needs {len} bytes, only {} are left", self.at, rest.len()));
        };
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Flaw> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn u16(&mut self, what: &str) -> Result<u16, Flaw> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, Flaw> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, Flaw> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn f32(&mut self, what: &str) -> Result<f32, Flaw> {
        self.array(what).map(f32::from_le_bytes)
    }

    fn within(&mut self, what: &str, range: std::ops::RangeInclusive<usize>) -> Result<usize, Flaw> {
        let value = self.u32(what)?;
        if !range.contains(&(value as usize)) {
            let value = value.cast_signed();
            return Err(format!("{what} is {value}, not within {}..={}", range.start(), range.end()));
        }
        Ok(value as usize)
    }

    fn numbers(&mut self, count: usize, what: &str) -> Result<Vec<u32>, Flaw> {
        let bytes = self.take(count.saturating_mul(4), what)?;
        let (chunks, _) = bytes.as_chunks::<4>();
        Ok(chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect())
    }
}
