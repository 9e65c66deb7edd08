// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Base, Vm } from "./Base.sol";
import { TrieBuilder } from "./TrieBuilder.sol";
import { AnchorStateRegistry } from "../../src/dispute/AnchorStateRegistry.sol";
import { DelayedWETH } from "../../src/dispute/DelayedWETH.sol";
import { DisputeGameFactory } from "../../src/dispute/DisputeGameFactory.sol";
import { QuickDisputeGame } from "../../src/dispute/QuickDisputeGame.sol";
import { IDisputeGame } from "../../src/interfaces/IDisputeGame.sol";
import { IDisputeGameFactory } from "../../src/interfaces/IDisputeGameFactory.sol";
import { IAnchorStateRegistry } from "../../src/interfaces/IAnchorStateRegistry.sol";
import { IOptimismPortal } from "../../src/interfaces/IOptimismPortal.sol";
import { ISuperchainConfig } from "../../src/interfaces/ISuperchainConfig.sol";
import { ISystemConfig } from "../../src/interfaces/ISystemConfig.sol";
import { L1CrossDomainMessenger } from "../../src/L1/L1CrossDomainMessenger.sol";
import { L1ERC721Bridge } from "../../src/L1/L1ERC721Bridge.sol";
import { L1StandardBridge } from "../../src/L1/L1StandardBridge.sol";
import { OptimismPortal } from "../../src/L1/OptimismPortal.sol";
import { ResourceMetering } from "../../src/L1/ResourceMetering.sol";
import { SuperchainConfig } from "../../src/L1/SuperchainConfig.sol";
import { SystemConfig } from "../../src/L1/SystemConfig.sol";
import { L2CrossDomainMessenger } from "../../src/L2/L2CrossDomainMessenger.sol";
import { L2ERC721Bridge } from "../../src/L2/L2ERC721Bridge.sol";
import { L2StandardBridge } from "../../src/L2/L2StandardBridge.sol";
import { L2ToL1MessagePasser } from "../../src/L2/L2ToL1MessagePasser.sol";
import { OptimismMintableERC721Factory } from "../../src/L2/OptimismMintableERC721Factory.sol";
import { OptimismMintableERC20Factory } from "../../src/universal/OptimismMintableERC20Factory.sol";
import { Proxy } from "../../src/universal/Proxy.sol";
import { ProxyAdmin } from "../../src/universal/ProxyAdmin.sol";
import { Proposal } from "../../src/libraries/DisputeTypes.sol";
import { Erc1967 } from "../../src/libraries/Erc1967.sol";
import { Hashing } from "../../src/libraries/Hashing.sol";
import { Predeploys } from "../../src/libraries/Predeploys.sol";
import { Types } from "../../src/libraries/Types.sol";

