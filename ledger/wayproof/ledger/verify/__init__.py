"""The verifier: what a bundle proves, found out with no server of ours. Needs neither our database nor web3."""
