-- create_tenant: a new tenant, as it is stored
insert into tenant (name) values (%(name)s)
returning tenant_id, name, created_at;

-- find_tenant: the tenant of a name
select tenant_id, name, created_at from tenant where name = %(name)s;

-- list_tenants: every tenant, by name
select tenant_id, name, created_at from tenant order by name;
