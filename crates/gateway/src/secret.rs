//! Keys that do not show.

use std::fmt;

/// A provider's key. It cannot be printed: `Debug` writes `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A key; white space around it, such as a file's last line break, is no part of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// A text without the key: some providers repeat it when they refuse it.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn keys_do_not_show() {
        let key = Secret::new(" sk-1\n");
        assert_eq!(key.expose(), "sk-1");
        assert_eq!(format!("{:?} {:?}", key, Some(&key)), "*** Some(***)");
        assert_eq!(key.hide_in("wrong key: sk-1!"), "wrong key: ***!");
        assert_eq!(Secret::new("").hide_in("as it is"), "as it is");
    }
}
