// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { IERC165 } from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import { IOptimismMintableERC20, ILegacyMintableERC20 } from "../interfaces/IOptimismMintableERC20.sol";

/// @title OptimismMintableERC20
/// @notice The image of a token on the other chain. The bridge alone mints and burns it.
/// @dev spec: bridges.md#token-depositing. Permit2 may move any holder's tokens, by its own signatures.
///      Everybody who makes a token pays for its code, so permits (EIP-2612) are done here in few words.
contract OptimismMintableERC20 is ERC20, IERC165, IOptimismMintableERC20, ILegacyMintableERC20 {
    address public constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;

    address public immutable REMOTE_TOKEN;
    address public immutable BRIDGE;
    uint8 private immutable DECIMALS;
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant PERMIT_TYPE =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    /// @notice How many permits of an owner have been used.
    mapping(address => uint256) public nonces;

    event Mint(address indexed account, uint256 amount);
    event Burn(address indexed account, uint256 amount);

    modifier onlyBridge() {
        require(msg.sender == BRIDGE, "OptimismMintableERC20: only bridge can mint and burn");
        _;
    }

    constructor(
        address _bridge,
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _decimals
    )
        ERC20(_name, _symbol)
    {
        REMOTE_TOKEN = _remoteToken;
        BRIDGE = _bridge;
        DECIMALS = _decimals;
    }

    function mint(
        address _to,
        uint256 _amount
    )
        external
        virtual
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _mint(_to, _amount);
        emit Mint(_to, _amount);
    }

    function burn(
        address _from,
        uint256 _amount
    )
        external
        virtual
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _burn(_from, _amount);
        emit Burn(_from, _amount);
    }

    /// @notice Sets an allowance with the owner's signature instead of the owner's transaction.
    function permit(
        address _owner,
        address _spender,
        uint256 _value,
        uint256 _deadline,
        uint8 _v,
        bytes32 _r,
        bytes32 _s
    )
        external
    {
        require(block.timestamp <= _deadline, "ERC20Permit: expired deadline");
        bytes32 content =
            keccak256(abi.encode(PERMIT_TYPE, _owner, _spender, _value, nonces[_owner]++, _deadline));
        bytes32 hash = keccak256(abi.encodePacked("\x19\x01", DOMAIN_SEPARATOR(), content));
        require(ECDSA.recover(hash, _v, _r, _s) == _owner, "ERC20Permit: invalid signature");
        _approve(_owner, _spender, _value);
    }

    function version() external pure returns (string memory) {
        return "1.4.1+opal.1";
    }

    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    function bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @notice Older name of `remoteToken`.
    function l1Token() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @notice Older name of `bridge`.
    function l2Bridge() external view returns (address) {
        return BRIDGE;
    }

    function supportsInterface(bytes4 _interfaceId) external pure virtual returns (bool) {
        return _interfaceId == type(IERC165).interfaceId || _interfaceId == type(ILegacyMintableERC20).interfaceId
            || _interfaceId == type(IOptimismMintableERC20).interfaceId;
    }

    /// @notice What permits are signed for: this token on this chain (EIP-712).
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE, keccak256(bytes(name())), keccak256("1"), block.chainid, address(this))
        );
    }

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    function allowance(address _owner, address _spender) public view virtual override returns (uint256) {
        return _spender == PERMIT2 ? type(uint256).max : super.allowance(_owner, _spender);
    }
}
