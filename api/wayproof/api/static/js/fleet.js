// Shipments on the map: a marker where each was last seen, and the way of the selected one.

import { ago, isStale, seenAt, temperature, verdict, verdictText } from "./text.js";

const { L } = globalThis;
const GLIDE_MS = 1000;
const SVG = "http://www.w3.org/2000/svg";
const ARROW = "M0 -10 L7.5 8.5 L0 4.5 L-7.5 8.5 Z";
const DISC = "M-6.5 0 a6.5 6.5 0 1 0 13 0 a6.5 6.5 0 1 0 -13 0 Z";

export class Fleet {
  #map;
  #choose;
  #markers = new Map();
  #selected = null;

  /** `choose` is called with the id of a marker that was clicked. */
  constructor(map, choose) {
    this.#map = map;
    this.#choose = choose;
  }

  /** Brings the markers to `shipments`; those that have moved glide there. */
  show(shipments, now) {
    const placed = shipments.filter(({ position }) => position !== null);
    const ids = new Set(placed.map(({ id }) => id));
    for (const [id, marker] of this.#markers) {
      if (!ids.has(id)) this.#markers.delete(id) && marker.remove();
    }
    for (const shipment of placed) this.#place(shipment, now);
  }

  select(id) {
    this.#selected = id;
    for (const [other, marker] of this.#markers) marker.getElement().classList.toggle("selected", other === id);
    const marker = this.#markers.get(id);
    if (!marker) return this.#map.closePopup();
    // Only now: a popup that follows its marker would pull the map out of the viewer's hands.
    const { options } = marker.getPopup();
    options.autoPan = true;
    marker.openPopup();
    options.autoPan = false;
  }

  /** Brings the whole fleet into view; whether there was any. */
  fit() {
    const places = [...this.#markers.values()].map((marker) => marker.getLatLng());
    if (places.length) this.#map.fitBounds(L.latLngBounds(places).pad(0.15), { maxZoom: 8 });
    return places.length > 0;
  }

  #place(shipment, now) {
    const place = L.latLng(shipment.position.latitude_deg, shipment.position.longitude_deg);
    const marker = this.#markers.get(shipment.id) ?? this.#add(shipment.id, place);
    if (!marker.goal.equals(place)) glide(marker, place);
    dress(marker, shipment, now);
    marker.getElement().classList.toggle("selected", shipment.id === this.#selected);
  }

  #add(id, place) {
    const icon = L.divIcon({ className: "marker", html: drawing(), iconSize: [32, 32] });
    const marker = L.marker(place, { icon, riseOnHover: true }).addTo(this.#map);
    marker.goal = place;
    marker.name = document.createElement("span");
    marker.story = document.createElement("div");
    marker.story.className = "popup";
    marker.bindTooltip(marker.name, { direction: "top", offset: [0, -14] });
    marker.bindPopup(marker.story, { offset: [0, -8], autoPan: false, autoPanPadding: [50, 20] });
    // Leaflet would open and close the popup itself; what is selected decides.
    marker.off("click keypress").on("click", () => this.#choose(id));
    marker.on("keydown", ({ originalEvent }) => ["Enter", " "].includes(originalEvent.key) && this.#choose(id));
    this.#markers.set(id, marker);
    return marker;
  }
}

function drawing() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "-16 -16 32 32");
  svg.setAttribute("aria-hidden", "true");
  for (const name of ["halo", "body"]) {
    const path = document.createElementNS(SVG, name === "halo" ? "circle" : "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  svg.firstChild.setAttribute("r", "14.5");
  return svg;
}

/** Colour by verdict, direction by heading, and the words of tooltip and popup. */
function dress(marker, shipment, now) {
  const element = marker.getElement();
  const { heading_deg: heading } = shipment.position;
  const body = element.querySelector(".body");
  const moving = heading !== null && shipment.status === "in_transit";
  body.setAttribute("d", moving ? ARROW : DISC);
  body.setAttribute("transform", `rotate(${moving ? heading : 0})`);
  element.dataset.verdict = verdict(shipment);
  element.dataset.status = shipment.status;
  // Who is under way lies above who has arrived.
  marker.setZIndexOffset(shipment.status === "in_transit" ? 0 : -1000);
  element.toggleAttribute("data-stale", isStale(shipment, now));
  element.setAttribute("aria-label", [shipment.reference, verdictText(shipment)].filter(Boolean).join(", "));
  marker.name.textContent = shipment.reference;
  marker.story.replaceChildren(...story(shipment, now));
}

function story(shipment, now) {
  const { condition } = shipment;
  const lines = [line("strong", shipment.reference)];
  if (condition?.temperature_c != null) {
    lines.push(line("p", `${temperature(condition.temperature_c)} · ${verdictText(shipment)}`, "popup-condition"));
  }
  lines.push(line("p", `Seen ${ago(seenAt(shipment), now)}`));
  return lines;
}

function line(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

function glide(marker, goal) {
  const start = marker.getLatLng();
  const begun = performance.now();
  marker.goal = goal;
  const far = Math.abs(goal.lng - start.lng) > 180;
  if (far || matchMedia("(prefers-reduced-motion: reduce)").matches) return marker.setLatLng(goal);
  const step = (now) => {
    if (marker.goal !== goal) return;
    const part = Math.min(1, (now - begun) / GLIDE_MS);
    marker.setLatLng([start.lat + (goal.lat - start.lat) * part, start.lng + (goal.lng - start.lng) * part]);
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
