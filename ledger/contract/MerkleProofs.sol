// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Proofs of the Merkle tree of RFC 9162 section 2.1, with SHA-256
/// @dev Both loops end after at most 64 hashes, whatever length the caller claims: each step halves `last`, and a hash
/// that comes after it has reached zero makes the proof wrong. Numbers are only shifted right, so none overflows.
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
        while (place & 1 == 1) {
            place >>= 1;
            last >>= 1;
        }
        // A complete old tree is a node of the new one, and the proof leaves out what the verifier knows: its root.
        uint256 next = place == 0 ? 0 : 1;
        if (proof.length < next) return false;
        bytes32 found = next == 0 ? oldRoot : proof[0];
        bytes32 oldFound = found;
        for (; next < proof.length; ++next) {
            if (last == 0) return false;
            bytes32 sibling = proof[next];
            if (place & 1 == 1 || place == last) {
                oldFound = _nodeHash(sibling, oldFound);
                found = _nodeHash(sibling, found);
                (place, last) = _skipLeftSpine(place, last);
            } else {
                found = _nodeHash(found, sibling);
            }
            place >>= 1;
            last >>= 1;
        }
        return last == 0 && oldFound == oldRoot && found == root;
    }

    /// @notice Whether `leafHash` is leaf `index` of the tree of `size` leaves (RFC 9162 section 2.1.3.2).
    function isIncluded(bytes32 leafHash, uint256 index, uint256 size, bytes32 root, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        uint256 last = size - 1;
        bytes32 found = leafHash;
        for (uint256 next = 0; next < proof.length; ++next) {
            if (last == 0) return false;
            bytes32 sibling = proof[next];
            if (index & 1 == 1 || index == last) {
                found = _nodeHash(sibling, found);
                (index, last) = _skipLeftSpine(index, last);
            } else {
                found = _nodeHash(found, sibling);
            }
            index >>= 1;
            last >>= 1;
        }
        return last == 0 && found == root;
    }

    /// @dev Up over the levels on which the last node has no sibling: its hash stands there unchanged.
    function _skipLeftSpine(uint256 place, uint256 last) private pure returns (uint256, uint256) {
        while (place & 1 == 0 && place != 0) {
            place >>= 1;
            last >>= 1;
        }
        return (place, last);
    }

    /// @dev SHA-256(0x01 || left || right), RFC 9162 section 2.1.1. In assembly since sha256(abi.encodePacked(...)) takes
    /// twice the gas. Danger: a precompile that runs out of gas fails without reverting us, and on a chain without it the
    /// call succeeds and returns nothing; either would leave the previous hash at 0. So success and length are checked.
    /// Yul evaluates arguments from the right: the call comes before returndatasize().
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
