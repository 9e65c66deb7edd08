// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { SettableFeeVault } from "./SettableFeeVault.sol";
import { Predeploys } from "../libraries/Predeploys.sol";
import { Types } from "../libraries/Types.sol";

/// @title SettableOperatorFeeVault
/// @notice OperatorFeeVault as of Karst. Isthmus deploys the other, within the gas that its upgrade has.
contract SettableOperatorFeeVault is SettableFeeVault {
    constructor() SettableFeeVault(Predeploys.BASE_FEE_VAULT, 0, Types.WithdrawalNetwork.L2) { }
}
