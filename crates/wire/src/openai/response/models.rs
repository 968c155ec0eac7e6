//! Lists of models.

use serde::Serialize;

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelBody {
    /// The name requests use.
    pub id: String,
    object: &'static str,
    /// When it came here, in seconds since 1970.
    pub created: u64,
    owned_by: &'static str,
}

impl ModelBody {
    /// A model by name.
    pub fn new(id: String, created: u64) -> Self {
        Self { id, object: "model", created, owned_by: "sumeru" }
    }
}

/// The models that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelList {
    object: &'static str,
    /// In order.
    pub data: Vec<ModelBody>,
}

impl ModelList {
    /// A list in the order given.
    pub fn new(data: Vec<ModelBody>) -> Self {
        Self { object: "list", data }
    }
}
