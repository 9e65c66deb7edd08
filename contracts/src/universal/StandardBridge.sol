// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { ERC165Checker } from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import { Initializable } from "./Initializable.sol";
import { ICrossDomainMessenger } from "../interfaces/ICrossDomainMessenger.sol";
import { IOptimismMintableERC20, ILegacyMintableERC20 } from "../interfaces/IOptimismMintableERC20.sol";
import { Eoa } from "../libraries/Eoa.sol";
import { SafeCall } from "../libraries/SafeCall.sol";

/// @title StandardBridge
/// @notice Moves ETH and ERC-20 tokens to the same place on the other chain. On a token's own chain the
///         bridge locks it; on the other it mints and burns the token's image.
/// @dev spec: bridges.md. One half; the contracts that inherit add the events of their side. Tokens that
///      take a fee on transfer or change balances by themselves are not supported: what is locked would
///      not cover what is minted.
abstract contract StandardBridge is Initializable {
    using SafeERC20 for IERC20;

    /// @dev Gas on the other side for ETH that was simply sent here.
    uint32 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 200_000;

    uint256 private _reserved1;
    /// @notice How much of a token is locked here for an image of it: by local, then by remote address.
    mapping(address => mapping(address => uint256)) public deposits;
    ICrossDomainMessenger public messenger;
    /// @notice The other half.
    StandardBridge public otherBridge;
    uint256[45] private _gap;

    event ETHBridgeInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ETHBridgeFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ERC20BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event ERC20BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @dev For functions that send to the caller's address: a contract's may be somebody else's there.
    modifier onlyEOA() {
        require(Eoa.isSender(), "StandardBridge: function can only be called from an EOA");
        _;
    }

    modifier onlyOtherBridge() {
        require(
            msg.sender == address(messenger) && messenger.xDomainMessageSender() == address(otherBridge),
            "StandardBridge: function can only be called from the other bridge"
        );
        _;
    }

    receive() external payable virtual;

    /// @notice Older name of `messenger`.
    function MESSENGER() external view returns (ICrossDomainMessenger) {
        return messenger;
    }

    /// @notice Older name of `otherBridge`.
    function OTHER_BRIDGE() external view returns (StandardBridge) {
        return otherBridge;
    }

    /// @notice Whether the bridge pays out nothing for now.
    function paused() public view virtual returns (bool) {
        return false;
    }

    /// @notice Sends the ETH of the call to the caller on the other chain.
    function bridgeETH(uint32 _minGasLimit, bytes calldata _extraData) external payable onlyEOA {
        _initiateBridgeETH(msg.sender, msg.sender, msg.value, _minGasLimit, _extraData);
    }

    /// @notice Sends the ETH of the call to `_to` on the other chain.
    function bridgeETHTo(address _to, uint32 _minGasLimit, bytes calldata _extraData) external payable {
        _initiateBridgeETH(msg.sender, _to, msg.value, _minGasLimit, _extraData);
    }

    /// @notice Sends tokens to the caller on the other chain.
    function bridgeERC20(
        address _localToken,
        address _remoteToken,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    )
        external
        onlyEOA
    {
        _initiateBridgeERC20(_localToken, _remoteToken, msg.sender, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @notice Sends tokens to `_to` on the other chain.
    function bridgeERC20To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    )
        external
    {
        _initiateBridgeERC20(_localToken, _remoteToken, msg.sender, _to, _amount, _minGasLimit, _extraData);
    }

    /// @notice Pays out ETH that came from the other half.
    function finalizeBridgeETH(
        address _from,
        address _to,
        uint256 _amount,
        bytes calldata _extraData
    )
        public
        payable
        onlyOtherBridge
    {
        require(!paused(), "StandardBridge: paused");
        require(msg.value == _amount, "StandardBridge: amount sent does not match amount required");
        require(_to != address(this), "StandardBridge: cannot send to self");
        require(_to != address(messenger), "StandardBridge: cannot send to messenger");
        _emitETHBridgeFinalized(_from, _to, _amount, _extraData);
        require(SafeCall.call(_to, gasleft(), _amount, bytes("")), "StandardBridge: ETH transfer failed");
    }

    /// @notice Pays out tokens that came from the other half: unlocks or mints them.
    function finalizeBridgeERC20(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes calldata _extraData
    )
        public
        onlyOtherBridge
    {
        require(!paused(), "StandardBridge: paused");
        if (_isImage(_localToken, _remoteToken)) {
            IOptimismMintableERC20(_localToken).mint(_to, _amount);
        } else {
            deposits[_localToken][_remoteToken] -= _amount;
            IERC20(_localToken).safeTransfer(_to, _amount);
        }
        _emitERC20BridgeFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    function _initBridge(address _messenger, address payable _otherBridge) internal {
        messenger = ICrossDomainMessenger(_messenger);
        otherBridge = StandardBridge(_otherBridge);
    }

    function _initiateBridgeETH(
        address _from,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes memory _extraData
    )
        internal
    {
        require(msg.value == _amount, "StandardBridge: bridging ETH must include sufficient ETH value");
        _emitETHBridgeInitiated(_from, _to, _amount, _extraData);
        messenger.sendMessage{ value: _amount }(
            address(otherBridge),
            abi.encodeCall(this.finalizeBridgeETH, (_from, _to, _amount, _extraData)),
            _minGasLimit
        );
    }

    function _initiateBridgeERC20(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes memory _extraData
    )
        internal
    {
        require(msg.value == 0, "StandardBridge: cannot send value");
        if (_isImage(_localToken, _remoteToken)) {
            IOptimismMintableERC20(_localToken).burn(_from, _amount);
        } else {
            IERC20(_localToken).safeTransferFrom(_from, address(this), _amount);
            deposits[_localToken][_remoteToken] += _amount;
        }
        _emitERC20BridgeInitiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
        // What is local here is remote there.
        messenger.sendMessage(
            address(otherBridge),
            abi.encodeCall(this.finalizeBridgeERC20, (_remoteToken, _localToken, _from, _to, _amount, _extraData)),
            _minGasLimit
        );
    }

    function _emitETHBridgeInitiated(
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    )
        internal
        virtual
    {
        emit ETHBridgeInitiated(_from, _to, _amount, _extraData);
    }

    function _emitETHBridgeFinalized(
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    )
        internal
        virtual
    {
        emit ETHBridgeFinalized(_from, _to, _amount, _extraData);
    }

    function _emitERC20BridgeInitiated(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    )
        internal
        virtual
    {
        emit ERC20BridgeInitiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    function _emitERC20BridgeFinalized(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    )
        internal
        virtual
    {
        emit ERC20BridgeFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @dev Whether a token is an image that this bridge's side mints. An image must be that of the token
    ///      named.
    function _isImage(address _token, address _remoteToken) private view returns (bool) {
        address expected;
        if (ERC165Checker.supportsInterface(_token, type(ILegacyMintableERC20).interfaceId)) {
            expected = ILegacyMintableERC20(_token).l1Token();
        } else if (ERC165Checker.supportsInterface(_token, type(IOptimismMintableERC20).interfaceId)) {
            expected = IOptimismMintableERC20(_token).remoteToken();
        } else {
            return false;
        }
        require(
            _remoteToken == expected, "StandardBridge: wrong remote token for Optimism Mintable ERC20 local token"
        );
        return true;
    }
}
