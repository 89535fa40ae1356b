-- mq-bridge stores a payload's fields under their own names and types, so it gets a table that suits it. Which device
-- sent a reading is in the topic, which it does not store: in this stream each device has a boot of its own.
create table if not exists bridge_reading (
  observed_at   bigint not null,
  boot          bigint not null,
  seq           bigint not null,
  latitude_deg  double precision,
  longitude_deg double precision,
  speed_mps     double precision,
  heading_deg   double precision,
  temperature_c double precision,
  humidity_pct  double precision,
  battery_pct   double precision,
  primary key (observed_at, boot, seq)
)
