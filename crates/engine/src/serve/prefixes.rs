//! What is remembered of sequences: a tree of pages, in which those that begin alike share their beginning.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernels::PAGE;

use crate::decoder::Page;

/// The node that every sequence begins at.
pub(super) const ROOT: usize = 0;

/// A tree of pages by their tokens. Pages that nobody else holds can be let go of, those used longest ago first.
///
/// Where a page stands alone, any of them may be forgotten, and the way to later ones stays; whoever goes on from a node holds its page, so
/// that the node stays, too.
pub(super) struct Prefixes {
    /// Whether a page is enough to go on after it.
    alone: bool,
    nodes: Vec<Option<Node>>,
    free: Vec<usize>,
    clock: u64,
    /// Nodes with a page, by when they were used.
    order: BTreeSet<(u64, usize)>,
}

struct Node {
    parent: usize,
    /// The tokens of its page; fewer than [`PAGE`] only where a sequence ended.
    tokens: Vec<u32>,
    /// `None` at the root, and where it was forgotten.
    page: Option<Arc<Page>>,
    children: Vec<usize>,
    used: u64,
}

/// The beginning of a sequence that is remembered.
pub(super) struct Found {
    /// Where its whole pages end.
    pub(super) node: usize,
    /// Those before one that stands alone are not told.
    pub(super) pages: Vec<Option<Arc<Page>>>,
    /// A page whose first so many tokens come next.
    pub(super) part: Option<(Arc<Page>, usize)>,
}

impl Prefixes {
    pub(super) fn new(alone: bool) -> Self {
        let root = Node { parent: ROOT, tokens: Vec::new(), page: None, children: Vec::new(), used: 0 };
        Self { alone, nodes: vec![Some(root)], free: Vec::new(), clock: 0, order: BTreeSet::new() }
    }

    /// The longest beginning of `tokens` that is remembered.
    pub(super) fn find(&mut self, tokens: &[u32]) -> Found {
        let mut found = Found { node: ROOT, pages: Vec::new(), part: None };
        let (mut at, mut depth) = (ROOT, 0);
        while let Some(next) = tokens.get(depth * PAGE..(depth + 1) * PAGE).and_then(|tokens| self.child(at, tokens)) {
            (at, depth) = (next, depth + 1);
            if let Some(page) = self.touch(next) {
                found.node = next;
                if self.alone {
                    found.pages.clear();
                    found.pages.resize(depth - 1, None);
                }
                found.pages.push(Some(page));
            }
        }
        let rest = &tokens[found.pages.len() * PAGE..];
        let common = |node: &Node| node.tokens.iter().zip(rest).take_while(|(a, b)| a == b).count();
        let children = self.nodes[found.node].iter().flat_map(|node| &node.children);
        let parts = children.filter_map(|&at| {
            let node = self.nodes[at].as_ref().filter(|node| node.page.is_some())?;
            let count = common(node);
            // A state is that after all of its tokens.
            (count > 0 && (!self.alone || count == node.tokens.len())).then_some((count, at))
        });
        if let Some((count, at)) = parts.max() {
            found.part = self.touch(at).map(|page| (page, count));
        }
        found
    }

    /// The page of a node, which is now the one used last.
    fn touch(&mut self, node: usize) -> Option<Arc<Page>> {
        let page = self.nodes[node].as_ref()?.page.clone()?;
        self.use_now(node);
        Some(page)
    }

    fn use_now(&mut self, at: usize) {
        let Some(node) = &mut self.nodes[at] else { return };
        self.clock += 1;
        self.order.remove(&(node.used, at));
        node.used = self.clock;
        self.order.insert((node.used, at));
    }

    /// The page after a node's, if `tokens` begin with a whole one that is remembered.
    pub(super) fn next(&mut self, node: usize, tokens: &[u32]) -> Option<(usize, Arc<Page>)> {
        let tokens = tokens.get(..PAGE)?;
        let next = self.child(node, tokens)?;
        Some((next, self.touch(next)?))
    }

    /// Remembers a page and its tokens after a node's. Returns where, and the page that is kept: another, if the same tokens were there before.
    pub(super) fn insert(&mut self, node: usize, tokens: &[u32], page: Arc<Page>) -> (usize, Arc<Page>) {
        if let Some(same) = self.child(node, tokens)
            && let Some(child) = &mut self.nodes[same]
        {
            let page = Arc::clone(child.page.get_or_insert(page));
            self.use_now(same);
            return (same, page);
        }
        let (tokens, kept) = (tokens.to_vec(), Some(page.clone()));
        let child = Node { parent: node, tokens, page: kept, children: Vec::new(), used: 0 };
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
        self.use_now(at);
        (at, page)
    }

