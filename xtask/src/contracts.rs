//! Rebuilds the contract artifacts with the pinned compiler.

/// Rebuilds the artifacts, or with `check` compares them with the committed ones.
pub fn run(_check: bool) -> eyre::Result<()> {
    eyre::bail!("no contracts yet")
}
