-- Anchors: checkpoints on their way to the chain.

-- A checkpoint that is to stand on the chain. One process writes here (advisory lock of store/anchors.sql).
create table anchor (
  size         bigint primary key check (size > 0) references log_checkpoint,
  root         bytea not null check (octet_length(root) = 32),
  note_hash    bytea not null check (octet_length(note_hash) = 32), -- SHA-256 of the signed note
  state        text not null default 'queued', -- wayproof.model.handoff.AnchorState
  queued_at    timestamptz not null default now(),
  -- Where it stands on the chain, from `mined` on. The transaction may be one that we know nothing of any more.
  tx_hash      bytea check (octet_length(tx_hash) = 32),
  block_number bigint,
  block_hash   bytea check (octet_length(block_hash) = 32),
  block_time   timestamptz,
  fee_wei      numeric,
  constraint anchor_included check ((state in ('mined', 'safe', 'final')) = (tx_hash is not null)),
  constraint anchor_whole check (num_nulls(tx_hash, block_number, block_hash, block_time, fee_wei) in (0, 5))
);
create index anchor_open on anchor (size) where state not in ('final', 'superseded');

-- Every transaction that was ever signed for an anchor, stored before it is broadcast. Those of one nonce replace one
-- another.
create table anchor_transaction (
  tx_hash          bytea primary key check (octet_length(tx_hash) = 32),
  size             bigint not null references anchor,
  nonce            bigint not null check (nonce >= 0),
  raw              bytea not null,
  max_fee_wei      numeric not null,
  priority_fee_wei numeric not null,
  signed_at        timestamptz not null,
  submitted_at     timestamptz, -- when a node first took it, since it was last broadcast anew
  refusal          text         -- why the last node that was asked did not
);
create index anchor_transaction_by_size on anchor_transaction (size);

-- What the anchorer worries about now; a row goes when the worry does.
create table anchor_alarm (
  alarm  text primary key, -- wayproof.model.anchor.Alarm
  detail text not null,
  since  timestamptz not null default now()
);

grant select, insert, update on anchor, anchor_transaction to wayproof_ledger;
grant select, insert, update, delete on anchor_alarm to wayproof_ledger;
grant select on anchor to wayproof_api;
