//! Where the L1 contracts of a rollup are.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! addresses {
    ($(($name:literal, $proxy:ident, $implementation:ident, $does:literal)),* $(,)?) => {
        /// Addresses of the L1 contracts; zero where there is none.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Addresses {
            /// Administers the proxies.
            pub proxy_admin: Address,
            $(
                #[doc = $does]
                #[doc = " (a proxy)."]
                pub $proxy: Address,
                /// Code behind it.
                pub $implementation: Address,
            )*
            /// What games of proposals are clones of.
            pub quick_dispute_game: Address,
            /// Bundles calls, where the chain had nobody to do so.
            pub multicall3: Address,
            /// The token for trying out.
            pub dev_token: Address,
        }

        impl Addresses {
            /// Name, proxy and implementation of every contract behind a proxy, in the order of
            /// deployment.
            pub fn proxied(&self) -> Vec<(&'static str, Address, Address)> {
                vec![$(($name, self.$proxy, self.$implementation)),*]
            }

            /// As [`Self::proxied`], to be filled.
            pub(crate) fn proxied_mut(
                &mut self,
            ) -> Vec<(&'static str, &mut Address, &mut Address)> {
                vec![$(($name, &mut self.$proxy, &mut self.$implementation)),*]
            }
        }
    };
}

addresses! {
    ("SuperchainConfig", superchain_config, superchain_config_impl, "Pauses the bridge"),
    ("ProtocolVersions", protocol_versions, protocol_versions_impl, "Announces versions to nodes"),
    ("SystemConfig", system_config, system_config_impl, "Holds the system configuration"),
    ("OptimismPortal", optimism_portal, optimism_portal_impl, "Takes deposits and pays withdrawals"),
    ("DisputeGameFactory", dispute_game_factory, dispute_game_factory_impl, "Takes proposals"),
    (
        "AnchorStateRegistry",
        anchor_state_registry,
        anchor_state_registry_impl,
        "Knows which games count"
    ),
    ("DelayedWETH", delayed_weth, delayed_weth_impl, "Holds the bonds of games"),
    (
        "L1CrossDomainMessenger",
        l1_cross_domain_messenger,
        l1_cross_domain_messenger_impl,
        "Sends messages to L2 and relays those from there"
    ),
    ("L1StandardBridge", l1_standard_bridge, l1_standard_bridge_impl, "Bridges ETH and tokens"),
    ("L1ERC721Bridge", l1_erc721_bridge, l1_erc721_bridge_impl, "Bridges collectibles"),
    (
        "OptimismMintableERC20Factory",
        optimism_mintable_erc20_factory,
        optimism_mintable_erc20_factory_impl,
        "Makes images of tokens of L2"
    ),
    ("L2OutputOracle", l2_output_oracle, l2_output_oracle_impl, "Takes proposals the old way"),
}

impl Addresses {
    /// By the names that deployments of OP chains have for them: `XProxy` for the address to talk
    /// to, `XImpl` for the code behind it. `OptimismPortal` and `SystemConfig` name the proxies as
    /// well.
    pub fn by_name(&self) -> BTreeMap<String, Address> {
        let mut names = BTreeMap::new();
        for (name, proxy, implementation) in self.proxied() {
            names.insert(format!("{name}Proxy"), proxy);
            names.insert(format!("{name}Impl"), implementation);
        }
        for (name, address) in [
            ("ProxyAdmin", self.proxy_admin),
            ("OptimismPortal", self.optimism_portal),
            ("SystemConfig", self.system_config),
            ("QuickDisputeGame", self.quick_dispute_game),
            ("Multicall3", self.multicall3),
            ("DevToken", self.dev_token),
        ] {
            names.insert(name.to_owned(), address);
        }
        names.retain(|_, address| !address.is_zero());
        names
    }
}
