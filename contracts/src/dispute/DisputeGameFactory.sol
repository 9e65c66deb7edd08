// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { LibCWIA } from "solady/src/utils/legacy/LibCWIA.sol";
import { OwnableWithGaps } from "../universal/OwnableWithGaps.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { IDisputeGame } from "../interfaces/IDisputeGame.sol";

/// @title DisputeGameFactory
/// @notice Starts dispute games, each about one claim on L2, and keeps the list of them. A game is a clone
///         of its type's implementation with the claim in its code.
/// @dev spec: fault-proof/stage-one/dispute-game-interface.md#disputegamefactory-interface,
///      experimental/contracts/dispute/dispute-game-factory.md
contract DisputeGameFactory is OwnableWithGaps, ProxyAdminOwned {
    /// @notice A game that a search found.
    /// @custom:field metadata Type (4 bytes), time of creation (8) and address (20).
    struct GameSearchResult {
        uint256 index;
        bytes32 metadata;
        uint64 timestamp;
        bytes32 rootClaim;
        bytes extraData;
    }

    uint8 internal constant INIT_VERSION = 1;

    /// @notice What games of a type are clones of.
    mapping(uint32 => address) public gameImpls;
    /// @notice What starting a game of a type costs, in wei: exactly.
    mapping(uint32 => uint256) public initBonds;
    /// @dev Games by what they are about.
    mapping(bytes32 => bytes32) internal _disputeGames;
    /// @dev All games, the oldest first.
    bytes32[] internal _disputeGameList;
    /// @notice What the implementation of a type has to be told about the chain, appended to each clone.
    mapping(uint32 => bytes) public gameArgs;

    event DisputeGameCreated(address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim);
    event ImplementationSet(address indexed impl, uint32 indexed gameType);
    event ImplementationArgsSet(uint32 indexed gameType, bytes args);
    event InitBondUpdated(uint32 indexed gameType, uint256 indexed newBond);

    error NoImplementation(uint32 gameType);
    error IncorrectBondAmount();
    error GameAlreadyExists(bytes32 uuid);

    constructor() {
        _disableInitializers();
    }

    function initialize(address _owner) external reinitializer(INIT_VERSION) {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        _transferOwnership(_owner);
    }

    // ---- settings of the owner

    function setImplementation(uint32 _gameType, address _impl) external onlyOwner {
        _setImplementation(_gameType, _impl);
    }

    function setImplementation(uint32 _gameType, address _impl, bytes calldata _args) external onlyOwner {
        _setImplementation(_gameType, _impl);
        gameArgs[_gameType] = _args;
        emit ImplementationArgsSet(_gameType, _args);
    }

    function setInitBond(uint32 _gameType, uint256 _initBond) external onlyOwner {
        initBonds[_gameType] = _initBond;
        emit InitBondUpdated(_gameType, _initBond);
    }

    // ---- games

    /// @notice Starts a game, with the bond of its type as value.
    /// @param _rootClaim What is claimed: usually an output root.
    /// @param _extraData What it is claimed of: usually the L2 block number as one word.
    function create(
        uint32 _gameType,
        bytes32 _rootClaim,
        bytes calldata _extraData
    )
        external
        payable
        returns (IDisputeGame proxy_)
    {
        address impl = gameImpls[_gameType];
        if (impl == address(0)) revert NoImplementation(_gameType);
        if (msg.value != initBonds[_gameType]) revert IncorrectBondAmount();
        bytes32 uuid = getGameUUID(_gameType, _rootClaim, _extraData);
        if (_disputeGames[uuid] != 0) revert GameAlreadyExists(uuid);

        proxy_ = IDisputeGame(LibCWIA.clone(impl, _cloneArguments(_gameType, _rootClaim, _extraData)));
        bytes32 id = bytes32(uint256(_gameType) << 224 | block.timestamp << 160 | uint160(address(proxy_)));
        _disputeGames[uuid] = id;
        _disputeGameList.push(id);
        emit DisputeGameCreated(address(proxy_), _gameType, _rootClaim);
        proxy_.initialize{ value: msg.value }();
    }

    // ---- getters

    function version() external pure returns (string memory) {
        return "1.4.0+opal.1";
    }

    function initVersion() external pure returns (uint8) {
        return INIT_VERSION;
    }

    function gameCount() external view returns (uint256) {
        return _disputeGameList.length;
    }

    /// @notice The game about exactly this, or zeros.
    function games(
        uint32 _gameType,
        bytes32 _rootClaim,
        bytes calldata _extraData
    )
        external
        view
        returns (IDisputeGame proxy_, uint64 timestamp_)
    {
        (, timestamp_, proxy_) = _unpack(_disputeGames[getGameUUID(_gameType, _rootClaim, _extraData)]);
    }

    function gameAtIndex(uint256 _index)
        external
        view
        returns (uint32 gameType_, uint64 timestamp_, IDisputeGame proxy_)
    {
        return _unpack(_disputeGameList[_index]);
    }

    /// @notice Up to `_n` games of a type, from index `_start` towards older ones.
    function findLatestGames(
        uint32 _gameType,
        uint256 _start,
        uint256 _n
    )
        external
        view
        returns (GameSearchResult[] memory games_)
    {
        uint256 count = _disputeGameList.length;
        if (_start >= count || _n == 0) return games_;
        // No more than there are games to look at.
        games_ = new GameSearchResult[](_n > _start + 1 ? _start + 1 : _n);
        uint256 found;
        for (uint256 i = _start + 1; i > 0 && found < games_.length; --i) {
            bytes32 id = _disputeGameList[i - 1];
            (uint32 gameType, uint64 timestamp, IDisputeGame proxy) = _unpack(id);
            if (gameType != _gameType) continue;
            games_[found++] = GameSearchResult({
                index: i - 1,
                metadata: id,
                timestamp: timestamp,
                rootClaim: proxy.rootClaim(),
                extraData: proxy.extraData()
            });
        }
        assembly {
            mstore(games_, found)
        }
    }

    /// @notice What a game is about, as one word. There is at most one game about it.
    function getGameUUID(
        uint32 _gameType,
        bytes32 _rootClaim,
        bytes calldata _extraData
    )
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(_gameType, _rootClaim, _extraData));
    }

    // ---- helpers

    function _setImplementation(uint32 _gameType, address _impl) private {
        gameImpls[_gameType] = _impl;
        emit ImplementationSet(_impl, _gameType);
    }

    /// @dev What a clone has appended to every call: creator, claim, hash of the parent L1 block, extra
    ///      data; and if the type has arguments, the type before the extra data and the arguments after.
    function _cloneArguments(
        uint32 _gameType,
        bytes32 _rootClaim,
        bytes calldata _extraData
    )
        private
        view
        returns (bytes memory)
    {
        bytes32 parent = blockhash(block.number - 1);
        bytes memory arguments = gameArgs[_gameType];
        if (arguments.length == 0) return abi.encodePacked(msg.sender, _rootClaim, parent, _extraData);
        return abi.encodePacked(msg.sender, _rootClaim, parent, _gameType, _extraData, arguments);
    }

    function _unpack(bytes32 _id) private pure returns (uint32, uint64, IDisputeGame) {
        uint256 id = uint256(_id);
        return (uint32(id >> 224), uint64(id >> 160), IDisputeGame(address(uint160(id))));
    }
}
