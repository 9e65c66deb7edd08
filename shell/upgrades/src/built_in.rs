//! The bundles that are built in: their init codes come from the `kona-hardforks` crate.

use alloy_primitives::Bytes;
use opal_protocol::{
    Fork, UpgradeBundle,
    upgrades::{ecotone_bundle, fjord_bundle, isthmus_bundle},
};

/// An init code that `build.rs` left in `OUT_DIR`.
macro_rules! init_code {
    ($name:literal) => {
        Bytes::from_static(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".bin")))
    };
}

/// The bundle of `fork`, if it is built in: those of Ecotone, Fjord and Isthmus are.
pub fn built_in(fork: Fork) -> Option<UpgradeBundle> {
    match fork {
        Fork::Ecotone => Some(ecotone_bundle(
            init_code!("ecotone_l1_block"),
            init_code!("ecotone_gas_price_oracle"),
        )),
        Fork::Fjord => Some(fjord_bundle(init_code!("fjord_gas_price_oracle"))),
        Fork::Isthmus => Some(isthmus_bundle(
            init_code!("isthmus_l1_block"),
            init_code!("isthmus_gas_price_oracle"),
            init_code!("isthmus_operator_fee_vault"),
        )),
        _ => None,
    }
}
