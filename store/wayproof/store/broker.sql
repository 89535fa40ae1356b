-- broker_credentials: names and password hashes of everyone who may connect to the broker now
select name, credential from device where retired_at is null and credential is not null
union all
select name, credential from broker_service
 order by name;

-- put_service: one of our own processes, with the hash of its secret; an older hash is replaced
insert into broker_service (name, credential) values (%(name)s, %(credential)s)
on conflict (name) do update set credential = excluded.credential;

-- listen: asks to be woken when the registry of devices or services changes
listen registry_changed;
