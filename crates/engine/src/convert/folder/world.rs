//! RWKV World's vocabulary, a text file: on each line an id, the token as Python writes it, and how many bytes it has.

use std::path::{Path, PathBuf};

use super::tokens::{CONTROL, NORMAL, Tokens, pad};
use crate::LoadError;

/// No such vocabulary is larger.
const LARGEST: u64 = 64 << 20;

/// Reads a folder's vocabulary for a model of so many rows.
pub(super) fn read(folder: &Path, rows: usize) -> Result<Tokens, LoadError> {
    let path = find(folder)?;
    let io = |error| LoadError::io(&path, error);
    if std::fs::metadata(&path).map_err(io)?.len() > LARGEST {
        return Err(LoadError::unfit(&path, "is too large for a vocabulary"));
    }
    let text = std::fs::read_to_string(&path).map_err(io)?;
    parse(&text, rows).map_err(|why| LoadError::unfit(&path, why))
}

fn find(folder: &Path) -> Result<PathBuf, LoadError> {
    let names = ["rwkv_vocab_v20230424.txt", "vocab.txt"];
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let why =
            format!("holds no vocabulary of RWKV World, {}; download it from the model's page", names.join(" or "));
        LoadError::unfit(folder, why)
    })
}

pub(super) fn parse(text: &str, rows: usize) -> Result<Tokens, String> {
    let mut texts: Vec<Option<String>> = vec![None; rows];
    let mut put = |id: usize, text: String| match texts.get_mut(id) {
        Some(place @ None) => {
            *place = Some(text);
            Ok(())
        }
        Some(_) => Err(format!("gives id {id} to two tokens; download it again")),
        None => Err(format!("gives id {id}, but the model has only {rows} rows; it belongs to another model")),
    };
    put(0, "<s>".to_owned())?;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let flaw = |what: &str| format!("line {}: {what}; download it again", at + 1);
        let (id, rest) = line.split_once(' ').ok_or_else(|| flaw("is not 'ID TOKEN LENGTH'"))?;
        let (token, len) = rest.rsplit_once(' ').ok_or_else(|| flaw("is not 'ID TOKEN LENGTH'"))?;
        let id = id.parse().map_err(|_| flaw("does not begin with an id"))?;
        let bytes = literal(token).ok_or_else(|| flaw("its token is no text of Python's"))?;
        if len.trim().parse() != Ok(bytes.len()) {
            return Err(flaw(&format!("its token has {} bytes, not {}", bytes.len(), len.trim())));
        }
        put(id, written(&bytes))?;
    }
    let mut tokens = Tokens { model: "rwkv", ..Tokens::default() };
    for (id, text) in texts.into_iter().enumerate() {
        match text {
            Some(text) => tokens.push(text, if id == 0 { CONTROL } else { NORMAL }, 0.0),
            None => pad(&mut tokens),
        }
    }
    tokens.scores.clear();
    Ok(tokens)
}

/// The bytes of a Python literal: `'text'`, `"text"` or `b'bytes'`.
fn literal(text: &str) -> Option<Vec<u8>> {
    let (raw, text) = text.strip_prefix('b').map_or((false, text), |text| (true, text));
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let mut rest = text.strip_prefix(quote)?.strip_suffix(quote)?.chars();
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    while let Some(c) = rest.next() {
        if c != '\\' {
            if c == quote || raw && !c.is_ascii() {
                return None;
            }
            put(&mut out, c);
            continue;
        }
        let digits = match rest.next()? {
            'n' => Err('\n'),
            't' => Err('\t'),
            'r' => Err('\r'),
            'a' => Err('\u{7}'),
            'b' => Err('\u{8}'),
            'f' => Err('\u{c}'),
            'v' => Err('\u{b}'),
            'x' => Ok(2),
            'u' if !raw => Ok(4),
            'U' if !raw => Ok(8),
            c @ ('\\' | '\'' | '"') => Err(c),
            _ => return None,
        };
        match digits {
            Err(c) => put(&mut out, c),
            Ok(count) => {
                let digits: String = rest.by_ref().take(count).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == count)?;
                if raw { out.push(code as u8) } else { put(&mut out, char::from_u32(code)?) }
            }
        }
    }
    Some(out)
}

/// Bytes as Python's `bytes` writes them, which is how GGUF files hold them.
fn written(bytes: &[u8]) -> String {
    let plain_quote = bytes.contains(&b'"') || !bytes.contains(&b'\'');
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str(r"\n"),
            b'\t' => out.push_str(r"\t"),
            b'\r' => out.push_str(r"\r"),
            b'\\' => out.push_str(r"\\"),
            b'\'' if plain_quote => out.push_str(r"\'"),
            b' '..=b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_become_bytes_and_are_written_as_python_does() {
        for (text, bytes, expected) in [
            (r"'\x00'", &b"\0"[..], r"\x00"),
            (r"'\n\t\r'", b"\n\t\r", r"\n\t\r"),
            (r"'\\'", b"\\", r"\\"),
            (r#""'""#, b"'", "'"),
            (r#"'\'"'"#, b"'\"", r#"\'""#),
            (r"'\x7f'", b"\x7f", r"\x7f"),
            (r"b'\xe4\xbd'", b"\xe4\xbd", r"\xe4\xbd"),
            ("'你'", "你".as_bytes(), r"\xe4\xbd\xa0"),
            (r"'\xe9'", "é".as_bytes(), r"\xc3\xa9"),
            (r"'\u4f60'", "你".as_bytes(), r"\xe4\xbd\xa0"),
            (r"' a b'", b" a b", " a b"),
        ] {
            let found = literal(text).unwrap_or_default();
            assert_eq!((&*found, written(&found).as_str()), (bytes, expected), "{text}");
        }
        for text in ["", "'", "a", "'a", "b'你'", r"'\q'", r"'\x4'", r"'\ud800'", "'a'b'", r"'\'"] {
            assert_eq!(literal(text), None, "{text}");
        }
    }

    #[test]
    fn a_vocabulary_is_read_and_filled_up() {
        let tokens = parse("1 'a' 1\n2 ' b' 2\n\n4 b'\\xff' 1\n", 6).unwrap();
        assert_eq!(tokens.texts, ["<s>", "a", " b", "[PAD3]", r"\xff", "[PAD5]"]);
        assert_eq!(tokens.kinds, [3, 1, 1, 5, 1, 5]);
        for (text, expected) in [
            ("1 'a'", "line 1: is not"),
            ("x 'a' 1", "line 1: does not begin"),
            ("1 'a' 2", "has 1 bytes, not 2"),
            ("1 'a' 1\n1 'b' 1", "id 1 to two"),
            ("9 'a' 1", "only 6 rows"),
            ("0 'a' 1", "id 0 to two"),
        ] {
            assert!(parse(text, 6).unwrap_err().contains(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_vocabulary_or_an_error(text in "([0-9]{1,2} ['\"b\\\\xun0-9a-f你 ]{0,12} [0-9]\n){0,6}", rows in 1usize..40) {
            let _ = parse(&text, rows);
        }

        #[test]
        fn bytes_are_the_same_again(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let written = written(&bytes);
            let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
            prop_assert_eq!(literal(&format!("b{quote}{written}{quote}")), Some(bytes));
        }
    }
}
