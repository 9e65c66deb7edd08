//! Chains that exist: from Optimism's contracts and their published settings, the generator makes
//! their first block to the byte.
//!
//! The contracts are those of the npm package `@eth-optimism/contracts-bedrock`, which the tools of
//! `contracts/` install. Nothing of them is part of the project.

use crate::{Artifacts, Deployment, Output};
use alloy_primitives::{B256, b256};
use std::path::PathBuf;

/// A chain and the hash of its first block.
struct Chain {
    name: &'static str,
    settings: &'static str,
    genesis: B256,
}

const CHAINS: [Chain; 4] = [
    Chain {
        name: "RACE Mainnet",
        settings: r#"
            [l1]
            chain_id = 1
            [l2]
            chain_id = 6805
            gas_limit = 30000000
            extra_data = "BEDROCK"
            [forks]
            genesis = "fjord"
            [roles]
            owner = "0x15e84dbab54eb060b63caf12dd2ec371f761a632"
            [vaults]
            sequencer = { recipient = "0x2624ca42dd73bfff86954af79e1562176ae05916", min_withdrawal = "2 ether", network = "l1" }
            base = { recipient = "0x2624ca42dd73bfff86954af79e1562176ae05916", min_withdrawal = "2 ether", network = "l1" }
            l1 = { recipient = "0x2624ca42dd73bfff86954af79e1562176ae05916", min_withdrawal = "2 ether", network = "l1" }
            [accounts]
            funded = []
            [l1_origin]
            hash = "0xb6fd41e6c3515172c36d3912046264475eaad84c2c56e99d74f4abd1a75b63c9"
            number = 20260129
            time = 1720421591
            [l1_contracts]
            optimism_portal = "0x0485Ca8A73682B3D3f5ae98cdca1E5b512E728e9"
            system_config = "0xCf6A32dB8b3313b3d439CE6909511c2c3415fa32"
            l1_cross_domain_messenger = "0xf54b2baef894cff5511a5722acaac0409f2f2d89"
            l1_standard_bridge = "0x680969a6c58183987c8126ca4de6b59c6540cd2a"
            l1_erc721_bridge = "0x0f33d824d74180598311b3025095727bea61f219"
        "#,
        genesis: b256!("a864791943836c37b40ea688f3853f2198afb683a3e168d48bfa76c9896e3e65"),
    },
    Chain {
        name: "RACE Testnet",
        settings: r#"
            [l1]
            chain_id = 11155111
            [l2]
            chain_id = 6806
            gas_limit = 30000000
            extra_data = "BEDROCK"
            [forks]
            genesis = "fjord"
            [roles]
            owner = "0xe6869af6c871614df04902870bb13d4505e1586c"
            [vaults]
            sequencer = { min_withdrawal = "2 ether", network = "l1" }
            base = { min_withdrawal = "2 ether", network = "l1" }
            l1 = { min_withdrawal = "2 ether", network = "l1" }
            [accounts]
            funded = []
            [l1_origin]
            hash = "0x28dd1dd74080560ef0b02f8f1ae31d1be75b01a70a5be6ef22e673cec538770f"
            number = 6210400
            time = 1719646560
            [l1_contracts]
            optimism_portal = "0xF2891fc6819CDd6BD9221874619BB03A6277d72A"
            system_config = "0x07e7A3F25aA73dA15bc19B71FEF8f5511342a409"
            l1_cross_domain_messenger = "0xdaeab17598938a4f27e50ac771249ad7df12ea7d"
            l1_standard_bridge = "0x289179e9d43a35d47239456251f9c2fdbf9fbea2"
            l1_erc721_bridge = "0xbafb1a6e54e7750af29489d65888d1c96dfd66df"
        "#,
        genesis: b256!("994d67464c3368b8eb6f9770087399486b25d721a1868b95bb37de327b49ab89"),
    },
    Chain {
        name: "Ozean Poseidon Testnet",
        settings: r#"
            [l1]
            chain_id = 11155111
            [l2]
            chain_id = 7849306
            gas_limit = 30000000
            extra_data = "BEDROCK"
            [forks]
            genesis = "fjord"
            [fees]
            eip1559_denominator = 250
            [roles]
            owner = "0x18b06ea63f2295976476fb23918d417a57803363"
            [vaults]
            sequencer = { min_withdrawal = "1 ether", network = "l1" }
            base = { min_withdrawal = "1 ether", network = "l1" }
            l1 = { min_withdrawal = "1 ether", network = "l1" }
            [accounts]
            funded = []
            [l1_origin]
            hash = "0x85467f187f321ff4e778a905e2e8b976469fbd2a9b31a41b0037d0ffb84757df"
            number = 6584523
            time = 1724805984
            [l1_contracts]
            optimism_portal = "0x6EeeA09335D09870dD467FD34ECc10Fdb5106527"
            system_config = "0xdEC733B0643E7c3Bd06576A4C70Ca87E301EAe87"
            l1_cross_domain_messenger = "0x13931872294360cac551ba3801f061c4c86f0725"
            l1_standard_bridge = "0xb9558CE3C11EC69e18632A8e5B316581e852dB91"
            l1_erc721_bridge = "0x50d26235319abf2ba7b043a33e53bd19480d7e69"
        "#,
        genesis: b256!("b32768b76d1a3e84947da1caf37443f46003bff8f24ceee43db387452cba5da1"),
    },
    // One with a governance token.
    Chain {
        name: "TBN Testnet",
        settings: r#"
            [l1]
            chain_id = 11155111
            [l2]
            chain_id = 625
            gas_limit = 30000000
            extra_data = "BEDROCK"
            [forks]
            genesis = "fjord"
            [roles]
            owner = "0xd7e60cd8fbea5142a207042c477e1359df5fa688"
            [vaults]
            sequencer = { recipient = "0x66c9f2203393a8322328819aaf7c287c9cd3bf74", min_withdrawal = "10 ether", network = "l1" }
            base = { recipient = "0x66c9f2203393a8322328819aaf7c287c9cd3bf74", min_withdrawal = "10 ether", network = "l1" }
            l1 = { recipient = "0x66c9f2203393a8322328819aaf7c287c9cd3bf74", min_withdrawal = "10 ether", network = "l1" }
            [tokens]
            governance_owner = "0xd7e60cd8fbea5142a207042c477e1359df5fa688"
            [accounts]
            funded = []
            [l1_origin]
            hash = "0x8d457519705ad17cf812d7cd4cfe5726eca8249f9e5f40a1d19992b07c2521ce"
            number = 6092340
            time = 1718195040
            [l1_contracts]
            optimism_portal = "0xFBEd910ca54F013bfeA67Bd4DC836263bdd0b46C"
            system_config = "0x1a6D0312FaaaCa2BF818660F164450176C6205C9"
            l1_cross_domain_messenger = "0x33dc556a5df0b8998dc2640c78e531ae1db7925d"
            l1_standard_bridge = "0x3b78c3b41b3e3fc6bdf0bd3060c9e2471401c098"
            l1_erc721_bridge = "0x7c95eebea6f68875b4093d9c2211fd26067a808f"
        "#,
        genesis: b256!("f1c38d92222758e1ea0c9c7ae1f7f2dfd0e3e747609f1c2d5a41ecfc5e84aba9"),
    },
];

/// The folder with Optimism's contracts, or `None` where they are not installed.
fn artifacts() -> Option<Artifacts> {
    let installed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../contracts/node_modules/@eth-optimism/contracts-bedrock/forge-artifacts"
    );
    let folder = PathBuf::from(installed);
    if folder.is_dir() {
        return Some(Artifacts::Folder(folder));
    }
    assert!(
        std::env::var_os("OPAL_FIXTURES_REQUIRED").is_none(),
        "{installed} is missing; run `npm --prefix contracts ci --ignore-scripts`"
    );
    println!("skipped: Optimism's contracts are not installed");
    None
}

#[test]
fn published_genesis_blocks_are_reproduced() {
    let Some(artifacts) = artifacts() else { return };
    for chain in CHAINS {
        let deployment = Deployment::parse(chain.settings).unwrap();
        let output = Output::new(&deployment, &artifacts).unwrap();
        assert_eq!(
            output.rollup.genesis.l2.hash, chain.genesis,
            "{}",
            chain.name
        );
        assert!(output.l1.is_none());
    }
}
