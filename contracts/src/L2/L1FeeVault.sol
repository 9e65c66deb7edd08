// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { SettableFeeVault } from "./SettableFeeVault.sol";
import { Types } from "../libraries/Types.sol";

/// @title L1FeeVault
/// @notice Collects what L2 transactions pay for their data on L1.
contract L1FeeVault is SettableFeeVault {
    constructor(
        address _recipient,
        uint256 _minWithdrawalAmount,
        Types.WithdrawalNetwork _withdrawalNetwork
    )
        SettableFeeVault(_recipient, _minWithdrawalAmount, _withdrawalNetwork)
    { }
}
