// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A token that a bridge mints and burns: the image of a token on the other chain.
/// @dev The ERC-165 identifier of this interface is how bridges tell such tokens.
interface IOptimismMintableERC20 {
    function remoteToken() external view returns (address);
    function bridge() external returns (address);
    function mint(address _to, uint256 _amount) external;
    function burn(address _from, uint256 _amount) external;
}

/// @notice The same as it was before Bedrock.
interface ILegacyMintableERC20 {
    function l1Token() external view returns (address);
    function mint(address _to, uint256 _amount) external;
    function burn(address _from, uint256 _amount) external;
}
