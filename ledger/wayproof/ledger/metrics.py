"""Every metric of the anchorer: names and units. docs/operations.md lists them; a test holds the two together."""

from typing import Final

from prometheus_client import Counter, Gauge

CHECKPOINTS: Final = Counter("wayproof_ledger_checkpoints", "Checkpoints signed")
SIGNED: Final = Counter("wayproof_ledger_transactions_signed", "Transactions signed, replacements included")
BUMPS: Final = Counter("wayproof_ledger_fee_bumps", "Transactions replaced by one that pays more")
BROADCASTS: Final = Counter("wayproof_ledger_broadcasts", "Times that a node took a transaction")
REORGANISED: Final = Counter("wayproof_ledger_anchors_reorganised", "Anchors that lost their block")
SUPERSEDED: Final = Counter("wayproof_ledger_anchors_superseded", "Anchors that a larger one on the chain replaced")
FEES: Final = Counter("wayproof_ledger_fees_gwei", "What mined anchors cost")

LOG_SIZE: Final = Gauge("wayproof_ledger_log_leaves", "Leaves in the log")
FINAL_SIZE: Final = Gauge("wayproof_ledger_final_leaves", "Leaves below a final anchor")
UNANCHORED_AGE: Final = Gauge(
    "wayproof_ledger_unanchored_age_seconds",
    "Age of the oldest leaf that no final anchor covers; 0 where there is none",
)
ANCHORS: Final = Gauge("wayproof_ledger_anchors", "Anchors by state", ["state"])
ALARMS: Final = Gauge("wayproof_ledger_alarm", "1 while an alarm stands, else 0, by its name", ["alarm"])
ENDPOINTS: Final = Gauge("wayproof_ledger_endpoints_answering", "RPC endpoints that answered when last asked")
BALANCE: Final = Gauge("wayproof_ledger_balance_gwei", "What the anchorer's account holds")
KEYS_MISSING: Final = Gauge(
    "wayproof_ledger_keys_missing", "Keys of parties that are not in the contract as they should be"
)
