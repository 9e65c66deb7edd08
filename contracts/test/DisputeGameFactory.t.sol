// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { World } from "./support/World.sol";
import { DisputeGameFactory } from "../src/dispute/DisputeGameFactory.sol";
import { QuickDisputeGame } from "../src/dispute/QuickDisputeGame.sol";
import { IDisputeGame } from "../src/interfaces/IDisputeGame.sol";

/// @notice A game that tells what its clone has in its code.
contract EchoGame {
    uint256 public bond;

    function initialize() external payable {
        bond = msg.value;
    }

    /// @notice The arguments, which the clone appends to each call, then two bytes with the length of all that.
    function echo() external pure returns (bytes memory) {
        uint256 length = uint16(bytes2(msg.data[msg.data.length - 2:]));
        return msg.data[msg.data.length - length:msg.data.length - 2];
    }

    function rootClaim() external pure returns (bytes32) {
        return bytes32(msg.data[msg.data.length - 2 - 84 - 32 + 20:]);
    }

    function extraData() external pure returns (bytes memory) {
        return msg.data[msg.data.length - 2 - 32:msg.data.length - 2];
    }
}

/// @notice The list of games: what starting one takes, and how they are found.
contract DisputeGameFactoryTest is World {
    uint32 private constant ECHO = 200;

    event DisputeGameCreated(address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim);
    event ImplementationSet(address indexed impl, uint32 indexed gameType);
    event ImplementationArgsSet(uint32 indexed gameType, bytes args);
    event InitBondUpdated(uint32 indexed gameType, uint256 indexed newBond);

    function setUp() public override {
        super.setUp();
        factory.setImplementation(ECHO, address(new EchoGame()));
    }

    function testFuzz_aGameIsListed(bytes32 _claim, uint256 _number) public {
        uint256 before = factory.gameCount();
        IDisputeGame game = factory.create(ECHO, _claim, abi.encode(_number));
        equal(factory.gameCount(), before + 1, "one more");
        (IDisputeGame found, uint64 time) = factory.games(ECHO, _claim, abi.encode(_number));
        equal(address(found), address(game), "by what it is about");
        equal(time, block.timestamp, "time");
        uint32 kind;
        (kind, time, found) = factory.gameAtIndex(before);
        check(kind == ECHO && time == block.timestamp && found == game, "by index");
        (found,) = factory.games(ECHO, _claim, abi.encode(_number ^ 1));
        equal(address(found), address(0), "no other");
        bytes32 uuid = factory.getGameUUID(ECHO, _claim, abi.encode(_number));
        equal(uuid, keccak256(abi.encode(ECHO, _claim, abi.encode(_number))), "uuid");
        vm.expectRevert(abi.encodeWithSelector(DisputeGameFactory.GameAlreadyExists.selector, uuid));
        factory.create(ECHO, _claim, abi.encode(_number));
    }

    function testFuzz_aCloneCarriesItsArguments(bytes32 _claim, bytes32 _extra, bytes memory _args) public {
        bytes32 parent = blockhash(block.number - 1);
        bytes memory extra = abi.encode(_extra);
        EchoGame game = EchoGame(address(factory.create(ECHO, _claim, extra)));
        equal(
            keccak256(game.echo()), keccak256(abi.encodePacked(address(this), _claim, parent, extra)), "without arguments"
        );
        vm.assume(_args.length > 0);
        factory.setImplementation(ECHO, address(new EchoGame()), _args);
        equal(keccak256(factory.gameArgs(ECHO)), keccak256(_args), "kept");
        game = EchoGame(address(factory.create(ECHO, ~_claim, extra)));
        bytes memory expected = abi.encodePacked(address(this), ~_claim, parent, ECHO, extra, _args);
        equal(keccak256(game.echo()), keccak256(expected), "with arguments");
    }

    function test_bonds() public {
        vm.expectEmit(true, true, true, true, address(factory));
        emit InitBondUpdated(ECHO, 1 ether);
        factory.setInitBond(ECHO, 1 ether);
        vm.deal(address(this), 3 ether);
        vm.expectRevert(DisputeGameFactory.IncorrectBondAmount.selector);
        factory.create(ECHO, 0, "");
        vm.expectRevert(DisputeGameFactory.IncorrectBondAmount.selector);
        factory.create{ value: 1 ether + 1 }(ECHO, 0, "");
        EchoGame game = EchoGame(address(factory.create{ value: 1 ether }(ECHO, 0, "")));
        equal(game.bond(), 1 ether, "handed on");
    }

    function test_settings() public {
        vm.expectRevert(abi.encodeWithSelector(DisputeGameFactory.NoImplementation.selector, 9));
        factory.create(9, 0, "");
        vm.expectEmit(true, true, true, true, address(factory));
        emit ImplementationSet(address(1), 9);
        vm.expectEmit(true, true, true, true, address(factory));
        emit ImplementationArgsSet(9, hex"aa");
        factory.setImplementation(9, address(1), hex"aa");
        equal(factory.gameImpls(9), address(1), "set");
        vm.startPrank(account("somebody"), account("somebody"));
        expectText("Ownable: caller is not the owner");
        factory.setImplementation(9, address(2));
        expectText("Ownable: caller is not the owner");
        factory.setImplementation(9, address(2), "");
        expectText("Ownable: caller is not the owner");
        factory.setInitBond(9, 0);
        vm.stopPrank();
    }

    /// @dev Against a search that is plainly right.
    function testFuzz_latestGames(uint256 _seed, uint8 _start, uint8 _n) public {
        uint32[] memory kinds = new uint32[](12);
        factory.setImplementation(ECHO + 1, address(new EchoGame()));
        for (uint256 i; i < kinds.length; ++i) {
            kinds[i] = uint32(ECHO + (_seed >> i & 1));
            factory.create(kinds[i], bytes32(i + 1), abi.encode(i));
        }
        uint256 start = _start % 15;
        uint256 n = _n % 15;
        DisputeGameFactory.GameSearchResult[] memory found = factory.findLatestGames(ECHO, start, n);
        uint256 next;
        for (uint256 i = start + 1; start < kinds.length && i > 0 && next < n; --i) {
            if (kinds[i - 1] != ECHO) continue;
            equal(found[next].index, i - 1, "index");
            (, uint64 time, IDisputeGame game) = factory.gameAtIndex(i - 1);
            equal(found[next].timestamp, time, "time");
            bytes32 id = bytes32(uint256(ECHO) << 224 | uint256(time) << 160 | uint160(address(game)));
            equal(found[next].metadata, id, "id");
            equal(keccak256(found[next].extraData), keccak256(abi.encode(i - 1)), "extra data");
            ++next;
        }
        equal(found.length, next, "no more");
    }

    function test_aSearchForMoreThanThereIs() public {
        equal(factory.findLatestGames(ECHO, 0, 10).length, 0, "none");
        factory.create(ECHO, 0, abi.encode(1));
        equal(factory.findLatestGames(ECHO, 0, type(uint256).max).length, 1, "one");
    }
}
