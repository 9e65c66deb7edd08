//! Transactions of span batches: taking an encoded transaction apart into columns, and putting
//! the columns together again. Both splice the RLP of the fields, which stays as it is.
//!
//! spec: protocol/delta/span-batches.md#span-batch-format, protocol/isthmus/derivation.md#span-batch-updates

use crate::rlp;
use alloc::vec::Vec;

/// Most bytes of an amount of wei.
const VALUE_BYTES: usize = 32;
/// Most bytes of a price per gas; clients keep it in 128 bits.
const PRICE_BYTES: usize = 16;

/// EIP-2718 types that a span batch can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TxKind {
    Legacy,
    AccessList,
    DynamicFee,
    SetCode,
}

impl TxKind {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::AccessList),
            2 => Some(Self::DynamicFee),
            4 => Some(Self::SetCode),
            _ => None,
        }
    }

    const fn type_byte(self) -> Option<u8> {
        match self {
            Self::Legacy => None,
            Self::AccessList => Some(1),
            Self::DynamicFee => Some(2),
            Self::SetCode => Some(4),
        }
    }
}

/// An element of `tx_datas`: the fields that have no column of their own, each as RLP.
#[derive(Clone, Copy, Debug)]
pub(super) struct TxData<'a> {
    kind: TxKind,
    value: &'a [u8],
    /// `gasPrice`, or `max_priority_fee_per_gas ++ max_fee_per_gas`.
    prices: &'a [u8],
    data: &'a [u8],
    /// `access_list` and `authorization_list`, as far as the type has them.
    lists: &'a [u8],
}

impl<'a> TxData<'a> {
    /// Splits an element off `buf`, checking its fields as a client's transaction decoder would.
    pub(super) fn split(buf: &mut &'a [u8]) -> Result<Self, &'static str> {
        let first = *buf.first().ok_or("is cut short")?;
        let kind = if first < 0x80 {
            *buf = buf.get(1..).unwrap_or_default();
            TxKind::from_byte(first).ok_or("has a transaction of unknown type")?
        } else {
            TxKind::Legacy
        };
        let mut fields = rlp::split_list(buf)
            .ok_or("has a transaction that is no list")?
            .payload;
        let value = rlp::split_uint(&mut fields, VALUE_BYTES)
            .ok_or("has a bad value")?
            .raw;
        let prices = split_prices(kind, &mut fields).ok_or("has a bad gas price")?;
        let data = rlp::split_string(&mut fields)
            .ok_or("has bad calldata")?
            .raw;
        check_lists(kind, fields).ok_or("has a bad access or authorization list")?;
        Ok(Self {
            kind,
            value,
            prices,
            data,
            lists: fields,
        })
    }

    /// Whether it belongs to a legacy transaction.
    pub(super) fn is_legacy(&self) -> bool {
        self.kind == TxKind::Legacy
    }

    /// Bytes of the encoded element.
    pub(super) fn encoded_len(&self) -> usize {
        let payload = self.payload_len();
        usize::from(!self.is_legacy()) + rlp::header_len(payload) + payload
    }

    /// Appends the encoded element.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.kind.type_byte());
        rlp::put_list_header(self.payload_len(), out);
        for field in [self.value, self.prices, self.data, self.lists] {
            out.extend_from_slice(field);
        }
    }

    const fn payload_len(&self) -> usize {
        self.value.len() + self.prices.len() + self.data.len() + self.lists.len()
    }
}

/// A transaction of a span batch, all columns together.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpanTx<'a, 'b> {
    pub(super) data: &'b TxData<'a>,
    pub(super) nonce: u64,
    pub(super) gas: u64,
    /// `None` creates a contract.
    pub(super) to: Option<&'a [u8; 20]>,
    /// `r ++ s`, 32 bytes each.
    pub(super) signature: &'a [u8; 64],
    pub(super) y_parity: bool,
    /// Whether a legacy transaction carries the chain id (EIP-155).
    pub(super) is_protected: bool,
}

