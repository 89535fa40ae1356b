"""Publishing for one device: an outbox on disk, and a sender that empties it against receipts."""
