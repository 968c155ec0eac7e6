//! The right wheel on a package index: the simple API as HTML (PEP 503) and as JSON (PEP 691), read as foreign bytes.

use serde::Deserialize;

/// What is asked for: JSON if the index has it.
pub(super) const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A file the index offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) filename: String,
    /// As it stands in the page: it may be relative to it.
    pub(super) url: String,
    pub(super) sha256: Option<String>,
}

/// A project's name as it stands in an index's addresses (PEP 503).
pub(super) fn normalized(project: &str) -> String {
    let mut name = String::new();
    for c in project.chars() {
        match c {
            '-' | '_' | '.' if name.ends_with('-') => {}
            '-' | '_' | '.' => name.push('-'),
            c => name.extend(c.to_lowercase()),
        }
    }
    name
}

/// Reads a project's page; the second value is what addresses are relative to, if the page says so.
pub(super) fn links(page: &[u8], json: bool) -> Result<(Vec<Link>, Option<String>), String> {
    if json {
        #[derive(Deserialize)]
        struct Page {
            files: Vec<File>,
        }
        #[derive(Deserialize)]
        struct File {
            filename: String,
            url: String,
            #[serde(default)]
            hashes: std::collections::HashMap<String, String>,
        }
        let page: Page =
            serde_json::from_slice(page).map_err(|error| format!("the index's page is not valid JSON: {error}"))?;
        let link = |file: File| Link {
            sha256: file.hashes.get("sha256").and_then(|digest| digest_of(digest)),
            filename: file.filename,
            url: file.url,
        };
        return Ok((page.files.into_iter().map(link).collect(), None));
    }
    Ok(from_html(&String::from_utf8_lossy(page)))
}

/// The project's wheel of that version, one for any platform first: the model in it is the same in all.
pub(super) fn choose(links: Vec<Link>, project: &str, version: &str) -> Result<Link, String> {
    let project = normalized(project);
    let mut versions = Vec::new();
    let mut found: Vec<Link> = Vec::new();
    for link in links {
        let Some(stem) = link.filename.strip_suffix(".whl") else { continue };
        let mut parts = stem.split('-');
        let (Some(name), Some(this)) = (parts.next(), parts.next()) else { continue };
        if normalized(name) != project {
            continue;
        }
        if this == version {
            found.push(link);
        } else if !versions.contains(&this.to_owned()) {
            versions.push(this.to_owned());
        }
    }
    let any = found.iter().position(|link| link.filename.ends_with("-none-any.whl"));
    if found.is_empty() {
        versions.truncate(8);
        let has = if versions.is_empty() { "no wheel at all".to_owned() } else { versions.join(", ") };
        return Err(format!("the index has no wheel of {project} {version} (it has: {has})"));
    }
    Ok(found.swap_remove(any.unwrap_or(0)))
}

fn from_html(page: &str) -> (Vec<Link>, Option<String>) {
    let (mut links, mut base) = (Vec::new(), None);
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end..]);
            continue;
        }
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let anchor = name.eq_ignore_ascii_case("a");
        if !anchor && !name.eq_ignore_ascii_case("base") {
            continue;
        }
        let (href, after) = attribute(after, "href");
        rest = after;
        match href.map(unescaped) {
            Some(href) if anchor => links.extend(link_to(&href)),
            Some(href) => base = base.or(Some(href)),
            None => {}
        }
    }
    (links, base)
}

/// An attribute's value within a tag, and what follows the tag.
fn attribute<'a>(mut rest: &'a str, wanted: &str) -> (Option<&'a str>, &'a str) {
    let mut value = None;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (value, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (value, after);
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(after) = after.strip_prefix('=') else {
            // A name without a value; a stray sign is stepped over so that every round moves on.
            rest = if name.is_empty() { rest.get(1..).unwrap_or("") } else { after };
            continue;
        };
        let after = after.trim_start();
        let (this, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            _ => after.split_at(after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len())),
        };
        if name.eq_ignore_ascii_case(wanted) && value.is_none() {
            value = Some(this);
        }
        rest = after;
    }
}

fn link_to(href: &str) -> Option<Link> {
    let (url, fragment) = href.split_once('#').unwrap_or((href, ""));
    let path = url.split('?').next().unwrap_or(url);
    let filename = percent_decoded(path.rsplit('/').next()?);
    if filename.is_empty() {
        return None;
    }
    let digest = fragment.split('&').find_map(|pair| pair.strip_prefix("sha256=")).and_then(digest_of);
    Some(Link { filename, url: url.to_owned(), sha256: digest })
}

