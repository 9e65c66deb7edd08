// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC165Checker } from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import { ERC721Bridge } from "../universal/ERC721Bridge.sol";
import { IOptimismMintableERC721 } from "../interfaces/IOptimismMintableERC721.sol";
import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L2ERC721Bridge
/// @notice The L2 half of the bridge of collections: mints and burns the images of tokens kept on L1.
/// @dev spec: experimental/contracts/L2/l2-erc721-bridge.md. Collections of L2 cannot be sent to L1.
contract L2ERC721Bridge is ERC721Bridge {
    constructor() {
        _disableInitializers();
    }

    function initialize(address payable _l1ERC721Bridge) external reinitializer(1) {
        _initBridge(Predeploys.L2_CROSS_DOMAIN_MESSENGER, _l1ERC721Bridge);
    }

    function version() external pure returns (string memory) {
        return "1.10.0+opal.1";
    }

    function finalizeBridgeERC721(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _tokenId,
        bytes calldata _extraData
    )
        external
        override
        onlyOtherBridge
    {
        require(_localToken != address(this), "L2ERC721Bridge: local token cannot be self");
        require(
            ERC165Checker.supportsInterface(_localToken, type(IOptimismMintableERC721).interfaceId),
            "L2ERC721Bridge: local token interface is not compliant"
        );
        require(
            _remoteToken == IOptimismMintableERC721(_localToken).remoteToken(),
            "L2ERC721Bridge: wrong remote token for Optimism Mintable ERC721 local token"
        );
        IOptimismMintableERC721(_localToken).safeMint(_to, _tokenId);
        emit ERC721BridgeFinalized(_localToken, _remoteToken, _from, _to, _tokenId, _extraData);
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
        override
    {
        require(_remoteToken != address(0), "L2ERC721Bridge: remote token cannot be address(0)");
        IOptimismMintableERC721 image = IOptimismMintableERC721(_localToken);
        require(
            _from == image.ownerOf(_tokenId), "L2ERC721Bridge: Withdrawal is not being initiated by NFT owner"
        );
        require(
            _remoteToken == image.remoteToken(), "L2ERC721Bridge: remote token does not match given value"
        );
        image.burn(_from, _tokenId);
        _send(_localToken, _remoteToken, _from, _to, _tokenId, _minGasLimit, _extraData);
    }
}
