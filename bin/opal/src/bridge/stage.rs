//! Where a withdrawal stands. Pure: what the contracts say goes in.

use std::fmt;

/// What the contracts say of a withdrawal. Times are L1's, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) now: u64,
    pub(super) is_finalized: bool,
    /// Whether there is a proposal that covers its L2 block.
    pub(super) is_proposed: bool,
    /// When we proved it.
    pub(super) proven_at: Option<u64>,
    pub(super) maturity: u64,
    /// The game it was proven against.
    pub(super) game: Game,
    pub(super) finality: u64,
}

/// A dispute game.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Game {
    /// 0 in progress, 1 the challenger won, 2 the defender won.
    pub(super) status: u8,
    pub(super) created_at: u64,
    pub(super) resolved_at: u64,
    /// How long each side may think; the least time that a game takes.
    pub(super) clock: u64,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No proposal covers its block yet.
    Unproposed,
    /// It can be proven.
    Provable,
    /// Its game was lost: it must be proven against another.
    Lost,
    /// It is too early, by so many seconds at least.
    Waiting(u64),
    /// Its game can be resolved by anybody.
    Resolvable,
    /// It can be finalized.
    Ready,
    /// It is done.
    Finalized,
}

/// The stage that follows from the facts.
pub(super) fn stage(facts: &Facts) -> Stage {
    if facts.is_finalized {
        return Stage::Finalized;
    }
    let Some(proven_at) = facts.proven_at else {
        return match facts.is_proposed {
            true => Stage::Provable,
            false => Stage::Unproposed,
        };
    };
    let game = &facts.game;
    // Both waits are over only after the second in which they end.
    let until = |from: u64, wait: u64| {
        let end = from.saturating_add(wait).saturating_add(1);
        end.saturating_sub(facts.now)
    };
    let mature = until(proven_at, facts.maturity);
    match game.status {
        1 => Stage::Lost,
        0 => {
            let clock = game.created_at.saturating_add(game.clock);
            match clock.saturating_sub(facts.now) {
                0 => Stage::Resolvable,
                left => Stage::Waiting(left.saturating_add(facts.finality).max(mature)),
            }
        }
        _ => match mature.max(until(game.resolved_at, facts.finality)) {
            0 => Stage::Ready,
            left => Stage::Waiting(left),
        },
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unproposed => f.write_str(
                "waiting for a proposal that covers its L2 block; proposers make one every hour on many chains",
            ),
            Self::Provable => f.write_str("ready to be proven: opal bridge prove"),
            Self::Lost => f.write_str(
                "the game that it was proven against was lost; prove it again: opal bridge prove",
            ),
            Self::Waiting(seconds) => {
                write!(f, "proven; to be finalized in {} at the earliest", in_words(*seconds))
            }
            Self::Resolvable => f.write_str(
                "proven; its game can be resolved, which finalize does: opal bridge finalize",
            ),
            Self::Ready => f.write_str("ready to be finalized: opal bridge finalize"),
            Self::Finalized => f.write_str("finalized: no step is left"),
        }
    }
}

/// `90061` as `1 d 1 h`: the two largest parts.
fn in_words(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    match shown.is_empty() {
        true => "0 s".into(),
        false => shown.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_from_the_facts() {
        let proven = Facts {
            now: 1_000,
            is_proposed: true,
            proven_at: Some(900),
            maturity: 50,
            game: Game {
                status: 2,
                created_at: 800,
                resolved_at: 950,
                clock: 100,
            },
            finality: 20,
            ..Facts::default()
        };
        assert_eq!(stage(&proven), Stage::Ready);
        assert_eq!(stage(&Facts::default()), Stage::Unproposed);
        type Change = fn(&mut Facts);
        let cases: [(Change, Stage); 10] = [
            (|f| f.is_finalized = true, Stage::Finalized),
            (|f| f.proven_at = None, Stage::Provable),
            (|f| f.game.status = 1, Stage::Lost),
            (|f| f.maturity = 99, Stage::Ready),
            (|f| f.maturity = 100, Stage::Waiting(1)),
            (|f| f.finality = 49, Stage::Ready),
            (|f| f.finality = 50, Stage::Waiting(1)),
            (|f| f.game.status = 0, Stage::Resolvable),
            (
                |f| (f.game.status, f.game.clock) = (0, 230),
                Stage::Waiting(50),
            ),
            (
                |f| (f.game.status, f.game.clock, f.maturity) = (0, 201, 500),
                Stage::Waiting(401),
            ),
        ];
        for (change, expected) in cases {
            let mut facts = proven;
            change(&mut facts);
            assert_eq!(stage(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn times_are_short() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_661, "1 h 1 min"),
            (604_800, "7 d"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
