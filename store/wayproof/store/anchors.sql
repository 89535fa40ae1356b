-- lock: makes this session the only anchorer, until it ends; false where another is
select pg_try_advisory_lock(7243392003);

-- queue: a checkpoint that is to be anchored; one that is queued already stays as it is
insert into anchor (size, root, note_hash) values (%(size)s, %(root)s, %(note_hash)s)
on conflict (size) do nothing;

-- unsettled: anchors of which something is still to come, smallest first
select size, root, note_hash, state, queued_at, tx_hash, block_number, block_hash, block_time, fee_wei
  from anchor
 where state not in ('final', 'superseded')
 order by size;

-- get: one anchor
select size, root, note_hash, state, queued_at, tx_hash, block_number, block_hash, block_time, fee_wei
  from anchor
 where size = %(size)s;

-- latest_final: the largest final anchor
select size, root, note_hash, state, queued_at, tx_hash, block_number, block_hash, block_time, fee_wei
  from anchor
 where state = 'final'
 order by size desc
 limit 1;

-- latest: the largest anchor that the chain holds or may still take
select size, root, note_hash, state, queued_at, tx_hash, block_number, block_hash, block_time, fee_wei
  from anchor
 where state <> 'superseded'
 order by size desc
 limit 1;

-- list: anchors, newest first
select size, root, note_hash, state, queued_at, tx_hash, block_number, block_hash, block_time, fee_wei
  from anchor
 order by size desc
 limit %(limit)s;

-- transactions: what was signed for anchors, in the order of signing
select tx_hash, size, nonce, raw, max_fee_wei, priority_fee_wei, signed_at, submitted_at, refusal
  from anchor_transaction
 where size = any(%(sizes)s)
 order by size, signed_at, nonce;

-- store_transaction: a signed transaction; its anchor is signed from now on
with stored as (
  insert into anchor_transaction (tx_hash, size, nonce, raw, max_fee_wei, priority_fee_wei, signed_at)
  values (%(tx_hash)s, %(size)s, %(nonce)s, %(raw)s, %(max_fee_wei)s, %(priority_fee_wei)s, %(signed_at)s)
)
update anchor set state = 'signed' where size = %(size)s;

-- submitted: a node has taken a transaction
with taken as (
  update anchor_transaction set submitted_at = coalesce(submitted_at, %(at)s), refusal = null
   where tx_hash = %(tx_hash)s
  returning size
)
update anchor set state = 'submitted' from taken where anchor.size = taken.size and state = 'signed';

-- refused: a node has not taken a transaction
update anchor_transaction set refusal = %(refusal)s where tx_hash = %(tx_hash)s;

-- move: how an anchor stands now, and where; of what is to be broadcast anew no node knows
with forgotten as (
  update anchor_transaction set submitted_at = null, refusal = null
   where size = %(size)s and %(state)s = 'signed'
)
update anchor
   set state = %(state)s, tx_hash = %(tx_hash)s, block_number = %(block_number)s, block_hash = %(block_hash)s,
       block_time = %(block_time)s, fee_wei = %(fee_wei)s
 where size = %(size)s;

-- count_by_state: how many anchors are in each state
select state, count(*) from anchor group by state;

-- waiting_since: when the first leaf was appended that a checkpoint of this size does not cover; none: it covers all
select appended_at from log_entry where leaf_index = %(size)s;

-- raise_alarm: an alarm that stands keeps its beginning
insert into anchor_alarm (alarm, detail) values (%(alarm)s, %(detail)s)
on conflict (alarm) do update set detail = excluded.detail where anchor_alarm.detail <> excluded.detail;

-- lower_alarms: every alarm but these has ended
delete from anchor_alarm where alarm <> all(%(standing)s);

-- alarms: what stands, oldest first
select alarm, detail, since from anchor_alarm order by since, alarm;
