// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Base } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { L2OutputOracle } from "../src/L1/L2OutputOracle.sol";
import { ProtocolVersions } from "../src/L1/ProtocolVersions.sol";
import { SuperchainConfig } from "../src/L1/SuperchainConfig.sol";
import { OptimismPortal } from "../src/L1/OptimismPortal.sol";
import { ProxyAdminOwned } from "../src/universal/ProxyAdminOwned.sol";
import { Proxy } from "../src/universal/Proxy.sol";
import { ISystemConfig } from "../src/interfaces/ISystemConfig.sol";
import { IAnchorStateRegistry } from "../src/interfaces/IAnchorStateRegistry.sol";
import { IOptimismPortal } from "../src/interfaces/IOptimismPortal.sol";
import { IDisputeGameFactory } from "../src/interfaces/IDisputeGameFactory.sol";
import { Proposal } from "../src/libraries/DisputeTypes.sol";
import { Types } from "../src/libraries/Types.sol";

/// @notice The brake.
contract SuperchainConfigTest is World {
    address private id = account("some portal");

    event Paused(address identifier);
    event Unpaused(address identifier);

    function test_aPauseEndsByItself() public {
        check(superchain.pausable(id) && !superchain.paused(id), "free");
        equal(superchain.expiration(id), 0, "no end");
        vm.expectEmit(true, true, true, true, address(superchain));
        emit Paused(id);
        pause(id);
        check(superchain.paused(id) && !superchain.paused(), "this one only");
        equal(superchain.pauseTimestamps(id), block.timestamp, "since");
        equal(superchain.expiration(id), block.timestamp + superchain.pauseExpiry(), "until");
        equal(superchain.pauseExpiry(), 7_884_000, "three months");
        vm.warp(superchain.expiration(id) - 1);
        check(superchain.paused(id), "still");
        vm.warp(block.timestamp + 1);
        check(!superchain.paused(id) && !superchain.pausable(id), "ended, but not reset");
        vm.expectRevert(abi.encodeWithSelector(SuperchainConfig.SuperchainConfig_AlreadyPaused.selector, id));
        pause(id);
        vm.prank(guardian);
        superchain.extend(id);
        check(superchain.paused(id), "extended");
        vm.expectEmit(true, true, true, true, address(superchain));
        emit Unpaused(id);
        vm.prank(guardian);
        superchain.unpause(id);
        check(!superchain.paused(id) && superchain.pausable(id), "lifted");
        vm.expectRevert(abi.encodeWithSelector(SuperchainConfig.SuperchainConfig_NotAlreadyPaused.selector, id));
        vm.prank(guardian);
        superchain.extend(id);
    }

    function test_zeroPausesAll() public {
        pause(address(0));
        check(superchain.paused() && portal.paused() && l1Messenger.paused(), "all");
    }

    function testFuzz_onlyTheGuardian(address _who) public {
        vm.assume(_who != guardian && _who != address(admin));
        vm.startPrank(_who, _who);
        vm.expectRevert(SuperchainConfig.SuperchainConfig_OnlyGuardian.selector);
        superchain.pause(id);
        vm.expectRevert(SuperchainConfig.SuperchainConfig_OnlyGuardian.selector);
        superchain.unpause(id);
        vm.expectRevert(SuperchainConfig.SuperchainConfig_OnlyGuardian.selector);
        superchain.extend(id);
        vm.stopPrank();
        equal(portal.guardian(), guardian, "guardian");
    }
}

