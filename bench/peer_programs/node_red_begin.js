// The same function node's "On Start".
const { Pool } = global.get("pg");
const insert = global.get("insert");
const pool = new Pool({ connectionString: global.get("database"), max: 4 });
const fields = ["observed_at", "boot", "seq", "latitude_deg", "longitude_deg", "speed_mps", "heading_deg",
  "temperature_c", "humidity_pct", "battery_pct"];
const found = await pool.query("select name, device_id from device");
const devices = new Map(found.rows.map((row) => [row.name, row.device_id]));
const batch = [];
function flush() {
  if (!batch.length) return;
  const taken = batch.splice(0);
  const told = taken.map((msg) => JSON.parse(msg.payload));
  const columns = [taken.map((msg) => devices.get(msg.topic.split("/")[2]))];
  for (const field of fields) columns.push(told.map((reading) => reading[field]));
  pool.query({ name: "insert", text: insert, values: columns }).catch((error) => node.error(error));
}
context.set("batch", batch);
context.set("flush", flush);
context.set("timer", setInterval(flush, 50));
