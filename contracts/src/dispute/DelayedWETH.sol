// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "../universal/Initializable.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { WETH } from "../L2/WETH.sol";
import { ISystemConfig } from "../interfaces/ISystemConfig.sol";

/// @title DelayedWETH
/// @notice Wrapped ETH for the bonds of dispute games, that can be turned back only some time after that
///         has been asked for. Meanwhile the owner of the proxy admin can step in.
/// @dev spec: experimental/contracts/dispute/delayed-weth.md, fault-proof/stage-one/bond-incentives.md
contract DelayedWETH is Initializable, WETH, ProxyAdminOwned {
    /// @notice What a holder has asked for on behalf of one of its beneficiaries.
    struct WithdrawalRequest {
        uint256 amount;
        uint256 timestamp;
    }

    uint8 internal constant INIT_VERSION = 1;

    uint256 internal immutable DELAY_SECONDS;

    /// @notice Requests by holder, then by beneficiary. Only the holder acts on them.
    mapping(address => mapping(address => WithdrawalRequest)) public withdrawals;
    ISystemConfig public systemConfig;

    constructor(uint256 _delay) {
        DELAY_SECONDS = _delay;
        _disableInitializers();
    }

    function initialize(ISystemConfig _systemConfig) external reinitializer(INIT_VERSION) {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        systemConfig = _systemConfig;
    }

    /// @notice Asks for `_wad` more for `_guy`. The delay begins anew for all of it.
    function unlock(address _guy, uint256 _wad) external {
        WithdrawalRequest storage request = withdrawals[msg.sender][_guy];
        request.timestamp = block.timestamp;
        request.amount += _wad;
    }

    /// @notice Takes up to `_wad` ETH out of this contract. For the owner, if things went wrong.
    function recover(uint256 _wad) external {
        _assertOwner();
        uint256 amount = _wad < address(this).balance ? _wad : address(this).balance;
        (bool sent,) = msg.sender.call{ value: amount }("");
        require(sent, "DelayedWETH: recover failed");
    }

    /// @notice Takes all that a holder has. For the owner, if things went wrong.
    function hold(address _guy) external {
        hold(_guy, balanceOf[_guy]);
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    /// @notice Seconds between asking and getting.
    function delay() external view returns (uint256) {
        return DELAY_SECONDS;
    }

    function config() external view returns (address) {
        return systemConfig.superchainConfig();
    }

    function version() external pure override returns (string memory) {
        return "1.5.1+opal.1";
    }

    /// @notice Takes some of what a holder has. For the owner, if things went wrong.
    function hold(address _guy, uint256 _wad) public {
        _assertOwner();
        allowance[_guy][msg.sender] = _wad;
        emit Approval(_guy, msg.sender, _wad);
        transferFrom(_guy, msg.sender, _wad);
    }

    /// @notice Turns what was asked for in the caller's own name back into ETH.
    function withdraw(uint256 _wad) public override {
        withdraw(msg.sender, _wad);
    }

    /// @notice Turns what was asked for on behalf of `_guy` back into ETH, for the caller.
    function withdraw(address _guy, uint256 _wad) public {
        require(!systemConfig.paused(), "DelayedWETH: contract is paused");
        WithdrawalRequest storage request = withdrawals[msg.sender][_guy];
        require(request.amount >= _wad, "DelayedWETH: insufficient unlocked withdrawal");
        require(request.timestamp > 0, "DelayedWETH: withdrawal not unlocked");
        require(request.timestamp + DELAY_SECONDS <= block.timestamp, "DelayedWETH: withdrawal delay not met");
        request.amount -= _wad;
        super.withdraw(_wad);
    }

    function _assertOwner() private view {
        require(msg.sender == proxyAdminOwner(), "DelayedWETH: not owner");
    }
}
