// A list that draws only the rows in view: `draw(row, item)` fills a reused element.

const ROW_HEIGHT = 56;
const SPARE_ROWS = 6;

function windowedList(box, inner, draw, choose) {
  const pool = [];
  let items = [], chosen = -1, waiting = false;

  function element(place) {
    while (pool.length <= place) {
      const row = document.createElement("div");
      row.className = "row";
      row.setAttribute("role", "option");
      row.addEventListener("click", () => choose(Number(row.dataset.at)));
      inner.append(row);
      pool.push(row);
    }
    return pool[place];
  }

  function render() {
    waiting = false;
    const first = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const last = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW_HEIGHT) + SPARE_ROWS);
    for (let at = first; at < last; at++) {
      const row = element(at - first);
      row.hidden = false;
      row.id = `row-${at}`;
      row.dataset.at = at;
      row.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
      row.setAttribute("aria-selected", at === chosen);
      row.setAttribute("aria-posinset", at + 1);
      row.setAttribute("aria-setsize", items.length);
      if (row.drawn !== items[at] || row.version !== version) draw(row, items[at]);
      row.drawn = items[at];
      row.version = version;
    }
    for (let place = Math.max(0, last - first); place < pool.length; place++) {
      pool[place].hidden = true;
      pool[place].removeAttribute("id");
    }
    if (chosen >= 0) box.setAttribute("aria-activedescendant", `row-${chosen}`);
    else box.removeAttribute("aria-activedescendant");
  }

  function soon() {
    if (!waiting) { waiting = true; requestAnimationFrame(render); }
  }

  let version = 0;
  box.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(soon).observe(box);
  return {
    show(found, at) {
      items = found;
      version++;
      inner.style.height = `${items.length * ROW_HEIGHT}px`;
      this.select(at);
    },
    select(at) {
      chosen = at;
      const top = at * ROW_HEIGHT;
      if (at >= 0 && top < box.scrollTop) box.scrollTop = top;
      if (at >= 0 && top + ROW_HEIGHT > box.scrollTop + box.clientHeight)
        box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
      render();
    },
  };
}
