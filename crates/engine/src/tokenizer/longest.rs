//! The longest token first, byte by byte: how RWKV's World vocabulary cuts a text.

use super::vocabulary::{TokenKind, Vocabulary};

/// Tokens by their bytes, a node for each beginning of one.
pub(super) struct Longest {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// Ascending by byte.
    children: Vec<(u8, u32)>,
    id: Option<u32>,
}

impl Longest {
    /// Of the tokens that are text.
    pub(super) fn new(vocabulary: &Vocabulary, pieces: &[Box<[u8]>]) -> Self {
        let mut longest = Self { nodes: vec![Node::default()] };
        for (id, (piece, kind)) in pieces.iter().zip(&vocabulary.kinds).enumerate() {
            if matches!(kind, TokenKind::Normal | TokenKind::Byte) && !piece.is_empty() {
                longest.insert(piece, id as u32);
            }
        }
        longest
    }

    fn insert(&mut self, piece: &[u8], id: u32) {
        let mut at = 0;
        for &byte in piece {
            let next = self.nodes.len() as u32;
            let children = &mut self.nodes[at].children;
            at = match children.binary_search_by_key(&byte, |(byte, _)| *byte) {
                Ok(found) => children[found].1,
                Err(place) => {
                    children.insert(place, (byte, next));
                    self.nodes.push(Node::default());
                    next
                }
            } as usize;
        }
        self.nodes[at].id.get_or_insert(id);
    }

    /// Cuts a text. A byte that no token begins with is left out.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (mut at, mut best) = (0, None);
            for (length, byte) in (1..).zip(rest) {
                let children = &self.nodes[at].children;
                let Ok(found) = children.binary_search_by_key(byte, |(byte, _)| *byte) else { break };
                at = children[found].1 as usize;
                best = self.nodes[at].id.map(|id| (id, length)).or(best);
            }
            ids.extend(best.map(|(id, _)| id));
            rest = &rest[best.map_or(1, |(_, length)| length)..];
        }
    }
}

/// The bytes of a token as the vocabulary writes it, in the manner of Python's `bytes`; what is no escape stands for itself.
pub(super) fn unescape(text: &str) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let (b'\\', [escape, after @ ..]) = (*first, rest) else {
            out.push(*first);
            continue;
        };
        rest = after;
        out.push(match escape {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'x' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(byte) => {
                        rest = &rest[2..];
                        byte
                    }
                    None => b'x',
                }
            }
            other => *other,
        });
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        for (text, bytes) in [
            ("plain", &b"plain"[..]),
            (r"\n\t\r\\\'", b"\n\t\r\\'"),
            (r"\xe4\xbd\xa0", "你".as_bytes()),
            (r"a\x4", b"ax4"),
            (r"\xzz", b"xzz"),
            ("\\", b"\\"),
            ("", b""),
        ] {
            assert_eq!(&*unescape(text), bytes, "{text}");
        }
    }

    #[test]
    fn the_longest_token_is_taken() {
        let mut longest = Longest { nodes: vec![Node::default()] };
        for (id, piece) in ["a", "ab", "abcd", "b", "c", "你", "\u{e4}"].into_iter().enumerate() {
            longest.insert(piece.as_bytes(), id as u32);
        }
        for (text, expected) in [
            ("abc", &[1, 4][..]),
            ("abcd", &[2]),
            ("aabcdb", &[0, 2, 3]),
            ("你a", &[5, 0]),
            ("xa", &[0]),
            ("", &[]),
            ("好", &[]),
        ] {
            let mut ids = Vec::new();
            longest.encode(text, &mut ids);
            assert_eq!(ids, expected, "{text}");
        }
    }
}
