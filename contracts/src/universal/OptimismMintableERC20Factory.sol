// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "./Initializable.sol";
import { OptimismMintableERC20 } from "./OptimismMintableERC20.sol";

/// @title OptimismMintableERC20Factory
/// @notice Makes images of tokens of the other chain. Anybody may, of any token, also several of one:
///         which of them people use is up to token lists.
/// @dev spec: bridges.md, predeploys.md#optimismmintableerc20factory. Stands on both chains. The address
///      of an image follows from what it is made of.
contract OptimismMintableERC20Factory is Initializable {
    bytes30 private _reserved0;
    /// @notice The bridge on this chain.
    address public bridge;
    /// @notice The token that an image stands for.
    mapping(address => address) public deployments;
    uint256[48] private _gap;

    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);
    event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer);

    constructor() {
        _disableInitializers();
    }

    function initialize(address _bridge) external reinitializer(1) {
        bridge = _bridge;
    }

    function version() external pure returns (string memory) {
        return "1.10.2+opal.1";
    }

    /// @notice Older name of `bridge`.
    function BRIDGE() external view returns (address) {
        return bridge;
    }

    /// @notice Older name of `createOptimismMintableERC20`.
    function createStandardL2Token(
        address _remoteToken,
        string memory _name,
        string memory _symbol
    )
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    function createOptimismMintableERC20(
        address _remoteToken,
        string memory _name,
        string memory _symbol
    )
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    function createOptimismMintableERC20WithDecimals(
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _decimals
    )
        public
        returns (address image_)
    {
        require(_remoteToken != address(0), "OptimismMintableERC20Factory: must provide remote token address");
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol, _decimals));
        image_ = address(new OptimismMintableERC20{ salt: salt }(bridge, _remoteToken, _name, _symbol, _decimals));
        deployments[image_] = _remoteToken;
        emit StandardL2TokenCreated(_remoteToken, image_);
        emit OptimismMintableERC20Created(image_, _remoteToken, msg.sender);
    }
}
