//! The printable stand-ins byte-level BPE vocabularies write bytes with.

/// The character that stands for a byte.
pub(crate) fn stand_in(byte: u8) -> char {
    let code = match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => u32::from(byte),
        0..=0x20 => 0x100 + u32::from(byte),
        0x7F..=0xA0 => 0x121 + u32::from(byte - 0x7F),
        0xAD => 0x143,
    };
    char::from_u32(code).expect("stand-ins are below U+0144: this is a bug")
}

/// The byte a character stands for.
pub(super) fn byte_of(stand_in: char) -> Option<u8> {
    let code = stand_in as u32;
    match code {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => Some(code as u8),
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 0x7F) as u8),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// The bytes a vocabulary entry stands for; `None` if it is not written in stand-ins.
pub(super) fn decode(text: &str) -> Option<Box<[u8]>> {
    text.chars().map(byte_of).collect()
}

/// The byte a byte-fallback token such as `<0x0A>` stands for.
pub(super) fn fallback_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}
