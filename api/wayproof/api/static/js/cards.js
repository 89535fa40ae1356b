// The list: one card a shipment, filled by the names in data-field. Text only, never HTML.

import { ago, dayAndTime, due, isStale, number, seenAt, STATUS, temperature, utc, verdict, verdictText } from "./text.js";

const list = document.getElementById("shipments");
const template = document.getElementById("shipment-card");

export const cardId = (id) => `shipment-${id}`;

/** Brings the list to `shipments`, in their order; cards that stay are kept, with the focus in them. */
export function showCards(shipments, now) {
  const cards = shipments.map((shipment) => {
    const card = document.getElementById(cardId(shipment.id)) ?? newCard(shipment.id);
    fill(card, shipment, now);
    return card;
  });
  const wanted = new Set(cards);
  for (const card of [...list.children]) if (!wanted.has(card)) card.remove();
  cards.forEach((card, place) => {
    if (list.children[place] !== card) list.insertBefore(card, list.children[place] ?? null);
  });
}

export function markCard(id) {
  for (const card of list.children) {
    const selected = id !== null && card.id === cardId(id);
    card.classList.toggle("selected", selected);
    card.querySelector("a").toggleAttribute("aria-current", selected);
  }
}

/** Calls `choose` with the id of a card that was clicked. */
export function onCardChosen(choose) {
  list.addEventListener("click", (event) => {
    const card = event.target.closest("a") && event.target.closest(".shipment");
    if (!card || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(card.id.slice(cardId("").length));
  });
}

function newCard(id) {
  const card = template.content.firstElementChild.cloneNode(true);
  card.id = cardId(id);
  card.querySelector("a").href = `#${cardId(id)}`;
  return card;
}

function fill(card, shipment, now) {
  card.dataset.status = shipment.status;
  card.dataset.verdict = verdict(shipment);
  card.toggleAttribute("data-stale", isStale(shipment, now));
  for (const [field, text] of Object.entries(texts(shipment))) setText(card, field, text);
  const seen = seenAt(shipment);
  setTime(card, "seen", seen, seen ? ago(seen, now) : "never");
  const [name, moment] = due(shipment);
  setText(card, "due_name", name);
  setTime(card, "due", moment, dayAndTime(moment, now));
}

function texts(shipment) {
  const { condition, position } = shipment;
  return {
    reference: shipment.reference,
    status: STATUS[shipment.status],
    origin: shipment.origin.name,
    destination: shipment.destination.name,
    temperature: condition?.temperature_c == null ? "No temperature yet" : temperature(condition.temperature_c),
    verdict: verdictText(shipment),
    consignor: shipment.consignor,
    consignee: shipment.consignee,
    carrier: shipment.carrier,
    device: (position ?? condition)?.device ?? "",
    speed: position?.speed_mps == null ? "" : `${number(position.speed_mps * 3.6, 0)} km/h`,
    humidity: condition?.humidity_pct == null ? "" : `${number(condition.humidity_pct, 0)} %`,
  };
}

function setText(card, field, text) {
  const element = card.querySelector(`[data-field="${field}"]`);
  if (element.textContent !== text) element.textContent = text;
  if (element.matches(".more dd")) element.parentElement.hidden = text === "";
}

function setTime(card, field, moment, text) {
  setText(card, field, text);
  const element = card.querySelector(`[data-field="${field}"]`);
  if (moment === null) return;
  element.dateTime = moment.toISOString();
  element.title = utc(moment);
}
