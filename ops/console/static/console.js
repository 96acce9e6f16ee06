// Shows counts and the progress of a rebuild as they change. Every page works without this script:
// it then shows what it was loaded with.
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

// Lets a light run along a line of the map, for those who want to see motion.
function pass(line) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const light = line.cloneNode();
  for (const name of ["data-line", "data-passed", "marker-end"]) light.removeAttribute(name);
  light.setAttribute("class", "light");
  light.setAttribute("pathLength", "100");
  light.addEventListener("animationend", () => light.remove());
  line.after(light);
}

function connect(address) {
  const source = new EventSource(address);
  let isFirst = true;
  // After each connection all counts come, and then those that changed.
  source.addEventListener("open", () => { isFirst = true; });
  source.addEventListener("message", (event) => {
    const counts = JSON.parse(event.data);
    for (const line of document.querySelectorAll("[data-line^='line:']")) {
      const count = counts[line.dataset.line];
      if (count === undefined) continue;
      line.dataset.passed = count;
      if (!isFirst) pass(line);
    }
    isFirst = false;
    for (const place of document.querySelectorAll("[data-live]")) {
      const count = counts[place.dataset.live];
      if (count !== undefined) show(place, count);
    }
  });
  return source;
}

function listen(address) {
  let source = connect(address);
  // A page that nobody looks at asks for nothing.
  document.addEventListener("visibilitychange", () => {
    source.close();
    if (!document.hidden) source = connect(address);
  });
}

function follow(list) {
  const source = new EventSource(list.dataset.progress);
  source.addEventListener("message", (event) => {
    for (const [kind, line] of Object.entries(JSON.parse(event.data))) {
      if (kind === "over") {
        source.close();
        location.reload();
        return;
      }
      let item = [...list.children].find((each) => each.dataset.line === kind);
      if (!item) {
        item = list.appendChild(document.createElement("li"));
        item.dataset.line = kind;
      }
      item.textContent = line;
    }
  });
}

const progress = document.querySelector("[data-progress]");
if (progress) follow(progress);

const live = document.querySelector("[data-live-source]");
if (live) listen(live.dataset.liveSource);
