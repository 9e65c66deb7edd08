// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title LegacyMessagePasser
/// @notice Where withdrawals started before Bedrock. What is left here goes nowhere: nobody proves against
///         it any more.
/// @dev spec: predeploys.md#legacymessagepasser
contract LegacyMessagePasser {
    mapping(bytes32 => bool) public sentMessages;

    function passMessageToL1(bytes memory _message) external {
        sentMessages[keccak256(abi.encodePacked(_message, msg.sender))] = true;
    }

    function version() external pure returns (string memory) {
        return "1.1.2+opal.1";
    }
}
