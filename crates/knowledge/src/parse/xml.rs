//! XML as a walk of events, with names free of prefixes.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Limits, Refusal};

/// What a walk meets.
pub(super) enum Step<'a> {
    /// An element begins; its local name and attributes.
    Open(&'a str, Attributes),
    /// An element ends.
    Close(&'a str),
    /// Text.
    Text(&'a str),
}

/// Local names and values.
pub(super) struct Attributes(pub(super) Vec<(String, String)>);

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Calls `visit` for each step of a document, to the end or the first flaw. What was read before a flaw stands.
pub(super) fn walk(bytes: &[u8], limits: &Limits, visit: &mut dyn FnMut(Step<'_>)) -> Result<(), Refusal> {
    let text = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0,
        None => String::from_utf8_lossy(bytes),
    };
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    let mut depth = 0usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                depth += 1;
                if depth > limits.depth {
                    return Err(Refusal::damaged("document", format!("elements more than {} deep", limits.depth)));
                }
                visit(Step::Open(&local(start.name().as_ref()), attributes(&start)));
            }
            Ok(Event::Empty(start)) => {
                let name = local(start.name().as_ref());
                visit(Step::Open(&name, attributes(&start)));
                visit(Step::Close(&name));
            }
            Ok(Event::End(end)) => {
                depth = depth.saturating_sub(1);
                visit(Step::Close(&local(end.name().as_ref())));
            }
            Ok(Event::Text(piece)) => visit(Step::Text(&piece)),
            Ok(Event::CData(piece)) => visit(Step::Text(&piece)),
            Ok(Event::GeneralRef(name)) => {
                let name = name.to_string();
                visit(Step::Text(&entity(&name).map_or_else(|| format!("&{name};"), String::from)));
            }
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(Refusal::damaged("XML document", error)),
        }
    }
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn attributes(start: &BytesStart<'_>) -> Attributes {
    let mut all = start.attributes();
    let pairs = all.with_checks(false).flatten().map(|attribute| {
        let value = quick_xml::escape::unescape(&attribute.value)
            .map_or_else(|_| attribute.value.to_string(), |value| value.into_owned());
        (local(attribute.key.as_ref()), value)
    });
    Attributes(pairs.collect())
}
