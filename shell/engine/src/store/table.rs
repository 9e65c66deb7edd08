//! The tables of the database: what their keys and values are. Keys lie in the order of their bytes, so
//! heights are big-endian. A change that old code would misread increments the format version.

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// keccak256(address) -> RLP of [`FlatAccount`](super::codec::FlatAccount).
    Accounts,
    /// keccak256(address) ++ keccak256(slot) -> big-endian value without leading zeros.
    Storage,
    /// Code hash -> code.
    Code,
    /// Owner (zero for the account trie) ++ path, one nibble per byte -> trie node.
    Nodes,
    /// Block hash -> RLP of the header.
    Headers,
    /// Block hash -> RLP of [`BlockBody`](super::BlockBody).
    Bodies,
    /// Block hash -> RLP of a list of receipts.
    Receipts,
    /// Transaction hash -> height (8 bytes) and index (4) of the newest canonical block that held it.
    /// A reader checks that the block at that height still does.
    TxIndex,
    /// Height -> hash of the canonical block.
    Canonical,
    /// Height -> RLP of the canonical block's [`ReverseDiff`](super::codec::ReverseDiff).
    ReverseDiffs,
    /// Format version, chain identity, head pointers.
    Meta,
    /// keccak256(address) ++ height -> RLP of the account before the block; nothing if there was
    /// none.
    AccountHistory,
    /// keccak256(address) ++ keccak256(slot) ++ height -> value before the block.
    StorageHistory,
}

impl Table {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 13] = [
        Self::Accounts,
        Self::Storage,
        Self::Code,
        Self::Nodes,
        Self::Headers,
        Self::Bodies,
        Self::Receipts,
        Self::TxIndex,
        Self::Canonical,
        Self::ReverseDiffs,
        Self::Meta,
        Self::AccountHistory,
        Self::StorageHistory,
    ];

    /// Its name in the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Code => "code",
            Self::Nodes => "nodes",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::TxIndex => "tx_index",
            Self::Canonical => "canonical",
            Self::ReverseDiffs => "reverse_diffs",
            Self::Meta => "meta",
            Self::AccountHistory => "account_history",
            Self::StorageHistory => "storage_history",
        }
    }
}
