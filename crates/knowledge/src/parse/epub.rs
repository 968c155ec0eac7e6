//! E-books: chapters in reading order, each a web page.

use std::collections::HashMap;

use super::builder::Builder;
use super::tame::Syntax;
use super::xml::{Step, walk};
use super::zipped::{Zipped, resolve};
use super::{Limits, Outcome, decode, html};

pub(super) fn read(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let mut zip = Zipped::open(bytes, "e-book", limits)?;
    let container = zip.require("META-INF/container.xml")?;
    let mut package = None;
    walk(&container, limits, &mut |step| {
        if let Step::Open("rootfile", attributes) = step {
            package = package.take().or_else(|| attributes.get("full-path").map(str::to_owned));
        }
    })?;
    let package = package.unwrap_or_else(|| "content.opf".to_owned());
    let description = zip.require(&package)?;
    let (mut files, mut spine, mut title, mut inside) = (HashMap::new(), Vec::new(), String::new(), false);
    walk(&description, limits, &mut |step| match step {
        Step::Open("item", attributes) => {
            if let (Some(id), Some(href)) = (attributes.get("id"), attributes.get("href")) {
                files.insert(id.to_owned(), resolve(&package, &unquoted(href)));
            }
        }
        Step::Open("itemref", attributes) => spine.extend(attributes.get("idref").map(str::to_owned)),
        Step::Open("title", _) => inside = true,
        Step::Close("title") => inside = false,
        Step::Text(text) if inside => title.push_str(text),
        _ => {}
    })?;
    out.title(&title);
    for id in spine {
        let Some(file) = files.get(&id) else { continue };
        match zip.read(file)? {
            Some(chapter) => {
                out.leave();
                html::read(&decode::html(&chapter, out), Syntax::Xml, limits, out);
            }
            None => out.warn(format!("chapter '{file}' is missing")),
        }
        if out.full() {
            break;
        }
    }
    Ok(())
}

/// `%20` and the like in a path.
fn unquoted(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
