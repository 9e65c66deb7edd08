// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { TestToken } from "./support/Helpers.sol";
import { QuickDisputeGame } from "../src/dispute/QuickDisputeGame.sol";
import { IDisputeGame } from "../src/interfaces/IDisputeGame.sol";
import { Hashing } from "../src/libraries/Hashing.sol";
import { Predeploys } from "../src/libraries/Predeploys.sol";
import { Types } from "../src/libraries/Types.sol";

/// @notice Gas of what people pay for, within bounds; `forge test -vv --match-contract Gas` tells the figures.
/// @dev Of a whole transaction: calldata and the 21,000 included.
contract GasTest is World {
    address private alice = account("alice");

    event log_named_uint(string key, uint256 value);

    /// @dev Makes a call as if it were a transaction of `_from`.
    function measure(
        string memory _what,
        uint256 _most,
        address _from,
        address _to,
        uint256 _value,
        bytes memory _data
    )
        private
    {
        vm.deal(_from, _from.balance + _value);
        vm.prank(_from, _from);
        uint256 before = gasleft();
        (bool success,) = _to.call{ value: _value }(_data);
        uint256 used = before - gasleft();
        check(success, _what);
        // A call pays for finding the account and for sending value, which a transaction does not.
        used = used + intrinsicGas(_data) - 2_600 - (_value > 0 ? 9_000 : 0);
        emit log_named_uint(_what, used);
        check(used <= _most, _what);
    }

    function test_depositTransaction() public {
        bytes memory call_ = abi.encodeCall(portal.depositTransaction, (alice, 1 ether, 100_000, false, ""));
        measure("depositTransaction", 130_000, alice, address(portal), 1 ether, call_);
    }

    function test_depositETH() public {
        bytes memory call_ = abi.encodeCall(l1Bridge.depositETH, (200_000, ""));
        measure("depositETH", 625_000, alice, address(l1Bridge), 1 ether, call_);
    }

    function test_depositERC20() public {
        TestToken token = new TestToken();
        token.mint(alice, 10);
        address image = l2Factory.createOptimismMintableERC20(address(token), "I", "I");
        vm.prank(alice);
        token.approve(address(l1Bridge), 10);
        bytes memory call_ = abi.encodeCall(l1Bridge.depositERC20, (address(token), image, 10, 200_000, ""));
        measure("depositERC20", 680_000, alice, address(l1Bridge), 0, call_);
    }

    function test_aWithdrawal() public {
        vm.deal(address(portal), 10 ether);
        for (uint256 i; i < 200; ++i) sent.push(keccak256(abi.encode(i)));
        vm.recordLogs();
        bytes memory call_ = abi.encodeCall(passer.initiateWithdrawal, (alice, 21_000, ""));
        measure("initiateWithdrawal", 80_000, alice, address(passer), 1 ether, call_);
        prove_("finalizeWithdrawalTransaction, ETH", 190_000, withdrawalsIn(vm.getRecordedLogs())[0]);
    }

    function test_aWithdrawalThroughTheBridge() public {
        vm.deal(address(portal), 10 ether);
        for (uint256 i; i < 200; ++i) sent.push(keccak256(abi.encode(i)));
        vm.recordLogs();
        bytes memory call_ =
            abi.encodeCall(l2Bridge.withdrawTo, (Predeploys.LEGACY_ERC20_ETH, alice, 1 ether, 200_000, ""));
        measure("bridge, withdraw ETH on L2", 200_000, account("bob"), address(l2Bridge), 1 ether, call_);
        prove_("finalizeWithdrawalTransaction, bridge", 350_000, withdrawalsIn(vm.getRecordedLogs())[0]);
    }

    function prove_(string memory _what, uint256 _most, Types.WithdrawalTransaction memory _tx) private {
        makeProof(Hashing.hashWithdrawal(_tx));
        bytes32 root = Hashing.hashOutputRootProof(output);
        bytes memory call_ = abi.encodeCall(factory.create, (GAME_TYPE, root, abi.encode(110)));
        measure("create a game", 400_000, proposer, address(factory), 0, call_);
        skip(1);
        call_ = abi.encodeCall(portal.proveWithdrawalTransaction, (_tx, 0, output, proof));
        measure("proveWithdrawalTransaction", 280_000, alice, address(portal), 0, call_);
        (,, IDisputeGame game) = factory.gameAtIndex(0);
        mature(QuickDisputeGame(address(game)));
        measure(_what, _most, alice, address(portal), 0, abi.encodeCall(portal.finalizeWithdrawalTransaction, (_tx)));
        check(portal.finalizedWithdrawals(Hashing.hashWithdrawal(_tx)), "finalized");
    }

    function test_relayOnL2() public {
        vm.recordLogs();
        vm.deal(alice, 1 ether);
        vm.prank(alice, alice);
        l1Bridge.depositETHTo{ value: 1 ether }(account("bob"), 200_000, "");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 before = gasleft();
        (uint256 succeeded,) = relayDeposits(logs);
        // Includes what the test itself takes to read the log.
        emit log_named_uint("relay of an ETH deposit on L2, with the test's own work", before - gasleft());
        equal(succeeded, 1, "relayed");
    }
}
