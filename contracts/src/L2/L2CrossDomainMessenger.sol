// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { CrossDomainMessenger } from "../universal/CrossDomainMessenger.sol";
import { IL2ToL1MessagePasser } from "../interfaces/IL2ToL1MessagePasser.sol";
import { AddressAlias } from "../libraries/AddressAlias.sol";
import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L2CrossDomainMessenger
/// @notice The L2 half of the messengers: sends by withdrawals, receives by deposits, and never pauses.
/// @dev spec: messengers.md, experimental/contracts/L2/l2-cross-domain-messenger.md
contract L2CrossDomainMessenger is CrossDomainMessenger {
    constructor() {
        _disableInitializers();
    }

    function initialize(address _l1CrossDomainMessenger) external reinitializer(1) {
        _initMessenger(_l1CrossDomainMessenger);
    }

    function version() external pure returns (string memory) {
        return "2.3.0+opal.1";
    }

    /// @notice Older name of `otherMessenger`.
    function l1CrossDomainMessenger() external view returns (CrossDomainMessenger) {
        return otherMessenger;
    }

    function _sendMessage(address _to, uint64 _gasLimit, uint256 _value, bytes memory _data) internal override {
        IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal{ value: _value }(
            _to, _gasLimit, _data
        );
    }

    /// @dev The other half is a contract, so it calls under its alias.
    function _isOtherMessenger() internal view override returns (bool) {
        return AddressAlias.undo(msg.sender) == address(otherMessenger);
    }

    function _isUnsafeTarget(address _target) internal view override returns (bool) {
        return _target == address(this) || _target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }
}
