// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a log is compared with: each handoff a struct in the chain's state, a transaction each
contract StructPerHandoff {
    struct Words {
        bytes32 item;
        address releaser;
        address receiver;
        uint64 occurredAt;
        bytes32 details;
    }

    struct Texts {
        string item;
        string releaser;
        string receiver;
        string place;
        string condition;
        uint256 occurredAt;
    }

    Words[] public words;
    Texts[] public texts;

    function recordWords(Words calldata handoff) external {
        words.push(handoff);
    }

    function recordTexts(Texts calldata handoff) external {
        texts.push(handoff);
    }
}
