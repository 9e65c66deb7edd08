// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Writes RLP.
library Rlp {
    function str(bytes memory _data) internal pure returns (bytes memory) {
        if (_data.length == 1 && uint8(_data[0]) < 0x80) return _data;
        return abi.encodePacked(_header(0x80, _data.length), _data);
    }

    function list(bytes memory _payload) internal pure returns (bytes memory) {
        return abi.encodePacked(_header(0xc0, _payload.length), _payload);
    }

    function _header(uint8 _base, uint256 _length) private pure returns (bytes memory) {
        if (_length < 56) return abi.encodePacked(uint8(_base + _length));
        if (_length < 256) return abi.encodePacked(uint8(_base + 56), uint8(_length));
        return abi.encodePacked(uint8(_base + 57), uint16(_length));
    }
}

/// @notice Builds Merkle-Patricia tries whose keys all have 32 bytes and the same value, and proofs of them.
///         Written from the definition, without a look at the verifier.
contract TrieBuilder {
    bytes[] private _path;
    bytes32 private _target;
    bytes private _value;
    bool private _withShortNodes;

    /// @param _keys       Distinct keys.
    /// @param target_     The key to prove; one of them.
    /// @param shortNodes_ Whether nodes that stand in their parent are listed as well.
    function build(
        bytes32[] memory _keys,
        bytes32 target_,
        bytes memory value_,
        bool shortNodes_
    )
        external
        returns (bytes32 root_, bytes[] memory proof_)
    {
        delete _path;
        _target = target_;
        _value = value_;
        _withShortNodes = shortNodes_;
        root_ = keccak256(_node(_keys, 0, true));
        proof_ = new bytes[](_path.length);
        // The deepest node was written first.
        for (uint256 i; i < proof_.length; ++i) proof_[i] = _path[proof_.length - 1 - i];
    }

    function _node(bytes32[] memory _keys, uint256 _depth, bool _onPath) private returns (bytes memory node_) {
        if (_keys.length == 1) {
            node_ = Rlp.list(abi.encodePacked(_hexPrefix(_keys[0], _depth, 64, true), Rlp.str(_value)));
        } else {
            uint256 end = _depth;
            while (_agree(_keys, end)) ++end;
            if (end > _depth) {
                bytes memory child = _reference(_node(_keys, end, _onPath));
                node_ = Rlp.list(abi.encodePacked(_hexPrefix(_keys[0], _depth, end, false), child));
            } else {
                node_ = _branch(_keys, _depth, _onPath);
            }
        }
        if (_onPath && (node_.length >= 32 || _depth == 0 || _withShortNodes)) _path.push(node_);
    }

    function _branch(bytes32[] memory _keys, uint256 _depth, bool _onPath) private returns (bytes memory) {
        bytes memory payload;
        for (uint256 n; n < 16; ++n) {
            bytes32[] memory below = new bytes32[](_keys.length);
            uint256 count;
            for (uint256 i; i < _keys.length; ++i) {
                if (_nibble(_keys[i], _depth) == n) below[count++] = _keys[i];
            }
            assembly {
                mstore(below, count)
            }
            bytes memory child = count == 0
                ? bytes(hex"80")
                : _reference(_node(below, _depth + 1, _onPath && _nibble(_target, _depth) == n));
            payload = abi.encodePacked(payload, child);
        }
        return Rlp.list(abi.encodePacked(payload, hex"80"));
    }

    function _reference(bytes memory _child) private pure returns (bytes memory) {
        return _child.length < 32 ? _child : Rlp.str(abi.encodePacked(keccak256(_child)));
    }

    function _agree(bytes32[] memory _keys, uint256 _at) private pure returns (bool) {
        for (uint256 i = 1; i < _keys.length; ++i) {
            if (_nibble(_keys[i], _at) != _nibble(_keys[0], _at)) return false;
        }
        return true;
    }

    function _hexPrefix(bytes32 _key, uint256 _from, uint256 _to, bool _leaf) private pure returns (bytes memory) {
        uint256 count = _to - _from;
        uint8 flag = (_leaf ? 2 : 0) + uint8(count & 1);
        bytes memory path = abi.encodePacked(count & 1 == 0 ? flag << 4 : (flag << 4) + uint8(_nibble(_key, _from)));
        for (uint256 i = _from + (count & 1); i < _to; i += 2) {
            path = abi.encodePacked(path, uint8(_nibble(_key, i) << 4 | _nibble(_key, i + 1)));
        }
        return Rlp.str(path);
    }

    function _nibble(bytes32 _key, uint256 _at) private pure returns (uint256) {
        return uint256(_key) >> (252 - 4 * _at) & 0x0f;
    }
}
