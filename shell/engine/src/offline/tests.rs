use super::block_rlp::{BLOCK_BYTES_MAX, StreamError, encode, next_item};
use crate::{raw_block::decode_block, store::BlockBody, testing::Random};
use alloy_consensus::{Header, proofs::calculate_withdrawals_root};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, Bytes};
use alloy_trie::root::ordered_trie_root_with_encoder;

fn sample(random: &mut Random) -> (Header, BlockBody) {
    let mut transactions = Vec::new();
    for _ in 0..random.below(6) {
        let length = random.below(300) as usize;
        let legacy = random.below(2) == 0;
        let mut bytes = vec![2u8; length + 1];
        if legacy {
            // A list of one string.
            bytes = alloy_rlp::encode(vec![Bytes::from(bytes)]);
        }
        transactions.push(Bytes::from(bytes));
    }
    let withdrawals = match random.below(3) {
        0 => None,
        n => Some(Withdrawals::new(vec![
            Withdrawal::default();
            n as usize - 1
        ])),
    };
    let header = Header {
        number: random.below(1 << 40),
        extra_data: vec![7; random.below(32) as usize].into(),
        transactions_root: ordered_trie_root_with_encoder(&transactions, |tx: &Bytes, out| {
            out.extend_from_slice(tx);
        }),
        // A header has no later field without the earlier ones.
        base_fee_per_gas: Some(7),
        withdrawals_root: withdrawals
            .as_ref()
            .map(|list: &Withdrawals| calculate_withdrawals_root(list)),
        ..Header::default()
    };
    let senders = vec![Address::ZERO; transactions.len()];
    let body = BlockBody {
        transactions,
        senders,
        withdrawals,
    };
    (header, body)
}

#[test]
fn blocks_survive_a_file() {
    let mut random = Random(5);
    let blocks: Vec<_> = (0..200).map(|_| sample(&mut random)).collect();
    let mut file = Vec::new();
    for (header, body) in &blocks {
        encode(header, body, &mut file);
    }
    let mut input = file.as_slice();
    for (header, body) in &blocks {
        let item = next_item(&mut input).unwrap().unwrap();
        let raw = decode_block(&item).unwrap();
        assert_eq!(raw.hash, header.hash_slow());
        assert_eq!(raw.block.header, *header);
        assert_eq!(raw.block.transactions, body.transactions);
        assert_eq!(raw.block.withdrawals, body.withdrawals);
    }
    assert!(next_item(&mut input).unwrap().is_none());
}

#[test]
fn hostile_files_never_panic_and_never_cost_more_than_they_are() {
    let mut random = Random(9);
    for round in 0..3_000u64 {
        let (header, body) = sample(&mut random);
        let mut file = Vec::new();
        encode(&header, &body, &mut file);
        for _ in 0..=random.below(3) {
            let at = random.below(file.len() as u64) as usize;
            file[at] = random.below(256) as u8;
        }
        file.truncate(random.below(file.len() as u64 + 1) as usize);
        let mut input = file.as_slice();
        // Whatever comes out fits into what went in.
        while let Ok(Some(item)) = next_item(&mut input) {
            assert!(item.len() <= file.len(), "round {round}");
            let _ = decode_block(&item);
        }
    }
    // A length that is not there: refused at once, or after what is there.
    for claim in [
        &[0xfb, 0xff, 0xff, 0xff, 0xff][..],
        &[0xff; 9],
        &[0xfa, 0x0f, 0xff, 0xff],
    ] {
        let error = next_item(&mut &*claim).unwrap_err();
        assert!(matches!(error, StreamError::Malformed(_)), "{error}");
    }
    assert!(BLOCK_BYTES_MAX < u64::from(u32::MAX));
}
