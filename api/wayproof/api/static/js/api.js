// Reading the API: conditional requests, lists followed to a bound, a poll that rests while nobody looks.

const PAGES_AT_MOST = 10;
const answers = new Map();

export class SignedOut extends Error {}

/** The JSON at `url`; where nothing has changed, the same object as last time. */
export async function getJson(url) {
  const known = answers.get(url);
  const headers = known ? { "If-None-Match": known.etag } : {};
  // "no-store" leaves the revalidation to us: the browser's own cache would hide the 304.
  const response = await fetch(url, { headers, cache: "no-store" });
  if (response.status === 304) return known.body;
  if (response.status === 401) throw new SignedOut();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const body = await response.json();
  const etag = response.headers.get("ETag");
  if (etag) answers.set(url, { etag, body });
  return body;
}

/** All shipments, newest first, and whether there are more than we follow. */
export async function allShipments() {
  const items = [];
  let cursor = null;
  for (let page = 0; page < PAGES_AT_MOST; page++) {
    const query = new URLSearchParams({ limit: 100, ...(cursor && { cursor }) });
    const list = await getJson(`/v1/shipments?${query}`);
    items.push(...list.items);
    cursor = list.next_cursor;
    if (cursor === null) break;
  }
  return { items, more: cursor !== null };
}

/** Runs `task` now and `pause_ms` after each end, but never while the tab is hidden. */
export function repeat(task, pause_ms) {
  let timer = null;
  let running = false;
  const run = async () => {
    if (running || document.hidden) return;
    clearTimeout(timer);
    running = true;
    await task();
    running = false;
    timer = setTimeout(run, pause_ms);
  };
  document.addEventListener("visibilitychange", run);
  return run();
}
