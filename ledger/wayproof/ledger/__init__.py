"""Custody: records that both parties sign, the log that holds them, the chain that witnesses it, and the verifier."""
