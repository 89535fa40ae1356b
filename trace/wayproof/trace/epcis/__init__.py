"""EPCIS 2.0 documents: read, checked, translated. No database and no HTTP here.

A document is kept in its own words: `validate` says what is wrong with it, `context` what its prefixes mean, and
`formats` writes it in other words, of which the canonical ones are those in which everything is indexed.
"""
