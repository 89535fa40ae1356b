-- The log of custody: its identity, leaves, tree and checkpoints.

-- Whose log this is. Founded once: the origin, the key and the contract are what auditors pin.
create table log_identity (
  singleton  boolean primary key default true check (singleton),
  origin     text not null check (origin ~ '^[^[:space:]+]{1,200}$'), -- first line of every checkpoint, name of its key
  public_key bytea not null check (octet_length(public_key) = 32),    -- Ed25519
  chain_id   bigint not null check (chain_id > 0),
  contract   bytea not null check (octet_length(contract) = 20),
  created_at timestamptz not null default now()
);

-- How many leaves there are. Whoever appends holds this row to the end of the transaction: leaves stand in the order of
-- commits, and no reader ever sees a gap.
create table log_head (
  singleton boolean primary key default true check (singleton),
  size      bigint not null check (size >= 0)
);
insert into log_head (size) values (0);

create table log_entry (
  leaf_index  bigint primary key check (leaf_index >= 0),
  kind        text not null check (kind in ('handoff', 'tombstone')),
  entry       bytea not null check (octet_length(entry) between 1 and 65535), -- public: what is hashed
  salt        bytea check (octet_length(salt) = 32),
  payload     bytea,                                                          -- what `entry` commits to
  appended_at timestamptz not null default now(),
  erased_at   timestamptz, -- of salt and payload
  constraint log_entry_erased_wholly check ((erased_at is null) = (salt is not null)
                                            and (erased_at is null) = (payload is not null))
);

-- The tree, 256 hashes a row (C2SP tlog-tiles): hash n of tile t of level l is that of the 256^l leaves from
-- (256 t + n) * 256^l on. `nodes` holds the seven heights above `hashes` inside the tile, each node where it became
-- complete (post-order), so that a proof reads hashes and computes none. Only the last tile of a level grows.
create table log_tile (
  level      smallint not null check (level between 0 and 7),
  tile_index bigint not null check (tile_index >= 0),
  hashes     bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
  nodes      bytea not null check (octet_length(nodes) between 0 and 8128 and octet_length(nodes) % 32 = 0),
  primary key (level, tile_index)
);
-- Hashes do not compress, and one of them can be read without its tile.
alter table log_tile alter column hashes set storage external, alter column nodes set storage external;

create table log_checkpoint (
  size      bigint primary key check (size >= 0),
  root      bytea not null check (octet_length(root) = 32),
  note      text not null, -- C2SP tlog-checkpoint, signed
  signed_at timestamptz not null default now()
);

create function refuse_log_change() returns trigger language plpgsql as $$
begin
  raise exception 'the log only grows: % of % refused', lower(tg_op), tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger log_identity_stays before update or delete or truncate on log_identity
  for each statement execute function refuse_log_change();
create trigger log_head_stays before delete or truncate on log_head
  for each statement execute function refuse_log_change();
create trigger log_head_only_grows before update on log_head
  for each row when (new.size <= old.size) execute function refuse_log_change();
create trigger log_entry_stays before delete or truncate on log_entry
  for each statement execute function refuse_log_change();
create trigger log_entry_is_only_erased before update on log_entry
  for each row when (
    (old.leaf_index, old.kind, old.entry, old.appended_at)
      is distinct from (new.leaf_index, new.kind, new.entry, new.appended_at)
    or old.erased_at is not null or new.erased_at is null)
  execute function refuse_log_change();
create trigger log_tile_stays before delete or truncate on log_tile
  for each statement execute function refuse_log_change();
create trigger log_tile_only_grows before update on log_tile
  for each row when (
    (old.level, old.tile_index) is distinct from (new.level, new.tile_index)
    or substring(new.hashes from 1 for octet_length(old.hashes)) <> old.hashes
    or substring(new.nodes from 1 for octet_length(old.nodes)) <> old.nodes)
  execute function refuse_log_change();
create trigger log_checkpoint_stays before update or delete or truncate on log_checkpoint
  for each statement execute function refuse_log_change();

-- wayproof_ledger signs checkpoints and anchors them.
do $$
begin
  create role wayproof_ledger nologin;
exception when duplicate_object or unique_violation then null; -- roles belong to the server, not to a database
end $$;
grant usage on schema public to wayproof_ledger;

-- Entries and tiles are public, salts and payloads are not: the API writes them and reads them through views only.
grant select on log_identity, log_head, log_tile, log_checkpoint to wayproof_api;
grant select (leaf_index, kind, entry, appended_at, erased_at), insert on log_entry to wayproof_api;
grant update (size) on log_head to wayproof_api;
grant insert, update (hashes, nodes) on log_tile to wayproof_api;

grant select on log_identity, log_head, log_entry, log_tile, log_checkpoint to wayproof_ledger;
grant insert on log_identity, log_checkpoint to wayproof_ledger;
