//! Quotations: texts of an answer that are words of its row, or of the passages it was answered from.
//!
//! In the form of answers they are `"quote"`, as a schema `{"type": "string", "format": "quote"}`. A model is asked for a text. What it says is then
//! looked for, and stands in the answer as it stands in the row; where it does not stand there, the quotation is empty.

use std::ops::Range;

use serde_json::Value;

use super::reading::is_whole;

/// What marks a quotation in a schema.
const FORMAT: &str = "quote";
/// Forms within forms that are followed; a form may point to itself.
const DEEPEST: usize = 64;

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
    within(form, form, answer, texts, 0)
}

/// As [`found`], for a part of a form.
fn within(whole: &Value, form: &Value, answer: Value, texts: &[&str], depth: usize) -> Value {
    if depth > DEEPEST {
        return answer;
    }
    let mut answer = match answer {
        Value::String(quote) if form.get("format").is_some_and(|format| format == FORMAT) => {
            return texts.iter().find_map(|text| stands_in(text, &quote)).unwrap_or_default().into();
        }
        Value::Array(all) => {
            let form_of = |at: usize| form.get("prefixItems").and_then(|all| all.get(at)).or_else(|| form.get("items"));
            let item = |(at, one)| match form_of(at) {
                Some(form) => within(whole, form, one, texts, depth + 1),
                None => one,
            };
            all.into_iter().enumerate().map(item).collect()
        }
        Value::Object(fields) => {
            let named = |name: &str| form.get("properties").and_then(|all| all.get(name));
            let field = |(name, value): (String, Value)| {
                let value = match named(&name).or_else(|| form.get("additionalProperties")) {
                    Some(form) => within(whole, form, value, texts, depth + 1),
                    None => value,
                };
                (name, value)
            };
            fields.into_iter().map(field).collect()
        }
        other => other,
    };
    let pointed = form.get("$ref").and_then(Value::as_str).and_then(|at| whole.pointer(at.strip_prefix('#')?));
    let parts = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| form.get(key)?.as_array()).flatten();
    for part in parts.chain(pointed) {
        answer = within(whole, part, answer, texts, depth + 1);
    }
    answer
}

/// The words of a text that a quotation means: the very ones, or those that differ by nothing but case, width, spaces and punctuation. It is no
/// part of a word.
fn stands_in<'a>(text: &'a str, quote: &str) -> Option<&'a str> {
    let quote = quote.trim();
    if !quote.is_empty() {
        let ends = text.match_indices(quote).map(|(at, _)| (at, at + quote.len()));
        if let Some((at, end)) = ends.into_iter().find(|(at, end)| is_whole(text, *at, *end)) {
            return Some(&text[at..end]);
        }
    }
    let (there, wanted) = (letters(text), letters(quote));
    if wanted.is_empty() {
        return None;
    }
    let same = |part: &[(char, Range<usize>)]| part.iter().zip(&wanted).all(|(a, b)| a.0 == b.0);
    let places = there.windows(wanted.len()).filter(|part| same(part));
    let ends = places.filter_map(|part| Some((part.first()?.1.start, part.last()?.1.end)));
    let (at, end) = ends.into_iter().find(|(at, end)| is_whole(text, *at, *end))?;
    // Accents that stand after their letter belong to it.
    let accents: usize =
        text[end..].chars().take_while(|c| ('\u{300}'..='\u{36f}').contains(c)).map(char::len_utf8).sum();
    Some(&text[at..end + accents])
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
            ("This item broke", "Is it", None),
            ("I have known no better.", "NO", Some("no")),
            ("I have known better.", "no", None),
            ("cafe\u{301} is", "CAFE", Some("cafe\u{301}")),
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
        let pointed = json!({"$defs": {"q": {"anyOf": [{"type": "null"}, quote]}}, "type": "array", "items": {"$ref": "#/$defs/q"}});
        assert_eq!(found(&pointed, json!(["so good", null, "so bad"]), &["so good"]), json!(["so good", null, ""]));
        let itself = json!({"$ref": "#"});
        assert_eq!(found(&itself, json!("so bad"), &[]), json!("so bad"));
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
            // Whatever is cut out of it between words is found.
            let words: Vec<&str> = text.split_whitespace().skip(from).take(long).collect();
            if let (Some(first), Some(last)) = (words.first(), words.last()) {
                let (from, to) = (first.as_ptr() as usize, last.as_ptr() as usize + last.len());
                let start = text.as_ptr() as usize;
                prop_assert!(stands_in(&text, &text[from - start..to - start]).is_some());
            }
        }
    }
}
