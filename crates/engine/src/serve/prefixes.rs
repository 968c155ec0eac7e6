//! What is remembered of sequences: a tree of pages, in which those that begin alike share their beginning.

use std::sync::Arc;

use kernels::PAGE;

use crate::decoder::Page;

/// The node that every sequence begins at.
pub(super) const ROOT: usize = 0;

/// A tree of pages by their tokens. Pages that nobody else holds can be let go of, those used longest ago first.
pub(super) struct Prefixes {
    nodes: Vec<Option<Node>>,
    free: Vec<usize>,
    clock: u64,
}

struct Node {
    parent: usize,
    /// The tokens of its page; fewer than [`PAGE`] only where a sequence ended.
    tokens: Vec<u32>,
    /// `None` at the root.
    page: Option<Arc<Page>>,
    children: Vec<usize>,
    used: u64,
}

/// The beginning of a sequence that is remembered.
pub(super) struct Found {
    /// Where its whole pages end.
    pub(super) node: usize,
    pub(super) pages: Vec<Arc<Page>>,
    /// A page whose first so many tokens come next.
    pub(super) part: Option<(Arc<Page>, usize)>,
}

impl Prefixes {
    pub(super) fn new() -> Self {
        let root = Node { parent: ROOT, tokens: Vec::new(), page: None, children: Vec::new(), used: 0 };
        Self { nodes: vec![Some(root)], free: Vec::new(), clock: 0 }
    }

    /// The longest beginning of `tokens` that is remembered.
    pub(super) fn find(&mut self, tokens: &[u32]) -> Found {
        let mut found = Found { node: ROOT, pages: Vec::new(), part: None };
        while let Some((node, page)) = self.next(found.node, &tokens[found.pages.len() * PAGE..]) {
            found.node = node;
            found.pages.push(page);
        }
        let rest = &tokens[found.pages.len() * PAGE..];
        let common = |node: usize| {
            let theirs = self.nodes[node].iter().flat_map(|node| &node.tokens);
            theirs.zip(rest).take_while(|(a, b)| a == b).count()
        };
        let children = self.nodes[found.node].iter().flat_map(|node| &node.children);
        if let Some((count, node)) = children.map(|&node| (common(node), node)).max()
            && count > 0
        {
            self.clock += 1;
            let clock = self.clock;
            if let Some(node) = &mut self.nodes[node] {
                node.used = clock;
                found.part = node.page.clone().map(|page| (page, count));
            }
        }
        found
    }

    /// The page after a node's, if `tokens` begin with a whole one that is remembered.
    pub(super) fn next(&mut self, node: usize, tokens: &[u32]) -> Option<(usize, Arc<Page>)> {
        let tokens = tokens.get(..PAGE)?;
        let next = self.child(node, tokens)?;
        self.clock += 1;
        let child = self.nodes[next].as_mut()?;
        child.used = self.clock;
        Some((next, child.page.clone()?))
    }

    /// Remembers a page and its tokens after a node's. Returns where, and the page that is kept: another, if the same tokens were there before.
    pub(super) fn insert(&mut self, node: usize, tokens: &[u32], page: Arc<Page>) -> (usize, Arc<Page>) {
        self.clock += 1;
        if let Some(same) = self.child(node, tokens)
            && let Some(child) = &mut self.nodes[same]
        {
            child.used = self.clock;
            return (same, child.page.clone().unwrap_or(page));
        }
        let clock = self.clock;
        let child =
            Node { parent: node, tokens: tokens.to_vec(), page: Some(page.clone()), children: Vec::new(), used: clock };
        let at = match self.free.pop() {
            Some(at) => {
                self.nodes[at] = Some(child);
                at
            }
            None => {
                self.nodes.push(Some(child));
                self.nodes.len() - 1
            }
        };
        if let Some(parent) = &mut self.nodes[node] {
            parent.children.push(at);
        }
        (at, page)
    }

