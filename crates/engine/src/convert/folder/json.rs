//! A folder's JSON files, and typed reading of them: absent is fine, of another type is an error that names file and key.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::LoadError;

/// No tokenizer is larger; a file that is was not meant for us.
const LARGEST: u64 = 256 << 20;

/// A file's object.
pub(super) struct File {
    path: PathBuf,
    object: Map<String, Value>,
}

impl File {
    /// Reads a file, if it is there.
    pub(super) fn optional(path: &Path) -> Result<Option<Self>, LoadError> {
        if path.is_file() { Self::read(path).map(Some) } else { Ok(None) }
    }

    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        let io = |error| LoadError::io(path, error);
        let size = std::fs::metadata(path).map_err(io)?.len();
        if size > LARGEST {
            return Err(LoadError::unfit(path, format!("{size} bytes are too many for a description of a model")));
        }
        let object = parse(&std::fs::read(path).map_err(io)?).map_err(|why| LoadError::unfit(path, why))?;
        Ok(Self { path: path.to_owned(), object })
    }

    #[cfg(test)]
    pub(super) fn of(path: &Path, object: Map<String, Value>) -> Self {
        Self { path: path.to_owned(), object }
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields { path: &self.path, object: &self.object }
    }
}

/// An object of a file.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    path: &'a Path,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// A value that is there and not `null`.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.object.iter()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, LoadError> {
        self.one(key, "a text", Value::as_str)
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.one(key, "true or false", Value::as_bool)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u32>, LoadError> {
        self.one(key, "a whole number below 2^32", whole)
    }

    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        self.one(key, "a number", Value::as_f64)
    }

    pub(super) fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, LoadError> {
        let numbers = |value: &Value| value.as_array()?.iter().map(|one| Some(one.as_f64()? as f32)).collect();
        self.one(key, "a list of numbers", numbers)
    }

    pub(super) fn list(&self, key: &str) -> Result<&'a [Value], LoadError> {
        Ok(self.one(key, "a list", Value::as_array)?.map_or(&[], Vec::as_slice))
    }

    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, LoadError> {
        let found = self.one(key, "an object", Value::as_object)?;
        Ok(found.map(|object| Self { path: self.path, object }))
    }

    /// An entry of this file's, as an object.
    pub(super) fn within(&self, value: &'a Value, what: &str) -> Result<Self, LoadError> {
        let object = value.as_object();
        let object = object.ok_or_else(|| self.wrong(what, format!("{} is not an object", shown(value))))?;
        Ok(Self { path: self.path, object })
    }

    /// The first of several names of a size: models of one kind do not all use the same. At least 1, and not beyond any model.
    pub(super) fn size(&self, keys: &[&str]) -> Result<Option<usize>, LoadError> {
        for key in keys {
            match self.number(key)? {
                None => {}
                Some(0) => return Err(self.wrong(key, "is 0; at least 1 expected")),
                Some(size) if size > 1 << 24 => return Err(self.wrong(key, format!("{size} is beyond any model"))),
                Some(size) => return Ok(Some(size as usize)),
            }
        }
        Ok(None)
    }

    pub(super) fn needed(&self, keys: &[&str]) -> Result<usize, LoadError> {
        self.size(keys)?.ok_or_else(|| self.wrong(keys[0], "is missing; get the file again from the model's page"))
    }

    /// A key's value does not fit.
    pub(super) fn wrong(&self, key: &str, why: impl std::fmt::Display) -> LoadError {
        LoadError::unfit(self.path, format!("'{key}' {why}"))
    }

    fn one<T>(&self, key: &str, kind: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, LoadError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let why = || format!("is {}, not {kind}; get the file again from the model's page", shown(value));
        read(value).map(Some).ok_or_else(|| self.wrong(key, why()))
    }
}

/// A whole number, also one that was written as a float.
pub(super) fn whole(value: &Value) -> Option<u32> {
    let float = || value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(x));
    match value.as_u64() {
        Some(number) => u32::try_from(number).ok(),
        None => float().map(|x| x as u32),
    }
}

/// A value for people, cut if it is long.
pub(super) fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > 60 {
        text.truncate(text.floor_char_boundary(60));
        text.push('…');
    }
    text
}

/// The object a file holds.
pub(super) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let strict = serde_json::from_slice(bytes);
    let value = strict.or_else(|error| serde_json::from_slice(&without_odd_numbers(bytes)).map_err(|_| error));
    match value.map_err(|error| format!("is not JSON: {error}; get the file again"))? {
        Value::Object(object) => Ok(object),
        other => Err(format!("holds {}, not an object; get the file again", shown(&other))),
    }
}

/// Python writes numbers that JSON has no words for; nothing we read is one of them, so they become `null`.
fn without_odd_numbers(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut in_text) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let odd = ["-Infinity", "Infinity", "NaN"].into_iter().find(|odd| rest.starts_with(odd.as_bytes()));
        if let Some(odd) = odd.filter(|_| !in_text) {
            out.extend_from_slice(b"null");
            at += odd.len();
            continue;
        }
        let escape = in_text && byte == b'\\';
        in_text ^= byte == b'"';
        let taken = if escape { 2.min(rest.len()) } else { 1 };
        out.extend_from_slice(&rest[..taken]);
        at += taken;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_numbers_are_nothing() {
        let object = parse(br#"{"a":[0.0,Infinity,-Infinity],"b":NaN,"NaN":"Infinity \" NaN","c":1}"#).unwrap();
        let expected = json!({"a": [0.0, null, null], "b": null, "NaN": "Infinity \" NaN", "c": 1});
        assert_eq!(Value::Object(object), expected);
        assert!(parse(b"{\"a\":Infinite}").unwrap_err().contains("not JSON"));
        assert!(parse(b"[1]").unwrap_err().contains("not an object"));
    }

    #[test]
    fn values_of_another_type_are_named() {
        let object = parse(br#"{"n":1.5,"f":2.0,"t":7,"big":4294967296,"neg":-1,"zero":0,"null":null}"#).unwrap();
        let file = File::of(Path::new("x/config.json"), object);
        let fields = file.fields();
        assert_eq!((fields.number("f").unwrap(), fields.number("null").unwrap()), (Some(2), None));
        for (error, expected) in [
            (fields.number("n").unwrap_err(), "'n' is 1.5, not a whole number"),
            (fields.number("big").unwrap_err(), "'big' is 4294967296"),
            (fields.number("neg").unwrap_err(), "'neg' is -1"),
            (fields.text("t").unwrap_err(), "'t' is 7, not a text"),
            (fields.size(&["null", "zero"]).unwrap_err(), "'zero' is 0"),
            (fields.needed(&["null", "none"]).unwrap_err(), "'null' is missing"),
        ] {
            let error = error.to_string();
            assert!(error.contains(expected) && error.contains("x/config.json"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_object_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[{}\\]\",:\\\\aNInfinity0-9 -]{0,80}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
            let once = without_odd_numbers(text.as_bytes());
            prop_assert!(once.len() <= text.len() + text.len() / 3);
        }
    }
}
