//! Changes keys of a task's file where they stand: what is not named stays as it was written, comments and order among it.

use serde_json::{Map, Value as Json};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use crate::{Error, Result};

/// A key that may be named without the word before it.
const SCHEMA: (&str, &str) = ("schema", "output_schema");

/// The text with keys set to values, or taken out where the value is null; nothing if the text is no TOML.
///
/// # Errors
/// [`Error::Invalid`] naming a value that TOML cannot hold.
pub(super) fn set(text: &str, changes: &Map<String, Json>) -> Result<Option<String>> {
    let Ok(mut document) = text.strip_prefix('\u{feff}').unwrap_or(text).parse::<DocumentMut>() else {
        return Ok(None);
    };
    for (key, value) in changes {
        let key = if key == SCHEMA.0 { SCHEMA.1 } else { key };
        let changed = match (document.get_mut(key), value) {
            (_, Json::Null) => {
                document.remove(key);
                Ok(())
            }
            (Some(item), value) => change(item, value),
            (None, value) => new_item(value).map(|item| {
                document.insert(key, item);
            }),
        };
        changed.map_err(|why| Error::invalid(&format!("set.{key}"), "invalid_value", format!("set.{key}: {why}")))?;
    }
    Ok(Some(document.to_string()))
}

/// What a file's keys say, in its order.
///
/// # Errors
/// [`Error::Invalid`] if the text is no TOML.
pub(super) fn keys(text: &str) -> Result<Map<String, Json>> {
    let document: DocumentMut =
        text.parse().map_err(|error| Error::invalid("task", "invalid_task", format!("this is no TOML: {error}")))?;
    Ok(document.iter().map(|(key, item)| (key.to_owned(), json(item))).collect())
}

type Changed<T> = std::result::Result<T, String>;

/// Makes an item say something else, and leaves alone what says it already.
fn change(item: &mut Item, to: &Json) -> Changed<()> {
    if alike(&json(item), to) {
        return Ok(());
    }
    match (&mut *item, to) {
        (Item::ArrayOfTables(tables), Json::Array(all)) if all.iter().all(Json::is_object) && !all.is_empty() => {
            change_tables(tables, all)
        }
        (Item::Table(table), Json::Object(fields)) => {
            change_fields(table, fields)?;
            table.sort_values_by(|a, _, b, _| place(fields, a.get()).cmp(&place(fields, b.get())));
            Ok(())
        }
        (Item::Value(value), to) if !to.is_object() || value.is_inline_table() => change_value(value, to),
        (other, to) => {
            *other = new_item(to)?;
            Ok(())
        }
    }
}

/// Whether two say the same, fields in the same order.
fn alike(a: &Json, b: &Json) -> bool {
    let (a, b) = (a.to_string(), b.to_string());
    a == b
}

fn change_value(value: &mut Value, to: &Json) -> Changed<()> {
    match (&mut *value, to) {
        (Value::Array(array), Json::Array(all)) => change_array(array, all),
        (Value::InlineTable(table), Json::Object(fields)) => {
            change_fields(table, fields)?;
            table.sort_values_by(|a, _, b, _| place(fields, a.get()).cmp(&place(fields, b.get())));
            if !table.to_string().contains('#') {
                table.fmt();
            }
            Ok(())
        }
        (old, to) => {
            let mut new = new_value(to)?;
            // What stands around it, a comment at the end of its line among it.
            *new.decor_mut() = old.decor().clone();
            *old = new;
            Ok(())
        }
    }
}

fn place(fields: &Map<String, Json>, key: &str) -> usize {
    fields.keys().position(|one| one == key).unwrap_or(usize::MAX)
}

fn change_fields(table: &mut dyn toml_edit::TableLike, fields: &Map<String, Json>) -> Changed<()> {
    let gone: Vec<String> =
        table.iter().map(|(key, _)| key.to_owned()).filter(|key| fields.get(key).is_none_or(Json::is_null)).collect();
    for key in gone {
        table.remove(&key);
    }
    for (key, to) in fields.iter().filter(|(_, to)| !to.is_null()) {
        match table.get_mut(key) {
            Some(item) => change(item, to).map_err(|why| format!("{key}: {why}"))?,
            None => {
                let value = new_value(to).map_err(|why| format!("{key}: {why}"))?;
                table.insert(key, Item::Value(value));
            }
        }
    }
    Ok(())
}

