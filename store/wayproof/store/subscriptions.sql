-- create_query: a query under a name
insert into epcis_query (tenant_id, name, body)
values (%(tenant_id)s, %(name)s, %(body)s)
returning name, body, created_at;

-- get_query: one query
select name, body, created_at
  from epcis_query
 where name = %(name)s and tenant_id = current_tenant();

-- list_queries: queries by name, from after a name on
select name, body, created_at
  from epcis_query
 where tenant_id = current_tenant() and name > %(after)s
 order by name
 limit %(limit)s;

-- drop_query: forgets a query and whoever subscribed to it
delete from epcis_query where name = %(name)s and tenant_id = current_tenant() returning name;

-- create_subscription: a subscriber who is told what comes after a place in the journal
insert into epcis_subscription (
  tenant_id, query_name, dest, signature_token, schedule, report_if_empty, epc_format, initial_record_time,
  last_seen_id, due_at
)
values (%(tenant_id)s, %(query_name)s, %(dest)s, %(signature_token)s, %(schedule)s, %(report_if_empty)s,
        %(epc_format)s, %(initial_record_time)s, %(last_seen_id)s, %(due_at)s)
returning subscription_id, query_name, dest, schedule, report_if_empty, epc_format, initial_record_time, created_at,
          last_told_at, failures, last_failure;

-- get_subscription: one subscriber
select subscription_id, query_name, dest, schedule, report_if_empty, epc_format, initial_record_time, created_at,
       last_told_at, failures, last_failure
  from epcis_subscription
 where subscription_id = %(subscription_id)s and query_name = %(query_name)s and tenant_id = current_tenant();

-- list_subscriptions: subscribers of a query in order of subscription, from after a place on
select subscription_id, query_name, dest, schedule, report_if_empty, epc_format, initial_record_time, created_at,
       last_told_at, failures, last_failure
  from epcis_subscription
 where tenant_id = current_tenant() and query_name = %(query_name)s
   and (%(after_at)s::timestamptz is null or (created_at, subscription_id) > (%(after_at)s, %(after_id)s::uuid))
 order by created_at, subscription_id
 limit %(limit)s;

-- drop_subscription: forgets a subscriber
delete from epcis_subscription
 where subscription_id = %(subscription_id)s and query_name = %(query_name)s and tenant_id = current_tenant()
returning subscription_id;

-- see_due: lets this transaction see subscribers of all tenants
select set_config('wayproof.subscriptions', 'all', true);

-- list_due: subscribers for whom it is time to look, the longest overdue first; those that fail wait for the others
select tenant_id, subscription_id
  from epcis_subscription
 where due_at <= %(now)s
 order by failures > 0, due_at, subscription_id
 limit %(limit)s;

-- take_due: a subscriber for this transaction alone, should it still be time and nobody else be telling
select s.subscription_id, s.query_name, s.dest, s.signature_token, s.schedule, s.report_if_empty, s.epc_format,
       s.initial_record_time, s.last_seen_id, s.failures, s.last_failure, q.body
  from epcis_subscription s
  join epcis_query q on q.tenant_id = s.tenant_id and q.name = s.query_name
 where s.subscription_id = %(subscription_id)s and s.due_at <= %(now)s
   for update of s skip locked;

-- note_told: everything up to a place in the journal has been told, or was nothing to tell
update epcis_subscription
   set last_seen_id = %(last_seen_id)s, last_told_at = coalesce(%(told_at)s::timestamptz, last_told_at),
       due_at = %(due_at)s, failures = 0, last_failure = null
 where subscription_id = %(subscription_id)s;

-- note_failure: it could not be told; the same is tried again
update epcis_subscription
   set failures = failures + 1, last_failure = %(reason)s, due_at = %(due_at)s
 where subscription_id = %(subscription_id)s;
