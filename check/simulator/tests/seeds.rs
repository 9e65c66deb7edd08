//! Seeds hold, repeat exactly, and a broken rule is noticed.

use opal_protocol::Fork;
use opal_simulator::{
    Figures, Lie, Options, Sabotage, Violation, World, command_of, run, world::VERIFIER,
};

use std::thread::available_parallelism;

/// Seeds per test run.
const SEEDS: u64 = 1000;
/// Seeds among which one must notice that a rule is broken.
const SEEDS_UNTIL_NOTICED: u64 = 400;

/// Every lie that a pipeline can be told, and the era in which the rule has its occasion often.
const LIES: [(Lie, Option<Fork>); 10] = [
    (Lie::HeadOnlyAfterCanyon, Some(Fork::Ecotone)),
    (Lie::ScanBeforeCanyon, Some(Fork::Regolith)),
    (Lie::SpansBeforeDelta, Some(Fork::Canyon)),
    (Lie::ConstantDriftBeforeFjord, Some(Fork::Ecotone)),
    (Lie::LongTimeoutAfterGranite, Some(Fork::Granite)),
    (Lie::GraniteTimeoutTooEarly, Some(Fork::Fjord)),
    (Lie::StrictOrderBeforeHolocene, Some(Fork::Granite)),
    (Lie::OldBlobSchedule, Some(Fork::Jovian)),
    (Lie::NoPectraException, Some(Fork::Isthmus)),
    (Lie::OtherKarstGas, None),
];

/// What must happen at least once in the seeds of the test command, so that the rule behind it is
/// known to be reached. Not among them: what takes more bytes than a simulation moves, and what a
/// derivation from genesis never meets.
const OCCASIONS: &[&str] = &[
    "L1 pauses",
    "L1's blob parameters change",
    "batch deferred",
    "batch dropped: ActivationBlockNotEmpty",
    "batch dropped: DepositTransaction",
    "batch dropped: EmptyTransaction",
    "batch dropped: EpochHash",
    "batch dropped: EpochTooNew",
    "batch dropped: EpochTooOld",
    "batch dropped: Future",
    "batch dropped: IncludedTooLate",
    "batch dropped: ParentHash",
    "batch dropped: TransactionType",
    "batch past",
    "batch rejected",
    "batch rejected, blocks taken back",
    "batch undecided",
    "batcher's key replaced",
    "batcher: channel due",
    "batcher: channel full",
    "batcher: channel landed",
    "batcher: sent again, channel timed out",
    "batcher: sent again, not derived",
    "batcher: sent again, transaction lost",
    "channel decoded",
    "channel dropped: ForkActivated",
    "channel dropped: InvalidBatch",
    "channel dropped: MalformedBatch",
    "channel dropped: Pruned",
    "channel dropped: Superseded",
    "channel dropped: TimedOut",
    "channel dropped: Undecodable",
    "data ignored: Empty",
    "data ignored: MalformedBlob",
    "data ignored: MalformedFrames",
    "data ignored: UnknownVersion",
    "empty batch, window expired",
    "flood of unfinished channels",
    "fork crossed: canyon",
    "fork crossed: delta",
    "fork crossed: ecotone",
    "fork crossed: fjord",
    "fork crossed: granite",
    "fork crossed: holocene",
    "fork crossed: isthmus",
    "fork crossed: jovian",
    "fork crossed: karst",
    "fork crossed: regolith",
    "frame dropped: BehindClosing",
    "frame dropped: Duplicate",
    "frame dropped: NoChannel",
    "frame dropped: OutOfOrder",
    "frame dropped: SecondClosing",
    "frame dropped: Superseded",
    "node: reset",
    "node: rewound",
    "payload replaced by deposits",
    "span dropped: BeforeDelta",
    "span dropped: Future",
    "span dropped: IncludedTooLate",
    "span dropped: Misaligned",
    "span dropped: OriginCheck",
    "span dropped: OverlapOrigin",
    "span dropped: OverlapTransactions",
    "span dropped: ParentCheck",
];

/// Runs every `step`-th seed from `first` on and adds up what happened.
fn run_share(first: u64, step: usize) -> Figures {
    let mut sum = Figures::default();
    for seed in (first..SEEDS).step_by(step) {
        match run(seed) {
            Ok(figures) => sum.add(&figures),
            Err(violation) => panic!("seed {seed}: {violation}\n{}", command_of(seed)),
        }
    }
    sum
}

