//! From what was typed to the files to read: folders walked, globs matched, links followed without going in circles.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::{Error, Result};

/// Kinds of files that hold no text; in a folder they are passed over, named alone they are tried and refused with the reason.
const TEXTLESS: &[&str] = &[
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "bmp",
    "tif",
    "tiff",
    "ico",
    "svgz",
    "heic",
    "psd",
    "mp3",
    "mp4",
    "m4a",
    "wav",
    "flac",
    "ogg",
    "mov",
    "avi",
    "mkv",
    "webm",
    "zip",
    "gz",
    "tgz",
    "bz2",
    "xz",
    "zst",
    "7z",
    "rar",
    "tar",
    "jar",
    "exe",
    "dll",
    "so",
    "dylib",
    "a",
    "o",
    "obj",
    "class",
    "pyc",
    "wasm",
    "bin",
    "iso",
    "img",
    "deb",
    "rpm",
    "dmg",
    "woff",
    "woff2",
    "ttf",
    "otf",
    "eot",
    "db",
    "sqlite",
    "gguf",
    "safetensors",
    "onnx",
    "npz",
    "npy",
    "parquet",
    "lock",
    "map",
];

/// How deep folders are followed; deeper ones are a mistake or a trap.
const DEEPEST: usize = 64;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Its name in the knowledge base: the path below what was given.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// A longer name, for when another document has the short one: with the folder that was given.
    pub(super) long_name: String,
    /// Its size when it was found.
    pub(super) bytes: u64,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// By name.
    pub(super) documents: Vec<Source>,
    /// Files of kinds that hold no text.
    pub(super) skipped: Vec<String>,
    /// Folders that could not be looked into, and the like.
    pub(super) warnings: Vec<String>,
    /// What was given, whole: what `prune` is about.
    roots: Vec<Root>,
    /// Folders that could not be looked into.
    pub(super) unseen: Vec<PathBuf>,
    /// The files were uploaded: their place on disk says nothing about them.
    pub(super) uploaded: bool,
}

impl Sources {
    /// Whether a file at that place would have been found.
    pub(super) fn covers(&self, file: &Path) -> bool {
        self.roots.iter().any(|root| {
            let Ok(below) = file.strip_prefix(text(root.folder.as_os_str())) else { return false };
            root.only.as_ref().is_none_or(|glob| glob.is_match(below))
        })
    }
}

/// A file or folder that was given, or the folder of a glob.
#[derive(Debug)]
struct Root {
    folder: PathBuf,
    only: Option<GlobMatcher>,
}

/// Finds the documents under paths and globs. With `prune`, a path or glob that leads to nothing is about what was there.
///
/// # Errors
/// [`Error::Invalid`] for a path that is not there, or a glob that matches nothing.
pub(super) fn find(paths: &[PathBuf], prune: bool) -> Result<Sources> {
    let mut walk = Walk { prune, ..Walk::default() };
    for path in paths {
        walk.given(path)?;
    }
    Ok(walk.finish())
}

/// Finds the documents in a folder of uploads.
pub(super) fn find_uploads(folder: &Path) -> Sources {
    let mut walk = Walk { everything: true, ..Walk::default() };
    walk.folder(folder, folder, None, 0);
    let mut sources = walk.finish();
    sources.roots.clear();
    sources.uploaded = true;
    sources
}

#[derive(Default)]
struct Walk {
    found: Sources,
    /// Folders on the way, so that a link to one of them ends there.
    visited: HashSet<PathBuf>,
    /// Files, so that one given twice is read once.
    files: HashSet<PathBuf>,
    /// Hidden and textless files too.
    everything: bool,
    prune: bool,
}

impl Walk {
    fn given(&mut self, path: &Path) -> Result<()> {
        match fs::metadata(path) {
            Ok(data) if data.is_dir() => {
                self.root(path);
                self.folder(path, path, None, 0);
                Ok(())
            }
            Ok(data) if data.is_file() => {
                self.root(path);
                let folder = path.parent().unwrap_or(Path::new(""));
                self.file(path, folder, data.len());
                Ok(())
            }
            Ok(_) => Err(Error::invalid(
                "paths",
                "invalid_value",
                format!("{}: it is neither a file nor a folder", path.display()),
            )),
            Err(_) if is_glob(path) => self.glob(path),
            Err(error) => {
                let message = format!(
                    "{}: {error}; check the spelling, or quote a glob such as 'reports/**/*.pdf'",
                    path.display()
                );
                Err(Error::invalid("paths", "invalid_value", message))
            }
        }
    }

    fn root(&mut self, path: &Path) {
        self.found.roots.push(Root { folder: absolute(path), only: None });
    }

