// Shows counts as they change. Every page works without this script: it then shows the counts
// that it was loaded with.
"use strict";

function show(place, count) {
  const text = String(count);
  if (place.textContent === text) return;
  place.textContent = text;
  const pill = place.closest(".count") || place;
  pill.classList.toggle("zero", count === 0);
  pill.classList.remove("changed");
  void place.getBoundingClientRect(); // so that the animation starts again
  pill.classList.add("changed");
}

function listen(address) {
  const source = new EventSource(address);
  source.addEventListener("message", (event) => {
    const counts = JSON.parse(event.data);
    for (const place of document.querySelectorAll("[data-live]")) {
      const count = counts[place.dataset.live];
      if (count !== undefined) show(place, count);
    }
  });
  // A page that nobody looks at asks for nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else if (source.readyState === EventSource.CLOSED) listen(address);
  }, { once: true });
}

const live = document.querySelector("[data-live-source]");
if (live) listen(live.dataset.liveSource);
