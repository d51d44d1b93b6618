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
    source.addEventListener("error", () => source.close()); // the browser's own tries come ever more seldom
    source.addEventListener("hello", (event) => { onHello(JSON.parse(event.data)); alive(); });
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
    const hangs = silent > SILENT_MILLISECONDS && Date.now() - opened > SILENT_MILLISECONDS;
    if (source.readyState === EventSource.CLOSED || hangs) open();
  }, AGAIN_MILLISECONDS);
}
