// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FeeVault } from "./FeeVault.sol";
import { Types } from "../libraries/Types.sol";

/// @title SequencerFeeVault
/// @notice Collects the priority fee of L2 transactions.
contract SequencerFeeVault is FeeVault {
    constructor(
        address _recipient,
        uint256 _minWithdrawalAmount,
        Types.WithdrawalNetwork _withdrawalNetwork
    )
        FeeVault(_recipient, _minWithdrawalAmount, _withdrawalNetwork)
    { }

    /// @notice Older name of `recipient`.
    function l1FeeWallet() external view returns (address) {
        return recipient();
    }
}