/// `[[examples]]`: those that stay keep what is written around them.
fn change_tables(tables: &mut ArrayOfTables, all: &[Json]) -> Changed<()> {
    let old: Vec<Table> = tables.iter().cloned().collect();
    let said: Vec<Json> = old.iter().map(|table| json(&Item::Table(table.clone()))).collect();
    tables.clear();
    for (from, to) in taken_from(&said, all).into_iter().zip(all) {
        let mut item = match from {
            Some(at) => Item::Table(old[at].clone()),
            None => Item::Table(spaced()),
        };
        change(&mut item, to)?;
        if let Item::Table(mut table) = item {
            // By their order in the list, not by where they stood.
            table.set_position(None);
            tables.push(table);
        }
    }
    Ok(())
}

fn change_array(array: &mut Array, all: &[Json]) -> Changed<()> {
    let in_one_line = !array.to_string().contains('\n');
    let old: Vec<Value> = array.iter().cloned().collect();
    let said: Vec<Json> = old.iter().map(|value| json(&Item::Value(value.clone()))).collect();
    array.clear();
    for (from, to) in taken_from(&said, all).into_iter().zip(all) {
        let value = match from {
            Some(at) => {
                let mut value = old[at].clone();
                if !alike(&said[at], to) {
                    change_value(&mut value, to)?;
                }
                value
            }
            None => {
                let mut value = new_value(to)?;
                if let Some(prefix) = old.last().and_then(|like| like.decor().prefix()?.as_str()) {
                    let indent = prefix.rsplit('\n').next().unwrap_or_default();
                    value.decor_mut().set_prefix(format!("\n{indent}"));
                }
                value
            }
        };
        array.push_formatted(value);
    }
    if in_one_line {
        array.fmt();
    }
    Ok(())
}

/// Which old one each new one is made of: the same one, or the one in its place if that says nothing that is still wanted.
fn taken_from(old: &[Json], new: &[Json]) -> Vec<Option<usize>> {
    let mut used = vec![false; old.len()];
    let mut from: Vec<Option<usize>> = new
        .iter()
        .map(|one| {
            let at = (0..old.len()).find(|at| !used[*at] && old[*at] == *one)?;
            used[at] = true;
            Some(at)
        })
        .collect();
    for (at, from) in from.iter_mut().enumerate() {
        if from.is_none() && used.get(at) == Some(&false) {
            used[at] = true;
            *from = Some(at);
        }
    }
    from
}

/// A table with a line before it.
fn spaced() -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    table
}

/// A key's value where there was none: a record gets a head of its own, and so does each of several.
fn new_item(to: &Json) -> Changed<Item> {
    match to {
        Json::Object(fields) => {
            let mut table = spaced();
            change_fields(&mut table, fields)?;
            Ok(Item::Table(table))
        }
        Json::Array(all) if all.len() > 1 && all.iter().all(Json::is_object) => tables(all),
        // One record in a list is a form, unless it is an example.
        Json::Array(all) if all.len() == 1 && all[0].get("input").is_some() && all[0].get("output").is_some() => {
            tables(all)
        }
        other => Ok(Item::Value(new_value(other)?)),
    }
}

fn tables(all: &[Json]) -> Changed<Item> {
    let mut tables = ArrayOfTables::new();
    change_tables(&mut tables, all)?;
    Ok(Item::ArrayOfTables(tables))
}

fn new_value(to: &Json) -> Changed<Value> {
    Ok(match to {
        Json::Null => return Err("a list cannot hold null; leave it out".to_owned()),
        Json::Bool(is) => Value::from(*is),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(number)) if !to.is_u64() => Value::from(number),
            _ => return Err(format!("{number} is too large a number")),
        },
        Json::Array(all) => Value::Array(all.iter().map(new_value).collect::<Changed<Array>>()?),
        Json::Object(fields) => {
            let mut table = InlineTable::new();
            for (key, to) in fields.iter().filter(|(_, to)| !to.is_null()) {
                table.insert(key, new_value(to).map_err(|why| format!("{key}: {why}"))?);
            }
            Value::InlineTable(table)
        }
    })
}

