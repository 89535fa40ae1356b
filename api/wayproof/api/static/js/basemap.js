// The ground: land, borders and names of countries from Natural Earth. Nothing is asked of any other host.

import { flatten, span, unwrap } from "./wrap.js";

const { L, topojson } = globalThis;
const WORLD = "/static/vendor/world-atlas/countries-50m.json";
const ROOM_FOR_A_LETTER_PX = 11;

export function createMap(element) {
  const map = L.map(element, {
    minZoom: 2,
    maxZoom: 12,
    zoomSnap: 0.5,
    maxBounds: [[-80, -210], [85, 210]],
    zoomControl: false,
  });
  map.setView([48, 10], 4.5);
  L.control.zoom({ position: "topright" }).addTo(map);
  L.control.scale({ position: "bottomleft", imperial: false }).addTo(map);
  map.attributionControl.setPrefix(false).addAttribution("Natural Earth");
  return map;
}

export async function addGround(map) {
  const world = await (await fetch(WORLD)).json();
  const { land, countries } = world.objects;
  const pane = map.createPane("ground");
  pane.style.zIndex = 200;
  // Land has no stroke and borders are a mesh: outlines of countries would draw the antimeridian as a border.
  draw(map, flat(topojson.feature(world, land)), "land", { stroke: false });
  draw(map, topojson.mesh(world, countries, (a, b) => a !== b), "border", { fill: false });
  addNames(map, topojson.feature(world, countries).features);
}

function flat(collection) {
  const polygons = collection.features.flatMap(({ geometry }) => polygonsOf(geometry));
  return { type: "MultiPolygon", coordinates: polygons.flatMap(flatten) };
}

const polygonsOf = ({ type, coordinates }) => (type === "Polygon" ? [coordinates] : coordinates);

function draw(map, shape, className, style) {
  L.geoJSON(shape, { pane: "ground", interactive: false, style: { className, ...style } }).addTo(map);
}

function addNames(map, countries) {
  const pane = map.createPane("names");
  pane.style.zIndex = 250;
  pane.setAttribute("aria-hidden", "true");
  const names = countries.map(nameOf);
  const showFitting = () => {
    for (const { marker, width_deg, letters } of names) {
      const width_px = (width_deg / 360) * 256 * 2 ** map.getZoom();
      const fits = width_px > letters * ROOM_FOR_A_LETTER_PX;
      if (fits !== map.hasLayer(marker)) marker[fits ? "addTo" : "removeFrom"](map);
    }
  };
  map.on("zoomend", showFitting);
  showFitting();
}

function nameOf(country) {
  const ring = largestRing(country.geometry);
  const [west, east] = span(ring);
  const text = document.createElement("span");
  text.textContent = country.properties.name;
  const icon = L.divIcon({ className: "country", html: text, iconSize: null });
  return {
    marker: L.marker(centroid(ring), { icon, pane: "names", interactive: false, keyboard: false }),
    width_deg: east - west,
    letters: country.properties.name.length,
  };
}

function largestRing(geometry) {
  const rings = polygonsOf(geometry).map(([outline]) => unwrap(outline));
  return rings.reduce((best, ring) => (Math.abs(sums(ring).area) > Math.abs(sums(best).area) ? ring : best));
}

function centroid(ring) {
  const { area, x, y } = sums(ring);
  return [y / (3 * area), x / (3 * area)];
}

/** Twice the signed area, and the moments that the centroid is made of (shoelace formula). */
function sums(ring) {
  const total = { area: 0, x: 0, y: 0 };
  for (let i = 0; i + 1 < ring.length; i++) {
    const [[x0, y0], [x1, y1]] = [ring[i], ring[i + 1]];
    const cross = x0 * y1 - x1 * y0;
    total.area += cross;
    total.x += (x0 + x1) * cross;
    total.y += (y0 + y1) * cross;
  }
  return total;
}
