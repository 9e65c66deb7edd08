// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Vm } from "./support/Base.sol";
import { World } from "./support/World.sol";
import { Receiver } from "./support/Helpers.sol";
import { ConditionalDeployer } from "../src/L2/ConditionalDeployer.sol";
import { L2DevFeatureFlags } from "../src/L2/L2DevFeatureFlags.sol";
import { BaseFeeVault } from "../src/L2/BaseFeeVault.sol";
import { L1FeeVault } from "../src/L2/L1FeeVault.sol";
import { SettableBaseFeeVault } from "../src/L2/SettableBaseFeeVault.sol";
import { SettableL1FeeVault } from "../src/L2/SettableL1FeeVault.sol";
import { SettableSequencerFeeVault } from "../src/L2/SettableSequencerFeeVault.sol";
import { FeeVault } from "../src/L2/FeeVault.sol";
import { SettableFeeVault } from "../src/L2/SettableFeeVault.sol";
import { SettableOperatorFeeVault } from "../src/L2/SettableOperatorFeeVault.sol";
import { L1Block } from "../src/L2/L1Block.sol";
import { OperatorFeeVault } from "../src/L2/OperatorFeeVault.sol";
import { SequencerFeeVault } from "../src/L2/SequencerFeeVault.sol";
import { DeployerWhitelist } from "../src/legacy/DeployerWhitelist.sol";
import { L1BlockNumber } from "../src/legacy/L1BlockNumber.sol";
import { LegacyERC20ETH } from "../src/legacy/LegacyERC20ETH.sol";
import { LegacyMessagePasser } from "../src/legacy/LegacyMessagePasser.sol";
import { Predeploys } from "../src/libraries/Predeploys.sol";
import { Types } from "../src/libraries/Types.sol";