/// Each world has one thread; several worlds run side by side.
#[test]
fn a_thousand_seeds_hold() {
    let threads = available_parallelism().map_or(1, |n| n.get()).min(8);
    let mut sum = Figures::default();
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads as u64)
            .map(|first| scope.spawn(move || run_share(first, threads)))
            .collect();
        for share in shares {
            match share.join() {
                Ok(figures) => sum.add(&figures),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    // The world is hostile enough to mean something, and not so hostile that nothing happens.
    assert!(sum.reorgs > SEEDS && sum.crashes > SEEDS, "{sum:?}");
    assert!(sum.checks > 100 * SEEDS, "{sum:?}");
    assert!(sum.full_blocks > sum.safe_blocks / 3, "{sum:?}");
    let missed: Vec<_> = OCCASIONS.iter().filter(|o| sum.of(o) == 0).collect();
    assert!(missed.is_empty(), "never happened: {missed:?}\n{sum}");
}

#[test]
fn a_seed_repeats_exactly() {
    for seed in 0..5 {
        let logged = || {
            let mut world = World::new(
                seed,
                Options {
                    keep_log: true,
                    ..Options::default()
                },
            );
            let result = world.run();
            (result, world.log().to_vec())
        };
        let (first, second) = (logged(), logged());
        assert_eq!(first.0, second.0);
        assert!(
            first.1 == second.1,
            "seed {seed} took another course the second time"
        );
        assert!(first.1.len() > 100);
        // Whether somebody reads along makes no difference.
        assert_eq!(run(seed), first.0);
    }
}

/// Seeds up to `limit` of which the checker says that something is wrong, if the verifier breaks
/// this rule.
fn caught(sabotage: Sabotage, limit: u64) -> Vec<Violation> {
    (0..limit)
        .filter_map(|seed| {
            let mut world = World::new(seed, Options::default());
            world.sabotage(VERIFIER, sabotage);
            world.run().err()
        })
        .collect()
}

/// Whether one of the first seeds gives a violation that `tells`, if `prepare` does
/// something to the world, and none if it does not.
fn notices(
    options: Options,
    prepare: impl Fn(&mut World),
    tells: impl Fn(&Violation) -> bool,
) -> bool {
    let world = |seed| World::new(seed, options);
    let is_noticed = |seed: &u64| {
        let mut world = world(*seed);
        prepare(&mut world);
        world.run().is_err_and(|violation| tells(&violation))
    };
    let seed = (0..SEEDS_UNTIL_NOTICED).find(is_noticed);
    seed.is_some_and(|seed| world(seed).run().is_ok())
}

#[test]
fn a_dropped_batch_is_caught() {
    let violations = caught(Sabotage::DropBatch, 10);
    assert!(violations.len() > 5, "{violations:?}");
    let names_the_node = |v: &&Violation| v.what.contains("node 1") && v.what.contains("safe");
    assert!(
        violations.iter().filter(names_the_node).count() > 5,
        "{violations:?}"
    );
}

#[test]
fn a_dropped_deposit_is_caught() {
    let violations = caught(Sabotage::DropDeposit, 20);
    assert!(violations.len() > 5, "{violations:?}");
}

#[test]
fn a_missed_config_update_is_caught() {
    let violations = caught(Sabotage::DropConfigUpdate, 20);
    assert!(violations.len() > 5, "{violations:?}");
}

#[test]
fn a_safe_head_without_its_batch_is_caught() {
    let violations = caught(Sabotage::TrustOrigin, 60);
    assert!(violations.len() > 3, "{violations:?}");
}

#[test]
fn frames_kept_across_holocene_are_caught() {
    let keep = |world: &mut World| world.sabotage(VERIFIER, Sabotage::KeepAcrossHolocene);
    assert!(notices(Options::default(), keep, |_| true));
}

/// Each wrong belief about a rule, if the verifier holds it.
#[test]
fn wrong_beliefs_of_a_node_are_caught() {
    for (lie, era) in LIES {
        let believe = |world: &mut World| world.sabotage(VERIFIER, Sabotage::Believe(lie));
        let options = Options {
            era,
            ..Options::default()
        };
        assert!(notices(options, believe, |_| true), "{lie:?}");
    }
}

/// If all pipelines believe the same wrong thing, the naive derivation alone tells.
#[test]
fn wrong_beliefs_of_everybody_are_caught_by_the_naive_derivation() {
    let tells = |v: &Violation| v.what.contains("naive derivation has another L2 block");
    for (lie, era) in LIES {
        let deceive = |world: &mut World| world.deceive(lie);
        let options = Options {
            era,
            thorough: true,
            ..Options::default()
        };
        assert!(notices(options, deceive, tells), "{lie:?}");
    }
}
