-- plan_anew: conditions that are not asked for must be known when the query is planned, or no index would be used
select set_config('plan_cache_mode', 'force_custom_plan', true),
       -- Off: not along the journal until a page is full, as of a rare thing it never will be.
       set_config('enable_indexscan', %(may_walk)s, true);

-- plan_as_usual: ends that
select set_config('plan_cache_mode', 'auto', true), set_config('enable_indexscan', 'on', true);

-- newest: place of the tenant's last event in the journal
select max(event_id) from epcis_event where tenant_id = current_tenant();

-- count_matches: how many events match, counted no further than one beyond what is wanted
select count(*)
  from (select e.event_id
          from matching_epcis_events(
                 %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
                 %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
                 %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
                 %(highs)s::double precision[]) e
         limit %(limit)s) counted;

-- find_by_capture_ascending: events in the order of capture
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size, array[]::text[] as rank
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
 where %(last_id)s::bigint is null or e.event_id > %(last_id)s::bigint
 order by e.event_id
 limit %(limit)s;

-- find_by_capture_descending: events in the reverse order of capture
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size, array[]::text[] as rank
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
 where %(last_id)s::bigint is null or e.event_id < %(last_id)s::bigint
 order by e.event_id desc
 limit %(limit)s;

-- find_by_event_time_ascending: events by time of happening, ascending
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size, array[e.event_time::text] as rank
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
 where %(last_id)s::bigint is null
    or (e.event_time, e.event_id) > (%(last_rank)s::timestamptz, %(last_id)s::bigint)
 order by e.event_time, e.event_id
 limit %(limit)s;

-- find_by_event_time_descending: events by time of happening, descending
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size, array[e.event_time::text] as rank
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
 where %(last_id)s::bigint is null
    or (e.event_time, e.event_id) < (%(last_rank)s::timestamptz, %(last_id)s::bigint)
 order by e.event_time desc, e.event_id desc
 limit %(limit)s;

-- find_by_record_time_ascending: events by time of recording, ascending
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size, array[e.record_time::text] as rank
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
 where %(last_id)s::bigint is null
    or (e.record_time, e.event_id) > (%(last_rank)s::timestamptz, %(last_id)s::bigint)
 order by e.record_time, e.event_id
 limit %(limit)s;

-- find_by_record_time_descending: events by time of recording, descending
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size, array[e.record_time::text] as rank
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
 where %(last_id)s::bigint is null
    or (e.record_time, e.event_id) < (%(last_rank)s::timestamptz, %(last_id)s::bigint)
 order by e.record_time desc, e.event_id desc
 limit %(limit)s;

-- find_by_field_ascending: events by a field of others, ascending: numbers and times by value, then texts by their first bytes
with ranked as (
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size,
       coalesce((select min(n.value)
                   from event_number n
                  where n.event_id = e.event_id and n.tenant_id = current_tenant() and n.field = %(order_field)s),
                'infinity') as number,
       coalesce((select min(left(e.canonical ->> s.name, %(rank_length)s) collate "C")
                   from unnest(%(spellings)s::text[]) s (name)),
                '') collate "C" as words
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
)
select r.event_id, r.size, array[r.number::text, r.words] as rank
  from ranked r
 where %(last_id)s::bigint is null
    or (r.number, r.words, r.event_id)
       > (%(last_number)s::double precision, %(last_words)s::text collate "C", %(last_id)s::bigint)
 order by r.number, r.words, r.event_id
 limit %(limit)s;

-- find_by_field_descending: events by a field of others, descending: numbers and times by value, then texts by their first bytes
with ranked as (
select e.event_id, octet_length(e.body) + coalesce(octet_length(e.context), 0) as size,
       coalesce((select min(n.value)
                   from event_number n
                  where n.event_id = e.event_id and n.tenant_id = current_tenant() and n.field = %(order_field)s),
                'infinity') as number,
       coalesce((select min(left(e.canonical ->> s.name, %(rank_length)s) collate "C")
                   from unnest(%(spellings)s::text[]) s (name)),
                '') collate "C" as words
  from matching_epcis_events(
         %(words)s::tsquery, %(epcis_ids)s::text[], %(event_since)s, %(event_before)s, %(record_since)s,
         %(record_before)s, %(declared_since)s, %(declared_before)s, %(after_id)s, %(upto_id)s, %(conditions)s,
         %(condition)s::integer[], %(fields)s::text[], %(dimensions)s::text[], %(lows)s::double precision[],
         %(highs)s::double precision[]) e
)
select r.event_id, r.size, array[r.number::text, r.words] as rank
  from ranked r
 where %(last_id)s::bigint is null
    or (r.number, r.words, r.event_id)
       < (%(last_number)s::double precision, %(last_words)s::text collate "C", %(last_id)s::bigint)
 order by r.number desc, r.words desc, r.event_id desc
 limit %(limit)s;

-- read_events: events at these places in the journal
select e.event_id, e.epcis_id, e.record_time, e.body, e.context
  from tenant_epcis_event e
 where e.event_id = any(%(event_ids)s::bigint[]);

-- contexts: every @context that the tenants' documents have
select content from epcis_context order by context_id;

-- master_data: what documents of the tenant say of things, the oldest first
select envelope #> '{epcisHeader,epcisMasterData,vocabularyList}' as vocabularies
  from epcis_capture
 where tenant_id = current_tenant() and envelope #> '{epcisHeader,epcisMasterData,vocabularyList}' is not null
 order by created_at, capture_id;

-- list_values: values of one vocabulary, in order, from after one on
select v.value
  from epcis_value v
 where v.tenant_id = current_tenant() and v.vocabulary = %(vocabulary)s and v.value > %(after)s
 order by v.value
 limit %(limit)s;

-- naming_events: the things that events name, in the order of capture, from a place in the journal on
select e.event_id,
       array(select jsonb_array_elements_text(coalesce(e.canonical -> lists.name, '[]'))
               from unnest(array['epcList', 'childEPCs', 'inputEPCList', 'outputEPCList']) lists (name)
              union all
             select e.canonical ->> 'parentID' where e.canonical ? 'parentID') as uris
  from epcis_event e
 where e.tenant_id = current_tenant() and e.event_id >= %(from_id)s
 order by e.event_id
 limit %(limit)s;

-- named_before: which of these have an event before them that has one of their words
select asked.number::integer - 1
  from unnest(%(event_id)s::bigint[], %(words)s::text[]::tsquery[]) with ordinality asked (event_id, words, number)
 where exists (select
                 from tenant_epcis_event e
                where e.terms @@ asked.words and e.event_id < asked.event_id);
