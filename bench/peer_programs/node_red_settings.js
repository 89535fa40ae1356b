// Node-RED without editor; the flow beside it batches by hand.
const fs = require("fs");
module.exports = {
  httpAdminRoot: false,
  httpNodeRoot: false,
  credentialSecret: false,
  flowFile: "flows.json",
  logging: { console: { level: "info" } },
  functionGlobalContext: {
    pg: require("pg"),
    insert: fs.readFileSync(process.env.BENCH_INSERT, "utf8"),
    database: process.env.BENCH_DATABASE_URL,
  },
};
