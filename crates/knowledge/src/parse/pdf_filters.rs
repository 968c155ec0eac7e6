//! The filters a PDF's streams may be packed by, beside deflate, as readers of bytes: what they give is counted and thrown
//! away, so they are as lenient as whoever will unpack it in earnest. ISO 32000-1, 7.4.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// One way of packing.
pub(super) trait Unpack {
    /// Appends the next bytes to `out`; `false` at the end.
    fn step(&mut self, packed: &mut Bits<'_>, out: &mut Vec<u8>) -> Result<bool>;
}

/// What packed bytes give.
pub(super) struct Unpacked<'a, U> {
    packed: Bits<'a>,
    by: U,
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a, U: Unpack> Unpacked<'a, U> {
    pub(super) fn new(packed: Box<dyn BufRead + 'a>, by: U) -> Self {
        Self { packed: Bits { bytes: packed, held: 0, count: 0 }, by, ready: Vec::new(), at: 0, ended: false }
    }
}

impl<U: Unpack> Read for Unpacked<'_, U> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.at == self.ready.len() {
            (self.at, self.ready) = (0, std::mem::take(&mut self.ready));
            self.ready.clear();
            while self.ready.len() < buffer.len() && !self.ended {
                // What came before something invalid counts.
                self.ended = !self.by.step(&mut self.packed, &mut self.ready).unwrap_or(false);
            }
        }
        let count = (&self.ready[self.at..]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

/// Packed bytes, or their bits from the highest on.
pub(super) struct Bits<'a> {
    bytes: Box<dyn BufRead + 'a>,
    held: u32,
    count: u32,
}

impl Bits<'_> {
    fn byte(&mut self) -> Result<Option<u8>> {
        let byte = self.bytes.fill_buf()?.first().copied();
        self.bytes.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// The next that is not white space.
    fn letter(&mut self) -> Result<Option<u8>> {
        loop {
            match self.byte()? {
                Some(b'\0' | b'\t' | b'\n' | b'\x0c' | b'\r' | b' ') => {}
                other => return Ok(other),
            }
        }
    }

    /// Up to 16 bits; `None` where fewer are left.
    fn bits(&mut self, width: u32) -> Result<Option<usize>> {
        while self.count < width {
            let Some(byte) = self.byte()? else { return Ok(None) };
            (self.held, self.count) = (self.held << 8 | u32::from(byte), self.count + 8);
        }
        self.count -= width;
        Ok(Some((self.held >> self.count & ((1 << width) - 1)) as usize))
    }
}

fn invalid() -> Error {
    ErrorKind::InvalidData.into()
}

/// Two hexadecimal digits a byte, up to `>`.
pub(super) struct Hex;

impl Unpack for Hex {
    fn step(&mut self, packed: &mut Bits<'_>, out: &mut Vec<u8>) -> Result<bool> {
        let mut digit = || match packed.letter()? {
            None | Some(b'>') => Ok(None),
            Some(letter) => char::from(letter).to_digit(16).map(Some).ok_or_else(invalid),
        };
        let Some(high) = digit()? else { return Ok(false) };
        let low = digit()?;
        out.push((high << 4 | low.unwrap_or(0)) as u8);
        Ok(low.is_some())
    }
}

/// Five letters for four bytes, `z` for four zeros, up to `~`.
pub(super) struct Base85;

impl Unpack for Base85 {
    fn step(&mut self, packed: &mut Bits<'_>, out: &mut Vec<u8>) -> Result<bool> {
        let (mut value, mut count) = (0u64, 0);
        while count < 5 {
            match packed.letter()? {
                Some(letter @ b'!'..=b'u') => value = value * 85 + u64::from(letter - b'!'),
                Some(b'z') if count == 0 => {
                    out.extend_from_slice(&[0; 4]);
                    return Ok(true);
                }
                None | Some(b'~') => break,
                Some(_) => return Err(invalid()),
            }
            count += 1;
        }
        if count == 0 {
            return Ok(false);
        }
        let whole = (count..5).fold(value, |value, _| value * 85 + 84);
        let bytes = u32::try_from(whole).map_err(|_| invalid())?.to_be_bytes();
        out.extend_from_slice(&bytes[..count - 1]);
        Ok(count == 5)
    }
}

/// Lempel, Ziv and Welch, with codes of 9 to 12 bits.
pub(super) struct Lzw {
    /// Codes grow one code early.
    early: usize,
    /// The code before, and the last byte, of each code from 258 on.
    entries: Vec<(usize, u8)>,
    previous: Option<usize>,
}

const CLEAR: usize = 256;
const END: usize = 257;
const CODES: usize = 4096;

impl Lzw {
    pub(super) fn new(early: bool) -> Self {
        Self { early: usize::from(early), entries: Vec::new(), previous: None }
    }

    /// Appends what a code stands for; its first byte.
    fn spell(&self, mut code: usize, out: &mut Vec<u8>) -> u8 {
        let start = out.len();
        while code > END {
            let (before, last) = self.entries[code - END - 1];
            out.push(last);
            code = before;
        }
        out.push(code as u8);
        out[start..].reverse();
        code as u8
    }
}

impl Unpack for Lzw {
    fn step(&mut self, packed: &mut Bits<'_>, out: &mut Vec<u8>) -> Result<bool> {
        let next = END + 1 + self.entries.len();
        let width = match next + self.early {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        let code = match packed.bits(width)? {
            None | Some(END) => return Ok(false),
            Some(CLEAR) => {
                (self.previous, _) = (None, self.entries.clear());
                return Ok(true);
            }
            Some(code) => code,
        };
        let first = if code < next {
            self.spell(code, out)
        } else {
            // The code that is about to be made: the last again, and its first byte.
            let previous = self.previous.filter(|_| code == next && next < CODES).ok_or_else(invalid)?;
            let first = self.spell(previous, out);
            out.push(first);
            first
        };
        if let Some(previous) = self.previous.filter(|_| next < CODES) {
            self.entries.push((previous, first));
        }
        self.previous = Some(code);
        Ok(true)
    }
}

/// A byte that says how many follow as they are, or how often the next one stands.
pub(super) struct Runs;

impl Unpack for Runs {
    fn step(&mut self, packed: &mut Bits<'_>, out: &mut Vec<u8>) -> Result<bool> {
        match packed.byte()? {
            None | Some(128) => return Ok(false),
            Some(length @ 0..128) => {
                for _ in 0..=length {
                    let Some(byte) = packed.byte()? else { return Ok(false) };
                    out.push(byte);
                }
            }
            Some(length) => {
                let Some(byte) = packed.byte()? else { return Ok(false) };
                out.resize(out.len() + 257 - usize::from(length), byte);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(packed: &[u8], by: impl Unpack) -> Vec<u8> {
        let mut out = Vec::new();
        Unpacked::new(Box::new(packed), by).read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn each_filter_unpacks() {
        // The standard's own example of LZW.
        let lzw = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
        assert_eq!(all(&lzw, Lzw::new(true)), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
        assert_eq!(all(b"4 1 42\n4>99", Hex), b"AB@");
        assert_eq!(all(b"87cURD]i,\"Ebo80~>", Base85), b"Hello World!");
        assert_eq!(all(b"z5l~>", Base85), [0, 0, 0, 0, b'A']);
        assert_eq!(all(&[2, 1, 2, 3, 254, 9, 128, 7], Runs), [1, 2, 3, 9, 9, 9]);
        assert!(all(&[0xff; 9], Lzw::new(true)).is_empty());
    }
}
