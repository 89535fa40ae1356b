// What people read, out of what the API says. pages.py says the same for the page's first state.

const STALE_AFTER_S = 5 * 60;

export const STATUS = {
  planned: "Planned",
  in_transit: "In transit",
  delivered: "Delivered",
  cancelled: "Cancelled",
};

export function number(value, digits) {
  // Adding 0 turns -0 into 0.
  return (Number(value.toFixed(digits)) + 0).toFixed(digits).replace("-", "\u2212");
}

export const temperature = (celsius) => `${number(celsius, 1)} °C`;

function band(low, high, unit) {
  const [from, to] = [low, high].map((value) => value !== null && String(value).replace("-", "\u2212"));
  if (low !== null && high !== null) return `${from} to ${to} ${unit}`;
  if (low !== null) return `at least ${from} ${unit}`;
  return high === null ? "" : `at most ${to} ${unit}`;
}

/** What a profile allows: "2 to 8 °C, at most 70 %". */
function limits(profile) {
  const temperatures = band(profile.temperature_min_c, profile.temperature_max_c, "°C");
  const humidities = band(profile.humidity_min_pct, profile.humidity_max_pct, "%");
  return [temperatures, humidities].filter(Boolean).join(", ");
}

export function verdict({ condition }) {
  if (condition === null || condition.within_profile === null) return "unknown";
  return condition.within_profile ? "within" : "outside";
}

export function verdictText(shipment) {
  if (shipment.profile === null) return "no limits agreed";
  const word = { within: "in range", outside: "out of range", unknown: "" }[verdict(shipment)];
  return [word, limits(shipment.profile)].filter(Boolean).join(" · ");
}

/** The latest instant that a device told us anything; null before the first. */
export function seenAt({ position, condition }) {
  const times = [position, condition].filter(Boolean).map((part) => Date.parse(part.observed_at));
  return times.length ? new Date(Math.max(...times)) : null;
}

/** A shipment under way of which nothing was heard for minutes. */
export function isStale(shipment, now) {
  if (shipment.status !== "in_transit") return false;
  const seen = seenAt(shipment);
  return seen === null || (now - seen) / 1000 > STALE_AFTER_S;
}

export function ago(moment, now) {
  const seconds = Math.max(0, Math.round((now - moment) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 2 * 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return dayAndTime(moment, now);
}

/** In the viewer's time zone; the year only where it is another one. */
export function dayAndTime(moment, now) {
  const year = moment.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return moment.toLocaleString("en-GB", { day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit" });
}

export const utc = (moment) => moment.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");

/** When it should be there, or was: a name and an instant. */
export function due(shipment) {
  if (shipment.delivered_at !== null) return ["Delivered", new Date(shipment.delivered_at)];
  return ["Due", new Date(shipment.planned_delivery_at)];
}
