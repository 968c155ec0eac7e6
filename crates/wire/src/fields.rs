//! Reading JSON objects so that every complaint names the parameter by its path.

use domain::Error;
use serde_json::{Map, Value};

/// What becomes of a field of a specification.
#[derive(Clone, Copy)]
pub enum Class {
    /// It is read.
    Supported,
    /// It is accepted and has no effect, because it does not change the answer.
    Ignored,
    /// It would change the answer and is not supported: refused by name, unless its value asks for nothing special.
    Refused {
        /// Whether a value asks for what happens anyway.
        neutral: fn(&Value) -> bool,
        /// What it would do, and what to do instead; ends the error message.
        remedy: &'static str,
    },
}

/// A field of a specification and what becomes of it.
#[derive(Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub class: Class,
}

impl Field {
    /// A field that is read.
    pub const fn read(name: &'static str) -> Self {
        Self { name, class: Class::Supported }
    }

    /// A field that is accepted without effect.
    pub const fn ignored(name: &'static str) -> Self {
        Self { name, class: Class::Ignored }
    }

    /// A field that is refused.
    pub const fn refused(name: &'static str, neutral: fn(&Value) -> bool, remedy: &'static str) -> Self {
        Self { name, class: Class::Refused { neutral, remedy } }
    }
}

/// For [`Field::refused`]: no value but `null` is neutral.
pub fn never(_: &Value) -> bool {
    false
}

/// The fields of one JSON object, with the path that leads to it. `null` reads as absent.
pub struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of a request's body.
    ///
    /// # Errors
    /// The body is not an object.
    pub fn of_body(body: &'a Value) -> Result<Self, Error> {
        match body {
            Value::Object(map) => Ok(Self { path: String::new(), map }),
            other => Err(Error::Invalid {
                param: None,
                code: "invalid_type",
                message: format!("The body must be a JSON object, but it is {}.", kind(other)),
            }),
        }
    }

    /// The fields of a value found at `path`.
    ///
    /// # Errors
    /// The value is not an object.
    pub fn at(path: String, value: &'a Value) -> Result<Self, Error> {
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            other => Err(wrong_type(&path, "an object", other)),
        }
    }

    /// Checks every name against a table.
    ///
    /// # Errors
    /// A name that is not in the table, or one that is refused.
    pub fn check(&self, table: &[Field]) -> Result<(), Error> {
        for (name, value) in self.map {
            let Some(field) = table.iter().find(|field| field.name == name) else {
                return Err(self.unknown(name, table));
            };
            if let Class::Refused { neutral, remedy } = field.class
                && !value.is_null()
                && !neutral(value)
            {
                return Err(unsupported(&self.path_of(name), remedy));
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str, table: &[Field]) -> Error {
        let shown: String = name.chars().take(80).collect();
        let hint = match nearest(name, table.iter().map(|field| field.name)) {
            Some(near) => format!(" Did you mean '{}'?", self.path_of(near)),
            None => " Remove it, or check its spelling; nothing is ignored in silence here.".to_owned(),
        };
        let path = self.path_of(&shown);
        Error::invalid(&path, "unknown_parameter", format!("Unknown parameter: '{path}'.{hint}"))
    }

    /// The path of one of this object's fields: `messages[2].content`.
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Where this object stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A field's value.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A boolean.
    ///
    /// # Errors
    /// Another type.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// A string.
    ///
    /// # Errors
    /// Another type.
    pub fn string(&self, name: &str) -> Result<Option<&'a str>, Error> {
        self.typed(name, "a string", Value::as_str)
    }

    /// A string that must be there and hold something.
    ///
    /// # Errors
    /// Absent, empty, or another type.
    pub fn required_string(&self, name: &str) -> Result<&'a str, Error> {
        match self.string(name)? {
            Some("") => Err(self.wrong_value(name, "it is empty")),
            Some(text) => Ok(text),
            None => Err(self.missing(name)),
        }
    }

    /// An array.
    ///
    /// # Errors
    /// Another type.
    pub fn array(&self, name: &str) -> Result<Option<&'a [Value]>, Error> {
        self.typed(name, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    /// An object.
    ///
    /// # Errors
    /// Another type.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Error> {
        self.get(name).map(|value| Fields::at(self.path_of(name), value)).transpose()
    }

    /// A number within a range.
    ///
    /// # Errors
    /// Another type, or outside.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<f64>) -> Result<Option<f32>, Error> {
        let Some(number) = self.typed(name, "a number", Value::as_f64)? else { return Ok(None) };
        if !range.contains(&number) {
            let why = format!("{number} is outside {}..={}", range.start(), range.end());
            return Err(self.wrong_value(name, &why));
        }
        Ok(Some(number as f32))
    }

    /// An integer within a range.
    ///
    /// # Errors
    /// Another type, or outside.
    pub fn integer(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        // Clients in languages with one number type write 1.0.
        let whole = value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64));
        match whole {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(_) => {
                let why = format!("{value} is outside {}..={}", range.start(), range.end());
                Err(self.wrong_value(name, &why))
            }
            None => Err(wrong_type(&self.path_of(name), "an integer", value)),
        }
    }

    /// The complaint that a field is missing.
    pub fn missing(&self, name: &str) -> Error {
        let path = self.path_of(name);
        Error::invalid(&path, "missing_required_parameter", format!("Missing required parameter: '{path}'."))
    }

    /// The complaint that a field's value cannot be; `why` completes "Invalid value for 'x': ".
    pub fn wrong_value(&self, name: &str, why: &str) -> Error {
        wrong_value(&self.path_of(name), why)
    }

    fn typed<T>(&self, name: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong_type(&self.path_of(name), expected, value))
    }
}

