//! Where a file lies inside a zip archive, found from the archive's last bytes.
//!
//! Only the directory is read here, so that one member of a remote archive can be had without the rest (PKWARE's
//! APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16). The bytes are foreign: every number is checked before it is used.

use std::io::{Read, Seek, SeekFrom};

/// Enough of an archive's end to hold its end record, whatever its comment.
pub(super) const TAIL: u64 = 22 + 65_535;
/// A local header before its name.
pub(super) const HEADER: u64 = 30;
/// No wheel that holds a model has a larger directory.
const LARGEST_DIRECTORY: u64 = 16 << 20;

const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// The archive's list of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) start: u64,
    pub(super) len: u64,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Where its local header starts; the data follow.
    pub(super) header: u64,
    /// Bytes in the archive.
    pub(super) packed: u64,
    /// Bytes unpacked.
    pub(super) size: u64,
    pub(super) packing: Packing,
}

/// How a member's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflated,
}

/// Finds the directory, given the last bytes of an archive of `total` bytes.
pub(super) fn directory(tail: &[u8], total: u64) -> Result<Directory, String> {
    let tail_start = total.checked_sub(tail.len() as u64).ok_or("its length does not fit")?;
    for at in (0..=tail.len().saturating_sub(22)).rev() {
        let Some(end) = tail.get(at..).filter(|end| end.starts_with(END)) else { continue };
        let comment = u16_at(end, 20).map_or(usize::MAX, usize::from);
        if end.len() != 22usize.saturating_add(comment) {
            continue; // the signature happened to stand in the comment
        }
        let (len, start) = (u32_at(end, 12).unwrap_or(0), u32_at(end, 16).unwrap_or(0));
        if len == u32::MAX || start == u32::MAX {
            return Err("it is larger than 4 GB, which is not supported".to_owned());
        }
        let found = Directory { start: start.into(), len: len.into() };
        if found.start + found.len > tail_start + at as u64 {
            return Err("its directory lies outside of it".to_owned());
        }
        if found.len > LARGEST_DIRECTORY {
            return Err(format!("its directory of {} bytes is too large", found.len));
        }
        return Ok(found);
    }
    Err("it has no end record, so it is not a zip archive or was cut".to_owned())
}

/// Finds a member by its full name.
pub(super) fn member(directory: &[u8], total: u64, name: &str) -> Result<Member, String> {
    let mut rest = directory;
    while !rest.is_empty() {
        let damaged = || "its directory is damaged".to_owned();
        let entry = rest.get(..46).filter(|entry| entry.starts_with(ENTRY)).ok_or_else(damaged)?;
        let [name_len, extra, comment] = [28, 30, 32].map(|at| u16_at(entry, at).map_or(0, usize::from));
        let this = rest.get(46..46 + name_len).ok_or_else(damaged)?;
        if this == name.as_bytes() {
            return read_entry(entry, total);
        }
        rest = rest.get(46 + name_len + extra + comment..).ok_or_else(damaged)?;
    }
    Err(format!("it holds no {name}"))
}

fn read_entry(entry: &[u8], total: u64) -> Result<Member, String> {
    let flags = u16_at(entry, 8).unwrap_or(0);
    if flags & 1 != 0 {
        return Err("the file in it is encrypted".to_owned());
    }
    let packing = match u16_at(entry, 10) {
        Some(0) => Packing::Stored,
        Some(8) => Packing::Deflated,
        other => return Err(format!("the file in it is packed by method {}, not 0 or 8", other.unwrap_or(0))),
    };
    let [packed, size, header] = [20, 24, 42].map(|at| u32_at(entry, at).unwrap_or(u32::MAX));
    if [packed, size, header].contains(&u32::MAX) {
        return Err("the file in it is larger than 4 GB, which is not supported".to_owned());
    }
    let member = Member { header: header.into(), packed: packed.into(), size: size.into(), packing };
    let fits = member.header + HEADER + member.packed <= total;
    if !fits || (packing == Packing::Stored && packed != size) {
        return Err("the file in it contradicts the directory".to_owned());
    }
    Ok(member)
}

/// Where the member's data start, given the first [`HEADER`] bytes of its local header.
pub(super) fn data_start(header: &[u8], member: &Member, total: u64) -> Result<u64, String> {
    let lengths = (header.get(..4) == Some(LOCAL)).then(|| Some((u16_at(header, 26)?, u16_at(header, 28)?))).flatten();
    let (name, extra) = lengths.ok_or("the file in it has no header")?;
    let start = member.header + HEADER + u64::from(name) + u64::from(extra);
    if start + member.packed > total {
        return Err("the file in it reaches over the end".to_owned());
    }
    Ok(start)
}

/// Finds a member of an archive that is here: where its data start, and what is known of it.
pub(super) fn locate(archive: &mut (impl Read + Seek), name: &str) -> Result<(u64, Member), String> {
    let total = archive.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
    let mut read = |start: u64, len: u64| -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        archive.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
        archive.take(len).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    };
    let tail = TAIL.min(total);
    let directory = directory(&read(total - tail, tail)?, total)?;
    let member = member(&read(directory.start, directory.len)?, total, name)?;
    Ok((data_start(&read(member.header, HEADER)?, &member, total)?, member))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use std::io::Cursor;

    use super::*;
    use crate::models::tests::zip_of;

    #[test]
    fn members_are_found_where_they_are() {
        let text = "numbers and words ".repeat(40);
        for packing in [Packing::Stored, Packing::Deflated] {
            let archive = zip_of(&[("a/skip.txt", b"no"), ("a/data.bin", text.as_bytes()), ("b", b"")], packing);
            let (start, member) = locate(&mut Cursor::new(&archive), "a/data.bin").unwrap();
            assert_eq!((member.packing, member.size), (packing, text.len() as u64));
            let packed = &archive[start as usize..][..member.packed as usize];
            let mut unpacked = String::new();
            match packing {
                Packing::Stored => unpacked.push_str(std::str::from_utf8(packed).unwrap()),
                Packing::Deflated => {
                    flate2::read::DeflateDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
                }
            }
            assert_eq!(unpacked, text);
            let missing = locate(&mut Cursor::new(&archive), "a/data").unwrap_err();
            assert!(missing.contains("a/data"), "{missing}");
        }
    }

    #[test]
    fn foreign_bytes_never_panic() {
        let archive = zip_of(&[("a", b"some bytes that stay"), ("b", b"other")], Packing::Deflated);
        for at in 0..archive.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, archive[at] ^ 4] {
                let mut broken = archive.clone();
                broken[at] = value;
                if let Ok((start, member)) = locate(&mut Cursor::new(&broken), "a") {
                    assert!(start + member.packed <= broken.len() as u64, "byte {at} = {value}");
                }
            }
            assert!(locate(&mut Cursor::new(&archive[..at]), "a").is_err(), "cut at {at}");
        }
        let mut state = 1u64;
        for _ in 0..20_000 {
            let mut noise: Vec<u8> = (0..96)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if state >> 63 == 0 { 0xff } else { (state >> 40) as u8 }
                })
                .collect();
            noise[40..44].copy_from_slice(END);
            noise[60..62].fill(0);
            noise.truncate(62);
            let _ = locate(&mut Cursor::new(&noise), "a");
            noise[..4].copy_from_slice(ENTRY);
            let _ = member(&noise, state >> 32, "a");
            let _ =
                data_start(&noise, &Member { header: 5, packed: 9, size: 9, packing: Packing::Stored }, state >> 50);
        }
    }
}