fn digest_of(text: &str) -> Option<String> {
    (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

fn unescaped(text: &str) -> String {
    let pairs = [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">")];
    let text = pairs.iter().fold(text.trim().to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: &u8| (*byte as char).to_digit(16);
        match (first, after) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push((hex(high).unwrap_or(0) * 16 + hex(low).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    const DIGEST: &str = "6ca4479c6df86ff8dd93f025575b659db5058e43ee64d7f01ac118a99fb6e198";

    #[test]
    fn both_formats_say_the_same() {
        let html = format!(
            "<!DOCTYPE html><html><body><h1>Links</h1>\n<!-- <a href=\"no-1.0-py3-none-any.whl\">no</a> -->\
             <a href=\"../../f/My_Model-1.0-py3-none-any.whl?a=1&amp;b=2#sha256={DIGEST}\" data-x='>'>x</a><br/>\
             <A data-requires-python=\"&gt;=3.8\" HREF='my_model-1.0.tar.gz'>x</A><abbr href=\"abbr\"></abbr></body>"
        );
        let json = format!(
            r#"{{"meta":{{"api-version":"1.1"}},"name":"my-model","files":[
                {{"filename":"My_Model-1.0-py3-none-any.whl","url":"../../f/My_Model-1.0-py3-none-any.whl?a=1&b=2","hashes":{{"sha256":"{DIGEST}"}},"yanked":false}},
                {{"filename":"my_model-1.0.tar.gz","url":"my_model-1.0.tar.gz","hashes":{{}}}}]}}"#
        );
        let (from_html, base) = links(html.as_bytes(), false).unwrap();
        assert_eq!(base, None);
        assert_eq!(from_html, links(json.as_bytes(), true).unwrap().0);
        assert_eq!(from_html.len(), 2);
        assert_eq!(from_html[0].sha256.as_deref(), Some(DIGEST));
        assert_eq!(from_html[0].url, "../../f/My_Model-1.0-py3-none-any.whl?a=1&b=2");
        assert_eq!(choose(from_html, "my.model", "1.0").unwrap().filename, "My_Model-1.0-py3-none-any.whl");
    }

    #[test]
    fn odd_pages_are_read() {
        for (page, expected) in [
            ("<a href=x-1-py3-none-any.whl>", &["x-1-py3-none-any.whl"][..]),
            ("<a href = \"a%2Bb.whl\" >", &["a+b.whl"]),
            ("<a disabled href='b.whl'/>", &["b.whl"]),
            ("<base href=\"https://e.org/\"><a rel=x href=\"c.whl\">", &["c.whl"]),
            ("<a", &[]),
            ("<a href", &[]),
            ("<a href=\"", &[]),
            ("<a = > <a href=\"d.whl\">", &["d.whl"]),
            ("<!-- <a href=\"e.whl\">", &[]),
            ("<<<a href='f.whl'>", &["f.whl"]),
            ("", &[]),
        ] {
            let (found, _) = links(page.as_bytes(), false).unwrap();
            let names: Vec<_> = found.iter().map(|link| link.filename.as_str()).collect();
            assert_eq!(names, expected, "{page}");
        }
        assert!(links(b"[]", true).is_err());
        assert!(links(b"{\"files\": 3}", true).is_err());
    }

    #[test]
    fn foreign_pages_end() {
        let signs = ["<", "a", " ", "href", "=", "\"", "'", ">", "/", "!--", "-->", "%", "&amp;", "é", "\0", "base"];
        let mut state = 7u64;
        for _ in 0..20_000 {
            let page: String = (0..24)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    signs[(state >> 33) as usize % signs.len()]
                })
                .collect();
            let _ = links(page.as_bytes(), false);
            let _ = links(page.as_bytes(), true);
        }
    }

    #[test]
    fn the_right_wheel_is_chosen() {
        let link = |filename: &str| Link { filename: filename.into(), url: filename.into(), sha256: None };
        let all = || {
            vec![
                link("nano_e5-0.2.0-py3-none-any.whl"),
                link("nano_e5-0.3.0-py3-none-macosx_11_0_arm64.whl"),
                link("nano_e5-0.3.0.tar.gz"),
                link("nano_e5_extra-0.3.0-py3-none-any.whl"),
                link("nano_e5-0.3.0-py3-none-any.whl"),
                link("odd"),
            ]
        };
        assert_eq!(choose(all(), "nano-e5", "0.3.0").unwrap().filename, "nano_e5-0.3.0-py3-none-any.whl");
        let none = choose(all(), "nano-e5", "9").unwrap_err();
        assert!(none.contains("nano-e5 9") && none.contains("0.2.0, 0.3.0"), "{none}");
        let mac = choose(all().into_iter().take(2).collect(), "nano-e5", "0.3.0").unwrap();
        assert!(mac.filename.contains("macosx"));
    }
}
