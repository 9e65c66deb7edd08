//! Upgrade bundles: what is accepted comes back from its own JSON, and every transaction is a
//! deposit of its own.

use crate::input::Input;
use opal_protocol::{Fork, UpgradeBundle, deposit::decode_deposit};

/// A fork, then the JSON of a bundle.
pub fn upgrade_bundle(data: &[u8]) {
    let mut input = Input::new(data);
    let fork = input.pick(&Fork::ALL);
    let Ok(text) = core::str::from_utf8(input.rest()) else {
        return;
    };
    let Ok(bundle) = UpgradeBundle::from_json(fork, text) else {
        return;
    };
    let again = UpgradeBundle::from_json(fork, &bundle.to_json());
    assert_eq!(again.as_ref(), Ok(&bundle));
    let deposits = bundle.deposits();
    assert_eq!(deposits.len(), bundle.transactions.len());
    let mut gas = 0u64;
    for (encoded, tx) in deposits.iter().zip(&bundle.transactions) {
        let deposit = decode_deposit(encoded).expect("our own encoding");
        assert_eq!((deposit.mint, deposit.is_system_transaction), (0, false));
        assert_eq!(
            (deposit.gas_limit, &deposit.input),
            (tx.gas_limit, &tx.data)
        );
        gas += deposit.gas_limit;
    }
    assert_eq!(bundle.total_gas(), gas);
    assert!(bundle.extra_gas() == 0 || bundle.extra_gas() == gas);
}
