//! Which names a mistyped one may have meant.

use super::table::{names as names_of, paragraphs, plain};
use alloc::{vec, vec::Vec};
use core::fmt;

/// Names that are suggested at most.
const SUGGESTIONS_MAX: usize = 4;
/// Bytes of a name that are compared; no network's name is longer.
const NAME_BYTES_MAX: usize = 40;
/// Letters a name may have too many, too few or wrong.
const DISTANCE_MAX: usize = 2;

/// The names of networks that look like `name`, the likeliest first.
pub(super) fn names(name: &str) -> Vec<&'static str> {
    let name = name.trim().bytes().map(plain).take(NAME_BYTES_MAX);
    let name: Vec<u8> = name.collect();
    let mut near: Vec<(usize, &'static str)> = paragraphs()
        .filter_map(|paragraph| {
            let distance = names_of(paragraph).filter_map(|own| distance(&name, own.as_bytes()));
            Some((distance.min()?, names_of(paragraph).next()?))
        })
        .collect();
    near.sort();
    near.truncate(SUGGESTIONS_MAX);
    near.into_iter().map(|(_, name)| name).collect()
}

/// How far `own` is from `name`, if it is near: a name within the other counts as the farthest of
/// the near ones.
fn distance(name: &[u8], own: &[u8]) -> Option<usize> {
    let edits = edits(name, own);
    // Short names are near to everything.
    if edits <= DISTANCE_MAX && edits * 2 <= name.len() {
        return Some(edits);
    }
    let holds = |long: &[u8], short: &[u8]| {
        short.len() > DISTANCE_MAX && long.windows(short.len()).any(|part| part == short)
    };
    (holds(own, name) || holds(name, own)).then_some(DISTANCE_MAX)
}

/// Letters to insert, drop or replace to make one of the other (Levenshtein).
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = row[j] + usize::from(a != b);
            next.push(replaced.min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row[to.len()]
}

/// The end of the sentence that says a network is unknown.
pub(super) struct Suggestion<'a>(pub(super) &'a [&'static str]);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, others)) = self.0.split_last() else {
            return f.write_str("; names are such as op-mainnet, op or op-sepolia");
        };
        f.write_str("; did you mean ")?;
        for (i, name) in others.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            f.write_str(name)?;
        }
        f.write_str(if others.is_empty() { "" } else { " or " })?;
        write!(f, "{last}?")
    }
}
