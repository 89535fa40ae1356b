// The way of the selected shipment: where it was, from where, to where.

import { getJson } from "./api.js";

const { L } = globalThis;

export class Way {
  #layers;
  #shown = null;

  constructor(map) {
    this.#layers = L.layerGroup().addTo(map);
  }

  /** Draws the way of `shipment`, again whenever it was seen anew; null clears it. */
  async show(shipment) {
    const key = shipment && `${shipment.id} ${shipment.position?.observed_at}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const track = shipment && (await getJson(`/v1/shipments/${shipment.id}/track`));
    // Another one may have been selected meanwhile.
    if (this.#shown !== key) return;
    this.#layers.clearLayers();
    if (shipment) this.#draw(shipment, track);
  }

  #draw({ origin, destination }, track) {
    const isLine = ({ geometry }) => geometry?.type.endsWith("LineString");
    L.geoJSON(track, { filter: isLine, interactive: false, style: { className: "track" } }).addTo(this.#layers);
    for (const place of [origin, destination]) {
      const name = document.createElement("span");
      name.textContent = place.name;
      L.circleMarker([place.latitude_deg, place.longitude_deg], { radius: 6, className: "stop" })
        .bindTooltip(name, { permanent: true, direction: "bottom", offset: [0, 6] })
        .addTo(this.#layers);
    }
  }
}
