// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Proofs of the Merkle tree of RFC 9162 section 2.1, with SHA-256
/// @dev The two shifted numbers of the RFC (fn and sn) are `place` and `last`: a node on the way up, and the last node of
/// its level. While they differ, each level takes a hash of the proof. Once they meet, the node is the last of its level:
/// it has a sibling, on its left, where its number is odd, and else stands on the next level unchanged. Numbers are below
/// 2^64 and only shifted right, and `used` never passes the proof's length, so nothing overflows; no proof, however long,
/// makes more than 64 steps.
library MerkleProofs {
    /// @notice Whether the tree of `size` leaves extends the one of `oldSize` (RFC 9162 section 2.1.4.2).
    /// @dev For 0 < oldSize < size; the caller refuses all else.
    function isConsistent(uint256 oldSize, bytes32 oldRoot, uint256 size, bytes32 root, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        uint256 place = oldSize - 1;
        uint256 last = size - 1;
        for (; place & 1 == 1; place >>= 1) last >>= 1;
        // A complete old tree is a node of the new one; the proof leaves out that node's hash, as it is the old root.
        uint256 used = place == 0 ? 0 : 1;
        if (proof.length < used) return false;
        bytes32 found = used == 0 ? oldRoot : proof[0];
        bytes32 oldFound = found;
        for (; place != last; last >>= 1) {
            if (used == proof.length) return false;
            if (place & 1 == 1) {
                oldFound = _nodeHash(proof[used], oldFound);
                found = _nodeHash(proof[used], found);
            } else {
                found = _nodeHash(found, proof[used]);
            }
            unchecked {
                ++used;
            }
            place >>= 1;
        }
        for (; place != 0; place >>= 1) {
            if (place & 1 == 0) continue;
            if (used == proof.length) return false;
            oldFound = _nodeHash(proof[used], oldFound);
            found = _nodeHash(proof[used], found);
            unchecked {
                ++used;
            }
        }
        return used == proof.length && oldFound == oldRoot && found == root;
    }

    /// @notice Whether `leafHash` is leaf `index` of the tree of `size` leaves (RFC 9162 section 2.1.3.2).
    function isIncluded(bytes32 leafHash, uint256 index, uint256 size, bytes32 root, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        uint256 used = 0;
        bytes32 found = leafHash;
        for (uint256 last = size - 1; index != last; last >>= 1) {
            if (used == proof.length) return false;
            found = index & 1 == 1 ? _nodeHash(proof[used], found) : _nodeHash(found, proof[used]);
            unchecked {
                ++used;
            }
            index >>= 1;
        }
        for (; index != 0; index >>= 1) {
            if (index & 1 == 0) continue;
            if (used == proof.length) return false;
            found = _nodeHash(proof[used], found);
            unchecked {
                ++used;
            }
        }
        return used == proof.length && found == root;
    }

    /// @dev SHA-256(0x01 || left || right), RFC 9162 section 2.1.1. In assembly, as sha256(abi.encodePacked(...)) makes the
    /// dearest anchor on a log of a million leaves a tenth dearer. Danger: a precompile that runs out of gas fails without
    /// reverting us, and on a chain without it the call succeeds and returns nothing; either would leave at 0 what stood
    /// there before. So success and length are checked. Yul evaluates arguments from the right: the call comes before
    /// returndatasize().
    function _nodeHash(bytes32 left, bytes32 right) private view returns (bytes32 result) {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore8(input, 1)
            mstore(add(input, 1), left)
            mstore(add(input, 33), right)
            if iszero(and(eq(returndatasize(), 32), staticcall(gas(), 2, input, 65, 0, 32))) { revert(0, 0) }
            result := mload(0)
        }
    }
}
