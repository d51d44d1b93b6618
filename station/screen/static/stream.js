// The server's parts as they change, and whether they still come. No part is ever taken for markup.

const SILENT_MILLISECONDS = 2500; // the server gives a sign of life each second
const AGAIN_MILLISECONDS = 500;

/**
 * Follow the server for ever. `onPart(name, content)` is called for each part, `onHello(version)` at each beginning,
 * `onStill(since)` when nothing comes any more, with the time of the last sign of life, and with null when it goes on.
 */
export function follow({ onPart, onHello, onStill }) {
  let source = null;
  let last = Date.now();
  let still = false;
  let opened = 0;

  const open = () => {
    source?.close();
    opened = Date.now();
    source = new EventSource("/stream");
    source.addEventListener("hello", (event) => { alive(); onHello(JSON.parse(event.data)); });
    source.addEventListener("part", (event) => { alive(); onPart(event.lastEventId, JSON.parse(event.data)); });
  };
  const alive = () => {
    last = Date.now();
    if (still) { still = false; onStill(null); }
  };
  open();
  setInterval(() => {
    const silent = Date.now() - last;
    if (silent > SILENT_MILLISECONDS && !still) { still = true; onStill(new Date(last)); }
    // A refused connection ends at once; one that hangs is given up.
    const given_up = source.readyState === EventSource.CLOSED || Date.now() - opened > SILENT_MILLISECONDS;
    if (source.readyState !== EventSource.OPEN ? given_up : silent > SILENT_MILLISECONDS && Date.now() - opened > SILENT_MILLISECONDS) open();
  }, AGAIN_MILLISECONDS);
}
