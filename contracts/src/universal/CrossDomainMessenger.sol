// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "./Initializable.sol";
import { Constants } from "../libraries/Constants.sol";
import { Hashing } from "../libraries/Hashing.sol";
import { SafeCall } from "../libraries/SafeCall.sol";

/// @dev Slot 0 starts with an address of before Bedrock; the initialisation flags follow it.
abstract contract MessengerSlotZero {
    address private _reserved0;
}

/// @dev Slots 1 to 202: reserved, as on existing chains.
abstract contract MessengerReserved is MessengerSlotZero, Initializable {
    uint256[202] private _reserved1;
}

/// @title CrossDomainMessenger
/// @notice Sends calls to the other chain and runs those that come from there. A call that fails is kept
///         and may be tried again by anybody, so nothing sent with it is lost.
/// @dev spec: messengers.md. One half; what differs between the chains is in the two contracts that
///      inherit. The sender of the running message lies in slot 204 (0xcc).
abstract contract CrossDomainMessenger is MessengerReserved {
    /// @notice Version of the messages sent, in the top 16 bits of each nonce.
    uint16 public constant MESSAGE_VERSION = 1;
    /// @notice Gas of everything in `relayMessage` that does not depend on the message.
    uint64 public constant RELAY_CONSTANT_OVERHEAD = 200_000;
    /// @notice The part of the gas that a call passes on is 63/64: numerator of the inverse.
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR = 64;
    /// @notice Denominator of the same.
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR = 63;
    /// @notice Gas per byte of calldata.
    uint64 public constant MIN_GAS_CALLDATA_OVERHEAD = 16;
    /// @notice Gas of the call to the target itself.
    uint64 public constant RELAY_CALL_OVERHEAD = 40_000;
    /// @notice Gas kept back for the work after the call.
    uint64 public constant RELAY_RESERVED_GAS = 40_000;
    /// @notice Gas between the check of what is left and the call.
    uint64 public constant RELAY_GAS_CHECK_BUFFER = 5_000;
    /// @notice Gas of any transaction.
    uint64 public constant TX_BASE_GAS = 21_000;
    /// @notice Least gas per byte of calldata (EIP-7623).
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 40;
    /// @notice Bytes that the call of `relayMessage` adds to the message: at most this many.
    uint64 public constant ENCODING_OVERHEAD = 260;

    /// @notice Hashes of messages that have run here. They never run again.
    mapping(bytes32 => bool) public successfulMessages;
    /// @dev Who sent the message that is running.
    address internal xDomainMsgSender;
    /// @dev Nonce of the next message, without version.
    uint240 internal msgNonce;
    /// @notice Hashes of messages that have failed here at least once. They may be tried again.
    mapping(bytes32 => bool) public failedMessages;
    /// @notice The other half.
    CrossDomainMessenger public otherMessenger;
    uint256[43] private _gap;

    event SentMessage(address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit);
    /// @notice Follows each SentMessage: the value that goes with it.
    event SentMessageExtension1(address indexed sender, uint256 value);
    event RelayedMessage(bytes32 indexed msgHash);
    event FailedRelayedMessage(bytes32 indexed msgHash);

    /// @notice Sends a call, with the ETH that comes along, to the other chain.
    /// @param _target      Whom to call there.
    /// @param _message     Calldata.
    /// @param _minGasLimit Gas that the call gets at least.
    function sendMessage(address _target, bytes calldata _message, uint32 _minGasLimit) external payable {
        uint256 nonce = messageNonce();
        _sendMessage(
            address(otherMessenger),
            baseGas(_message, _minGasLimit),
            msg.value,
            abi.encodeCall(this.relayMessage, (nonce, msg.sender, _target, msg.value, _minGasLimit, _message))
        );
        emit SentMessage(_target, msg.sender, _message, nonce, _minGasLimit);
        emit SentMessageExtension1(msg.sender, msg.value);
        unchecked {
            ++msgNonce;
        }
    }

    /// @notice Runs a message from the other chain: the first time called by the other half, afterwards
    ///         by anybody if it failed.
    /// @dev Whatever the target does, this does not revert once the message is known to be genuine: a
    ///      deposit or a withdrawal comes only once, and reverting would lose it. With too little gas the
    ///      call is not even tried.
    function relayMessage(
        uint256 _nonce,
        address _sender,
        address _target,
        uint256 _value,
        uint256 _minGasLimit,
        bytes calldata _message
    )
        external
        payable
    {
        require(!paused(), "CrossDomainMessenger: paused");
        bytes32 hash = Hashing.hashMessageV1(_nonce, _sender, _target, _value, _minGasLimit, _message);
        _checkVersion(_nonce, _sender, _target, _message);
        _checkOrigin(hash, _value);
        require(!_isUnsafeTarget(_target), "CrossDomainMessenger: cannot send message to blocked system address");
        require(!successfulMessages[hash], "CrossDomainMessenger: message has already been relayed");

        // A message within a message is kept for later: its sender would shadow that of the outer one.
        bool mayRun = xDomainMsgSender == Constants.DEFAULT_L2_SENDER
            && SafeCall.hasMinGas(_minGasLimit, RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER);
        bool success;
        if (mayRun) {
            xDomainMsgSender = _sender;
            success = SafeCall.call(_target, gasleft() - RELAY_RESERVED_GAS, _value, _message);
            xDomainMsgSender = Constants.DEFAULT_L2_SENDER;
        }
        if (success) {
            // The call cannot have run it as well, since messages do not nest.
            assert(!successfulMessages[hash]);
            successfulMessages[hash] = true;
            emit RelayedMessage(hash);
        } else {
            failedMessages[hash] = true;
            emit FailedRelayedMessage(hash);
            if (tx.origin == Constants.ESTIMATION_ADDRESS) {
                revert("CrossDomainMessenger: failed to relay message");
            }
        }
    }

    /// @notice Who on the other chain sent the message that is running.
    function xDomainMessageSender() external view returns (address) {
        require(
            xDomainMsgSender != Constants.DEFAULT_L2_SENDER, "CrossDomainMessenger: xDomainMessageSender is not set"
        );
        return xDomainMsgSender;
    }

    /// @notice Older name of `otherMessenger`.
    function OTHER_MESSENGER() external view returns (CrossDomainMessenger) {
        return otherMessenger;
    }

    /// @notice The nonce of the next message.
    function messageNonce() public view returns (uint256) {
        return uint256(MESSAGE_VERSION) << 240 | msgNonce;
    }

    /// @notice Whether messages are halted.
    function paused() public view virtual returns (bool) {
        return false;
    }

    /// @notice Gas with which a message reaches its target with `_minGasLimit`, or at least is recorded as
    ///         failed.
    /// @dev The rule by which transactions are charged for calldata since EIP-7623, over the encoded call.
    function baseGas(bytes calldata _message, uint32 _minGasLimit) public pure returns (uint64) {
        uint64 execution = RELAY_CONSTANT_OVERHEAD + RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER
            + _minGasLimit * MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR / MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR;
        uint64 size = uint64(_message.length) + ENCODING_OVERHEAD;
        uint64 standard = execution + size * MIN_GAS_CALLDATA_OVERHEAD;
        uint64 floor = size * FLOOR_CALLDATA_OVERHEAD;
        return TX_BASE_GAS + (standard > floor ? standard : floor);
    }

    /// @dev Leaves the sender alone if it is set: an upgrade must not forget a message that is running.
    function _initMessenger(address _otherMessenger) internal {
        if (xDomainMsgSender == address(0)) xDomainMsgSender = Constants.DEFAULT_L2_SENDER;
        otherMessenger = CrossDomainMessenger(_otherMessenger);
    }

    /// @dev Hands a call to the chain's own way out.
    function _sendMessage(address _to, uint64 _gasLimit, uint256 _value, bytes memory _data) internal virtual;

    /// @dev Whether the caller speaks for the other half.
    function _isOtherMessenger() internal view virtual returns (bool);

    /// @dev Contracts that would obey this one's calls.
    function _isUnsafeTarget(address _target) internal view virtual returns (bool);

    /// @dev Versions 0 and 1 exist. A message of version 0 may have run under its old hash, before Bedrock.
    function _checkVersion(uint256 _nonce, address _sender, address _target, bytes calldata _message) private view {
        uint256 version = _nonce >> 240;
        require(version < 2, "CrossDomainMessenger: only version 0 or 1 messages are supported at this time");
        if (version == 0) {
            bytes32 oldHash = Hashing.hashMessageV0(_target, _sender, _message, _nonce);
            require(!successfulMessages[oldHash], "CrossDomainMessenger: legacy withdrawal already relayed");
        }
    }

    /// @dev First from the other half, with the value; later from anybody, who brings none.
    function _checkOrigin(bytes32 _hash, uint256 _value) private view {
        if (_isOtherMessenger()) {
            assert(msg.value == _value);
            assert(!failedMessages[_hash]);
        } else {
            require(msg.value == 0, "CrossDomainMessenger: value must be zero unless message is from a system address");
            require(failedMessages[_hash], "CrossDomainMessenger: message cannot be replayed");
        }
    }
}
