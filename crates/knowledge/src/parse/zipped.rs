//! Archives, with bounds on what comes out of them.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::{Format, Limits, Refusal};

/// An archive whose members are read one by one, within limits on their number, size and ratio.
pub(super) struct Zipped<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    what: &'static str,
    left: u64,
    ratio: u64,
}

impl<'a> Zipped<'a> {
    pub(super) fn open(bytes: &'a [u8], what: &'static str, limits: &Limits) -> Result<Self, Refusal> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| Refusal::damaged(what, error))?;
        if archive.len() > limits.entries {
            return Err(Refusal::damaged(
                what,
                format!("{} files inside; the limit is {}", archive.len(), limits.entries),
            ));
        }
        Ok(Self { archive, what, left: limits.unpacked_bytes, ratio: limits.unpack_ratio })
    }

    /// Names of all members.
    pub(super) fn names(&self) -> Vec<String> {
        self.archive.file_names().flatten().map(|name| name.into_owned()).collect()
    }

    /// A member's bytes; nothing if there is none by that name.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(zip::result::ZipError::UnsupportedArchive(why)) if why.to_ascii_lowercase().contains("password") => {
                return Err(Refusal::new("it is encrypted", "remove its password and try again"));
            }
            Err(error) => return Err(Refusal::damaged(self.what, error)),
        };
        // A ratio alone would refuse small files of repeated text; it counts from a megabyte on.
        let most = self.left.min((file.compressed_size().saturating_mul(self.ratio)).max(1 << 20));
        let mut bytes = Vec::new();
        let size =
            file.take(most + 1).read_to_end(&mut bytes).map_err(|error| Refusal::damaged(self.what, error))? as u64;
        if size > most {
            return Err(Refusal::new(
                format!("`{name}` inside it unpacks to more than {most} bytes, which no sound document does"),
                "check where the file comes from",
            ));
        }
        self.left -= size;
        Ok(Some(bytes))
    }

    /// A member that must be there.
    pub(super) fn require(&mut self, name: &str) -> Result<Vec<u8>, Refusal> {
        let what = self.what;
        self.read(name)?.ok_or_else(|| Refusal::damaged(what, format!("`{name}` is missing inside")))
    }
}

/// `target` as seen from the folder of `base`: `../media/a.xml` from `ppt/slides/s.xml` is `ppt/media/a.xml`.
pub(super) fn resolve(base: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What an archive is: by what is inside, else by its name.
pub(super) fn kind(bytes: &[u8], extension: &str) -> Result<Format, Refusal> {
    let zip = Zipped::open(bytes, "archive", &Limits::default())?;
    let names = zip.names();
    let inside = |start: &str| names.iter().any(|name| name.starts_with(start));
    match extension {
        _ if inside("word/") => Ok(Format::Docx),
        _ if inside("ppt/") => Ok(Format::Pptx),
        _ if inside("xl/") => Ok(Format::Sheet),
        _ if inside("META-INF/container.xml") => Ok(Format::Epub),
        "ods" | "xlsx" | "xlsm" => Ok(Format::Sheet),
        "docx" | "pptx" | "epub" => Err(Refusal::damaged(extension, "its main part is missing")),
        _ => Err(Refusal::new("it is an archive", "unpack it and add what is inside")),
    }
}
