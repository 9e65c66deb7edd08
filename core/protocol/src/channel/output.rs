//! How the output of a decompressor grows: with what the stream really gives, never beyond the cap.
//!
//! In: sizes in bytes. Out: the next size. Invariant: however large the output becomes, an old and
//! a new one that exist together while the content moves take at most one and a half times the cap.

/// Least first size of an output in bytes, if the cap allows.
const FIRST_OUTPUT_BYTES: usize = 64 * 1024;

/// First size of the output for `stream_len` compressed bytes, which are expected to decompress to
/// `expected_ratio` times as many, under a cap of `max`.
pub(super) const fn first_len(stream_len: usize, expected_ratio: usize, max: usize) -> usize {
    let expected = stream_len.saturating_mul(expected_ratio);
    let len = if expected < FIRST_OUTPUT_BYTES {
        FIRST_OUTPUT_BYTES
    } else {
        expected
    };
    under_cap(len, max)
}

/// Size of an output of `len` bytes that is full, once it has grown.
pub(super) const fn grown_len(len: usize, max: usize) -> usize {
    under_cap(
        len.saturating_mul(2).saturating_add(FIRST_OUTPUT_BYTES),
        max,
    )
}

/// An output beyond half the cap would only have to move once more: it gets all of the cap.
const fn under_cap(len: usize, max: usize) -> usize {
    if len > max / 2 { max } else { len }
}
