//! Cutting a text at the tokens that are matched as a whole.

use aho_corasick::AhoCorasick;

use super::vocabulary::bad;
use crate::LoadError;

/// A token matched as a whole.
pub(super) struct Special {
    pub id: u32,
    pub text: String,
    /// Only where control tokens are meant, never in people's text.
    pub control: bool,
    /// White space after it belongs to it.
    pub strips_right: bool,
}

/// A piece of a text that was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fragment<'a> {
    Text(&'a str),
    Token(u32),
}

pub(super) struct Specials {
    plain: Finder,
    all: Finder,
}

impl Specials {
    pub(super) fn new(mut specials: Vec<Special>) -> Result<Self, LoadError> {
        specials.retain(|special| !special.text.is_empty());
        specials.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then(a.id.cmp(&b.id)));
        let plain = specials.iter().filter(|special| !special.control);
        Ok(Self { plain: Finder::new(plain)?, all: Finder::new(specials.iter())? })
    }

    /// Cuts at user-defined tokens only.
    pub(super) fn split_plain<'a>(&self, text: &'a str) -> Vec<Fragment<'a>> {
        self.plain.split(text)
    }

    /// Cuts at control tokens too.
    pub(super) fn split_all<'a>(&self, text: &'a str) -> Vec<Fragment<'a>> {
        self.all.split(text)
    }
}

/// Finds which tokens occur at all in one pass, so that a long text is searched only for those.
struct Finder {
    /// Longest first: a longer token wins over a shorter one wherever the two overlap.
    tokens: Vec<(u32, String, bool)>,
    automaton: Option<AhoCorasick>,
}

impl Finder {
    fn new<'a>(specials: impl Iterator<Item = &'a Special>) -> Result<Self, LoadError> {
        let tokens: Vec<_> = specials.map(|s| (s.id, s.text.clone(), s.strips_right)).collect();
        let automaton = if tokens.is_empty() {
            None
        } else {
            let built = AhoCorasick::new(tokens.iter().map(|(_, text, _)| text));
            Some(built.map_err(|error| bad("tokenizer.ggml.tokens", format!("special tokens: {error}")))?)
        };
        Ok(Self { tokens, automaton })
    }

    fn split<'a>(&self, text: &'a str) -> Vec<Fragment<'a>> {
        let mut fragments = Vec::new();
        if !text.is_empty() {
            fragments.push(Fragment::Text(text));
        }
        for token in self.occurring(text) {
            fragments = fragments.into_iter().flat_map(|fragment| cut(fragment, &self.tokens[token])).collect();
        }
        fragments
    }

    fn occurring(&self, text: &str) -> Vec<usize> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        if !automaton.is_match(text) {
            return Vec::new();
        }
        let mut seen = vec![false; self.tokens.len()];
        let mut left = self.tokens.len();
        for found in automaton.find_overlapping_iter(text) {
            let seen = &mut seen[found.pattern().as_usize()];
            left -= usize::from(!*seen);
            *seen = true;
            if left == 0 {
                break;
            }
        }
        (0..seen.len()).filter(|&token| seen[token]).collect()
    }
}

fn cut<'a>(fragment: Fragment<'a>, (id, name, strips_right): &(u32, String, bool)) -> Vec<Fragment<'a>> {
    let Fragment::Text(mut rest) = fragment else { return vec![fragment] };
    let mut out = Vec::new();
    while let Some(at) = rest.find(name.as_str()) {
        if at > 0 {
            out.push(Fragment::Text(&rest[..at]));
        }
        out.push(Fragment::Token(*id));
        rest = &rest[at + name.len()..];
        if *strips_right {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
        }
    }
    if !rest.is_empty() {
        out.push(Fragment::Text(rest));
    }
    out
}
