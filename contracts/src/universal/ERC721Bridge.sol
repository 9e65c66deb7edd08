// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "./Initializable.sol";
import { ICrossDomainMessenger } from "../interfaces/ICrossDomainMessenger.sol";
import { Eoa } from "../libraries/Eoa.sol";

/// @title ERC721Bridge
/// @notice Moves single tokens of collections to the other chain. L1 locks them; L2 mints and burns their
///         images.
/// @dev spec: experimental/contracts/L1/l1-erc721-bridge.md, experimental/contracts/L2/l2-erc721-bridge.md
abstract contract ERC721Bridge is Initializable {
    bytes30 private _reserved0;
    ICrossDomainMessenger public messenger;
    /// @notice The other half.
    ERC721Bridge public otherBridge;
    uint256[46] private _gap;

    event ERC721BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );
    event ERC721BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );

    modifier onlyOtherBridge() {
        require(
            msg.sender == address(messenger) && messenger.xDomainMessageSender() == address(otherBridge),
            "ERC721Bridge: function can only be called from the other bridge"
        );
        _;
    }

    /// @notice Older name of `messenger`.
    function MESSENGER() external view returns (ICrossDomainMessenger) {
        return messenger;
    }

    /// @notice Older name of `otherBridge`.
    function OTHER_BRIDGE() external view returns (ERC721Bridge) {
        return otherBridge;
    }

    /// @notice Whether the bridge hands out nothing for now.
    function paused() public view virtual returns (bool) {
        return false;
    }

    /// @notice Sends a token to the caller on the other chain.
    function bridgeERC721(
        address _localToken,
        address _remoteToken,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    )
        external
    {
        // A contract's address may be somebody else's on the other chain.
        require(Eoa.isSender(), "ERC721Bridge: account is not externally owned");
        _initiateBridgeERC721(_localToken, _remoteToken, msg.sender, msg.sender, _tokenId, _minGasLimit, _extraData);
    }

    /// @notice Sends a token to `_to` on the other chain.
    function bridgeERC721To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    )
        external
    {
        require(_to != address(0), "ERC721Bridge: nft recipient cannot be address(0)");
        _initiateBridgeERC721(_localToken, _remoteToken, msg.sender, _to, _tokenId, _minGasLimit, _extraData);
    }

    /// @notice Hands out a token that came from the other half.
    function finalizeBridgeERC721(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _tokenId,
        bytes calldata _extraData
    )
        external
        virtual;

    function _initBridge(address _messenger, address _otherBridge) internal {
        messenger = ICrossDomainMessenger(_messenger);
        otherBridge = ERC721Bridge(_otherBridge);
    }

    function _initiateBridgeERC721(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    )
        internal
        virtual;

    /// @dev Tells the other half, with local and remote swapped, and announces it.
    function _send(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    )
        internal
    {
        messenger.sendMessage(
            address(otherBridge),
            abi.encodeCall(this.finalizeBridgeERC721, (_remoteToken, _localToken, _from, _to, _tokenId, _extraData)),
            _minGasLimit
        );
        emit ERC721BridgeInitiated(_localToken, _remoteToken, _from, _to, _tokenId, _extraData);
    }
}
