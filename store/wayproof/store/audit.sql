-- snapshot: everything that this transaction reads is of one moment
set transaction isolation level repeatable read, read only;

-- leaves: leaves from `start` on with what they commit to, and what is left of those that were erased
select e.leaf_index, e.kind, e.entry, e.salt, e.payload, e.erased_at, h.item, h.seq, h.digest
  from log_entry e
  left join handoff h using (leaf_index)
 where e.leaf_index >= %(start)s and e.leaf_index < %(start)s::bigint + %(count)s
 order by e.leaf_index;

-- outside: leaves that no log of this size has
select count(*) from log_entry where leaf_index >= %(size)s;

-- tiles: some tiles, whole
select level, tile_index, hashes, nodes
  from log_tile
  join unnest(%(levels)s::smallint[], %(tile_indexes)s::bigint[]) as wanted (level, tile_index)
       using (level, tile_index);

-- count_tiles: how many tiles there are
select count(*) from log_tile;

-- checkpoints: signed checkpoints by size, after one of them
select size, root, note from log_checkpoint where size > %(after)s order by size limit %(limit)s;

-- anchors: checkpoints that the chain should hold by size, after one of them
select size, root from anchor
 where size > %(after)s and state in ('mined', 'safe', 'final')
 order by size limit %(limit)s;
