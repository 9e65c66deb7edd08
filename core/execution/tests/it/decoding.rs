//! Decoders on hostile bytes: an error or a value, never a panic; and values survive the round trip.

use crate::support::*;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use opal_execution::{Receipt, Transaction, VerifiedTx};
use proptest::prelude::*;

fn transactions() -> Vec<Bytes> {
    vec![
        l1_info().encoded,
        transfer(3).encoded,
        user_tx(1, TxKind::Create, 100_000, vec![1; 60]).encoded,
        deposit_tx(deposit(ALICE, TxKind::Create, 7, U256::from(9), 50_000)).encoded,
    ]
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let log = (
        any::<[u8; 20]>(),
        prop::collection::vec(any::<[u8; 32]>(), 0..5),
        any::<Vec<u8>>(),
    )
        .prop_map(|(address, topics, data)| {
            let topics = topics.into_iter().map(Into::into).collect();
            Log::new_unchecked(Address::from(address), topics, data.into())
        });
    let deposit = prop_oneof![
        Just((0_u8, None, None)),
        Just((2, None, None)),
        any::<u64>().prop_map(|nonce| (0x7e, Some(nonce), None)),
        any::<u64>().prop_map(|nonce| (0x7e, Some(nonce), Some(1))),
    ];
    (
        deposit,
        any::<bool>(),
        any::<u64>(),
        prop::collection::vec(log, 0..4),
    )
        .prop_map(
            |((tx_type, nonce, version), success, cumulative_gas_used, logs)| Receipt {
                tx_type,
                success,
                cumulative_gas_used,
                logs,
                deposit_nonce: nonce,
                deposit_receipt_version: version,
            },
        )
}

proptest! {
    #[test]
    fn receipts_survive_storage(receipt in receipt()) {
        prop_assert_eq!(Receipt::decode(&receipt.encode_for_storage()), Ok(receipt.clone()));
        // The canonical form has no other way to say the same.
        let again = Receipt::decode(&receipt.encode()).unwrap();
        prop_assert_eq!(again.encode(), receipt.encode());
    }

    #[test]
    fn spoiled_receipts_never_panic(receipt in receipt(), at in any::<prop::sample::Index>(), with: u8) {
        let mut bytes = receipt.encode().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let _ = Receipt::decode(&bytes);
        bytes.truncate(at);
        let _ = Receipt::decode(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, kind in 0_u8..0x80) {
        let _ = Receipt::decode(&bytes);
        let _ = Transaction::decode(&bytes);
        let typed: Vec<u8> = core::iter::once(kind).chain(bytes).collect();
        let _ = Receipt::decode(&typed);
        let _ = VerifiedTx::decode(typed.into());
    }

    #[test]
    fn spoiled_transactions_never_panic(which in 0_usize..4, at in any::<prop::sample::Index>(), with: u8) {
        let mut bytes = transactions()[which].to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        // Whatever decodes has exactly these canonical bytes.
        if let Ok(tx) = Transaction::decode(&bytes) {
            prop_assert_eq!(tx.encode(), Bytes::from(bytes.clone()));
        }
        bytes.push(0);
        prop_assert!(Transaction::decode(&bytes).is_err());
    }
}

#[test]
fn transactions_survive_the_round_trip() {
    for encoded in transactions() {
        let tx = Transaction::decode(&encoded).unwrap();
        assert_eq!(tx.encode(), encoded);
        assert_eq!(tx.hash(), alloy_primitives::keccak256(&encoded));
    }
    assert_eq!(
        VerifiedTx::decode(l1_info().encoded).unwrap().sender,
        DEPOSITOR
    );
}
