-- lock_head: how many leaves there are, held against other appenders to the end of the transaction
select size from log_head for update;

-- size: how many leaves there are
select size from log_head;

-- append: leaves from `start` on, what they add to tiles, and the new size
with added as (
  insert into log_entry (leaf_index, kind, entry, salt, payload)
  select %(start)s::bigint + n - 1, kind, entry, salt, payload
    from unnest(%(kinds)s::text[], %(entries)b::bytea[], %(salts)b::bytea[], %(payloads)b::bytea[])
         with ordinality as new (kind, entry, salt, payload, n)
), grown as (
  insert into log_tile as t (level, tile_index, hashes, nodes)
  select level, tile_index, hashes, nodes
    from unnest(%(levels)b::smallint[], %(tile_indexes)b::bigint[], %(hashes)b::bytea[], %(nodes)b::bytea[])
         as new (level, tile_index, hashes, nodes)
  on conflict (level, tile_index) do update set
    hashes = t.hashes || excluded.hashes,
    nodes = t.nodes || excluded.nodes
)
update log_head set size = %(start)s::bigint + cardinality(%(entries)b::bytea[]);

-- hashes: single hashes out of tiles, in the order asked for; no row while the log is smaller than `size`
-- (a subquery for each, as a join would read the whole table when that looks cheaper)
select (select case when w.inside then substring(t.nodes from w.first_byte for 32)
                    else substring(t.hashes from w.first_byte for 32) end
          from log_tile t
         where t.level = w.level and t.tile_index = w.tile_index)
  from unnest(%(levels)b::smallint[], %(tile_indexes)b::bigint[], %(inside)b::boolean[], %(first_bytes)b::integer[])
       with ordinality as w (level, tile_index, inside, first_byte, n)
 where (select size from log_head) >= %(size)s
 order by w.n;

-- tile: the first hashes of a tile
select substring(hashes from 1 for %(bytes)s::integer)
  from log_tile
 where level = %(level)s and tile_index = %(tile_index)s and octet_length(hashes) >= %(bytes)s::integer;

-- entries: what everybody may see of leaves
select leaf_index, kind, entry, appended_at, erased_at
  from log_entry
 where leaf_index >= %(start)s and leaf_index < %(start)s::bigint + %(count)s
 order by leaf_index;

-- openings: what the entries of leaves commit to
select leaf_index, salt, payload
  from log_entry
 where leaf_index >= %(start)s and leaf_index < %(start)s::bigint + %(count)s
 order by leaf_index;

-- erase: salt and payload of one leaf go; its entry stays, and with it every proof
update log_entry set salt = null, payload = null, erased_at = now()
 where leaf_index = %(leaf_index)s and kind <> 'tombstone' and erased_at is null
returning leaf_index;

-- found: names the log, once
insert into log_identity (origin, public_key, chain_id, contract)
values (%(origin)s, %(public_key)s, %(chain_id)s, %(contract)s)
on conflict do nothing;

-- identity: whose log this is
select origin, public_key, chain_id, contract from log_identity;

-- lock_checkpoints: one signer at a time, to the end of the transaction
select pg_advisory_xact_lock(7243392003);

-- save_checkpoint: a signed checkpoint
insert into log_checkpoint (size, root, note) values (%(size)s, %(root)s, %(note)s)
returning size, root, note, signed_at;

-- latest_checkpoint: the largest that was signed
select size, root, note, signed_at from log_checkpoint order by size desc limit 1;

-- checkpoint_at: the one of exactly this size
select size, root, note, signed_at from log_checkpoint where size = %(size)s;