/// @notice Vaults: settings in the code, then in storage, and payment on both chains.
contract FeeVaultTest is World {
    address private recipient = account("recipient");
    SettableFeeVault private vault = SettableFeeVault(payable(Predeploys.BASE_FEE_VAULT));

    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, Types.WithdrawalNetwork withdrawalNetwork);
    event MinWithdrawalAmountUpdated(uint256 oldWithdrawalAmount, uint256 newWithdrawalAmount);
    event RecipientUpdated(address oldRecipient, address newRecipient);
    event WithdrawalNetworkUpdated(
        Types.WithdrawalNetwork oldWithdrawalNetwork, Types.WithdrawalNetwork newWithdrawalNetwork
    );
    event Initialized(uint64 version);

    function setUp() public override {
        super.setUp();
        predeploy(address(vault), address(new SettableBaseFeeVault(recipient, 2 ether, Types.WithdrawalNetwork.L1)));
    }

    function slot(bytes32 _slot) private view returns (uint256) {
        return uint256(vm.load(address(vault), _slot));
    }

    function test_aVaultPaysOnL1() public {
        vm.deal(address(vault), 2 ether - 1);
        expectText("FeeVault: withdrawal amount must be greater than minimum withdrawal amount");
        vault.withdraw();
        (bool sent_,) = address(vault).call{ value: 1 }("");
        check(sent_, "takes ETH");
        vm.deal(address(portal), 2 ether);
        vm.expectEmit(true, true, true, true, address(vault));
        emit Withdrawal(2 ether, recipient, address(this));
        vm.expectEmit(true, true, true, true, address(vault));
        emit Withdrawal(2 ether, recipient, address(this), Types.WithdrawalNetwork.L1);
        vm.recordLogs();
        equal(vault.withdraw(), 2 ether, "told");
        Types.WithdrawalTransaction memory withdrawal = withdrawalsIn(vm.getRecordedLogs())[0];
        equal(withdrawal.gasLimit, 400_000, "gas");
        check(complete(withdrawal), "runs");
        equal(recipient.balance, 2 ether, "paid");
        equal(vault.totalProcessed(), 2 ether, "counted");
    }

    function test_theOwnerChangesSettings() public {
        check(vault.recipient() == recipient && vault.RECIPIENT() == recipient, "from the code");
        check(vault.minWithdrawalAmount() == 2 ether && vault.MIN_WITHDRAWAL_AMOUNT() == 2 ether, "from the code");
        check(vault.withdrawalNetwork() == Types.WithdrawalNetwork.L1, "from the code");
        vm.expectEmit(true, true, true, true, address(vault));
        emit WithdrawalNetworkUpdated(Types.WithdrawalNetwork.L1, Types.WithdrawalNetwork.L2);
        vault.setWithdrawalNetwork(Types.WithdrawalNetwork.L2);
        check(vault.recipient() == recipient && vault.minWithdrawalAmount() == 2 ether, "the others stay");
        vm.expectEmit(true, true, true, true, address(vault));
        emit MinWithdrawalAmountUpdated(2 ether, 0);
        vault.setMinWithdrawalAmount(0);
        vm.expectEmit(true, true, true, true, address(vault));
        emit RecipientUpdated(recipient, guardian);
        vault.setRecipient(guardian);
        equal(slot(bytes32(uint256(1))), 0, "slot 1");
        equal(slot(bytes32(uint256(2))), uint256(1) << 160 | uint160(guardian), "slot 2");
        equal(slot(0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00), 1, "initialised");
        vm.deal(address(vault), 1 ether);
        vault.withdraw();
        equal(guardian.balance, 1 ether, "paid on L2");
        check(vault.RECIPIENT() == guardian && vault.WITHDRAWAL_NETWORK() == Types.WithdrawalNetwork.L2, "older names");
    }

    function test_aVaultOfKarst() public {
        // As a genesis of that era has it: in storage from the first block.
        vm.store(address(vault), bytes32(uint256(1)), bytes32(uint256(5)));
        vm.store(address(vault), bytes32(uint256(2)), bytes32(uint256(1) << 160 | uint160(guardian)));
        vm.store(
            address(vault), 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, bytes32(uint256(1))
        );
        check(vault.recipient() == guardian && vault.minWithdrawalAmount() == 5, "from storage");
        check(vault.withdrawalNetwork() == Types.WithdrawalNetwork.L2, "from storage");
        vm.expectRevert(SettableFeeVault.InvalidInitialization.selector);
        vault.initialize(recipient, 0, Types.WithdrawalNetwork.L1);
    }

    function test_initialization() public {
        vm.expectEmit(true, true, true, true, address(vault));
        emit Initialized(1);
        vault.initialize(guardian, 7, Types.WithdrawalNetwork.L2);
        check(vault.recipient() == guardian && vault.minWithdrawalAmount() == 7, "set");
        vm.expectRevert(SettableFeeVault.InvalidInitialization.selector);
        vault.initialize(guardian, 7, Types.WithdrawalNetwork.L2);
    }

    function test_onlyTheOwner() public {
        vm.startPrank(guardian, guardian);
        vm.expectRevert(SettableFeeVault.FeeVault_OnlyProxyAdminOwner.selector);
        vault.initialize(guardian, 0, Types.WithdrawalNetwork.L1);
        vm.expectRevert(SettableFeeVault.FeeVault_OnlyProxyAdminOwner.selector);
        vault.setRecipient(guardian);
        vm.expectRevert(SettableFeeVault.FeeVault_OnlyProxyAdminOwner.selector);
        vault.setMinWithdrawalAmount(0);
        vm.expectRevert(SettableFeeVault.FeeVault_OnlyProxyAdminOwner.selector);
        vault.setWithdrawalNetwork(Types.WithdrawalNetwork.L2);
        vm.stopPrank();
    }

    function test_aRecipientThatFails() public {
        Receiver receiver = new Receiver();
        receiver.setFails(true);
        vault.initialize(address(receiver), 0, Types.WithdrawalNetwork.L2);
        vm.deal(address(vault), 1 ether);
        expectText("FeeVault: failed to send ETH to L2 fee recipient");
        vault.withdraw();
        equal(vault.totalProcessed(), 0, "nothing happened");
    }

    function test_theOperatorsVaultPaysIntoTheBaseFees() public {
        OperatorFeeVault operator = new OperatorFeeVault();
        vm.deal(address(operator), 1 ether);
        operator.withdraw();
        equal(address(vault).balance, 1 ether, "paid");
        check(operator.RECIPIENT() == address(vault) && operator.MIN_WITHDRAWAL_AMOUNT() == 0, "settings");
        check(operator.WITHDRAWAL_NETWORK() == Types.WithdrawalNetwork.L2, "settings");
        SettableOperatorFeeVault settable = new SettableOperatorFeeVault();
        check(settable.recipient() == address(vault), "the same");
        settable.setRecipient(guardian);
        check(settable.recipient() == guardian, "changed");
        equal(new SequencerFeeVault(guardian, 0, Types.WithdrawalNetwork.L2).l1FeeWallet(), guardian, "older name");
        equal(
            new SettableSequencerFeeVault(guardian, 0, Types.WithdrawalNetwork.L2).l1FeeWallet(), guardian, "the same"
        );
    }

    /// @dev Vaults of before Karst, whose settings nothing changes: neither a call nor what is in storage.
    function test_settingsInTheCode() public {
        FeeVault[2] memory vaults = [
            FeeVault(new BaseFeeVault(recipient, 2 ether, Types.WithdrawalNetwork.L2)),
            new L1FeeVault(recipient, 2 ether, Types.WithdrawalNetwork.L2)
        ];
        for (uint256 i; i < vaults.length; ++i) {
            (bool set,) = address(vaults[i]).call(abi.encodeCall(SettableFeeVault.setRecipient, (guardian)));
            check(!set, "no setter");
            vm.store(address(vaults[i]), bytes32(uint256(2)), bytes32(uint256(uint160(guardian))));
            vm.store(
                address(vaults[i]), 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, bytes32(uint256(1))
            );
            check(vaults[i].recipient() == recipient && vaults[i].minWithdrawalAmount() == 2 ether, "from the code");
            check(vaults[i].withdrawalNetwork() == Types.WithdrawalNetwork.L2, "from the code");
            vm.deal(address(vaults[i]), 2 ether);
            vaults[i].withdraw();
        }
        equal(recipient.balance, 4 ether, "paid");
    }

    function test_vaultsOfKarstAreAlike() public {
        SettableFeeVault other = new SettableL1FeeVault(recipient, 1, Types.WithdrawalNetwork.L2);
        check(other.recipient() == recipient && other.minWithdrawalAmount() == 1, "from the code");
        other.setRecipient(guardian);
        check(other.recipient() == guardian, "changed");
    }
}