/// @notice Both chains in one: all contracts of L1 behind their proxies, deployed in the order that README.md
///         gives, the predeploys of L2 at their addresses, and the parts that services play: deposits are
///         relayed, outputs proposed, withdrawals proven.
/// @dev Balances are shared, so a test uses different accounts on the two chains.
abstract contract World is Base {
    uint32 internal constant GAME_TYPE = 1;
    uint64 internal constant CLOCK = 60;
    uint256 internal constant MATURITY = 12;
    uint256 internal constant FINALITY = 6;
    uint256 internal constant WETH_DELAY = 5;
    uint256 internal constant L1_CHAIN_ID = 900;
    uint256 internal constant L2_CHAIN_ID = 901;
    bytes32 internal constant GENESIS_OUTPUT = keccak256("output of the first block");
    bytes32 internal constant TRANSACTION_DEPOSITED = keccak256("TransactionDeposited(address,address,uint256,bytes)");
    bytes32 internal constant MESSAGE_PASSED =
        keccak256("MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)");

    address internal guardian = account("guardian");
    address internal proposer = account("proposer");
    address internal challenger = account("challenger");

    ProxyAdmin internal admin;
    SuperchainConfig internal superchain;
    SystemConfig internal systemConfig;
    OptimismPortal internal portal;
    DisputeGameFactory internal factory;
    AnchorStateRegistry internal registry;
    DelayedWETH internal weth;
    L1CrossDomainMessenger internal l1Messenger;
    L1StandardBridge internal l1Bridge;
    L1ERC721Bridge internal l1Nfts;
    OptimismMintableERC20Factory internal l1Factory;

    L2CrossDomainMessenger internal l2Messenger = L2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    L2StandardBridge internal l2Bridge = L2StandardBridge(payable(Predeploys.L2_STANDARD_BRIDGE));
    L2ERC721Bridge internal l2Nfts = L2ERC721Bridge(Predeploys.L2_ERC721_BRIDGE);
    L2ToL1MessagePasser internal passer = L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER));
    OptimismMintableERC20Factory internal l2Factory =
        OptimismMintableERC20Factory(0x4200000000000000000000000000000000000012);
    OptimismMintableERC721Factory internal nftFactory =
        OptimismMintableERC721Factory(0x4200000000000000000000000000000000000017);

    TrieBuilder internal tries = new TrieBuilder();
    /// @dev Withdrawals that L2 knows.
    bytes32[] internal sent;
    /// @dev The L2 block of the newest proposal.
    uint256 internal l2Block = 100;
    /// @dev What the last withdrawal proof consisted of.
    Types.OutputRootProof internal output;
    bytes[] internal proof;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(1_000);
        vm.fee(1 gwei);
        deployL1();
        deployL2();
        vm.roll(block.number + 10);
        vm.warp(block.timestamp + 120);
    }

    // ---- deployment

    function deployL1() private {
        admin = new ProxyAdmin(address(this));
        superchain = SuperchainConfig(proxy());
        systemConfig = SystemConfig(proxy());
        portal = OptimismPortal(payable(proxy()));
        factory = DisputeGameFactory(proxy());
        registry = AnchorStateRegistry(proxy());
        weth = DelayedWETH(payable(proxy()));
        l1Messenger = L1CrossDomainMessenger(proxy());
        l1Bridge = L1StandardBridge(payable(proxy()));
        l1Nfts = L1ERC721Bridge(proxy());
        l1Factory = OptimismMintableERC20Factory(proxy());

        ISystemConfig config = ISystemConfig(address(systemConfig));
        init(address(superchain), address(new SuperchainConfig()), abi.encodeCall(SuperchainConfig.initialize, (guardian)));
        init(address(systemConfig), address(new SystemConfig()), systemConfigCall());
        init(address(factory), address(new DisputeGameFactory()), abi.encodeCall(DisputeGameFactory.initialize, (address(this))));
        init(
            address(registry),
            address(new AnchorStateRegistry(FINALITY)),
            abi.encodeCall(
                AnchorStateRegistry.initialize,
                (config, IDisputeGameFactory(address(factory)), Proposal(GENESIS_OUTPUT, 0), GAME_TYPE)
            )
        );
        init(
            address(portal),
            address(new OptimismPortal(MATURITY)),
            abi.encodeCall(OptimismPortal.initialize, (config, IAnchorStateRegistry(address(registry))))
        );
        init(address(weth), address(new DelayedWETH(WETH_DELAY)), abi.encodeCall(DelayedWETH.initialize, (config)));
        init(
            address(l1Messenger),
            address(new L1CrossDomainMessenger()),
            abi.encodeCall(L1CrossDomainMessenger.initialize, (config, IOptimismPortal(address(portal))))
        );
        init(
            address(l1Bridge),
            address(new L1StandardBridge()),
            abi.encodeCall(L1StandardBridge.initialize, (address(l1Messenger), config))
        );
        init(
            address(l1Nfts),
            address(new L1ERC721Bridge()),
            abi.encodeCall(L1ERC721Bridge.initialize, (address(l1Messenger), config))
        );
        init(
            address(l1Factory),
            address(new OptimismMintableERC20Factory()),
            abi.encodeCall(OptimismMintableERC20Factory.initialize, (address(l1Bridge)))
        );
        factory.setImplementation(GAME_TYPE, address(new QuickDisputeGame(CLOCK)), gameArgs());
    }

    function deployL2() private {
        vm.etch(Predeploys.PROXY_ADMIN, address(admin).code);
        vm.store(Predeploys.PROXY_ADMIN, 0, bytes32(uint256(uint160(address(this)))));
        predeploy(address(passer), address(new L2ToL1MessagePasser()));
        predeploy(address(l2Messenger), address(new L2CrossDomainMessenger()));
        predeploy(address(l2Bridge), address(new L2StandardBridge()));
        predeploy(address(l2Nfts), address(new L2ERC721Bridge()));
        predeploy(address(l2Factory), address(new OptimismMintableERC20Factory()));
        predeploy(address(nftFactory), address(new OptimismMintableERC721Factory()));
        l2Messenger.initialize(address(l1Messenger));
        l2Bridge.initialize(payable(address(l1Bridge)));
        l2Nfts.initialize(payable(address(l1Nfts)));
        l2Factory.initialize(address(l2Bridge));
        nftFactory.initialize(address(l2Nfts), L1_CHAIN_ID);
    }

    function proxy() private returns (address) {
        return address(new Proxy(address(admin)));
    }

    function init(address _proxy, address _implementation, bytes memory _call) private {
        admin.upgradeAndCall(_proxy, _implementation, _call);
    }

    function predeploy(address _at, address _implementation) internal {
        vm.etch(_at, address(superchain).code);
        vm.store(_at, Erc1967.ADMIN_SLOT, bytes32(uint256(uint160(Predeploys.PROXY_ADMIN))));
        vm.store(_at, Erc1967.IMPLEMENTATION_SLOT, bytes32(uint256(uint160(_implementation))));
    }

    function systemConfigCall() private view returns (bytes memory) {
        SystemConfig.Addresses memory addresses = SystemConfig.Addresses({
            l1CrossDomainMessenger: address(l1Messenger),
            l1ERC721Bridge: address(l1Nfts),
            l1StandardBridge: address(l1Bridge),
            optimismPortal: address(portal),
            optimismMintableERC20Factory: address(l1Factory)
        });
        return abi.encodeCall(
            SystemConfig.initialize,
            (
                address(this),
                1368,
                810949,
                bytes32(uint256(1)),
                60_000_000,
                account("unsafe signer"),
                resources(),
                account("inbox"),
                addresses,
                L2_CHAIN_ID,
                ISuperchainConfig(address(superchain))
            )
        );
    }

    function resources() internal pure returns (ResourceMetering.ResourceConfig memory) {
        return ResourceMetering.ResourceConfig({
            maxResourceLimit: 20_000_000,
            elasticityMultiplier: 10,
            baseFeeMaxChangeDenominator: 8,
            minimumBaseFee: 1 gwei,
            systemTxMaxGas: 1_000_000,
            maximumBaseFee: type(uint128).max
        });
    }

    function gameArgs() internal view returns (bytes memory) {
        return abi.encodePacked(
            bytes32(0), address(0), address(registry), address(weth), L2_CHAIN_ID, proposer, challenger
        );
    }

    // ---- what services do

    /// @dev Runs the deposits among the logs on L2, as the rollup would. Tells which of them succeeded.
    function relayDeposits(Vm.Log[] memory _logs) internal returns (uint256 succeeded_, uint256 failed_) {
        for (uint256 i; i < _logs.length; ++i) {
            if (_logs[i].emitter != address(portal) || _logs[i].topics[0] != TRANSACTION_DEPOSITED) continue;
            if (relay(_logs[i])) ++succeeded_;
            else ++failed_;
        }
    }

    function relay(Vm.Log memory _log) internal returns (bool success_) {
        address from = address(uint160(uint256(_log.topics[1])));
        address to = address(uint160(uint256(_log.topics[2])));
        bytes memory opaque = abi.decode(_log.data, (bytes));
        uint256 mint;
        uint256 value;
        uint256 gas_;
        assembly {
            mint := mload(add(opaque, 32))
            value := mload(add(opaque, 64))
            gas_ := shr(192, mload(add(opaque, 96)))
        }
        bytes memory data = new bytes(opaque.length - 73);
        for (uint256 i; i < data.length; ++i) data[i] = opaque[i + 73];
        vm.deal(from, from.balance + mint);
        vm.prank(from, from);
        (success_,) = to.call{ value: value, gas: gas_ - intrinsicGas(data) }(data);
    }

    /// @dev What a transaction pays before it runs (EIP-2028).
    function intrinsicGas(bytes memory _data) internal pure returns (uint256 gas_) {
        gas_ = 21_000 + 16 * _data.length;
        for (uint256 i; i < _data.length; ++i) {
            if (_data[i] == 0) gas_ -= 12;
        }
    }

    /// @dev The withdrawals among the logs, which L2 knows from now on.
    function withdrawalsIn(Vm.Log[] memory _logs) internal returns (Types.WithdrawalTransaction[] memory list_) {
        list_ = new Types.WithdrawalTransaction[](_logs.length);
        uint256 count;
        for (uint256 i; i < _logs.length; ++i) {
            if (_logs[i].emitter != address(passer) || _logs[i].topics[0] != MESSAGE_PASSED) continue;
            (uint256 value, uint256 gasLimit, bytes memory data, bytes32 hash) =
                abi.decode(_logs[i].data, (uint256, uint256, bytes, bytes32));
            Types.WithdrawalTransaction memory withdrawal = Types.WithdrawalTransaction({
                nonce: uint256(_logs[i].topics[1]),
                sender: address(uint160(uint256(_logs[i].topics[2]))),
                target: address(uint160(uint256(_logs[i].topics[3]))),
                value: value,
                gasLimit: gasLimit,
                data: data
            });
            equal(Hashing.hashWithdrawal(withdrawal), hash, "both chains name a withdrawal alike");
            sent.push(hash);
            list_[count++] = withdrawal;
        }
        assembly {
            mstore(list_, count)
        }
    }

    /// @dev L2 sends a message to L1, from `_sender`.
    function withdraw(
        address _sender,
        address _target,
        uint256 _value,
        uint256 _gasLimit,
        bytes memory _data
    )
        internal
        returns (Types.WithdrawalTransaction memory)
    {
        vm.deal(_sender, _sender.balance + _value);
        vm.recordLogs();
        vm.prank(_sender, _sender);
        passer.initiateWithdrawal{ value: _value }(_target, _gasLimit, _data);
        return withdrawalsIn(vm.getRecordedLogs())[0];
    }

    /// @dev An output with all withdrawals of L2, and the proof that `_hash` is among them.
    function makeProof(bytes32 _hash) internal {
        bytes32[] memory keys = new bytes32[](sent.length);
        for (uint256 i; i < sent.length; ++i) keys[i] = storageKey(sent[i]);
        bytes32 root;
        (root, proof) = tries.build(keys, storageKey(_hash), hex"01", false);
        output = Types.OutputRootProof({
            version: 0,
            stateRoot: keccak256(abi.encode("state", l2Block)),
            messagePasserStorageRoot: root,
            latestBlockhash: keccak256(abi.encode("block", l2Block))
        });
    }

    function storageKey(bytes32 _hash) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(_hash, uint256(0)))));
    }

    /// @dev The proposer claims a root about the next L2 block.
    function propose(bytes32 _root) internal returns (QuickDisputeGame game_) {
        l2Block += 10;
        uint256 bond = factory.initBonds(GAME_TYPE);
        vm.deal(proposer, proposer.balance + bond);
        vm.prank(proposer, proposer);
        game_ = QuickDisputeGame(address(factory.create{ value: bond }(GAME_TYPE, _root, abi.encode(l2Block))));
    }

    /// @dev Proposes an output with the withdrawal, and proves it with that a second later.
    function prove(Types.WithdrawalTransaction memory _tx, address _prover) internal returns (QuickDisputeGame game_) {
        makeProof(Hashing.hashWithdrawal(_tx));
        game_ = propose(Hashing.hashOutputRootProof(output));
        skip(1);
        uint256 index = factory.gameCount() - 1;
        vm.prank(_prover);
        portal.proveWithdrawalTransaction(_tx, index, output, proof);
    }

    /// @dev Waits until the game is decided and final, and the proof mature.
    function mature(QuickDisputeGame _game) internal {
        skip(CLOCK);
        _game.resolve();
        skip(FINALITY > MATURITY ? FINALITY + 1 : MATURITY + 1);
    }

    /// @dev From L2 to L1, all the way. Tells whether the call succeeded.
    function complete(Types.WithdrawalTransaction memory _tx) internal returns (bool) {
        address prover = account("prover");
        mature(prove(_tx, prover));
        vm.recordLogs();
        vm.prank(prover, prover);
        portal.finalizeWithdrawalTransaction(_tx);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        return abi.decode(logs[logs.length - 1].data, (bool));
    }

    /// @dev Seconds pass, and a block.
    function skip(uint256 _seconds) internal {
        vm.warp(block.timestamp + _seconds);
        vm.roll(block.number + 1);
    }

    function pause(address _identifier) internal {
        vm.prank(guardian);
        superchain.pause(_identifier);
    }
}
