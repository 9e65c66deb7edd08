// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC721 } from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import { ERC721Bridge } from "../universal/ERC721Bridge.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { ISystemConfig } from "../interfaces/ISystemConfig.sol";
import { Predeploys } from "../libraries/Predeploys.sol";

/// @title L1ERC721Bridge
/// @notice The L1 half of the bridge of collections: keeps the tokens whose images are on L2.
/// @dev spec: experimental/contracts/L1/l1-erc721-bridge.md
contract L1ERC721Bridge is ERC721Bridge, ProxyAdminOwned {
    uint8 internal constant INIT_VERSION = 1;

    /// @notice Whether a token is kept here: by local collection, remote collection, and id.
    mapping(address => mapping(address => mapping(uint256 => bool))) public deposits;
    uint256 private _reserved50;
    ISystemConfig public systemConfig;

    constructor() {
        _disableInitializers();
    }

    function initialize(address _messenger, ISystemConfig _systemConfig) external reinitializer(INIT_VERSION) {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        systemConfig = _systemConfig;
        _initBridge(_messenger, Predeploys.L2_ERC721_BRIDGE);
    }

    function version() external pure returns (string memory) {
        return "2.9.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    function superchainConfig() external view returns (address) {
        return systemConfig.superchainConfig();
    }

    function paused() public view override returns (bool) {
        return systemConfig.paused();
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
        require(!paused(), "L1ERC721Bridge: paused");
        require(_localToken != address(this), "L1ERC721Bridge: local token cannot be self");
        require(
            deposits[_localToken][_remoteToken][_tokenId], "L1ERC721Bridge: Token ID is not escrowed in the L1 Bridge"
        );
        deposits[_localToken][_remoteToken][_tokenId] = false;
        IERC721(_localToken).safeTransferFrom(address(this), _to, _tokenId);
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
        require(_remoteToken != address(0), "L1ERC721Bridge: remote token cannot be address(0)");
        deposits[_localToken][_remoteToken][_tokenId] = true;
        IERC721(_localToken).transferFrom(_from, address(this), _tokenId);
        _send(_localToken, _remoteToken, _from, _to, _tokenId, _minGasLimit, _extraData);
    }
}
