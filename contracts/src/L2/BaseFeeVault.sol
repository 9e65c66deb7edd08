// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FeeVault } from "./FeeVault.sol";
import { Types } from "../libraries/Types.sol";

/// @title BaseFeeVault
/// @notice Collects the base fee of L2 transactions.
contract BaseFeeVault is FeeVault {
    constructor(
        address _recipient,
        uint256 _minWithdrawalAmount,
        Types.WithdrawalNetwork _withdrawalNetwork
    )
        FeeVault(_recipient, _minWithdrawalAmount, _withdrawalNetwork)
    { }
}
