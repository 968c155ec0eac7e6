//! Stop strings, wherever token borders fall.

/// Watches a text for stop strings, holding back what may be the beginning of one.
pub(crate) struct Stops {
    stops: Vec<String>,
    held: String,
}

/// What is certain after a piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Text before any stop string.
    pub(crate) text: String,
    /// A stop string was met; nothing comes after.
    pub(crate) stopped: bool,
}

impl Stops {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> Passed {
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Passed { text: std::mem::take(&mut self.held), stopped: true };
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Passed { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }

    /// The rest: no stop string came of it.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes of the longest end of `text` that `stop` begins with.
pub(crate) fn overlap(text: &str, stop: &str) -> usize {
    (1..stop.len().min(text.len() + 1))
        .rev()
        .find(|&len| stop.is_char_boundary(len) && text.as_bytes().ends_with(&stop.as_bytes()[..len]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_met_across_pieces() {
        for (stops, pieces, expected, stopped) in [
            (&["END"][..], &["ab", "cE", "N", "Dxyz"][..], "abc", true),
            (&["END"], &["ab", "cE", "N", "O"], "abcENO", false),
            (&["\n\n"], &["a\n", "b\n", "\nc"], "a\nb", true),
            (&["。", "停止"], &["今天很好停", "止吧。"], "今天很好", true),
            (&["aab"], &["aa", "aab"], "aa", true),
            (&[], &["a", "b"], "ab", false),
            (&["", "x"], &["a", "x"], "a", true),
        ] {
            let mut watch = Stops::new(stops.iter().map(|s| (*s).to_owned()).collect());
            let (mut text, mut met) = (String::new(), false);
            for piece in pieces {
                let passed = watch.push(piece);
                text.push_str(&passed.text);
                met = passed.stopped;
                if met {
                    break;
                }
            }
            if !met {
                text.push_str(&watch.finish());
            }
            assert_eq!((text.as_str(), met), (expected, stopped), "{stops:?} {pieces:?}");
        }
    }
}
