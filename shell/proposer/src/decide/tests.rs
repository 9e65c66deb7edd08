use super::*;

fn hash(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn l2(number: u64, byte: u8) -> L2Ref {
    L2Ref {
        number,
        hash: hash(byte),
        ..L2Ref::default()
    }
}

fn l1(number: u64, byte: u8) -> L1Ref {
    L1Ref {
        number,
        hash: hash(byte),
        ..L1Ref::default()
    }
}

fn status() -> SyncStatus {
    SyncStatus {
        current_l1: l1(50, 0x50),
        finalized_l1: l1(40, 0x40),
        safe_l2: l2(100, 0xa0),
        finalized_l2: l2(80, 0x80),
        ..SyncStatus::default()
    }
}

fn answer(block_ref: L2Ref) -> OutputAtBlock {
    OutputAtBlock {
        version: B256::ZERO,
        output_root: output_root_v0(hash(1), hash(2), block_ref.hash),
        block_ref,
        withdrawal_storage_root: hash(2),
        state_root: hash(1),
        sync_status: status(),
    }
}

#[test]
fn games_are_due_after_the_interval() {
    for (last, now, is) in [
        (None, 100, true),
        (Some(90), 100, true),
        (Some(91), 100, false),
        (Some(100), 100, false),
        // A clock that goes back is no reason to propose.
        (Some(200), 100, false),
    ] {
        assert_eq!(is_due(last, now, 10).is_ok(), is, "{last:?} at {now}");
    }
    assert_eq!(is_due(Some(5), 5, 0), Ok(()));
}

#[test]
fn the_block_is_the_head_or_what_the_oracle_asks_for() {
    let head = l2(80, 0x80);
    assert_eq!(block(&head, None), Ok(80));
    assert_eq!(block(&head, Some(60)), Ok(60));
    assert_eq!(
        block(&head, Some(81)),
        Err(Wait::NotThere {
            wanted: 81,
            head: 80
        })
    );
    assert_eq!(block(&l2(0, 1), None), Err(Wait::Genesis));
}

#[test]
fn a_good_output_rests_on_the_l1_block_it_follows_from() {
    let safe = output(&status(), 100, &answer(l2(100, 0xa0)), true).unwrap();
    assert_eq!((safe.ground.number, safe.ground.hash), (50, hash(0x50)));
    let finalized = output(&status(), 80, &answer(l2(80, 0x80)), false).unwrap();
    assert_eq!(finalized.ground.number, 40);
    assert_eq!(finalized.current_l1.number, 50);
    assert_eq!(
        finalized.output_root,
        output_root_v0(hash(1), hash(2), hash(0x80))
    );
}

#[test]
fn an_output_that_contradicts_itself_or_the_status_is_refused() {
    let good = answer(l2(80, 0x80));
    let judge = |answer: OutputAtBlock| output(&status(), 80, &answer, false);
    assert!(judge(good).is_ok());
    let mut wrong = good;
    wrong.block_ref.number = 79;
    assert!(matches!(
        judge(wrong),
        Err(Not::Safe(Doubt::OtherBlock {
            asked: 80,
            given: 79
        }))
    ));
    wrong = good;
    wrong.version = hash(1);
    assert!(matches!(judge(wrong), Err(Not::Safe(Doubt::Version(_)))));
    wrong = good;
    wrong.state_root = hash(9);
    assert!(matches!(judge(wrong), Err(Not::Safe(Doubt::Root { .. }))));
    // The finalized head is another block than the one whose output was given.
    assert!(matches!(
        judge(answer(l2(80, 0x81))),
        Err(Not::Safe(Doubt::Changed { number: 80, .. }))
    ));
    // The chain became shorter while we asked.
    wrong = good;
    wrong.sync_status.finalized_l2 = l2(70, 0x70);
    assert!(matches!(
        judge(wrong),
        Err(Not::Yet(Wait::NotThere {
            wanted: 80,
            head: 70
        }))
    ));
    let mut before = status();
    before.finalized_l2 = l2(79, 0x79);
    assert!(output(&before, 80, &good, false).is_err());
    wrong = good;
    wrong.sync_status.finalized_l1 = L1Ref::default();
    assert_eq!(judge(wrong), Err(Not::Yet(Wait::NothingFinalized)));
}

#[test]
fn what_is_safe_only_is_not_proposed_as_finalized() {
    let answer = answer(l2(100, 0xa0));
    assert!(output(&status(), 100, &answer, true).is_ok());
    assert!(matches!(
        output(&status(), 100, &answer, false),
        Err(Not::Yet(Wait::NotThere { .. }))
    ));
}

#[test]
fn l1_must_have_the_block() {
    let theirs = BlockNumHash {
        number: 5,
        hash: hash(5),
    };
    assert_eq!(on_l1(theirs, Some(hash(5)), 9), Ok(()));
    assert_eq!(
        on_l1(theirs, None, 4),
        Err(Not::Yet(Wait::L1Behind { wanted: 5, head: 4 }))
    );
    assert!(matches!(
        on_l1(theirs, Some(hash(6)), 9),
        Err(Not::Safe(Doubt::NotCanonical { number: 5, .. }))
    ));
    assert!(is_visible(5, 5).is_err() && is_visible(5, 6).is_ok());
}

#[test]
fn syncing_is_waited_for() {
    assert_eq!(is_synced(&status(), 50), Ok(()));
    assert_eq!(
        is_synced(&status(), 51),
        Err(Wait::Syncing { at: 50, until: 51 })
    );
}

#[test]
fn the_best_node_is_followed() {
    let node_at = |is_active, head| {
        Some(Survey {
            is_active,
            current_l1: head,
            head,
        })
    };
    let cases: [(usize, Vec<Option<Survey>>, Option<usize>); 8] = [
        (0, vec![node_at(false, 5)], Some(0)),
        (0, vec![None], None),
        (0, vec![None, node_at(false, 1)], Some(1)),
        // The active sequencer counts more than height.
        (0, vec![node_at(false, 9), node_at(true, 5)], Some(1)),
        // Nobody is left for an equal.
        (1, vec![node_at(false, 5), node_at(false, 5)], Some(1)),
        (1, vec![node_at(true, 5), node_at(true, 5)], Some(1)),
        (1, vec![node_at(false, 6), node_at(false, 5)], Some(0)),
        // The first of equals.
        (2, vec![node_at(false, 5), node_at(false, 5), None], Some(0)),
    ];
    for (current, surveys, expected) in cases {
        assert_eq!(
            node(current, &surveys),
            expected,
            "{current} of {surveys:?}"
        );
    }
}
