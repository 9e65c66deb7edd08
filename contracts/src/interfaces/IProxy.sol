// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

interface IProxy {
    function admin() external view returns (address);
    function implementation() external view returns (address);
    function changeAdmin(address _admin) external;
    function upgradeTo(address _implementation) external;
    function upgradeToAndCall(address _implementation, bytes calldata _data) external payable returns (bytes memory);
}
