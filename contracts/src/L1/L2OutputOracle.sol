// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Initializable } from "../universal/Initializable.sol";
import { ProxyAdminOwned } from "../universal/ProxyAdminOwned.sol";
import { Types } from "../libraries/Types.sol";

/// @title L2OutputOracle
/// @notice Output roots from one trusted proposer, in fixed steps, as chains without dispute games keep
///         them. A challenger may take back those that are not final yet.
/// @dev spec: proposals.md#l2-output-oracle-smart-contract. For proposers and readers of that era; the
///      portal of this repository goes by dispute games.
contract L2OutputOracle is Initializable, ProxyAdminOwned {
    /// @notice First L2 block with an output of its own chain's state.
    uint256 public startingBlockNumber;
    /// @notice Its time, unix seconds.
    uint256 public startingTimestamp;
    Types.OutputProposal[] internal l2Outputs;
    /// @notice L2 blocks from one output to the next.
    uint256 public submissionInterval;
    /// @notice Seconds from one L2 block to the next.
    uint256 public l2BlockTime;
    address public challenger;
    address public proposer;
    /// @notice Seconds after which an output is final.
    uint256 public finalizationPeriodSeconds;

    event OutputProposed(
        bytes32 indexed outputRoot, uint256 indexed l2OutputIndex, uint256 indexed l2BlockNumber, uint256 l1Timestamp
    );
    event OutputsDeleted(uint256 indexed prevNextOutputIndex, uint256 indexed newNextOutputIndex);

    constructor() {
        _disableInitializers();
    }

    function initialize(
        uint256 _submissionInterval,
        uint256 _l2BlockTime,
        uint256 _startingBlockNumber,
        uint256 _startingTimestamp,
        address _proposer,
        address _challenger,
        uint256 _finalizationPeriodSeconds
    )
        external
        reinitializer(1)
    {
        _assertOnlyProxyAdminOrProxyAdminOwner();
        require(_submissionInterval > 0, "L2OutputOracle: submission interval must be greater than 0");
        require(_l2BlockTime > 0, "L2OutputOracle: L2 block time must be greater than 0");
        require(
            _startingTimestamp <= block.timestamp, "L2OutputOracle: starting L2 timestamp must be less than current time"
        );
        submissionInterval = _submissionInterval;
        l2BlockTime = _l2BlockTime;
        startingBlockNumber = _startingBlockNumber;
        startingTimestamp = _startingTimestamp;
        proposer = _proposer;
        challenger = _challenger;
        finalizationPeriodSeconds = _finalizationPeriodSeconds;
    }

    /// @notice Proposes the next output.
    /// @param _l1BlockHash   Hash of a recent L1 block, or zero. On a fork of L1 without that block the
    ///                       proposal fails, so that it is never made on another chain than was meant.
    /// @param _l1BlockNumber Number of that block.
    function proposeL2Output(
        bytes32 _outputRoot,
        uint256 _l2BlockNumber,
        bytes32 _l1BlockHash,
        uint256 _l1BlockNumber
    )
        external
        payable
    {
        require(msg.sender == proposer, "L2OutputOracle: only the proposer address can propose new outputs");
        require(
            _l2BlockNumber == nextBlockNumber(), "L2OutputOracle: block number must be equal to next expected block number"
        );
        require(
            computeL2Timestamp(_l2BlockNumber) < block.timestamp, "L2OutputOracle: cannot propose L2 output in the future"
        );
        require(_outputRoot != bytes32(0), "L2OutputOracle: L2 output proposal cannot be the zero hash");
        require(
            _l1BlockHash == bytes32(0) || blockhash(_l1BlockNumber) == _l1BlockHash,
            "L2OutputOracle: block hash does not match the hash at the expected height"
        );
        emit OutputProposed(_outputRoot, nextOutputIndex(), _l2BlockNumber, block.timestamp);
        l2Outputs.push(
            Types.OutputProposal({
                outputRoot: _outputRoot,
                timestamp: uint128(block.timestamp),
                l2BlockNumber: uint128(_l2BlockNumber)
            })
        );
    }

    /// @notice Takes back the outputs from `_l2OutputIndex` on.
    function deleteL2Outputs(uint256 _l2OutputIndex) external {
        require(msg.sender == challenger, "L2OutputOracle: only the challenger address can delete outputs");
        uint256 next = nextOutputIndex();
        require(_l2OutputIndex < next, "L2OutputOracle: cannot delete outputs after the latest output index");
        require(
            block.timestamp - l2Outputs[_l2OutputIndex].timestamp < finalizationPeriodSeconds,
            "L2OutputOracle: cannot delete outputs that have already been finalized"
        );
        assembly {
            sstore(l2Outputs.slot, _l2OutputIndex)
        }
        emit OutputsDeleted(next, _l2OutputIndex);
    }

    // ---- older names

    function SUBMISSION_INTERVAL() external view returns (uint256) {
        return submissionInterval;
    }

    function L2_BLOCK_TIME() external view returns (uint256) {
        return l2BlockTime;
    }

    function CHALLENGER() external view returns (address) {
        return challenger;
    }

    function PROPOSER() external view returns (address) {
        return proposer;
    }

    function FINALIZATION_PERIOD_SECONDS() external view returns (uint256) {
        return finalizationPeriodSeconds;
    }

    // ---- getters

    function version() external pure returns (string memory) {
        return "1.8.1+opal.1";
    }

    function getL2Output(uint256 _l2OutputIndex) external view returns (Types.OutputProposal memory) {
        return l2Outputs[_l2OutputIndex];
    }

    /// @notice The first output about this L2 block or a later one.
    function getL2OutputAfter(uint256 _l2BlockNumber) external view returns (Types.OutputProposal memory) {
        return l2Outputs[getL2OutputIndexAfter(_l2BlockNumber)];
    }

    function latestOutputIndex() external view returns (uint256) {
        return l2Outputs.length - 1;
    }

    function getL2OutputIndexAfter(uint256 _l2BlockNumber) public view returns (uint256 low_) {
        require(
            _l2BlockNumber <= latestBlockNumber(),
            "L2OutputOracle: cannot get output for a block that has not been proposed"
        );
        uint256 high = l2Outputs.length;
        require(high > 0, "L2OutputOracle: cannot get output as no outputs have been proposed yet");
        while (low_ < high) {
            uint256 middle = (low_ + high) / 2;
            if (l2Outputs[middle].l2BlockNumber < _l2BlockNumber) low_ = middle + 1;
            else high = middle;
        }
    }

    function nextOutputIndex() public view returns (uint256) {
        return l2Outputs.length;
    }

    /// @notice The L2 block of the latest output.
    function latestBlockNumber() public view returns (uint256) {
        uint256 count = l2Outputs.length;
        return count == 0 ? startingBlockNumber : l2Outputs[count - 1].l2BlockNumber;
    }

    /// @notice The L2 block that the next output must be about.
    function nextBlockNumber() public view returns (uint256) {
        return latestBlockNumber() + submissionInterval;
    }

    function computeL2Timestamp(uint256 _l2BlockNumber) public view returns (uint256) {
        return startingTimestamp + (_l2BlockNumber - startingBlockNumber) * l2BlockTime;
    }
}
