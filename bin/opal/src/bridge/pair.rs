//! Whether two tokens are one token's two sides.
//!
//! In: a token's addresses on both layers. Out: nothing, or a refusal before any money moves.
//! The bridge where a deposit begins takes any two addresses and locks the tokens; only the other
//! one looks whether they belong together, and then they are locked for good.

use super::chain::{Chain, Layer};
use alloy_primitives::Address;
use alloy_sol_types::{SolCall, sol};
use opal_rpc::RpcError;

sol! {
    interface IMintable {
        function remoteToken() external view returns (address);
        /// The older name; tokens from before Bedrock have no other.
        function l1Token() external view returns (address);
    }
}

/// Refuses tokens of which neither names the other.
pub(super) async fn check(chain: &Chain, l1: Address, l2: Address) -> eyre::Result<()> {
    let named = match named_by(&chain.l2, l2, IMintable::remoteTokenCall {}).await? {
        Some(token) => Some(token),
        None => named_by(&chain.l2, l2, IMintable::l1TokenCall {}).await?,
    };
    if named == Some(l1) {
        return Ok(());
    }
    // A token that is at home on L2 has its mintable side on L1.
    if named_by(&chain.l1, l1, IMintable::remoteTokenCall {}).await? == Some(l2) {
        return Ok(());
    }
    let found = match named {
        Some(other) => format!("{l2} on L2 stands for {other}, not for {l1}"),
        None => format!("{l2} on L2 does not say that it stands for {l1} on L1"),
    };
    eyre::bail!("the tokens are no pair: {found}; the bridge could not deliver them")
}

/// The other side that a token names, if it is a contract that does.
async fn named_by<C: SolCall<Return = Address>>(
    layer: &Layer,
    token: Address,
    call: C,
) -> eyre::Result<Option<Address>> {
    match layer.read(token, call).await {
        Ok(other) => Ok(Some(other)),
        Err(error) => match error.downcast_ref::<RpcError>() {
            // The node did not answer: that says nothing about the token.
            Some(RpcError::Response { .. }) | None => Ok(None),
            Some(_) => Err(error),
        },
    }
}
