//! Single columns of span batches, set into a batch whose other columns are as plain as they can
//! be: one block of so many transactions.

use alloy_primitives::hex;

/// A legacy transaction's `tx_datas` with nothing in it.
pub(crate) const LEGACY: &[u8] = &hex!("c3808080");
/// The same of type 1.
pub(crate) const ACCESS_LIST: &[u8] = &hex!("01c4808080c0");
/// The same of type 2.
pub(crate) const DYNAMIC_FEE: &[u8] = &hex!("02c580808080c0");

/// The columns of the transactions of a span batch, each as it lies in the batch.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// Number of transactions.
    pub(crate) count: usize,
    pub(crate) contract_creation_bits: Vec<u8>,
    pub(crate) y_parity_bits: Vec<u8>,
    pub(crate) tx_sigs: Vec<u8>,
    pub(crate) tx_tos: Vec<u8>,
    pub(crate) tx_datas: Vec<u8>,
    pub(crate) tx_nonces: Vec<u8>,
    pub(crate) tx_gases: Vec<u8>,
    pub(crate) protected_bits: Vec<u8>,
}

impl Columns {
    /// So many transactions with nothing in them; `data` is the `tx_datas` of each.
    pub(crate) fn plain(count: usize, data: &[u8]) -> Self {
        let bits = vec![0; count.div_ceil(8)];
        Self {
            count,
            contract_creation_bits: bits.clone(),
            y_parity_bits: bits.clone(),
            tx_sigs: vec![0; count * 64],
            tx_tos: vec![0; count * 20],
            tx_datas: data.repeat(count),
            tx_nonces: vec![0; count],
            tx_gases: vec![0; count],
            protected_bits: if data == LEGACY { bits } else { Vec::new() },
        }
    }

    /// The body of a span batch that holds the columns.
    pub(crate) fn into_body(self) -> Vec<u8> {
        let columns = [
            self.contract_creation_bits,
            self.y_parity_bits,
            self.tx_sigs,
            self.tx_tos,
            self.tx_datas,
            self.tx_nonces,
            self.tx_gases,
            self.protected_bits,
        ];
        body(self.count, &columns.concat())
    }
}

/// The body of a span batch of one block, with the columns of `count` transactions.
pub(crate) fn body(count: usize, columns: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1]; // rel_timestamp, l1_origin_num
    body.extend([0; 40]);
    body.extend([1, 1]); // one block, which starts an epoch
    let mut rest = count;
    while rest >= 0x80 {
        body.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    body.push(rest as u8);
    body.extend(columns);
    body
}

/// How many bits are set.
pub(crate) fn ones(bits: &[u8]) -> usize {
    bits.iter().map(|byte| byte.count_ones() as usize).sum()
}

/// How many base-128 integers `bytes` holds.
pub(crate) fn uvarints(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte < 0x80).count()
}
