//! Calls as transactions: what a simulated block holds.

use crate::transaction::{Transaction, VerifiedTx};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
use alloy_primitives::{Address, Signature, TxKind, U256};
use alloy_rpc_types_eth::TransactionRequest;
use revm::context::TxEnv;

/// The call as a transaction that nobody signed.
pub(super) fn unsigned(tx: &TxEnv, request: &TransactionRequest) -> VerifiedTx {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let (nonce, gas_limit, value) = (tx.nonce, tx.gas_limit, tx.value);
    let (to, input) = (tx.kind, tx.data.clone());
    let chain_id = tx.chain_id.unwrap_or_default();
    let max_fee_per_gas = request.max_fee_per_gas.unwrap_or_default();
    let max_priority_fee_per_gas = request.max_priority_fee_per_gas.unwrap_or_default();
    let access_list = tx.access_list.clone();
    let target = match to {
        TxKind::Call(address) => address,
        TxKind::Create => Address::ZERO,
    };
    let transaction = match (request.gas_price, tx.tx_type) {
        (_, 4) => Transaction::Eip7702(
            TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: target,
                value,
                access_list,
                authorization_list: request.authorization_list.clone().unwrap_or_default(),
                input,
            }
            .into_signed(signature),
        ),
        (_, 3) => Transaction::Eip4844(
            TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: target,
                value,
                access_list,
                blob_versioned_hashes: tx.blob_hashes.clone(),
                max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or_default(),
                input,
            }
            .into_signed(signature),
        ),
        (Some(gas_price), 1) => Transaction::Eip2930(
            TxEip2930 {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature),
        ),
        (Some(gas_price), _) => Transaction::Legacy(
            TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                input,
            }
            .into_signed(signature),
        ),
        (None, _) => Transaction::Eip1559(
            TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature),
        ),
    };
    VerifiedTx::new_unchecked(transaction, tx.caller)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tx_env;
    use alloy_primitives::{address, b256};

    #[test]
    fn a_call_becomes_the_transaction_that_others_make_of_it() {
        // The hash that execution-apis publishes for this call of its chain.
        let request = TransactionRequest {
            from: Some(address!("c000000000000000000000000000000000000000")),
            to: Some(address!("c100000000000000000000000000000000000000").into()),
            value: Some(U256::from(1_000)),
            ..TransactionRequest::default()
        };
        let mut tx = tx_env(0x000c_72dd_9d5e_883e, 0, &request).unwrap();
        tx.gas_limit = 50_000_000;
        let hash = b256!("f1c5abb08809ef760f87aeabe7a87284c60797192dab6d2f0d26c27c9c038e9d");
        assert_eq!(unsigned(&tx, &request).hash(), hash);
    }
}
