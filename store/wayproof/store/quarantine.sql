-- put_aside: keeps bytes that could not be understood; the same bytes on the same topic are one row, counted
insert into quarantine as q (
  digest, tenant_id, device, topic, payload, reason, detail, times_received, first_received_at, last_received_at
) values (
  %(digest)s, %(tenant_id)s, %(device)s, %(topic)s, %(payload)s, %(reason)s, %(detail)s, %(times_received)s,
  %(first_received_at)s, %(last_received_at)s
)
on conflict (digest) do update set
  tenant_id         = coalesce(excluded.tenant_id, q.tenant_id), -- the device may have been registered since
  reason            = case when excluded.last_received_at >= q.last_received_at then excluded.reason else q.reason end,
  detail            = case when excluded.last_received_at >= q.last_received_at then excluded.detail else q.detail end,
  times_received    = q.times_received + excluded.times_received,
  first_received_at = least(q.first_received_at, excluded.first_received_at),
  last_received_at  = greatest(q.last_received_at, excluded.last_received_at);
