// World-atlas describes a sphere: its outlines step from 180 to -180 degrees. On a flat map such a step is a line
// across the whole world, and the land on one side of it turns into sea.

const EDGE_DEG = 210;

/** A polygon without such steps, as often as it is to be seen between `EDGE_DEG` west and east. */
export function flatten(polygon) {
  const rings = polygon.map(unwrap);
  const [west, east] = span(rings[0]);
  const turns = [-360, 0, 360].filter((turn) => west + turn < EDGE_DEG && east + turn > -EDGE_DEG);
  return turns.map((turn) => rings.map((ring) => shift(ring, turn)));
}

/** The ring going on past 180 degrees, with its middle on the map. */
export function unwrap(ring) {
  let turned = 0;
  const steady = ring.map(([longitude, latitude], i) => {
    if (i > 0) turned -= 360 * Math.round((longitude - ring[i - 1][0]) / 360);
    return [longitude + turned, latitude];
  });
  const [west, east] = span(steady);
  return shift(steady, -360 * Math.round((west + east) / 720));
}

/** Westernmost and easternmost longitude of a ring. */
export function span(ring) {
  const longitudes = ring.map(([longitude]) => longitude);
  return [Math.min(...longitudes), Math.max(...longitudes)];
}

const shift = (ring, turn) => ring.map(([longitude, latitude]) => [longitude + turn, latitude]);
