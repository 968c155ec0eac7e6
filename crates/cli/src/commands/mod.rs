//! One module a command.

pub(crate) mod ask;
pub(crate) mod chat;
pub(crate) mod complete;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod ingest;
pub(crate) mod kb;
pub(crate) mod models;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod tokens;
