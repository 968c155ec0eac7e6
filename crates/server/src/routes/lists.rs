//! Lists in OpenAI's shape: which part of one is asked for, and how it is written.

use axum::Json;
use domain::Error;
use platform::evals::{Order, Page};
use serde_json::{Value, json};
use wire::fields::Fields;

use super::Param;

pub(super) const AFTER: Param = query("after", "string", "The id that the list goes on after.");
pub(super) const COUNT: Param = query("limit", "integer", "How many, at most.");
pub(super) const ORDER: Param = query("order", "string", "asc or desc.");

/// A parameter that may be left out.
pub(super) const fn query(name: &'static str, kind: &'static str, says: &'static str) -> Param {
    Param { name, kind, required: false, says }
}

/// What a list gives to somebody who says nothing of it.
pub(super) struct Usual {
    pub(super) limit: usize,
    /// How many may be asked for.
    pub(super) most: i64,
    pub(super) order: Order,
}

pub(super) fn page(fields: &Fields<'_>, usual: &Usual) -> Result<Page, Error> {
    let order = match fields.string("order")? {
        None => usual.order,
        Some("asc") => Order::Oldest,
        Some("desc") => Order::Newest,
        Some(other) => return Err(none_of(fields, "order", other, "'asc', 'desc'")),
    };
    let limit = fields.integer("limit", 1..=usual.most)?.map_or(usual.limit, |limit| limit as usize);
    Ok(Page { after: fields.string("after")?.map(str::to_owned), limit, order })
}

/// The complaint that a value is none of those that are known.
pub(super) fn none_of(fields: &Fields<'_>, name: &str, value: &str, known: &str) -> Error {
    let shown: String = value.chars().take(40).collect();
    fields.wrong_value(name, &format!("'{shown}' is none of {known}"))
}

pub(super) fn listed(data: Vec<Value>, more: bool) -> Json<Value> {
    let id = |one: Option<&Value>| one.map_or(Value::Null, |one| one["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    Json(json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}))
}
