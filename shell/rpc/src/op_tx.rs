//! OP transactions as the nodes in the field write them.
//!
//! Deposits are read by hand: geth writes `isSystemTx` as a boolean and `mint` as null, which the
//! type's own reader refuses.

use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, U256};
use op_alloy_consensus::{OpTxEnvelope, TxDeposit};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

/// EIP-2718 type of deposits. spec: protocol/deposits.md#the-deposited-transaction-type
const DEPOSIT_TYPE: u64 = 0x7e;

/// A transaction of an OP block.
#[derive(Clone, Debug)]
pub(crate) struct OpTx(pub(crate) OpTxEnvelope);

impl<'de> Deserialize<'de> for OpTx {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(json)?;
        let read = |e: serde_json::Error| D::Error::custom(e);
        let Typed { tx_type } = serde_json::from_str(json.get()).map_err(read)?;
        if tx_type != U64::from(DEPOSIT_TYPE) {
            return serde_json::from_str(json.get()).map(Self).map_err(read);
        }
        let deposit = read_deposit(json.get()).map_err(read)?;
        Ok(Self(deposit.into()))
    }
}

/// A deposit (type 0x7e) from the JSON of a node.
pub fn read_deposit(json: &str) -> Result<TxDeposit, serde_json::Error> {
    serde_json::from_str::<Deposit>(json).map(TxDeposit::from)
}

#[derive(Deserialize)]
struct Typed {
    /// Absent in what very old nodes say of legacy transactions.
    #[serde(default, rename = "type")]
    tx_type: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deposit {
    source_hash: B256,
    from: Address,
    #[serde(default)]
    to: Option<Address>,
    #[serde(default)]
    mint: Option<U128>,
    value: U256,
    gas: U64,
    #[serde(default)]
    is_system_tx: Option<Flag>,
    input: Bytes,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Quantity(U64),
}

impl From<Deposit> for TxDeposit {
    fn from(deposit: Deposit) -> Self {
        Self {
            source_hash: deposit.source_hash,
            from: deposit.from,
            to: deposit.to.map_or(TxKind::Create, TxKind::Call),
            mint: deposit.mint.unwrap_or_default().to(),
            value: deposit.value,
            gas_limit: deposit.gas.to(),
            is_system_transaction: match deposit.is_system_tx {
                Some(Flag::Bool(flag)) => flag,
                Some(Flag::Quantity(number)) => !number.is_zero(),
                None => false,
            },
            input: deposit.input,
        }
    }
}
