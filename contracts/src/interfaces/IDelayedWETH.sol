// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface IDelayedWETH {
    function deposit() external payable;
    function unlock(address _guy, uint256 _wad) external;
    function withdraw(address _guy, uint256 _wad) external;
    function withdrawals(address _owner, address _guy) external view returns (uint256 amount_, uint256 timestamp_);
}
