// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { SettableFeeVault } from "./SettableFeeVault.sol";
import { Types } from "../libraries/Types.sol";

/// @title SettableSequencerFeeVault
/// @notice SequencerFeeVault as of Karst: its settings can be changed.
contract SettableSequencerFeeVault is SettableFeeVault {
    constructor(
        address _recipient,
        uint256 _minWithdrawalAmount,
        Types.WithdrawalNetwork _withdrawalNetwork
    )
        SettableFeeVault(_recipient, _minWithdrawalAmount, _withdrawalNetwork)
    { }

    /// @notice Older name of `recipient`.
    function l1FeeWallet() external view returns (address) {
        return recipient();
    }
}