    /// Forgets the page used longest ago of those that nobody holds and nothing follows; `false` if there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        let leaves = self.nodes.iter().enumerate().filter_map(|(at, node)| {
            let node = node.as_ref()?;
            (node.children.is_empty() && node.is_spare()).then_some((node.used, at))
        });
        let Some((_, at)) = leaves.min() else { return false };
        let Some(node) = self.nodes[at].take() else { return false };
        if let Some(parent) = &mut self.nodes[node.parent] {
            parent.children.retain(|child| *child != at);
        }
        self.free.push(at);
        true
    }

    /// Pages that can be let go of. Whoever holds a page holds all before it, so they go one after the other.
    pub(super) fn spare(&self) -> usize {
        self.nodes.iter().flatten().filter(|node| node.is_spare()).count()
    }

    fn child(&self, node: usize, tokens: &[u32]) -> Option<usize> {
        let children = &self.nodes[node].as_ref()?.children;
        children.iter().copied().find(|&child| self.nodes[child].as_ref().is_some_and(|child| child.tokens == tokens))
    }
}

impl Node {
    fn is_spare(&self) -> bool {
        self.page.as_ref().is_some_and(|page| Arc::strong_count(page) == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::Pages;

    fn tokens(from: u32, count: usize) -> Vec<u32> {
        (from..from + count as u32).collect()
    }

    /// Puts a whole sequence in and lets go of it.
    fn remember(prefixes: &mut Prefixes, pages: &Pages, tokens: &[u32]) {
        let mut node = ROOT;
        for tokens in tokens.chunks(PAGE) {
            (node, _) = prefixes.insert(node, tokens, pages.make().unwrap());
        }
    }

    #[test]
    fn beginnings_are_found_whole_and_in_part() {
        let (mut prefixes, pages) = (Prefixes::new(), Pages::new(1, 8, 1 << 24, 1));
        let first = tokens(0, PAGE * 2 + 10);
        let mut second = first[..PAGE + 20].to_vec();
        second.extend(tokens(9000, PAGE));
        remember(&mut prefixes, &pages, &first);
        remember(&mut prefixes, &pages, &second);
        assert_eq!(pages.most() - pages.left(), 5, "the first page is shared, its second copy was let go of");
        let mut other = second.clone();
        other[PAGE + 30] = 1;
        for (asked, whole, part) in [
            (&first[..], 2, 10),
            (&first[..PAGE * 2 - 1], 1, PAGE - 1),
            (&second, 2, 20),
            (&other, 1, 30),
            (&tokens(7, 5), 0, 0),
            (&[], 0, 0),
        ] {
            let found = prefixes.find(asked);
            assert_eq!((found.pages.len(), found.part.map_or(0, |(_, count)| count)), (whole, part), "{}", asked.len());
        }
    }

    #[test]
    fn what_was_used_longest_ago_is_forgotten_and_what_is_held_is_not() {
        let (mut prefixes, pages) = (Prefixes::new(), Pages::new(1, 8, 1 << 24, 1));
        let (old, new) = (tokens(0, PAGE * 2), tokens(5000, PAGE * 2));
        remember(&mut prefixes, &pages, &old);
        remember(&mut prefixes, &pages, &new);
        let held = prefixes.find(&old[..PAGE]);
        assert_eq!(prefixes.spare(), 3);
        assert!(prefixes.forget_one(), "the end of the old one, though its beginning is held");
        assert_eq!(prefixes.find(&old).pages.len(), 1);
        assert!(prefixes.forget_one() && prefixes.forget_one());
        assert!(!prefixes.forget_one(), "the rest is held");
        assert_eq!(prefixes.find(&new).pages.len(), 0);
        drop(held);
        assert!(prefixes.forget_one());
        assert_eq!((prefixes.spare(), pages.left()), (0, pages.most()));
        remember(&mut prefixes, &pages, &new);
        assert_eq!(prefixes.find(&new).pages.len(), 2, "places are used again");
    }
}
