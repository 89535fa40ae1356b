// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProofs} from "./MerkleProofs.sol";

/// @title The witness of one transparency log, and the registry of those who sign in it
/// @notice It takes a new root only with a proof that the tree extends the last one taken (RFC 9162 section 2.1.4): who
/// holds the anchorer's key can stop the log or lead it on, but cannot change what was anchored. No proxy, no upgrade.
contract WayproofLedger {
    struct Key {
        bytes32 custodian;
        uint64 addedAt;
        uint64 revokedAt;
    }

    // Slots 0 and 1 are read by verifiers with eth_getProof (docs/contract.md): never reorder these declarations.

    /// @notice Leaves in the latest anchored tree; the low 64 bits of slot 0.
    uint64 public latestSize;
    /// @notice Who may anchor. Shares slot 0 with what anchor() also reads, which saves it two cold reads.
    address public anchorer;
    /// @notice Whether anchoring is stopped. Registry and revocation go on.
    bool public paused;
    /// @notice The root of the tree of that many leaves, zero where none was anchored; mapping at slot 1.
    mapping(uint64 size => bytes32) public rootAt;
    address public admin;
    /// @notice Who becomes admin by accepting; zero while no transfer is under way.
    address public pendingAdmin;
    /// @notice Who may pause, and nothing else.
    address public guardian;
    /// @notice Who manages a custodian's keys; zero for an unknown custodian. Its id is keccak256 of its UUID's text.
    mapping(bytes32 custodian => address) public controllerOf;
    /// @notice Owner and life of a key, in seconds since 1970; all zero for an unknown key, revokedAt zero while it lives.
    mapping(address key => Key) public keyOf;

    /// @notice SHA-256 of the log's origin line (C2SP tlog-checkpoint).
    bytes32 public immutable originHash;
    /// @notice The contract whose log this one goes on with, or zero.
    WayproofLedger public immutable predecessor;

    event Checkpoint(uint64 indexed size, bytes32 root, bytes32 noteHash);
    event Continued(address indexed predecessor, uint64 size, bytes32 root);
    event CustodianRegistered(bytes32 indexed custodian, address indexed controller);
    event ControllerChanged(bytes32 indexed custodian, address indexed controller);
    event KeyAdded(bytes32 indexed custodian, address indexed key, uint64 addedAt);
    event KeyRevoked(bytes32 indexed custodian, address indexed key, uint64 revokedAt);
    event AnchoringPaused(address indexed by);
    event AnchoringUnpaused(address indexed by);
    event AnchorerChanged(address indexed anchorer);
    event GuardianChanged(address indexed guardian);
    event AdminTransferStarted(address indexed admin, address indexed pendingAdmin);
    event AdminTransferred(address indexed previous, address indexed admin);

    error NotAnchorer();
    error NotAdmin();
    error NotPendingAdmin();
    error NotGuardian();
    error NotController();
    error Paused();
    error NotPaused();
    error SizeNotGrowing(uint64 latest, uint64 got);
    error BadProof();
    error ZeroRoot();
    error ZeroAddress();
    error ZeroCustodian();
    error UnknownCustodian();
    error CustodianTaken();
    error UnknownKey();
    error KeyTaken();
    error KeyRevokedAlready();
    error PredecessorNotPaused();
    error PredecessorOfAnotherLog();

    modifier onlyAdmin() {
        if (msg.sender != admin) revert NotAdmin();
        _;
    }

    modifier onlyControllerOrAdmin(bytes32 custodian) {
        if (msg.sender != controllerOf[custodian] && msg.sender != admin) revert NotController();
        _;
    }

    /// @param originHash_ SHA-256 of the log's origin line, without its newline.
    /// @param predecessor_ Zero, or a paused contract of the same log: its latest tree becomes ours. Its registry stays
    /// there, but a key that was revoked there can never be added here.
    constructor(
        address admin_,
        address guardian_,
        address anchorer_,
        bytes32 originHash_,
        WayproofLedger predecessor_
    ) {
        if (admin_ == address(0) || guardian_ == address(0) || anchorer_ == address(0)) revert ZeroAddress();
        admin = admin_;
        guardian = guardian_;
        anchorer = anchorer_;
        originHash = originHash_;
        predecessor = predecessor_;
        emit AdminTransferred(address(0), admin_);
        emit GuardianChanged(guardian_);
        emit AnchorerChanged(anchorer_);
        if (address(predecessor_) != address(0)) _continueFrom(predecessor_, originHash_);
    }

    /// @notice Takes the root of a larger tree.
    /// @param size Leaves in the tree.
    /// @param proof That it extends the latest anchored tree (RFC 9162 section 2.1.4); empty for the first.
    /// @param noteHash SHA-256 of the signed checkpoint (C2SP signed note); kept in the event only.
    function anchor(uint64 size, bytes32 root, bytes32[] calldata proof, bytes32 noteHash) external {
        if (msg.sender != anchorer) revert NotAnchorer();
        if (paused) revert Paused();
        uint64 latest = latestSize;
        if (size <= latest) revert SizeNotGrowing(latest, size);
        if (root == 0) revert ZeroRoot();
        bool extends_ = latest == 0
            ? proof.length == 0
            : MerkleProofs.isConsistent(latest, rootAt[latest], size, root, proof);
        if (!extends_) revert BadProof();
        latestSize = size;
        rootAt[size] = root;
        emit Checkpoint(size, root, noteHash);
    }

    /// @notice Whether a leaf hash stands at `index` of an anchored tree (RFC 9162 section 2.1.3).
    function verifyInclusion(bytes32 leafHash, uint64 index, uint64 size, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        bytes32 root = rootAt[size];
        return root != 0 && MerkleProofs.isIncluded(leafHash, index, size, root, proof);
    }

    function registerCustodian(bytes32 custodian, address controller) external onlyAdmin {
        if (custodian == 0) revert ZeroCustodian();
        if (controller == address(0)) revert ZeroAddress();
        if (controllerOf[custodian] != address(0)) revert CustodianTaken();
        controllerOf[custodian] = controller;
        emit CustodianRegistered(custodian, controller);
    }

    /// @notice Hands a custodian's keys to another account: the way out of a lost or stolen controller.
    function setController(bytes32 custodian, address controller) external onlyControllerOrAdmin(custodian) {
        if (controller == address(0)) revert ZeroAddress();
        if (controllerOf[custodian] == address(0)) revert UnknownCustodian();
        controllerOf[custodian] = controller;
        emit ControllerChanged(custodian, controller);
    }

    /// @notice Gives a custodian a key that may sign from now on. A key belongs to one custodian, once and for all.
    function addKey(bytes32 custodian, address key) external onlyControllerOrAdmin(custodian) {
        if (key == address(0)) revert ZeroAddress();
        if (controllerOf[custodian] == address(0)) revert UnknownCustodian();
        if (isRevoked(key)) revert KeyRevokedAlready();
        if (keyOf[key].addedAt != 0) revert KeyTaken();
        uint64 now_ = uint64(block.timestamp);
        keyOf[key] = Key({custodian: custodian, addedAt: now_, revokedAt: 0});
        emit KeyAdded(custodian, key, now_);
    }

    /// @notice Ends a key, for good and from this block on. Works while paused: a leak does not wait.
    function revokeKey(address key) external {
        Key storage entry = keyOf[key];
        bytes32 custodian = entry.custodian;
        if (custodian == 0) revert UnknownKey();
        if (msg.sender != controllerOf[custodian] && msg.sender != admin) revert NotController();
        if (entry.revokedAt != 0) revert KeyRevokedAlready();
        uint64 now_ = uint64(block.timestamp);
        entry.revokedAt = now_;
        emit KeyRevoked(custodian, key, now_);
    }

    /// @notice Whether a key was added by `time` and not yet revoked then (seconds since 1970).
    function isKeyValidAt(address key, uint64 time) external view returns (bool) {
        Key storage entry = keyOf[key];
        uint64 addedAt = entry.addedAt;
        uint64 revokedAt = entry.revokedAt;
        return addedAt != 0 && addedAt <= time && (revokedAt == 0 || time < revokedAt);
    }

    /// @notice Whether a key was revoked here or in a contract before this one.
    function isRevoked(address key) public view returns (bool) {
        if (keyOf[key].revokedAt != 0) return true;
        return address(predecessor) != address(0) && predecessor.isRevoked(key);
    }

    /// @notice Stops anchoring.
    function pause() external {
        if (msg.sender != guardian && msg.sender != admin) revert NotGuardian();
        if (paused) revert Paused();
        paused = true;
        emit AnchoringPaused(msg.sender);
    }

    function unpause() external onlyAdmin {
        if (!paused) revert NotPaused();
        paused = false;
        emit AnchoringUnpaused(msg.sender);
    }

    function setAnchorer(address anchorer_) external onlyAdmin {
        if (anchorer_ == address(0)) revert ZeroAddress();
        anchorer = anchorer_;
        emit AnchorerChanged(anchorer_);
    }

    function setGuardian(address guardian_) external onlyAdmin {
        if (guardian_ == address(0)) revert ZeroAddress();
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @notice Names the next admin, who must accept; zero takes the offer back. The role cannot be given up: without an
    /// admin a pause would be for ever, and a stolen anchorer's key could not be replaced.
    function transferAdmin(address pendingAdmin_) external onlyAdmin {
        pendingAdmin = pendingAdmin_;
        emit AdminTransferStarted(msg.sender, pendingAdmin_);
    }

    function acceptAdmin() external {
        if (msg.sender != pendingAdmin) revert NotPendingAdmin();
        address previous = admin;
        admin = msg.sender;
        pendingAdmin = address(0);
        emit AdminTransferred(previous, msg.sender);
    }

    /// @dev The predecessor must be paused, or an anchor that arrives there a block later would split the log.
    function _continueFrom(WayproofLedger predecessor_, bytes32 originHash_) private {
        if (predecessor_.originHash() != originHash_) revert PredecessorOfAnotherLog();
        if (!predecessor_.paused()) revert PredecessorNotPaused();
        uint64 size = predecessor_.latestSize();
        bytes32 root = predecessor_.rootAt(size);
        if (size != 0 && root == 0) revert ZeroRoot();
        latestSize = size;
        rootAt[size] = root;
        emit Continued(address(predecessor_), size, root);
    }
}
