// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC721Enumerable } from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Enumerable.sol";

/// @notice A collection that a bridge mints and burns: the image of a collection on the other chain.
/// @dev The ERC-165 identifier of this interface is how bridges tell such collections.
interface IOptimismMintableERC721 is IERC721Enumerable {
    function safeMint(address _to, uint256 _tokenId) external;
    function burn(address _from, uint256 _tokenId) external;
    function REMOTE_CHAIN_ID() external view returns (uint256);
    function REMOTE_TOKEN() external view returns (address);
    function BRIDGE() external view returns (address);
    function remoteChainId() external view returns (uint256);
    function remoteToken() external view returns (address);
    function bridge() external view returns (address);
}
