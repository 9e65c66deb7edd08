// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { Receiver, TestToken } from "./support/Helpers.sol";
import { OptimismMintableERC20 } from "../src/universal/OptimismMintableERC20.sol";
import { StandardBridge } from "../src/universal/StandardBridge.sol";
import { IOptimismMintableERC20, ILegacyMintableERC20 } from "../src/interfaces/IOptimismMintableERC20.sol";
import { Predeploys } from "../src/libraries/Predeploys.sol";

/// @notice ETH and tokens over the bridges, both ways, with their events, and what is refused.
contract StandardBridgeTest is World {
    address private alice = account("alice on L1");
    address private bob = account("bob on L2");
    address private carol = account("carol on L1");
    TestToken private token;
    OptimismMintableERC20 private image;

    event ETHDepositInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ETHBridgeInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ETHWithdrawalFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ETHBridgeFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ERC20DepositInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event ERC20WithdrawalFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event WithdrawalInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event DepositFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    function setUp() public override {
        super.setUp();
        token = new TestToken();
        image = OptimismMintableERC20(l2Factory.createOptimismMintableERC20(address(token), "Image", "IMG"));
        vm.deal(alice, 100 ether);
        token.mint(alice, 100);
    }

    /// @dev Runs on L2 what has just been sent to it.
    function arrive() private {
        (uint256 succeeded, uint256 failed) = relayDeposits(vm.getRecordedLogs());
        check(succeeded == 1 && failed == 0, "one deposit");
    }

    function depositTokens(uint256 _amount) private {
        vm.startPrank(alice, alice);
        token.approve(address(l1Bridge), _amount);
        vm.recordLogs();
        l1Bridge.depositERC20To(address(token), address(image), bob, _amount, 200_000, hex"11");
        vm.stopPrank();
        arrive();
    }

    // ---- ETH

    function test_ethGoesToL2() public {
        vm.expectEmit(true, true, true, true, address(l1Bridge));
        emit ETHDepositInitiated(alice, bob, 2 ether, hex"aa");
        vm.expectEmit(true, true, true, true, address(l1Bridge));
        emit ETHBridgeInitiated(alice, bob, 2 ether, hex"aa");
        vm.recordLogs();
        vm.prank(alice, alice);
        l1Bridge.depositETHTo{ value: 2 ether }(bob, 200_000, hex"aa");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.expectEmit(true, true, true, true, address(l2Bridge));
        emit DepositFinalized(address(0), Predeploys.LEGACY_ERC20_ETH, alice, bob, 2 ether, hex"aa");
        vm.expectEmit(true, true, true, true, address(l2Bridge));
        emit ETHBridgeFinalized(alice, bob, 2 ether, hex"aa");
        relayDeposits(logs);
        equal(bob.balance, 2 ether, "arrived");
        equal(address(portal).balance, 2 ether, "locked");
    }

    function test_everyWayToSendEth() public {
        vm.startPrank(alice, alice);
        vm.recordLogs();
        l1Bridge.depositETH{ value: 1 ether }(200_000, "");
        l1Bridge.bridgeETH{ value: 1 ether }(200_000, "");
        l1Bridge.bridgeETHTo{ value: 1 ether }(bob, 200_000, "");
        (bool sent_,) = address(l1Bridge).call{ value: 1 ether }("");
        check(sent_, "plain transfer");
        vm.stopPrank();
        (uint256 succeeded,) = relayDeposits(vm.getRecordedLogs());
        equal(succeeded, 4, "all");
        equal(address(portal).balance, 4 ether, "locked");
        equal(bob.balance, 1 ether, "to bob");
        equal(alice.balance, 99 ether, "the rest to alice");
    }

    function test_ethComesBack() public {
        vm.deal(bob, 5 ether);
        vm.deal(address(portal), 5 ether);
        vm.expectEmit(true, true, true, true, address(l2Bridge));
        emit WithdrawalInitiated(address(0), Predeploys.LEGACY_ERC20_ETH, bob, carol, 3 ether, hex"bb");
        vm.recordLogs();
        vm.prank(bob, bob);
        l2Bridge.withdrawTo{ value: 3 ether }(Predeploys.LEGACY_ERC20_ETH, carol, 3 ether, 200_000, hex"bb");
        check(complete(withdrawalsIn(vm.getRecordedLogs())[0]), "runs");
        equal(carol.balance, 3 ether, "arrived");
        equal(address(portal).balance, 2 ether, "paid out");
        // A plain transfer withdraws to the sender.
        vm.recordLogs();
        vm.prank(bob, bob);
        (bool sent_,) = address(l2Bridge).call{ value: 2 ether }("");
        check(sent_ && complete(withdrawalsIn(vm.getRecordedLogs())[0]), "runs");
        equal(bob.balance, 2 ether, "arrived");
    }

    function test_theFinalEventsOfL1() public {
        vm.deal(address(l1Messenger), 1 ether);
        asOtherBridge(address(l1Bridge));
        vm.expectEmit(true, true, true, true, address(l1Bridge));
        emit ETHWithdrawalFinalized(bob, carol, 1 ether, hex"cc");
        vm.expectEmit(true, true, true, true, address(l1Bridge));
        emit ETHBridgeFinalized(bob, carol, 1 ether, hex"cc");
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeETHWithdrawal{ value: 1 ether }(bob, carol, 1 ether, hex"cc");
    }

    function test_aWrongAmountOnL2() public {
        vm.deal(bob, 1 ether);
        expectText("StandardBridge: bridging ETH must include sufficient ETH value");
        vm.prank(bob, bob);
        l2Bridge.withdraw{ value: 1 ether }(Predeploys.LEGACY_ERC20_ETH, 2 ether, 200_000, "");
    }

    function test_ethToARecipientThatFailsIsKeptAndReplayed() public {
        Receiver receiver = new Receiver();
        receiver.setFails(true);
        uint256 nonce = l1Messenger.messageNonce();
        vm.recordLogs();
        vm.prank(alice, alice);
        l1Bridge.depositETHTo{ value: 1 ether }(address(receiver), 200_000, "");
        arrive();
        equal(address(l2Messenger).balance, 1 ether, "kept");
        receiver.setFails(false);
        bytes memory message =
            abi.encodeCall(StandardBridge.finalizeBridgeETH, (alice, address(receiver), 1 ether, ""));
        l2Messenger.relayMessage(nonce, address(l1Bridge), address(l2Bridge), 1 ether, 200_000, message);
        equal(address(receiver).balance, 1 ether, "replayed");
    }

    // ---- tokens

    function test_tokensGoToL2AndBack() public {
        vm.startPrank(alice, alice);
        token.approve(address(l1Bridge), 60);
        vm.expectEmit(true, true, true, true, address(l1Bridge));
        emit ERC20DepositInitiated(address(token), address(image), alice, bob, 60, hex"11");
        vm.recordLogs();
        l1Bridge.depositERC20To(address(token), address(image), bob, 60, 200_000, hex"11");
        vm.stopPrank();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.expectEmit(true, true, true, true, address(l2Bridge));
        emit DepositFinalized(address(token), address(image), alice, bob, 60, hex"11");
        relayDeposits(logs);
        equal(image.balanceOf(bob), 60, "minted");
        equal(token.balanceOf(address(l1Bridge)), 60, "locked");
        equal(l1Bridge.deposits(address(token), address(image)), 60, "accounted for");

        vm.recordLogs();
        vm.prank(bob, bob);
        l2Bridge.withdrawTo(address(image), carol, 25, 200_000, hex"22");
        equal(image.totalSupply(), 35, "burnt");
        check(complete(withdrawalsIn(vm.getRecordedLogs())[0]), "runs");
        equal(token.balanceOf(carol), 25, "unlocked");
        equal(l1Bridge.deposits(address(token), address(image)), 35, "accounted for");
    }

    function test_theOtherFunctionNames() public {
        vm.startPrank(alice, alice);
        token.approve(address(l1Bridge), 100);
        vm.recordLogs();
        l1Bridge.depositERC20(address(token), address(image), 10, 200_000, "");
        l1Bridge.bridgeERC20(address(token), address(image), 10, 200_000, "");
        l1Bridge.bridgeERC20To(address(token), address(image), bob, 10, 200_000, "");
        vm.stopPrank();
        (uint256 succeeded,) = relayDeposits(vm.getRecordedLogs());
        equal(succeeded, 3, "all");
        equal(image.balanceOf(alice), 20, "to the sender");
        vm.prank(alice, alice);
        l2Bridge.withdraw(address(image), 5, 200_000, "");
        vm.prank(alice, alice);
        l2Bridge.bridgeERC20(address(image), address(token), 5, 200_000, "");
        equal(image.balanceOf(alice), 10, "burnt");
    }

    function test_tokensOfL2GoToL1AndBack() public {
        TestToken native = new TestToken();
        native.mint(bob, 50);
        OptimismMintableERC20 onL1 =
            OptimismMintableERC20(l1Factory.createOptimismMintableERC20WithDecimals(address(native), "N", "N", 6));
        equal(onL1.decimals(), 6, "decimals");
        vm.startPrank(bob, bob);
        native.approve(address(l2Bridge), 50);
        vm.recordLogs();
        l2Bridge.bridgeERC20To(address(native), address(onL1), alice, 50, 300_000, "");
        vm.stopPrank();
        check(complete(withdrawalsIn(vm.getRecordedLogs())[0]), "runs");
        equal(onL1.balanceOf(alice), 50, "minted on L1");
        equal(l2Bridge.deposits(address(native), address(onL1)), 50, "locked on L2");
        vm.recordLogs();
        vm.prank(alice, alice);
        l1Bridge.bridgeERC20To(address(onL1), address(native), bob, 20, 300_000, "");
        arrive();
        equal(native.balanceOf(bob), 20, "unlocked on L2");
        equal(onL1.totalSupply(), 30, "burnt on L1");
    }

    function test_anImageOfAnotherToken() public {
        TestToken other = new TestToken();
        vm.recordLogs();
        depositTokens(10);
        expectText("StandardBridge: wrong remote token for Optimism Mintable ERC20 local token");
        vm.prank(bob, bob);
        l2Bridge.bridgeERC20(address(image), address(other), 1, 200_000, "");
        asOtherBridge(address(l2Bridge));
        expectText("StandardBridge: wrong remote token for Optimism Mintable ERC20 local token");
        vm.prank(address(l2Messenger));
        l2Bridge.finalizeBridgeERC20(address(image), address(other), alice, bob, 1, "");
    }

    /// @dev Tokens locked for one image cannot be taken out through another.
    function test_moreThanWasLocked() public {
        depositTokens(10);
        asOtherBridge(address(l1Bridge));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeERC20Withdrawal(address(token), account("false image"), bob, carol, 1, "");
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeERC20Withdrawal(address(token), address(image), bob, carol, 11, "");
    }

    function test_noValueWithTokens() public {
        vm.deal(bob, 1);
        expectText("StandardBridge: cannot send value");
        vm.prank(bob, bob);
        l2Bridge.withdraw{ value: 1 }(address(image), 0, 200_000, "");
    }

    // ---- who may what

    /// @dev From here on the messenger tells that its message comes from the other bridge.
    function asOtherBridge(address _bridge) private {
        bool onL1 = _bridge == address(l1Bridge);
        address messenger = onL1 ? address(l1Messenger) : address(l2Messenger);
        address other = onL1 ? address(l2Bridge) : address(l1Bridge);
        vm.store(messenger, bytes32(uint256(204)), bytes32(uint256(uint160(other))));
    }

    function test_onlyTheOtherBridgeFinalizes() public {
        string memory text = "StandardBridge: function can only be called from the other bridge";
        expectText(text);
        l1Bridge.finalizeBridgeETH(alice, bob, 0, "");
        expectText(text);
        l2Bridge.finalizeBridgeERC20(address(image), address(token), alice, bob, 1, "");
        // The messenger alone does not suffice: anybody can send messages.
        vm.store(address(l1Messenger), bytes32(uint256(204)), bytes32(uint256(uint160(alice))));
        expectText(text);
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeBridgeETH(alice, bob, 0, "");
    }

    function test_onlyAccountsWithAKeySendToThemselves() public {
        Contract sender = new Contract();
        vm.deal(address(sender), 1 ether);
        string memory text = "StandardBridge: function can only be called from an EOA";
        expectText(text);
        sender.run{ value: 0 }(address(l1Bridge), 1 ether, abi.encodeCall(l1Bridge.depositETH, (200_000, "")));
        expectText(text);
        sender.run(address(l1Bridge), 1 ether, "");
        expectText(text);
        sender.run(address(l2Bridge), 0, abi.encodeCall(l2Bridge.withdraw, (address(image), 0, 200_000, "")));
        // An account that delegates to code still has its key.
        vm.etch(address(sender), abi.encodePacked(hex"ef0100", address(this)));
        vm.deal(address(sender), 1 ether);
        vm.prank(address(sender));
        l1Bridge.depositETH{ value: 1 ether }(200_000, "");
    }

    function test_recipientsThatAreRefused() public {
        asOtherBridge(address(l1Bridge));
        expectText("StandardBridge: cannot send to self");
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeBridgeETH(alice, address(l1Bridge), 0, "");
        expectText("StandardBridge: cannot send to messenger");
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeBridgeETH(alice, address(l1Messenger), 0, "");
        expectText("StandardBridge: amount sent does not match amount required");
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeBridgeETH(alice, carol, 1, "");
    }

    function test_pauseStopsPayingOutOnL1Only() public {
        pause(address(portal));
        check(l1Bridge.paused() && !l2Bridge.paused(), "paused");
        asOtherBridge(address(l1Bridge));
        expectText("StandardBridge: paused");
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeBridgeETH(alice, carol, 0, "");
        expectText("StandardBridge: paused");
        vm.prank(address(l1Messenger));
        l1Bridge.finalizeBridgeERC20(address(token), address(image), alice, carol, 0, "");
        depositTokens(10);
        equal(image.totalSupply(), 10, "deposits go on");
    }

    // ---- images

    function test_theFactory() public {
        equal(l2Factory.deployments(address(image)), address(token), "known");
        equal(l2Factory.bridge(), address(l2Bridge), "bridge");
        equal(l2Factory.BRIDGE(), address(l2Bridge), "older name");
        bytes32 salt = keccak256(abi.encode(address(token), "A", "B", uint8(18)));
        bytes memory code = abi.encodePacked(
            type(OptimismMintableERC20).creationCode, abi.encode(address(l2Bridge), address(token), "A", "B", uint8(18))
        );
        bytes32 hash = keccak256(abi.encodePacked(hex"ff", address(l2Factory), salt, keccak256(code)));
        equal(l2Factory.createStandardL2Token(address(token), "A", "B"), address(uint160(uint256(hash))), "address");
        expectText("OptimismMintableERC20Factory: must provide remote token address");
        l2Factory.createStandardL2Token(address(0), "A", "B");
    }

    function test_theImage() public {
        check(image.supportsInterface(0x01ffc9a7), "ERC-165");
        check(image.supportsInterface(0x1d1d8b63), "before Bedrock");
        check(image.supportsInterface(0xec4fc8e3), "since Bedrock");
        check(!image.supportsInterface(0xffffffff), "nothing else");
        equal(uint256(uint32(type(ILegacyMintableERC20).interfaceId)), 0x1d1d8b63, "id");
        equal(uint256(uint32(type(IOptimismMintableERC20).interfaceId)), 0xec4fc8e3, "id");
        equal(image.remoteToken(), address(token), "remote");
        equal(image.l1Token(), address(token), "older name");
        equal(image.bridge(), address(l2Bridge), "bridge");
        equal(image.l2Bridge(), address(l2Bridge), "older name");
        equal(image.name(), "Image", "name");
        equal(image.decimals(), 18, "decimals");
        equal(image.allowance(bob, image.PERMIT2()), type(uint256).max, "Permit2");
        expectText("OptimismMintableERC20: only bridge can mint and burn");
        image.mint(bob, 1);
        expectText("OptimismMintableERC20: only bridge can mint and burn");
        image.burn(bob, 1);
    }

    function equal(string memory _a, string memory _b, string memory _what) private pure {
        vm.assertEq(_a, _b, _what);
    }

    function test_permit() public {
        uint256 key = 0xb0b;
        address owner = vm.addr(key);
        bytes32 permit = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(permit, owner, carol, 7, 0, block.timestamp));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", image.DOMAIN_SEPARATOR(), message)));
        image.permit(owner, carol, 7, block.timestamp, v, r, s);
        equal(image.allowance(owner, carol), 7, "allowed");
    }
}

/// @notice Calls what it is told, and fails as that fails.
contract Contract {
    function run(address _target, uint256 _value, bytes calldata _data) external payable {
        (bool success, bytes memory answer) = _target.call{ value: _value }(_data);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}
