//! Protocol versions that the superchain requires, and whether to stop for them.
//!
//! The rollup node passes on what the contract on L1 says (`engine_signalSuperchainV1`). An
//! operator may want an engine that is too old to stop rather than follow another chain.
//! spec: protocol/superchain-upgrades.md#protocol-version

use op_alloy_rpc_types_engine::{ProtocolVersion, SuperchainSignal};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// How far behind the required version an engine must be to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HaltLevel {
    /// Any part of the version.
    Patch,
    /// The minor or the major version.
    Minor,
    /// The major version.
    Major,
}

/// Judges signals; tells of a halt once.
#[derive(Debug)]
pub(crate) struct Halt {
    level: Option<HaltLevel>,
    reason: watch::Sender<Option<String>>,
}

impl Halt {
    pub(crate) fn new(level: Option<HaltLevel>) -> Self {
        Self {
            level,
            reason: watch::Sender::new(None),
        }
    }

    /// Follows the reason to halt; `None` while there is none.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<String>> {
        self.reason.subscribe()
    }

    /// Takes a signal; `ours` is the version that this engine implements.
    pub(crate) fn signal(&self, signal: &SuperchainSignal, ours: &ProtocolVersion) {
        let (required, recommended) = (&signal.required, &signal.recommended);
        let Some(behind) = behind(ours, required) else {
            match behind(ours, recommended) {
                Some(_) => warn!(
                    %recommended, %ours,
                    "the superchain recommends a newer protocol version: update this program soon"
                ),
                None => {
                    info!(%required, %recommended, %ours, "the superchain's protocol versions are supported")
                }
            }
            return;
        };
        error!(
            %required, %ours,
            "the superchain requires a newer protocol version: update this program now"
        );
        if self.level.is_some_and(|level| behind >= level) {
            let reason = format!(
                "the superchain requires protocol version {required}, this program implements \
                 {ours}, and --rollup.halt asks to stop then"
            );
            self.reason.send_if_modified(|old| match old {
                None => {
                    *old = Some(reason);
                    true
                }
                Some(_) => false,
            });
        }
    }
}

/// The most significant part in which `ours` is older than `theirs`.
fn behind(ours: &ProtocolVersion, theirs: &ProtocolVersion) -> Option<HaltLevel> {
    // A pre-release of a version is older than the version; zero is none.
    let parts = |v: &ProtocolVersion| (v.major(), v.minor(), v.patch());
    let (ours, theirs) = (parts(ours), parts(theirs));
    if ours.0 != theirs.0 {
        return (ours.0 < theirs.0).then_some(HaltLevel::Major);
    }
    if ours.1 != theirs.1 {
        return (ours.1 < theirs.1).then_some(HaltLevel::Minor);
    }
    (ours.2 < theirs.2).then_some(HaltLevel::Patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use op_alloy_rpc_types_engine::ProtocolVersionFormatV0;

    fn version(major: u32, minor: u32, patch: u32) -> ProtocolVersion {
        ProtocolVersion::V0(ProtocolVersionFormatV0 {
            major,
            minor,
            patch,
            ..Default::default()
        })
    }

    #[test]
    fn an_engine_halts_at_the_level_it_was_asked_to() {
        use HaltLevel::{Major, Minor, Patch};
        let ours = version(9, 2, 3);
        for (required, expected) in [
            (version(9, 2, 3), None),
            (version(8, 9, 9), None),
            (version(9, 1, 9), None),
            (version(9, 2, 4), Some(Patch)),
            (version(9, 3, 0), Some(Minor)),
            (version(10, 0, 0), Some(Major)),
        ] {
            assert_eq!(behind(&ours, &required), expected, "{required}");
            for level in [None, Some(Patch), Some(Minor), Some(Major)] {
                let halt = Halt::new(level);
                let signal = SuperchainSignal {
                    required,
                    recommended: required,
                };
                halt.signal(&signal, &ours);
                let halts = level.is_some_and(|l| expected.is_some_and(|e| e >= l));
                assert_eq!(
                    halt.subscribe().borrow().is_some(),
                    halts,
                    "{level:?} {required}"
                );
            }
        }
    }
}
