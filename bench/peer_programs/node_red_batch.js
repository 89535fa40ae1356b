// Function node: gathers up to 2,000 messages or 50 ms, and stores them in one statement.
const batch = context.get("batch");
batch.push(msg);
if (batch.length >= 2000) {
  context.get("flush")();
}
return null;
