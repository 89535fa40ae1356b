-- put_aside: keeps bytes that could not be understood; the same bytes on the same topic are one row, counted
-- What comes 0 times is a replay: it was counted when it came, and today's verdict replaces the old one.
insert into quarantine as q (
  digest, tenant_id, device, topic, payload, reason, detail, times_received, first_received_at, last_received_at
) values (
  %(digest)s, %(tenant_id)s, %(device)s, %(topic)s, %(payload)s, %(reason)s, %(detail)s,
  greatest(1, %(times_received)s), %(first_received_at)s, %(last_received_at)s
)
on conflict (digest) do update set
  tenant_id         = coalesce(excluded.tenant_id, q.tenant_id), -- the device may have been registered since
  reason            = case when %(times_received)s = 0 or excluded.last_received_at >= q.last_received_at
                           then excluded.reason else q.reason end,
  detail            = case when %(times_received)s = 0 or excluded.last_received_at >= q.last_received_at
                           then excluded.detail else q.detail end,
  times_received    = q.times_received + %(times_received)s,
  first_received_at = least(q.first_received_at, excluded.first_received_at),
  last_received_at  = greatest(q.last_received_at, excluded.last_received_at);

-- list_kept: what waits, newest first, without its bytes
select quarantine_id, device, topic, reason, detail, times_received, first_received_at, last_received_at,
       octet_length(payload) as payload_bytes
  from quarantine
 where (%(reason)s::text is null or reason = %(reason)s)
   and (%(device)s::text is null or device = %(device)s)
   and (%(since)s::timestamptz is null or last_received_at >= %(since)s)
 order by last_received_at desc, quarantine_id desc
 limit %(limit)s;

-- get_kept: one, with its bytes
select quarantine_id, device, topic, reason, detail, times_received, first_received_at, last_received_at,
       octet_length(payload) as payload_bytes, payload
  from quarantine
 where quarantine_id = %(quarantine_id)s;

-- select_kept: the numbers of those that a replay is to take, in their order
select quarantine_id
  from quarantine
 where (%(reason)s::text is null or reason = %(reason)s)
   and (%(ids)s::bigint[] is null or quarantine_id = any(%(ids)s))
 order by quarantine_id;

-- read_kept: some, with their bytes
select quarantine_id, device, topic, reason, detail, times_received, first_received_at, last_received_at,
       octet_length(payload) as payload_bytes, payload
  from quarantine
 where quarantine_id = any(%(ids)s)
 order by quarantine_id;

-- release: forgets what is stored as readings now
delete from quarantine where quarantine_id = any(%(ids)s);

-- drop_old: forgets some of what last came before a time, and tells whose it was
with gone as (
  delete from quarantine
   where quarantine_id in (select quarantine_id
                             from quarantine
                            where last_received_at < %(before)s
                            order by last_received_at
                            limit %(limit)s)
     and last_received_at < %(before)s -- it may have come again meanwhile
  returning device, reason, octet_length(payload) as payload_bytes, first_received_at, last_received_at
)
select device, reason, count(*) as messages, sum(payload_bytes)::bigint as payload_bytes,
       min(first_received_at) as first_received_at, max(last_received_at) as last_received_at
  from gone
 group by device, reason
 order by device, reason;

-- drop_surplus: forgets some of what devices have beyond their share, the oldest first, and tells whose it was
-- A row weighs more than its payload, or a flood of single bytes would weigh nothing.
with weighed as (
  select quarantine_id, last_received_at,
         sum(octet_length(payload) + %(row_bytes)s)
           over (partition by device order by last_received_at desc, quarantine_id desc) as newer_bytes
    from quarantine
), surplus as (
  select quarantine_id, last_received_at
    from weighed
   where newer_bytes > %(most_bytes)s
   order by last_received_at, quarantine_id
   limit %(limit)s
), gone as (
  delete from quarantine q
   using surplus s
   where q.quarantine_id = s.quarantine_id
     and q.last_received_at = s.last_received_at -- it may have come again meanwhile
  returning q.device, q.reason, octet_length(q.payload) as payload_bytes, q.first_received_at, q.last_received_at
)
select device, reason, count(*) as messages, sum(payload_bytes)::bigint as payload_bytes,
       min(first_received_at) as first_received_at, max(last_received_at) as last_received_at
  from gone
 group by device, reason
 order by device, reason;