/// @notice Nobody but the admin initialises what stands on L1, and nobody twice.
contract InitializationTest is World {
    function refused(address _proxy, address _fresh, bytes memory _call) private {
        string memory text = "Initializable: contract is already initialized";
        (bool success, bytes memory answer) = _proxy.call(_call);
        equal(keccak256(answer), keccak256(abi.encodeWithSignature("Error(string)", text)), "twice");
        (success, answer) = implementation(_proxy).call(_call);
        equal(keccak256(answer), keccak256(abi.encodeWithSignature("Error(string)", text)), "the bare contract");
        // A proxy without its first call, open to anybody.
        admin.upgrade(_fresh, implementation(_proxy));
        vm.prank(account("somebody"));
        (success, answer) = _fresh.call(_call);
        bytes4 error = ProxyAdminOwned.ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner.selector;
        equal(keccak256(answer), keccak256(abi.encodeWithSelector(error)), "a stranger");
        (success,) = _fresh.call(_call);
        check(success, "the owner");
    }

    function implementation(address _proxy) private view returns (address) {
        return admin.getProxyImplementation(_proxy);
    }

    function fresh() private returns (address) {
        return address(new Proxy(address(admin)));
    }

    function test_everyContractOfL1() public {
        ISystemConfig config = ISystemConfig(address(systemConfig));
        refused(address(superchain), fresh(), abi.encodeCall(superchain.initialize, (guardian)));
        refused(
            address(portal), fresh(), abi.encodeCall(portal.initialize, (config, IAnchorStateRegistry(address(registry))))
        );
        refused(address(factory), fresh(), abi.encodeCall(factory.initialize, (address(this))));
        refused(
            address(registry),
            fresh(),
            abi.encodeCall(registry.initialize, (config, IDisputeGameFactory(address(factory)), Proposal(0, 0), 1))
        );
        refused(address(weth), fresh(), abi.encodeCall(weth.initialize, (config)));
        refused(
            address(l1Messenger),
            fresh(),
            abi.encodeCall(l1Messenger.initialize, (config, IOptimismPortal(address(portal))))
        );
        refused(address(l1Bridge), fresh(), abi.encodeCall(l1Bridge.initialize, (address(l1Messenger), config)));
        refused(address(l1Nfts), fresh(), abi.encodeCall(l1Nfts.initialize, (address(l1Messenger), config)));
    }

    /// @dev The slots that nodes, genesis generators and monitors know by number.
    function test_knownSlots() public view {
        equal(slot(address(l2Messenger), 0), bytes32(uint256(1) << 160), "messenger initialised");
        equal(slot(address(l2Messenger), 0xcc), bytes32(uint256(0xdead)), "sender");
        equal(slot(address(l2Messenger), 0xcf), word(address(l1Messenger)), "other messenger");
        equal(slot(address(l1Messenger), 251), word(address(systemConfig)), "system config");
        equal(slot(address(l1Messenger), 252), word(address(portal)), "portal");
        equal(slot(address(l2Bridge), 0), bytes32(uint256(1)), "bridge initialised");
        equal(slot(address(l2Bridge), 3), word(address(l2Messenger)), "messenger");
        equal(slot(address(l2Bridge), 4), word(address(l1Bridge)), "other bridge");
        equal(slot(address(l2Factory), 0), bytes32(uint256(1)), "factory initialised");
        equal(slot(address(l2Factory), 1), word(address(l2Bridge)), "bridge");
        equal(slot(address(l2Nfts), 0), bytes32(uint256(1)), "bridge initialised");
        equal(slot(address(l2Nfts), 1), word(address(l2Messenger)), "messenger");
        equal(slot(address(l2Nfts), 2), word(address(l1Nfts)), "other bridge");
        equal(slot(address(nftFactory), 1), bytes32(uint256(uint160(address(l2Nfts))) << 16 | 1), "bridge");
        equal(slot(address(nftFactory), 2), bytes32(L1_CHAIN_ID), "chain id");
        equal(slot(address(portal), 50), bytes32(uint256(0xdead)), "l2Sender");
        equal(slot(address(factory), 51), word(address(this)), "owner");
    }

    function slot(address _who, uint256 _slot) private view returns (bytes32) {
        return vm.load(_who, bytes32(_slot));
    }

    function word(address _value) private pure returns (bytes32) {
        return bytes32(uint256(uint160(_value)));
    }
}

/// @notice The versions that nodes shall support.
contract ProtocolVersionsTest is World {
    event ConfigUpdate(uint256 indexed version, ProtocolVersions.UpdateType indexed updateType, bytes data);

    function test_versions() public {
        ProtocolVersions versions = ProtocolVersions(address(new Proxy(address(admin))));
        address code = address(new ProtocolVersions());
        admin.upgradeAndCall(address(versions), code, abi.encodeCall(ProtocolVersions.initialize, (address(this), 5, 6)));
        equal(versions.required(), 5, "required");
        equal(versions.recommended(), 6, "recommended");
        vm.expectEmit(true, true, true, true, address(versions));
        emit ConfigUpdate(0, ProtocolVersions.UpdateType.REQUIRED_PROTOCOL_VERSION, abi.encode(7));
        versions.setRequired(7);
        vm.expectEmit(true, true, true, true, address(versions));
        emit ConfigUpdate(0, ProtocolVersions.UpdateType.RECOMMENDED_PROTOCOL_VERSION, abi.encode(8));
        versions.setRecommended(8);
        equal(uint256(vm.load(address(versions), versions.REQUIRED_SLOT())), 7, "slot");
        equal(uint256(vm.load(address(versions), versions.RECOMMENDED_SLOT())), 8, "slot");
        vm.startPrank(guardian, guardian);
        expectText("Ownable: caller is not the owner");
        versions.setRequired(0);
        expectText("Ownable: caller is not the owner");
        versions.setRecommended(0);
        vm.stopPrank();
    }
}

