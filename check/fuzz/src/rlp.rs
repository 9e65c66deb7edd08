//! RLP: our splitter against another implementation of the same rules.

use alloy_rlp::Header;
use opal_protocol::rlp::split;

/// Splits `data` into items, descending into lists.
pub fn rlp(data: &[u8]) {
    items(data, 0);
}

/// Splits the items of one list, and those of its first few levels.
fn items(data: &[u8], depth: usize) {
    let mut rest = data;
    while !rest.is_empty() {
        let mut theirs = rest;
        let expected = Header::decode(&mut theirs);
        let before = rest;
        let Some(item) = split(&mut rest) else {
            assert_eq!(before, rest, "a failure takes nothing");
            if let Ok(header) = expected {
                panic!("{header:?} is refused in {before:02x?}");
            }
            return;
        };
        let header = expected.unwrap_or_else(|e| panic!("{e}: {item:02x?} is accepted"));
        assert_eq!(item.is_list, header.list);
        assert_eq!(item.payload, &theirs[..header.payload_length]);
        assert_eq!(rest, &theirs[header.payload_length..]);
        assert_eq!(item.raw, &before[..before.len() - rest.len()]);
        if item.is_list && depth < 16 {
            items(item.payload, depth + 1);
        }
    }
}
