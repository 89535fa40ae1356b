"""Exports for authorities, auditors and customers: FSMA 204, DSCSA, EU GDP, and the audit dossier."""