/// @notice Outputs of one trusted proposer.
contract L2OutputOracleTest is World {
    L2OutputOracle private oracle;

    event OutputProposed(
        bytes32 indexed outputRoot, uint256 indexed l2OutputIndex, uint256 indexed l2BlockNumber, uint256 l1Timestamp
    );
    event OutputsDeleted(uint256 indexed prevNextOutputIndex, uint256 indexed newNextOutputIndex);

    function setUp() public override {
        super.setUp();
        oracle = L2OutputOracle(address(new Proxy(address(admin))));
        bytes memory call_ = abi.encodeCall(
            L2OutputOracle.initialize, (10, 2, 100, block.timestamp - 1_000, proposer, challenger, 50)
        );
        admin.upgradeAndCall(address(oracle), address(new L2OutputOracle()), call_);
    }

    function submit(uint256 _block) private {
        vm.prank(proposer);
        oracle.proposeL2Output(keccak256(abi.encode(_block)), _block, 0, 0);
    }

    function refused(string memory _text, bytes32 _root, uint256 _block, bytes32 _hash, uint256 _number) private {
        expectText(_text);
        vm.prank(proposer);
        oracle.proposeL2Output(_root, _block, _hash, _number);
    }

    function test_outputsAreFound() public {
        equal(oracle.nextBlockNumber(), 110, "next");
        vm.expectEmit(true, true, true, true, address(oracle));
        emit OutputProposed(keccak256(abi.encode(110)), 0, 110, block.timestamp);
        submit(110);
        submit(120);
        vm.prank(proposer);
        oracle.proposeL2Output("x", 130, blockhash(block.number - 1), block.number - 1);
        equal(oracle.latestOutputIndex(), 2, "index");
        equal(oracle.latestBlockNumber(), 130, "block");
        equal(oracle.getL2OutputIndexAfter(100), 0, "first");
        equal(oracle.getL2OutputIndexAfter(110), 0, "exact");
        equal(oracle.getL2OutputIndexAfter(111), 1, "after");
        equal(oracle.getL2OutputAfter(121).outputRoot, "x", "last");
        equal(oracle.getL2Output(1).l2BlockNumber, 120, "by index");
        expectText("L2OutputOracle: cannot get output for a block that has not been proposed");
        oracle.getL2OutputAfter(131);
    }

    function test_refusals() public {
        expectText("L2OutputOracle: cannot get output as no outputs have been proposed yet");
        oracle.getL2OutputAfter(100);
        expectText("L2OutputOracle: only the proposer address can propose new outputs");
        oracle.proposeL2Output("x", 110, 0, 0);
        refused("L2OutputOracle: block number must be equal to next expected block number", "x", 111, 0, 0);
        refused("L2OutputOracle: L2 output proposal cannot be the zero hash", 0, 110, 0, 0);
        refused("L2OutputOracle: block hash does not match the hash at the expected height", "x", 110, "y", block.number - 1);
        vm.warp(oracle.computeL2Timestamp(110));
        refused("L2OutputOracle: cannot propose L2 output in the future", "x", 110, 0, 0);
    }

    function test_theChallengerTakesBack() public {
        submit(110);
        skip(30);
        submit(120);
        skip(20);
        expectText("L2OutputOracle: only the challenger address can delete outputs");
        oracle.deleteL2Outputs(1);
        vm.startPrank(challenger, challenger);
        expectText("L2OutputOracle: cannot delete outputs after the latest output index");
        oracle.deleteL2Outputs(2);
        expectText("L2OutputOracle: cannot delete outputs that have already been finalized");
        oracle.deleteL2Outputs(0);
        vm.expectEmit(true, true, true, true, address(oracle));
        emit OutputsDeleted(2, 1);
        oracle.deleteL2Outputs(1);
        vm.stopPrank();
        equal(oracle.nextBlockNumber(), 120, "again");
        check(oracle.PROPOSER() == proposer && oracle.CHALLENGER() == challenger, "roles");
        check(oracle.SUBMISSION_INTERVAL() == 10 && oracle.L2_BLOCK_TIME() == 2, "steps");
        equal(oracle.FINALIZATION_PERIOD_SECONDS(), 50, "period");
    }
}
