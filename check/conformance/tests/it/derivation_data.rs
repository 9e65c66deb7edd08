//! Channels, span batches and blobs that other clients wrote.

use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::{Decodable2718, Typed2718};
use opal_conformance::{Counts, Kind, Verdict, channel, fixtures};

fn run(kind: Kind, path: &str) -> Option<Vec<(String, Verdict)>> {
    let path = fixtures()?.join(path);
    let outcomes = kind.check_all(&[path]).unwrap();
    let counts = Counts::sum(&outcomes);
    println!("{kind:?}: {counts}");
    for outcome in &outcomes {
        println!("{outcome}");
    }
    assert!(counts.is_good(), "{outcomes:#?}");
    let name = |outcome: &opal_conformance::Outcome| {
        outcome
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    Some(
        outcomes
            .iter()
            .map(|outcome| (name(outcome), outcome.verdict.clone()))
            .collect(),
    )
}

#[test]
fn a_channel_of_op_mainnet() {
    let Some(folder) = fixtures() else { return };
    let contents = channel::run(&folder.join("derivation/op-mainnet-channel.hex")).unwrap();
    assert_eq!((contents.singular_batches, contents.span_batches), (0, 1));
    assert_eq!(contents.blocks, 143);
    assert_eq!(contents.transactions.len(), 1766);
    // Every transaction is one a client can read, of this chain, and signed.
    for encoded in &contents.transactions {
        let tx = TxEnvelope::decode_2718_exact(encoded).unwrap();
        assert!(tx.ty() <= 2);
        tx.recover_signer().unwrap();
    }
}

#[test]
fn span_batches_and_their_columns() {
    let Some(outcomes) = run(Kind::SpanBatch, "span-batch") else {
        return;
    };
    let passed = outcomes
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Passed(_)));
    // Eight single columns, all columns together, four of signatures (with two more files each)
    // and one whole batch; eight files are blobs.
    assert_eq!((passed.count(), outcomes.len()), (14, 30));
    let whole = Verdict::Passed("256 blocks, 2233 transactions".into());
    assert!(outcomes.contains(&("spanbatchoriginbits.txt".into(), whole)));
}

#[test]
fn blobs_of_boundary_lengths() {
    let Some(outcomes) = run(Kind::Blob, "span-batch") else {
        return;
    };
    for (index, length) in [40, 5, 1, 3, 27, 26, 25, 0].into_iter().enumerate() {
        let expected = Verdict::Passed(format!("{length} bytes"));
        assert!(outcomes.contains(&(format!("blob{}.txt", index + 1), expected)));
    }
}

#[test]
fn files_of_another_kind_fail_or_are_excluded() {
    let Some(folder) = fixtures() else { return };
    let blob = folder.join("span-batch/blob1.txt");
    assert!(matches!(Kind::Channel.check(&blob), Verdict::Failed(_)));
    assert!(matches!(Kind::OpBlock.check(&blob), Verdict::Failed(_)));
    let channel = folder.join("derivation/op-mainnet-channel.hex");
    assert!(matches!(Kind::Blob.check(&channel), Verdict::Excluded(_)));
    assert!(matches!(
        Kind::SpanBatch.check(&channel),
        Verdict::Failed(_)
    ));
    assert!(Kind::Blob.check_all(&[folder.join("absent")]).is_err());
}
