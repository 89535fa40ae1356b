"""HTTP for customers, auditors and operators: the only room that imports fastapi."""
