//! Quotations: texts of an answer that are words of its row, or of the passages it was answered from.
//!
//! In the form of answers they are `"quote"`, as a schema `{"type": "string", "format": "quote"}`. A model is asked for a text. What it says is then
//! looked for, and stands in the answer as it stands in the row; where it does not stand there, the quotation is empty.

use std::ops::Range;

use serde_json::Value;

/// What marks a quotation in a schema.
const FORMAT: &str = "quote";

/// A form as models are told of it, and held to it: to them a quotation is a text.
pub(crate) fn told(form: &Value) -> Value {
    match form {
        Value::Object(keys) => {
            let kept = keys.iter().filter(|(key, value)| *key != "format" || *value != FORMAT);
            kept.map(|(key, value)| (key.clone(), told(value))).collect()
        }
        Value::Array(all) => all.iter().map(told).collect(),
        other => other.clone(),
    }
}

/// An answer of a form, with its quotations as they stand in these texts, and empty where they do not.
pub(super) fn found(form: &Value, answer: Value, texts: &[&str]) -> Value {
    match answer {
        Value::String(quote) if form.get("format").is_some_and(|format| format == FORMAT) => {
            texts.iter().find_map(|text| stands_in(text, &quote)).unwrap_or_default().into()
        }
        Value::Array(all) => match form.get("items") {
            Some(form) => all.into_iter().map(|one| found(form, one, texts)).collect(),
            None => Value::Array(all),
        },
        Value::Object(fields) => {
            let form_of = |name: &str| form.get("properties").and_then(|all| all.get(name));
            let field = |(name, value): (String, Value)| {
                let value = match form_of(&name) {
                    Some(form) => found(form, value, texts),
                    None => value,
                };
                (name, value)
            };
            fields.into_iter().map(field).collect()
        }
        other => other,
    }
}

/// The words of a text that a quotation means: the very ones, or those that differ by nothing but case, width, spaces and punctuation.
fn stands_in<'a>(text: &'a str, quote: &str) -> Option<&'a str> {
    let quote = quote.trim();
    if let (false, Some(at)) = (quote.is_empty(), text.find(quote)) {
        return Some(&text[at..at + quote.len()]);
    }
    let (there, wanted) = (letters(text), letters(quote));
    if wanted.is_empty() {
        return None;
    }
    let same = |part: &&[(char, Range<usize>)]| part.iter().zip(&wanted).all(|(a, b)| a.0 == b.0);
    let part = there.windows(wanted.len()).find(same)?;
    Some(&text[part.first()?.1.start..part.last()?.1.end])
}

/// Letters and digits, wide ones as narrow ones and large ones as small ones, with where each stands.
fn letters(text: &str) -> Vec<(char, Range<usize>)> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    let all = text.char_indices().map(|(at, c)| (narrow(c), at..at + c.len_utf8()));
    let all = all.filter(|(c, _)| c.is_alphanumeric());
    all.flat_map(|(c, at)| c.to_lowercase().map(move |c| (c, at.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quotation_is_what_stands_there() {
        for (text, quote, stands) in [
            ("快递很快，可是包装破了。", "包装破了", Some("包装破了")),
            ("快递很快，可是包装破了。", "可是包装破了！", Some("可是包装破了")),
            ("快递很快，可是包装破了。", "快递很快,可是包装", Some("快递很快，可是包装")),
            ("快递很快，可是包装破了。", "包装没破", None),
            ("The  Lid\ncloses tight.", "the lid closes tight", Some("The  Lid\ncloses tight")),
            ("ＱＳ－１００ 不错", "QS-100不错", Some("ＱＳ－１００ 不错")),
            ("It is \u{130}.", "\u{130}", Some("\u{130}")),
            ("abc", "", None),
            ("abc", " …", None),
            ("", "abc", None),
        ] {
            assert_eq!(stands_in(text, quote), stands, "{quote} in {text}");
        }
    }

    #[test]
    fn quotations_are_found_wherever_the_form_has_them() {
        let quote = json!({"type": "string", "format": "quote", "description": "its words"});
        let form = json!({"type": "object", "properties": {
            "mood": {"type": "string"},
            "all": {"type": "array", "items": {"type": "object", "properties": {"why": quote}}},
        }});
        let answer = json!({"mood": "Not there", "all": [{"why": "SO GOOD"}, {"why": "so bad"}], "more": 1});
        assert_eq!(
            found(&form, answer, &["", "It is so good."]),
            json!({"mood": "Not there", "all": [{"why": "so good"}, {"why": ""}], "more": 1})
        );
        let told = told(&form).to_string();
        assert!(!told.contains("quote") && told.contains("its words"), "{told}");
        assert_eq!(super::told(&json!({"type": "string", "format": "date"}))["format"], "date");
    }

    proptest! {
        #[test]
        fn a_quotation_is_always_a_part_of_the_text(text in "(?s).{0,60}", quote in "(?s).{0,6}", from in 0usize..60, long in 1usize..20) {
            if let Some(part) = stands_in(&text, &quote) {
                prop_assert!(text.contains(part));
            }
            // Whatever is cut out of it is found, if there is a letter in it.
            let cut: String = text.chars().skip(from).take(long).collect();
            prop_assert_eq!(stands_in(&text, &cut).is_some(), !cut.trim().is_empty());
        }
    }
}