impl SpanTx<'_, '_> {
    /// Appends the encoded (EIP-2718) transaction.
    pub(super) fn encode(&self, chain_id: u64, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let data = self.data;
        if data.kind == TxKind::SetCode && self.to.is_none() {
            return Err("has a set-code transaction without recipient");
        }
        let (r, s) = self.signature.split_at(32);
        let v = self.v(chain_id);
        let chain_id_len = if data.is_legacy() {
            0
        } else {
            rlp::u128_len(chain_id.into())
        };
        let payload_len = chain_id_len
            + rlp::u128_len(self.nonce.into())
            + data.payload_len()
            + rlp::u128_len(self.gas.into())
            + self.to.map_or(1, |to| 1 + to.len())
            + rlp::u128_len(v)
            + rlp::uint_len(r)
            + rlp::uint_len(s);
        out.extend(data.kind.type_byte());
        rlp::put_list_header(payload_len, out);
        let start = out.len();
        if !data.is_legacy() {
            rlp::put_u128(chain_id.into(), out);
        }
        rlp::put_u128(self.nonce.into(), out);
        out.extend_from_slice(data.prices);
        rlp::put_u128(self.gas.into(), out);
        match self.to {
            None => out.push(0x80),
            Some(to) => {
                out.push(0x94);
                out.extend_from_slice(to);
            }
        }
        out.extend_from_slice(data.value);
        out.extend_from_slice(data.data);
        out.extend_from_slice(data.lists);
        rlp::put_u128(v, out);
        rlp::put_uint(r, out);
        rlp::put_uint(s, out);
        debug_assert_eq!(out.len() - start, payload_len);
        Ok(())
    }

    /// The signature's `v`.
    fn v(&self, chain_id: u64) -> u128 {
        let y_parity = u128::from(self.y_parity);
        match (self.data.is_legacy(), self.is_protected) {
            (false, _) => y_parity,
            (true, false) => 27 + y_parity,
            (true, true) => 35 + 2 * u128::from(chain_id) + y_parity,
        }
    }
}

/// A transaction taken apart for the columns of a span batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct TxParts<'a> {
    pub(super) data: TxData<'a>,
    pub(super) nonce: u64,
    pub(super) gas: u64,
    pub(super) to: Option<&'a [u8]>,
    pub(super) y_parity: bool,
    pub(super) is_protected: bool,
    /// Big-endian, without leading zeros.
    pub(super) r: &'a [u8],
    /// Big-endian, without leading zeros.
    pub(super) s: &'a [u8],
}