/// What an item says.
fn json(item: &Item) -> Json {
    match item {
        Item::None => Json::Null,
        Item::Table(table) => table.iter().map(|(key, item)| (key.to_owned(), json(item))).collect(),
        Item::ArrayOfTables(tables) => tables.iter().map(|table| json(&Item::Table(table.clone()))).collect(),
        Item::Value(value) => match value {
            Value::String(text) => Json::from(text.value().as_str()),
            Value::Integer(number) => Json::from(*number.value()),
            Value::Float(number) => Json::from(*number.value()),
            Value::Boolean(is) => Json::from(*is.value()),
            Value::Datetime(date) => Json::from(date.value().to_string()),
            Value::Array(array) => array.iter().map(|value| json(&Item::Value(value.clone()))).collect(),
            Value::InlineTable(table) => {
                table.iter().map(|(key, value)| (key.to_owned(), json(&Item::Value(value.clone())))).collect()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = r#"# What customers want.
description = "Sorts" # for people

# One of these.
output = ["a", "b"]

instructions = """
Sort it.

{{ text }}
"""

# Of each row:
[input]
text = "the message" # as it came
"shop?" = "where"

[policy]
data = "personal" # names are in it

# The first.
[[examples]]
input = { text = "one" }
output = "a"

# The second.
[[examples]]
input = { text = "two" }
output = "b"
"#;

    fn changed(changes: Json) -> String {
        let text = set(FILE, changes.as_object().expect("keys")).expect("values").expect("TOML");
        let (task, problems) = super::super::file::read("sort", &text);
        assert!(task.is_some(), "{problems:?}\n{text}");
        text
    }

    /// Lines that are only in one of both.
    fn differing(changes: Json) -> (Vec<String>, Vec<String>) {
        let text = changed(changes);
        let only = |a: &str, b: &str| -> Vec<String> {
            a.lines().filter(|line| !b.lines().any(|other| other == *line)).map(str::to_owned).collect()
        };
        (only(FILE, &text), only(&text, FILE))
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        assert_eq!(changed(json!({})), FILE);
        let same = json!({"description": "Sorts", "output": ["a", "b"], "input": {"text": "the message", "shop?": "where"},
            "instructions": "Sort it.\n\n{{ text }}\n", "policy": {"data": "personal"}});
        assert_eq!(changed(same), FILE);
        for (changes, gone, new) in [
            (
                json!({"description": "New"}),
                &["description = \"Sorts\" # for people"][..],
                &["description = \"New\" # for people"][..],
            ),
            (json!({"output": ["a", "b", "c"]}), &["output = [\"a\", \"b\"]"], &["output = [\"a\", \"b\", \"c\"]"]),
            (json!({"output": ["b", "a"]}), &["output = [\"a\", \"b\"]"], &["output = [\"b\", \"a\"]"]),
            (json!({"metric": "exact"}), &[], &["metric = \"exact\""]),
            (
                json!({"policy": {"data": "secret", "market": "2c"}}),
                &["data = \"personal\" # names are in it"],
                &["data = \"secret\" # names are in it", "market = \"2c\""],
            ),
            (json!({"policy": null}), &["[policy]", "data = \"personal\" # names are in it"], &[]),
            (
                json!({"constraints": {"latency_p95": "2s", "memory": null}}),
                &[],
                &["[constraints]", "latency_p95 = \"2s\""],
            ),
            (json!({"instructions": "Sort:\n{{ text }}\n"}), &["Sort it."], &["Sort:"]),
        ] {
            let (was, is) = differing(changes.clone());
            assert_eq!(
                (was, is),
                (gone.iter().map(ToString::to_string).collect(), new.iter().map(ToString::to_string).collect()),
                "{changes}"
            );
        }
    }

    #[test]
    fn fields_are_in_the_order_that_is_said() {
        let text = changed(json!({"input": {"shop?": "where", "text": "the message", "day?": "when"}}));
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        assert!(
            at("# Of each row:\n[input]") < at("\"shop?\"")
                && at("\"shop?\"") < at("text = \"the message\" # as it came")
        );
        assert!(at("# as it came") < at("\"day?\" = \"when\"") && at("\"day?\"") < at("[policy]"), "{text}");
    }

    #[test]
    fn names_of_fields_are_quoted_where_they_have_to_be() {
        let names = [
            "Review Text",
            "评论 内容",
            "Kunden-Nr.",
            "text (en)",
            "2024",
            "say \"it\"",
            "it's",
            "both \"'",
            "two\nlines",
            "a\\b",
            "1 = x # no",
        ];
        let fields: Map<String, Json> = names.iter().map(|name| ((*name).to_owned(), json!("what it is"))).collect();
        let example = json!({"input": fields, "output": "a"});
        let text = changed(json!({"input": fields, "examples": [example], "instructions": "Sort {{ Review_Text }}."}));
        assert!(text.contains("\"Review Text\" = \"what it is\"\n"), "{text}");
        let (task, problems) = super::super::file::read("sort", &text);
        let task = task.unwrap_or_else(|| panic!("{problems:?}\n{text}"));
        assert_eq!(task.input.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(task.examples[0].input, fields);
        assert_eq!(keys(&text).expect("TOML")["input"], Json::Object(fields));
    }

    #[test]
    fn examples_keep_what_is_written_about_them() {
        let one = json!({"input": {"text": "one"}, "output": "a"});
        let two = json!({"input": {"text": "two"}, "output": "b"});
        let new = json!({"input": {"text": "three\nlines"}, "output": "a"});
        let text = changed(json!({"examples": [two, new]}));
        assert!(text.contains("# The second.\n[[examples]]") && !text.contains("# The first"), "{text}");
        assert!(
            text.ends_with("[[examples]]\ninput = { text = \"\"\"\nthree\nlines\"\"\" }\noutput = \"a\"\n"),
            "{text}"
        );
        assert!(!changed(json!({"examples": []})).contains("[[examples]]"));
        let text = changed(json!({"examples": [two, one]}));
        assert!(text.find("# The second") < text.find("# The first"), "{text}");
        let text = set("instructions = 'x'\n", json!({"examples": [one]}).as_object().expect("keys"));
        let text = text.expect("values").expect("TOML");
        assert_eq!(text, "instructions = 'x'\n\n[[examples]]\ninput = { text = \"one\" }\noutput = \"a\"\n");
    }

    #[test]
    fn the_form_of_answers_may_become_another() {
        let text = changed(json!({"output": {"topic": ["a", "b"], "why?": "text"}, "examples": null}));
        assert!(text.contains("[output]\ntopic = [\"a\", \"b\"]\n\"why?\" = \"text\"\n"), "{text}");
        assert!(text.contains("# What customers want."), "{text}");
        let text = changed(json!({"output": [{"who": "text"}], "examples": null}));
        assert!(text.contains("output = [{ who = \"text\" }]"), "{text}");
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let text = changed(json!({"output": null, "schema": schema, "examples": null}));
        assert!(
            text.contains("[output_schema]\ntype = \"object\"\nproperties = { a = { type = \"integer\" } }\n"),
            "{text}"
        );
    }

    #[test]
    fn lists_over_several_lines_stay_so() {
        let file = "instructions = 'x'\noutput = [\n    \"a\", # the first\n    \"b\", # the second\n]\n";
        let set = |labels: Json| {
            let text = set(file, json!({"output": labels}).as_object().expect("keys")).expect("values").expect("TOML");
            assert!(super::super::file::read("x", &text).0.is_some(), "{text}");
            text
        };
        assert!(set(json!(["a", "b", "c"])).contains("\n    \"c\""), "{}", set(json!(["a", "b", "c"])));
        assert!(set(json!(["a", "z"])).contains("\"a\", # the first\n    \"z\""), "{}", set(json!(["a", "z"])));
    }

    #[test]
    fn what_toml_cannot_hold_is_refused_and_no_toml_is_left_alone() {
        let error = set(FILE, json!({"output": ["a", null]}).as_object().expect("keys")).expect_err("null");
        assert!(error.to_string().contains("set.output: a list cannot hold null"), "{error}");
        assert!(set(FILE, json!({"constraints": {"cost_per_1000": u64::MAX}}).as_object().expect("keys")).is_err());
        assert_eq!(set("a = ", &Map::new()), Ok(None));
    }
}
