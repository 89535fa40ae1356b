-- create_database: an empty database
create database {name};

-- describe: what an operator wants to know of a server and of the user that we connect as
select current_setting('server_version') as server_version,
       (select extversion from pg_extension where extname = 'timescaledb') as timescaledb_version,
       exists (select from pg_available_extensions where name = 'timescaledb') as timescaledb_available,
       (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as sees_every_tenant;
