//! Seeds hold, repeat exactly, and a broken rule is noticed.

use opal_simulator::{
    Figures, Options, Sabotage, Violation, World, command_of, run, world::VERIFIER,
};

use std::thread::available_parallelism;

/// Seeds per test run.
const SEEDS: u64 = 1000;

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
    let violations = caught(Sabotage::DropDeposit, 10);
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