/// @notice What stands on L2 for the sake of what was.
contract LegacyTest is World {
    function test_messagePasser() public {
        LegacyMessagePasser legacy = new LegacyMessagePasser();
        legacy.passMessageToL1("hello");
        check(legacy.sentMessages(keccak256(abi.encodePacked("hello", address(this)))), "kept");
    }

    function test_whitelist() public {
        DeployerWhitelist list = new DeployerWhitelist();
        check(list.isDeployerAllowed(guardian), "anybody");
        vm.store(address(list), 0, bytes32(uint256(uint160(address(this)))));
        check(!list.isDeployerAllowed(guardian), "nobody");
        list.setWhitelistedDeployer(guardian, true);
        check(list.isDeployerAllowed(guardian), "listed");
        expectText("DeployerWhitelist: can only be disabled via enableArbitraryContractDeployment");
        list.setOwner(address(0));
        list.enableArbitraryContractDeployment();
        check(list.isDeployerAllowed(proposer), "anybody");
        expectText("DeployerWhitelist: function can only be called by the owner of this contract");
        list.setOwner(guardian);
    }

    function test_blockNumber() public {
        L1BlockNumber number = new L1BlockNumber();
        vm.etch(Predeploys.L1_BLOCK, address(new L1Block()).code);
        vm.store(Predeploys.L1_BLOCK, 0, bytes32(uint256(77)));
        equal(number.getL1BlockNumber(), 77, "by name");
        (bool success, bytes memory answer) = address(number).call(hex"12345678");
        check(success && abi.decode(answer, (uint256)) == 77, "by any call");
        (success, answer) = address(number).call("");
        check(success && abi.decode(answer, (uint256)) == 77, "by none");
    }

    function test_eth() public {
        LegacyERC20ETH eth = new LegacyERC20ETH();
        vm.deal(guardian, 3);
        equal(eth.balanceOf(guardian), 3, "balance");
        expectText("LegacyERC20ETH: transfer is disabled");
        eth.transfer(guardian, 1);
        expectText("LegacyERC20ETH: approve is disabled");
        eth.approve(guardian, 1);
        expectText("LegacyERC20ETH: transferFrom is disabled");
        eth.transferFrom(guardian, guardian, 1);
        expectText("LegacyERC20ETH: mint is disabled");
        eth.mint(guardian, 1);
        expectText("LegacyERC20ETH: burn is disabled");
        eth.burn(guardian, 1);
        expectText("LegacyERC20ETH: increaseAllowance is disabled");
        eth.increaseAllowance(guardian, 1);
        expectText("LegacyERC20ETH: decreaseAllowance is disabled");
        eth.decreaseAllowance(guardian, 1);
    }
}

