//! The children of a branch: those that there are, in order.

use crate::child::Child;
use alloc::vec::Vec;
use alloy_rlp::{EMPTY_STRING_CODE, Header};

/// Nibbles that a child may have.
const NIBBLES: u8 = 16;

/// Up to sixteen children by nibble. Deep branches have two or three, and most branches of a large
/// trie are deep, so there is no room for those that are missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    /// A bit for each child there is.
    mask: u16,
    /// They, by nibble.
    children: Vec<Child>,
}

impl Branch {
    /// Without children, but with room for some.
    pub(crate) fn with_capacity(children: usize) -> Self {
        Self {
            mask: 0,
            children: Vec::with_capacity(children),
        }
    }

    /// Whether there is such a child, and at what place it is or would be.
    fn place(&self, nibble: u8) -> (bool, usize) {
        let bit = 1u16 << (nibble & 0xf);
        let before = self.mask & (bit - 1);
        (self.mask & bit != 0, before.count_ones() as usize)
    }

    pub(crate) fn get(&self, nibble: u8) -> Option<&Child> {
        let (present, place) = self.place(nibble);
        present.then(|| self.children.get(place))?
    }

    pub(crate) fn get_mut(&mut self, nibble: u8) -> Option<&mut Child> {
        let (present, place) = self.place(nibble);
        present.then(|| self.children.get_mut(place))?
    }

    /// Puts a child in its place; one that is empty leaves none there.
    pub(crate) fn set(&mut self, nibble: u8, child: Child) {
        let (present, place) = self.place(nibble);
        let bit = 1u16 << (nibble & 0xf);
        match (present, child.is_empty()) {
            (false, true) => {}
            (true, true) => {
                self.children.remove(place);
                self.mask &= !bit;
            }
            (true, false) => {
                if let Some(old) = self.children.get_mut(place) {
                    *old = child;
                }
            }
            (false, false) => {
                self.children.reserve_exact(1);
                self.children.insert(place, child);
                self.mask |= bit;
            }
        }
    }

    /// Removes and answers the child; empty if there is none.
    pub(crate) fn take(&mut self, nibble: u8) -> Child {
        self.get_mut(nibble).map_or(Child::EMPTY, Child::take)
    }

    /// Does something to the place of a child, where there may be none before or after.
    pub(crate) fn change<T>(&mut self, nibble: u8, work: impl FnOnce(&mut Child) -> T) -> T {
        if let Some(child) = self.get_mut(nibble) {
            let done = work(child);
            if child.is_empty() {
                self.set(nibble, Child::EMPTY);
            }
            return done;
        }
        let mut child = Child::EMPTY;
        let done = work(&mut child);
        self.set(nibble, child);
        done
    }

    /// Number of children.
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Child)> {
        let nibbles = (0..NIBBLES).filter(|n| self.mask & (1 << n) != 0);
        nibbles.zip(&self.children)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u8, &mut Child)> {
        let mask = self.mask;
        let nibbles = (0..NIBBLES).filter(move |n| mask & (1 << n) != 0);
        nibbles.zip(&mut self.children)
    }

    /// Takes the last child: `None` if there are several, `Some(None)` if there is none.
    pub(crate) fn last_child(&mut self) -> Option<Option<(u8, Child)>> {
        if self.children.len() > 1 {
            return None;
        }
        self.mask_of_last()
            .map_or(Some(None), |nibble| Some(Some((nibble, self.take(nibble)))))
    }

    fn mask_of_last(&self) -> Option<u8> {
        (0..NIBBLES).find(|n| self.mask & (1 << n) != 0)
    }

    /// Appends the RLP. The children must have been hashed.
    pub(crate) fn encode_to(&self, out: &mut Vec<u8>) {
        let missing = usize::from(NIBBLES).saturating_sub(self.children.len());
        let references = self.children.iter().map(|c| c.reference.rlp_len());
        // And one byte for the value that no branch has: all keys of a trie are of one length.
        let payload_length = references.sum::<usize>() + missing + 1;
        Header {
            list: true,
            payload_length,
        }
        .encode(out);
        let mut children = self.children.iter();
        for nibble in 0..NIBBLES {
            if self.mask & (1 << nibble) == 0 {
                out.push(EMPTY_STRING_CODE);
            } else if let Some(child) = children.next() {
                child.reference.with_rlp(|rlp| out.extend_from_slice(rlp));
            }
        }
        out.push(EMPTY_STRING_CODE);
    }
}
