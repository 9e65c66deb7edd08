// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "../universal/Initializable.sol";
import { OptimismMintableERC721 } from "./OptimismMintableERC721.sol";

/// @dev Slot 0, before the initialisation flags: where the list of images was when there were none.
abstract contract OptimismMintableERC721FactoryStorage {
    /// @notice Whether an address is an image that this factory made.
    mapping(address => bool) public isOptimismMintableERC721;
}

/// @title OptimismMintableERC721Factory
/// @notice Makes images of collections on L1. Anybody may, of any collection.
/// @dev spec: experimental/contracts/L2/optimism-mintable-erc721-factory.md
contract OptimismMintableERC721Factory is OptimismMintableERC721FactoryStorage, Initializable {
    /// @notice The bridge on this chain.
    address public bridge;
    /// @notice Chain id of L1.
    uint256 public remoteChainID;

    event OptimismMintableERC721Created(address indexed localToken, address indexed remoteToken, address deployer);

    constructor() {
        _disableInitializers();
    }

    function initialize(address _bridge, uint256 _remoteChainID) external reinitializer(1) {
        bridge = _bridge;
        remoteChainID = _remoteChainID;
    }

    function version() external pure returns (string memory) {
        return "1.5.0+opal.1";
    }

    /// @notice Older name of `bridge`.
    function BRIDGE() external view returns (address) {
        return bridge;
    }

    /// @notice Older name of `remoteChainID`.
    function REMOTE_CHAIN_ID() external view returns (uint256) {
        return remoteChainID;
    }

    function createOptimismMintableERC721(
        address _remoteToken,
        string memory _name,
        string memory _symbol
    )
        external
        returns (address image_)
    {
        require(_remoteToken != address(0), "OptimismMintableERC721Factory: L1 token address cannot be address(0)");
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol));
        image_ = address(new OptimismMintableERC721{ salt: salt }(bridge, remoteChainID, _remoteToken, _name, _symbol));
        isOptimismMintableERC721[image_] = true;
        emit OptimismMintableERC721Created(image_, _remoteToken, msg.sender);
    }
}