    /// Forgets the page used longest ago of those that nobody holds and nothing needs; `false` if there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        // Nodes on the way to others are older than those, so few are passed over.
        let mut oldest = self.order.iter().copied().filter(|&(_, at)| {
            let node = self.nodes[at].as_ref();
            node.is_some_and(|node| node.is_spare() && (self.alone || node.children.is_empty()))
        });
        let Some(found) = oldest.next() else { return false };
        self.order.remove(&found);
        let (_, mut at) = found;
        if let Some(node) = &mut self.nodes[at] {
            node.page = None;
        }
        // Ways that lead nowhere go with it.
        while at != ROOT
            && let Some(node) = self.nodes[at].take_if(|node| node.page.is_none() && node.children.is_empty())
        {
            self.free.push(at);
            if let Some(parent) = &mut self.nodes[node.parent] {
                parent.children.retain(|child| *child != at);
            }
            at = node.parent;
        }
        true
    }

    /// Whether so many pages can be let go of. Whoever holds a page that does not stand alone holds all before it, so they go one after the
    /// other.
    pub(super) fn can_spare(&self, pages: usize) -> bool {
        self.nodes.iter().flatten().filter(|node| node.is_spare()).take(pages).count() == pages
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
        let (mut prefixes, pages) = (Prefixes::new(false), Pages::of_keys(1, (1, 8), false, 1 << 24, 1));
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
        let (mut prefixes, pages) = (Prefixes::new(false), Pages::of_keys(1, (1, 8), false, 1 << 24, 1));
        let (old, new) = (tokens(0, PAGE * 2), tokens(5000, PAGE * 2));
        remember(&mut prefixes, &pages, &old);
        remember(&mut prefixes, &pages, &new);
        let held = prefixes.find(&old[..PAGE]);
        assert!(prefixes.can_spare(3) && !prefixes.can_spare(4));
        assert!(prefixes.forget_one(), "the end of the old one, though its beginning is held");
        assert_eq!(prefixes.find(&old).pages.len(), 1);
        assert!(prefixes.forget_one() && prefixes.forget_one());
        assert!(!prefixes.forget_one(), "the rest is held");
        assert_eq!(prefixes.find(&new).pages.len(), 0);
        drop(held);
        assert!(prefixes.forget_one());
        assert!(!prefixes.can_spare(1) && prefixes.order.is_empty());
        assert_eq!(pages.left(), pages.most());
        remember(&mut prefixes, &pages, &new);
        assert_eq!(prefixes.find(&new).pages.len(), 2, "places are used again");
    }

    #[test]
    fn where_pages_stand_alone_any_may_go_and_states_are_found_at_their_ends() {
        let (mut prefixes, pages) = (Prefixes::new(true), Pages::of_states(1, 8, 1 << 24));
        let whole = tokens(0, PAGE * 3 + 10);
        remember(&mut prefixes, &pages, &whole);
        let found = |prefixes: &mut Prefixes, tokens: &[u32]| {
            let found = prefixes.find(tokens);
            (found.pages.iter().map(Option::is_some).collect::<Vec<_>>(), found.part.map_or(0, |(_, count)| count))
        };
        assert_eq!(found(&mut prefixes, &whole), (vec![false, false, true], 10));
        assert_eq!(found(&mut prefixes, &whole[..PAGE * 3 + 9]), (vec![false, false, true], 0), "not yet at its end");
        assert_eq!(found(&mut prefixes, &whole[..PAGE * 2 + 40]), (vec![false, true], 0));
        // The third page is held; what is used longest ago goes first, wherever it is.
        let held = prefixes.find(&whole[..PAGE * 3]);
        prefixes.find(&whole[..PAGE]);
        assert!(prefixes.forget_one(), "the end");
        assert!(prefixes.forget_one(), "the second, though the third comes after it");
        assert_eq!(found(&mut prefixes, &whole[..PAGE * 2]), (vec![true], 0));
        assert_eq!(found(&mut prefixes, &whole), (vec![false, false, true], 0));
        assert_eq!(prefixes.insert(held.node, &whole[PAGE * 3..], pages.make().unwrap()).0, 4, "a place is used again");
        drop(held);
        while prefixes.forget_one() {}
        assert!(!prefixes.can_spare(1) && prefixes.order.is_empty());
        assert_eq!(pages.left(), pages.most());
        assert_eq!(prefixes.nodes.iter().flatten().count(), 1, "no way is left that leads nowhere");
    }
}