    fn glob(&mut self, pattern: &Path) -> Result<()> {
        let fixed: PathBuf = pattern.components().take_while(|part| !is_glob(Path::new(part.as_os_str()))).collect();
        let folder = if fixed.as_os_str().is_empty() { Path::new(".") } else { fixed.as_path() };
        let rest: PathBuf = pattern.components().skip(fixed.components().count()).collect();
        let glob = GlobBuilder::new(&rest.to_string_lossy()).literal_separator(true).build();
        let matcher = glob.map_err(|error| {
            Error::invalid("paths", "invalid_value", format!("{}: not a glob ({error})", pattern.display()))
        })?;
        if !folder.is_dir() {
            let message = format!("{}: the folder {} is not there", pattern.display(), folder.display());
            return Err(Error::invalid("paths", "invalid_value", message));
        }
        let before = self.found.documents.len();
        let matcher = matcher.compile_matcher();
        self.folder(folder, folder, Some(&matcher), 0);
        self.found.roots.push(Root { folder: absolute(folder), only: Some(matcher) });
        if self.found.documents.len() == before && !self.prune {
            return Err(Error::invalid("paths", "invalid_value", format!("{}: it matches no file", pattern.display())));
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path, root: &Path, only: Option<&GlobMatcher>, depth: usize) {
        let shown = folder.display();
        if depth > DEEPEST {
            self.found.warnings.push(format!("{shown}: more than {DEEPEST} folders deep; what is below was not read"));
            return;
        }
        let Ok(real) = fs::canonicalize(folder) else {
            self.found.warnings.push(format!("{shown}: it leads nowhere; skipped"));
            self.found.unseen.push(absolute(folder));
            return;
        };
        if !self.visited.insert(real.clone()) {
            return; // a link back to where we are, or the same folder given twice
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.found.warnings.push(format!("{shown}: {error}; skipped"));
                self.found.unseen.push(absolute(folder));
                return;
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if !self.everything && path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
                continue;
            }
            match fs::metadata(&path) {
                Ok(data) if data.is_dir() => self.folder(&path, root, only, depth + 1),
                Ok(data) if data.is_file() => self.found_file(&path, root, only, data.len()),
                Ok(_) => {} // sockets, pipes and devices hold no documents
                Err(error) => {
                    self.found.warnings.push(format!("{}: {error}; skipped", path.display()));
                    self.found.unseen.push(absolute(&path)); // a link to a folder that is not mounted
                }
            }
        }
        if only.is_some() {
            self.visited.remove(&real); // another glob may want other files from here
        }
    }

    fn found_file(&mut self, path: &Path, root: &Path, only: Option<&GlobMatcher>, bytes: u64) {
        if only.is_some_and(|glob| !glob.is_match(path.strip_prefix(root).unwrap_or(path))) {
            return;
        }
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if !self.everything && TEXTLESS.contains(&extension.as_str()) {
            self.found.skipped.push(text(path.strip_prefix(root).unwrap_or(path).as_os_str()));
            return;
        }
        self.file(path, root, bytes);
    }

    fn file(&mut self, path: &Path, root: &Path, bytes: u64) {
        let path = absolute(path);
        if !self.files.insert(path.clone()) {
            return;
        }
        let root = absolute(root);
        let name = text(path.strip_prefix(&root).unwrap_or(&path).as_os_str());
        let folder = root.file_name().map(text).unwrap_or_default();
        let long_name = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        self.found.documents.push(Source { name, path, long_name, bytes });
    }

    /// Two files of one name in different folders given get their longer names.
    fn finish(mut self) -> Sources {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for source in &self.found.documents {
            *count.entry(&source.name).or_default() += 1;
        }
        let twice: HashSet<String> =
            count.into_iter().filter(|(_, n)| *n > 1).map(|(name, _)| name.to_owned()).collect();
        for source in &mut self.found.documents {
            if twice.contains(&source.name) {
                source.name.clone_from(&source.long_name);
            }
        }
        let mut taken = HashSet::new();
        for source in &mut self.found.documents {
            if !taken.insert(source.name.clone()) {
                source.name = text(source.path.as_os_str()); // the whole path is nobody else's
                taken.insert(source.name.clone());
            }
        }
        self.found.documents.sort_by(|a, b| a.name.cmp(&b.name));
        self.found
    }
}

fn is_glob(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[{".contains(byte))
}

/// A path from the root, without `.` and `..`; links in it stay as they are.
fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut clean = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

/// A name for people and the database; bytes that are not UTF-8 are written `\xNN`, so that different files keep different names.
pub(super) fn text(name: &OsStr) -> String {
    let mut out = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    fn names(sources: &Sources) -> Vec<&str> {
        sources.documents.iter().map(|source| source.name.as_str()).collect()
    }

    #[test]
    fn folders_files_and_globs_are_found() {
        let folder = tree(&["a.md", "b/c.txt", "b/d/e.pdf", "b/f.png", ".git/config", "b/.hidden.md"]);
        let at = |path: &str| folder.path().join(path);
        for (paths, expected) in [
            (vec![at("")], &["a.md", "b/c.txt", "b/d/e.pdf"][..]),
            (vec![at("a.md")], &["a.md"]),
            (vec![at("b"), at("a.md")], &["a.md", "c.txt", "d/e.pdf"]),
            (vec![at("**/*.pdf")], &["b/d/e.pdf"]),
            (vec![at("b/*.txt"), at("*.md")], &["a.md", "c.txt"]),
            (vec![at("a.md"), at("a.md"), at("b/../a.md")], &["a.md"]),
            (vec![at("b/f.png")], &["f.png"]),
        ] {
            assert_eq!(names(&find(&paths, false).unwrap()), expected, "{paths:?}");
        }
        assert_eq!(find(&[at("")], false).unwrap().skipped, ["b/f.png"]);
    }

    #[test]
    fn what_is_not_there_is_an_error_that_names_it() {
        let folder = tree(&["a.md"]);
        for wrong in ["nothing.md", "*.pdf", "no/such/*.md", "[.md"] {
            let error = find(&[folder.path().join(wrong)], false).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn files_of_one_name_stay_apart() {
        let folder = tree(&["x/readme.md", "y/readme.md"]);
        let found = find(&[folder.path().join("x"), folder.path().join("y")], false).unwrap();
        assert_eq!(names(&found), ["x/readme.md", "y/readme.md"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_circles_end() {
        let folder = tree(&["a/b.md"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("a/broken")).unwrap();
        let found = find(&[folder.path().to_owned()], false).unwrap();
        assert_eq!(names(&found), ["a/b.md"]);
        assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_stay_different() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(text(OsStr::from_bytes(b"a\xff.txt")), "a\\xff.txt");
        assert_ne!(text(OsStr::from_bytes(b"a\xff")), text(OsStr::from_bytes(b"a\xfe")));
    }
}
