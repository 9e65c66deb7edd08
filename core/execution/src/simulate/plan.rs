//! Which blocks a simulation has: their numbers and times.

use super::SimulateError;
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::U256;
use alloy_rpc_types_eth::simulate::SimBlock;

/// Blocks of one simulation, those that fill gaps included.
const BLOCKS_MAX: u64 = 256;
/// Calls of one simulated block.
const CALLS_PER_BLOCK_MAX: usize = 5_000;
/// Calls of one simulation.
const CALLS_MAX: usize = 10_000;
/// Withdrawals of one simulated block.
const WITHDRAWALS_MAX: usize = 1_000;
/// Seconds between simulated blocks whose time is not given.
const BLOCK_TIME: u64 = 12;

/// A block to simulate, with its number and time.
pub(super) struct Plan {
    pub(super) number: u64,
    pub(super) time: u64,
    pub(super) block: SimBlock,
    pub(super) withdrawals: Vec<Withdrawal>,
}

/// Numbers and times of all blocks; empty blocks fill gaps between numbers.
pub(super) fn plan(
    base: &Header,
    blocks: Vec<SimBlock>,
    withdrawals: Vec<Vec<Withdrawal>>,
) -> Result<Vec<Plan>, SimulateError> {
    if blocks.iter().any(|b| b.calls.len() > CALLS_PER_BLOCK_MAX)
        || blocks.iter().map(|b| b.calls.len()).sum::<usize>() > CALLS_MAX
    {
        return Err(SimulateError::TooMuch("too many calls"));
    }
    if withdrawals.iter().any(|list| list.len() > WITHDRAWALS_MAX) {
        return Err(SimulateError::TooMuch("too many withdrawals"));
    }
    let mut withdrawals = withdrawals.into_iter();
    let mut plans = Vec::new();
    let (mut number, mut time) = (base.number, base.timestamp);
    for block in blocks {
        let overrides = block.block_overrides.clone().unwrap_or_default();
        let next = U256::from(number).saturating_add(U256::from(1));
        let wanted = overrides.number.unwrap_or(next);
        if wanted < next {
            return Err(SimulateError::NumberOrder(wanted, number));
        }
        let last = u64::try_from(wanted).unwrap_or(u64::MAX);
        if last.saturating_sub(base.number) > BLOCKS_MAX {
            return Err(SimulateError::TooMuch("too many blocks"));
        }
        while number.saturating_add(1) < last {
            number = number.saturating_add(1);
            time = time.saturating_add(BLOCK_TIME);
            let block = SimBlock::default();
            plans.push(Plan {
                number,
                time,
                block,
                withdrawals: Vec::new(),
            });
        }
        number = last;
        let wanted = overrides.time.unwrap_or(time.saturating_add(BLOCK_TIME));
        if wanted <= time {
            return Err(SimulateError::TimeOrder(wanted, time));
        }
        time = wanted;
        plans.push(Plan {
            number,
            time,
            block,
            withdrawals: withdrawals.next().unwrap_or_default(),
        });
    }
    Ok(plans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_rpc_types_eth::BlockOverrides;

    #[test]
    fn gaps_are_filled_and_orders_kept() {
        let base = Header {
            number: 10,
            timestamp: 100,
            ..Header::default()
        };
        let block = |number: Option<u64>, time: Option<u64>| SimBlock {
            block_overrides: Some(BlockOverrides {
                number: number.map(U256::from),
                time,
                ..BlockOverrides::default()
            }),
            ..SimBlock::default()
        };
        let plans = plan(
            &base,
            [block(Some(13), None), block(None, Some(500))].into(),
            [Vec::new(), vec![Withdrawal::default()]].into(),
        )
        .unwrap();
        let places: Vec<_> = plans.iter().map(|p| (p.number, p.time)).collect();
        assert_eq!(places, [(11, 112), (12, 124), (13, 136), (14, 500)]);
        let withdrawn: Vec<_> = plans.iter().map(|p| p.withdrawals.len()).collect();
        assert_eq!(withdrawn, [0, 0, 0, 1], "those that fill gaps have none");
        let code =
            |blocks: Vec<SimBlock>| plan(&base, blocks, Vec::new()).err().and_then(|e| e.code());
        assert_eq!(code([block(Some(10), None)].into()), Some(-38_020));
        assert_eq!(code([block(None, Some(100))].into()), Some(-38_021));
        assert_eq!(code([block(Some(266), None)].into()), None);
        assert_eq!(code([block(Some(267), None)].into()), Some(-38_026));
        assert_eq!(code([block(Some(u64::MAX), None)].into()), Some(-38_026));
    }
}
