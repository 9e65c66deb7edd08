// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FeeVault } from "./FeeVault.sol";
import { Predeploys } from "../libraries/Predeploys.sol";
import { Types } from "../libraries/Types.sol";

/// @title OperatorFeeVault
/// @notice Collects the operator fee (Isthmus), and pays into the base fee's vault.
contract OperatorFeeVault is FeeVault {
    constructor() FeeVault(Predeploys.BASE_FEE_VAULT, 0, Types.WithdrawalNetwork.L2) { }
}
