// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC721 } from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import { ERC721Enumerable } from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import { IERC165 } from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import { Strings } from "@openzeppelin/contracts/utils/Strings.sol";
import { IOptimismMintableERC721 } from "../interfaces/IOptimismMintableERC721.sol";

/// @title OptimismMintableERC721
/// @notice The image of a collection on L1. The bridge alone mints and burns its tokens. Their URI names
///         the call on L1 that tells the real one (EIP-681).
/// @dev spec: experimental/contracts/L2/optimism-mintable-erc721.md
contract OptimismMintableERC721 is ERC721Enumerable, IOptimismMintableERC721 {
    uint256 public immutable REMOTE_CHAIN_ID;
    address public immutable REMOTE_TOKEN;
    address public immutable BRIDGE;

    /// @notice What precedes the id in a token's URI.
    string public baseTokenURI;

    event Mint(address indexed account, uint256 tokenId);
    event Burn(address indexed account, uint256 tokenId);

    modifier onlyBridge() {
        require(msg.sender == BRIDGE, "OptimismMintableERC721: only bridge can call this function");
        _;
    }

    constructor(
        address _bridge,
        uint256 _remoteChainId,
        address _remoteToken,
        string memory _name,
        string memory _symbol
    )
        ERC721(_name, _symbol)
    {
        require(_bridge != address(0), "OptimismMintableERC721: bridge cannot be address(0)");
        require(_remoteChainId != 0, "OptimismMintableERC721: remote chain id cannot be zero");
        require(_remoteToken != address(0), "OptimismMintableERC721: remote token cannot be address(0)");
        REMOTE_CHAIN_ID = _remoteChainId;
        REMOTE_TOKEN = _remoteToken;
        BRIDGE = _bridge;
        string memory chain = Strings.toString(_remoteChainId);
        baseTokenURI = string.concat("ethereum:", Strings.toHexString(_remoteToken), "@", chain, "/tokenURI?uint256=");
    }

    function safeMint(address _to, uint256 _tokenId) external virtual onlyBridge {
        _safeMint(_to, _tokenId);
        emit Mint(_to, _tokenId);
    }

    function burn(address _from, uint256 _tokenId) external virtual onlyBridge {
        _burn(_tokenId);
        emit Burn(_from, _tokenId);
    }

    function version() external pure returns (string memory) {
        return "1.3.2+opal.1";
    }

    function remoteChainId() external view returns (uint256) {
        return REMOTE_CHAIN_ID;
    }

    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    function bridge() external view returns (address) {
        return BRIDGE;
    }

    function supportsInterface(bytes4 _interfaceId) public view override(ERC721Enumerable, IERC165) returns (bool) {
        return _interfaceId == type(IOptimismMintableERC721).interfaceId || super.supportsInterface(_interfaceId);
    }

    function _baseURI() internal view override returns (string memory) {
        return baseTokenURI;
    }
}
