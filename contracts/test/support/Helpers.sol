// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { ERC721 } from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @notice A token of L1.
contract TestToken is ERC20 {
    constructor() ERC20("Test", "TST") { }

    function mint(address _to, uint256 _amount) external {
        _mint(_to, _amount);
    }
}

/// @notice A collection of L1.
contract TestCollection is ERC721 {
    constructor() ERC721("Collection", "COL") { }

    function mint(address _to, uint256 _id) external {
        _mint(_to, _id);
    }
}

interface IMessengerView {
    function xDomainMessageSender() external view returns (address);
}

/// @notice A target of messages: notes what comes, and fails or burns gas when told so.
contract Receiver {
    bool public fails;
    uint256 public calls;
    uint256 public received;
    uint256 public gasSeen;
    address public sender;
    bytes public again;
    uint256 public toBurn;

    function setFails(bool _fails) external {
        fails = _fails;
    }

    /// @notice What the target calls on its caller while it runs.
    function setAgain(bytes calldata _again) external {
        again = _again;
    }

    function setBurn(uint256 _gas) external {
        toBurn = _gas;
    }

    /// @notice Notes the call.
    function note() external payable {
        uint256 left = gasleft();
        gasSeen = left;
        require(!fails, "Receiver: told to fail");
        ++calls;
        received += msg.value;
        try IMessengerView(msg.sender).xDomainMessageSender() returns (address who) {
            sender = who;
        } catch { }
        if (again.length > 0) {
            (bool success, bytes memory answer) = msg.sender.call(again);
            if (!success) {
                assembly {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
        uint256 until = gasleft();
        while (until - gasleft() < toBurn) { }
    }

    /// @notice Answers with more data than anybody could copy.
    function bomb() external pure {
        assembly {
            revert(0, 1000000)
        }
    }

    receive() external payable {
        require(!fails, "Receiver: told to fail");
        received += msg.value;
    }
}
