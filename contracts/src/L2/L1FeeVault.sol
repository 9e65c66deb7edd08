// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FeeVault } from "./FeeVault.sol";
import { Types } from "../libraries/Types.sol";

/// @title L1FeeVault
/// @notice Collects what L2 transactions pay for their data on L1.
contract L1FeeVault is FeeVault {
    constructor(
        address _recipient,
        uint256 _minWithdrawalAmount,
        Types.WithdrawalNetwork _withdrawalNetwork
    )
        FeeVault(_recipient, _minWithdrawalAmount, _withdrawalNetwork)
    { }
}
