//! Other people's JSON: the shapes the HTTP door speaks, those that servers elsewhere speak, and nothing else.
//!
//! [`openai`] turns bodies of OpenAI's specification into [`domain::Request`]s and streams of [`domain::Event`]s into
//! its responses, and the other way round where we are the client; [`fields`] reads JSON objects so that every
//! complaint names the parameter; [`sse`] frames events and reads them.
//! What is *not* here: sockets, routes, models. Everything is a pure function of its input.

pub mod fields;
pub mod openai;
pub mod sse;
