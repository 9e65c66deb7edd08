//! What a devnet says of itself when it is up.

use crate::descriptor::Descriptor;
use std::{fmt::Write, path::Path};

/// Endpoints, accounts and contracts, for a person.
pub(crate) fn text(devnet: &Descriptor, file: &Path) -> String {
    let mut out = String::from("\n  Opal devnet\n\n");
    let mut row = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {name:<20}{value}");
    };
    row(
        "L1",
        &format!("{}  (chain {})", devnet.l1.rpc, devnet.l1.chain_id),
    );
    row("  beacon", &devnet.l1.beacon);
    if let Some(control) = &devnet.l1.control {
        row("  control", control);
    }
    let sides = [
        ("sequencer", &devnet.l2.sequencer),
        ("verifier", &devnet.l2.verifier),
    ];
    for (name, side) in sides {
        row(
            &format!("L2 {name}"),
            &format!("{}  (chain {})", side.rpc, devnet.l2.chain_id),
        );
        row("  engine", &side.engine);
        row("  node", &side.node);
    }
    row("batcher", &devnet.l2.batcher);
    if let Some(proposer) = &devnet.l2.proposer {
        row("proposer", proposer);
    }
    let _ = writeln!(
        out,
        "\n  funded accounts (keys are public, never use them elsewhere)"
    );
    for account in &devnet.accounts {
        let _ = writeln!(out, "  {}  {}", account.address, account.private_key);
    }
    let _ = writeln!(out, "\n  contracts");
    for (name, address) in &devnet.contracts {
        let _ = writeln!(out, "  {name:<24}{address}");
    }
    let _ = writeln!(out, "\n  all of this is in {}\n", file.display());
    out
}