/// @notice What Karst brought for upgrades.
contract UpgradeToolsTest is World {
    event ImplementationDeployed(address indexed implementation, bytes32 salt);
    event ImplementationExists(address indexed implementation);

    function test_codeIsDeployedOnce() public {
        ConditionalDeployer deployer = new ConditionalDeployer();
        address proxy_ = deployer.deterministicDeploymentProxy();
        if (proxy_.code.length == 0) {
            // Takes a salt and init code, and answers with the bare address.
            vm.etch(
                proxy_,
                hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
            );
        }
        bytes memory code = abi.encodePacked(type(L2DevFeatureFlags).creationCode);
        bytes32 salt = keccak256("an upgrade");
        address there = address(
            uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), proxy_, salt, keccak256(code)))))
        );
        vm.expectEmit(true, true, true, true, address(deployer));
        emit ImplementationDeployed(there, salt);
        equal(deployer.deploy(salt, code), there, "told");
        equal(there.codehash, address(new L2DevFeatureFlags()).codehash, "that code");
        vm.expectEmit(true, true, true, true, address(deployer));
        emit ImplementationExists(there);
        equal(deployer.deploy(salt, code), there, "again");
        check(deployer.deploy(keccak256("another"), code) != there, "another salt");
        // Init code that fails.
        vm.expectRevert(abi.encodeWithSelector(ConditionalDeployer.ConditionalDeployer_DeploymentFailed.selector, ""));
        deployer.deploy(salt, hex"fe");
    }

    function test_features() public {
        L2DevFeatureFlags flags = new L2DevFeatureFlags();
        vm.expectRevert(L2DevFeatureFlags.L2DevFeatureFlags_Unauthorized.selector);
        flags.setDevFeatureBitmap(bytes32(uint256(1)));
        check(!flags.isDevFeatureEnabled(bytes32(uint256(1))), "off");
        vm.prank(Predeploys.DEPOSITOR_ACCOUNT);
        flags.setDevFeatureBitmap(bytes32(uint256(6)));
        equal(flags.devFeatureBitmap(), bytes32(uint256(6)), "kept");
        equal(vm.load(address(flags), bytes32(uint256(keccak256("l2devfeatureflags.bitmap")) - 1)), bytes32(uint256(6)), "slot");
        check(flags.isDevFeatureEnabled(bytes32(uint256(2))) && flags.isDevFeatureEnabled(bytes32(uint256(6))), "on");
        check(!flags.isDevFeatureEnabled(bytes32(uint256(3))), "not all of its bits");
        check(!flags.isDevFeatureEnabled(0), "none is off");
    }
}