/// The complaint that a value has the wrong type.
pub fn wrong_type(path: &str, expected: &str, got: &Value) -> Error {
    let got = kind(got);
    Error::invalid(
        path,
        "invalid_type",
        format!("Invalid type for '{path}': expected {expected}, but got {got} instead."),
    )
}

/// The complaint that a value cannot be; `why` completes "Invalid value for 'x': ".
pub fn wrong_value(path: &str, why: &str) -> Error {
    Error::invalid(path, "invalid_value", format!("Invalid value for '{path}': {why}."))
}

/// The complaint that something would change the answer and is not supported.
pub fn unsupported(path: &str, remedy: &str) -> Error {
    Error::invalid(
        path,
        "unsupported_parameter",
        format!("Unsupported parameter: '{path}' is not supported by this server. {remedy}"),
    )
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The name most like `name`, if any is like it: at most a third of its letters differ.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Longer names are nobody's typing mistake, and their distances cost squares.
    if name.len() > 64 {
        return None;
    }
    let allowed = (name.chars().count() / 3).clamp(1, 4);
    names
        .map(|candidate| (distance(&name.to_lowercase(), candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;
    use serde_json::json;

    const TABLE: &[Field] = &[
        Field::read("temperature"),
        Field::read("top_p"),
        Field::ignored("user"),
        Field::refused("best_of", |value| value == 1, "Leave it out."),
    ];

    fn code(error: Error) -> (&'static str, String) {
        match error {
            Error::Invalid { code, message, .. } => (code, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_sorted_into_read_ignored_refused_and_unknown() {
        for (body, expected) in [
            (json!({"temperature": 1, "user": {"any": "thing"}, "best_of": 1}), None),
            (json!({"best_of": null}), None),
            (json!({"best_of": 2}), Some(("unsupported_parameter", "'best_of'"))),
            (json!({"temprature": 1}), Some(("unknown_parameter", "'temperature'"))),
            (json!({"Top_P": 1}), Some(("unknown_parameter", "Did you mean 'top_p'"))),
            (json!({"zzzz": 1}), Some(("unknown_parameter", "Remove it"))),
        ] {
            let got = Fields::of_body(&body).unwrap().check(TABLE).map_err(code);
            match expected {
                None => assert!(got.is_ok(), "{body}: {got:?}"),
                Some((code, part)) => {
                    let (got_code, message) = got.unwrap_err();
                    assert_eq!(got_code, code, "{body}");
                    assert!(message.contains(part), "{body}: {message}");
                }
            }
        }
    }

    #[test]
    fn integers_and_numbers_are_held_to_type_and_range() {
        let body = json!({"whole": 3.0, "half": 0.5, "big": 1e300, "text": "3", "huge": 18446744073709551615u64});
        let fields = Fields::of_body(&body).unwrap();
        assert_eq!(fields.integer("whole", 0..=5).unwrap(), Some(3));
        assert_eq!(fields.integer("none", 0..=5).unwrap(), None);
        assert_eq!(code(fields.integer("half", 0..=5).unwrap_err()).0, "invalid_type");
        assert_eq!(code(fields.integer("big", 0..=5).unwrap_err()).0, "invalid_value");
        assert_eq!(code(fields.integer("huge", 0..=5).unwrap_err()).0, "invalid_value");
        assert_eq!(code(fields.integer("text", 0..=5).unwrap_err()).0, "invalid_type");
        assert_eq!(code(fields.number("big", 0.0..=2.0).unwrap_err()).0, "invalid_value");
        assert_eq!(fields.number("half", 0.0..=2.0).unwrap(), Some(0.5));
    }

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("", "ab", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