impl<'a> TxParts<'a> {
    /// Takes an encoded (EIP-2718) transaction apart.
    pub(super) fn parse(transaction: &'a [u8], chain_id: u64) -> Result<Self, &'static str> {
        let first = *transaction.first().ok_or("is empty")?;
        let (kind, mut rest) = if first < 0xc0 {
            let kind = TxKind::from_byte(first).ok_or("has a type that no span batch carries")?;
            (kind, transaction.get(1..).unwrap_or_default())
        } else {
            (TxKind::Legacy, transaction)
        };
        let mut fields = rlp::split_list(&mut rest).ok_or("is no list")?.payload;
        if !rest.is_empty() {
            return Err("has bytes behind its end");
        }
        if kind != TxKind::Legacy && rlp::split_u64(&mut fields) != Some(chain_id) {
            return Err("is for another chain");
        }
        let nonce = rlp::split_u64(&mut fields).ok_or("has a bad nonce")?;
        let prices = split_prices(kind, &mut fields).ok_or("has a bad gas price")?;
        let gas = rlp::split_u64(&mut fields).ok_or("has a bad gas limit")?;
        let to = rlp::split_string(&mut fields)
            .ok_or("has a bad recipient")?
            .payload;
        let to = match (to.len(), kind) {
            (20, _) => Some(to),
            (0, TxKind::Legacy | TxKind::AccessList | TxKind::DynamicFee) => None,
            _ => return Err("has a bad recipient"),
        };
        let value = rlp::split_uint(&mut fields, VALUE_BYTES)
            .ok_or("has a bad value")?
            .raw;
        let data = rlp::split_string(&mut fields)
            .ok_or("has bad calldata")?
            .raw;
        let lists = split_lists(kind, &mut fields).ok_or("has a bad list")?;
        check_lists(kind, lists).ok_or("has a bad access or authorization list")?;
        let v = rlp::split_u64(&mut fields).ok_or("has a bad v")?;
        let r = rlp::split_uint(&mut fields, 32)
            .ok_or("has a bad r")?
            .payload;
        let s = rlp::split_uint(&mut fields, 32)
            .ok_or("has a bad s")?
            .payload;
        if !fields.is_empty() {
            return Err("has too many fields");
        }
        let (y_parity, is_protected) = split_v(kind, v, chain_id)?;
        let data = TxData {
            kind,
            value,
            prices,
            data,
            lists,
        };
        Ok(Self {
            data,
            nonce,
            gas,
            to,
            y_parity,
            is_protected,
            r,
            s,
        })
    }
}

/// `(y_parity, is_protected)` of a signature's `v`.
fn split_v(kind: TxKind, v: u64, chain_id: u64) -> Result<(bool, bool), &'static str> {
    match (kind, v) {
        (TxKind::Legacy, 27 | 28) => Ok((v == 28, false)),
        (TxKind::Legacy, _) => {
            let base = 35 + 2 * u128::from(chain_id);
            match u128::from(v).checked_sub(base) {
                Some(parity @ (0 | 1)) => Ok((parity == 1, true)),
                _ => Err("is for another chain"),
            }
        }
        (_, 0 | 1) => Ok((v == 1, false)),
        _ => Err("has a bad v"),
    }
}

fn split_prices<'a>(kind: TxKind, fields: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = *fields;
    let count = if matches!(kind, TxKind::Legacy | TxKind::AccessList) {
        1
    } else {
        2
    };
    for _ in 0..count {
        rlp::split_uint(fields, PRICE_BYTES)?;
    }
    start.get(..start.len() - fields.len())
}

fn split_lists<'a>(kind: TxKind, fields: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = *fields;
    let count = match kind {
        TxKind::Legacy => 0,
        TxKind::AccessList | TxKind::DynamicFee => 1,
        TxKind::SetCode => 2,
    };
    for _ in 0..count {
        rlp::split_list(fields)?;
    }
    start.get(..start.len() - fields.len())
}

/// Checks that `lists` is exactly the lists of the type, well-formed.
fn check_lists(kind: TxKind, mut lists: &[u8]) -> Option<()> {
    if kind != TxKind::Legacy {
        check_access_list(rlp::split_list(&mut lists)?.payload)?;
    }
    if kind == TxKind::SetCode {
        check_authorization_list(rlp::split_list(&mut lists)?.payload)?;
    }
    lists.is_empty().then_some(())
}

fn check_access_list(mut list: &[u8]) -> Option<()> {
    while !list.is_empty() {
        let mut entry = rlp::split_list(&mut list)?.payload;
        rlp::split_fixed::<20>(&mut entry)?;
        let mut keys = rlp::split_list(&mut entry)?.payload;
        while !keys.is_empty() {
            rlp::split_fixed::<32>(&mut keys)?;
        }
        if !entry.is_empty() {
            return None;
        }
    }
    Some(())
}

/// `[[chain_id, address, nonce, y_parity, r, s], …]`
fn check_authorization_list(mut list: &[u8]) -> Option<()> {
    while !list.is_empty() {
        let mut entry = rlp::split_list(&mut list)?.payload;
        rlp::split_uint(&mut entry, 32)?;
        rlp::split_fixed::<20>(&mut entry)?;
        rlp::split_uint(&mut entry, 8)?;
        rlp::split_uint(&mut entry, 1)?;
        rlp::split_uint(&mut entry, 32)?;
        rlp::split_uint(&mut entry, 32)?;
        if !entry.is_empty() {
            return None;
        }
    }
    Some(())
}
