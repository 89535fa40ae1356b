// The overview: polls the shipments and keeps list, map, filters and selection at one state.

import { allShipments, repeat, SignedOut } from "./api.js";
import { addGround, createMap } from "./basemap.js";
import { cardId, markCard, onCardChosen, showCards } from "./cards.js";
import { Fleet } from "./fleet.js";
import { signInByAddress } from "./session.js";
import { isStale, verdict } from "./text.js";
import { Way } from "./way.js";

const PAUSE_MS = 3000;
const FILTERS = {
  all: () => true,
  in_transit: ({ status }) => status === "in_transit",
  attention: (shipment) => isStale(shipment, new Date()) || (shipment.status === "in_transit" && verdict(shipment) === "outside"),
  planned: ({ status }) => status === "planned",
  delivered: ({ status }) => status === "delivered",
};

const byId = (id) => document.getElementById(id);
const map = createMap(byId("map"));
const fleet = new Fleet(map, select);
const way = new Way(map);
let shipments = null;
let more = false;
let fitted = false;
let selected = null;

async function refresh() {
  try {
    const first = shipments === null;
    ({ items: shipments, more } = await allShipments());
    render();
    fitted ||= fleet.fit();
    if (first) selectByAddress();
    await drawWay();
    tell("Live", false);
  } catch (error) {
    if (error instanceof SignedOut) location.reload();
    else tell("Connection lost, trying again", true);
  }
}

function tell(text, lost) {
  const connection = byId("connection");
  connection.hidden = false;
  connection.classList.toggle("lost", lost);
  if (connection.textContent !== text) connection.textContent = text;
}

function render() {
  const now = new Date();
  const filter = FILTERS[byId("filters").querySelector(":checked").value];
  const shown = shipments.filter(filter);
  showCards(shown, now);
  fleet.show(shown, now);
  markCard(selected);
  for (const count of document.querySelectorAll("[data-count]")) {
    const many = shipments.filter(FILTERS[count.dataset.count]).length;
    count.textContent = many;
    const label = count.closest("label");
    label.hidden = many === 0 && !label.querySelector(":checked");
  }
  byId("filters").hidden = shipments.length === 0;
  byId("empty").hidden = shipments.length > 0;
  byId("no-match").hidden = shown.length > 0 || shipments.length === 0;
  byId("cut").hidden = !more;
  byId("cut").textContent = `These are the newest ${shipments.length}; the API has all.`;
}

function applyFilter() {
  render();
  if (selected && !byId(cardId(selected))) select(null);
}

function drawWay() {
  return way.show(shipments.find(({ id }) => id === selected) ?? null);
}

/** Selects one shipment in list and map; the selected one again, or null, selects none. */
function select(id) {
  selected = id === selected ? null : id;
  history.replaceState(null, "", selected ? `#${cardId(selected)}` : location.pathname);
  showSelection();
}

function showSelection() {
  markCard(selected);
  fleet.select(selected);
  byId(cardId(selected))?.scrollIntoView({ block: "nearest" });
  drawWay().catch(() => tell("Connection lost, trying again", true));
}

function selectByAddress() {
  const id = location.hash.slice(`#${cardId("")}`.length);
  if (!shipments?.some((shipment) => shipment.id === id)) return;
  selected = id;
  showSelection();
}

function start() {
  onCardChosen(select);
  byId("filters").addEventListener("change", applyFilter);
  map.on("click", () => selected && select(null));
  addGround(map);
  repeat(refresh, PAUSE_MS);
}

addEventListener("hashchange", () => signInByAddress(() => {}).then((was) => was || selectByAddress()));
if (!(await signInByAddress(start))) start();
