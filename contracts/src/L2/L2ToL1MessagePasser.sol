// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev Takes ETH into the grave.
contract Burner {
    constructor() payable {
        selfdestruct(payable(address(this)));
    }
}

/// @title L2ToL1MessagePasser
/// @notice Where withdrawals start: each leaves its hash in storage, whose root is part of the output
///         root that L1 learns.
/// @dev spec: withdrawals.md. Slot 0 holds the hashes; L1 proves against it.
contract L2ToL1MessagePasser {
    uint256 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;
    /// @notice Version of the message, in the top 16 bits of each nonce.
    uint16 public constant MESSAGE_VERSION = 1;

    mapping(bytes32 => bool) public sentMessages;
    uint240 internal msgNonce;

    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );
    event WithdrawerBalanceBurnt(uint256 indexed amount);

    receive() external payable {
        initiateWithdrawal(msg.sender, RECEIVE_DEFAULT_GAS_LIMIT, bytes(""));
    }

    function version() external pure returns (string memory) {
        return "1.2.0+opal.1";
    }

    /// @notice Destroys the ETH that withdrawals left here; L1 pays it out.
    function burn() external {
        uint256 balance = address(this).balance;
        new Burner{ value: balance }();
        emit WithdrawerBalanceBurnt(balance);
    }

    /// @notice Sends a message, and the ETH that comes with the call, to L1.
    /// @param _target   Whom to call on L1.
    /// @param _gasLimit L1 gas that the call shall have at least.
    /// @param _data     Calldata of the call.
    function initiateWithdrawal(address _target, uint256 _gasLimit, bytes memory _data) public payable {
        uint256 nonce = messageNonce();
        bytes32 withdrawalHash = keccak256(abi.encode(nonce, msg.sender, _target, msg.value, _gasLimit, _data));
        sentMessages[withdrawalHash] = true;
        emit MessagePassed(nonce, msg.sender, _target, msg.value, _gasLimit, _data, withdrawalHash);
        unchecked {
            ++msgNonce;
        }
    }

    /// @notice The nonce of the next withdrawal.
    function messageNonce() public view returns (uint256) {
        return uint256(MESSAGE_VERSION) << 240 | msgNonce;
    }
}
