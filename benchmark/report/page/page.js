"use strict";
// Sorts and filters the main table. Without it the page is complete, with the headline's rows only.
(() => {
  const scores = JSON.parse(document.getElementById("scores").textContent);
  const table = document.getElementById("main");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const named = 3; // dataset, images, strategy come before the score's own columns
  const select = (name) => document.getElementById(`filter-${name}`);
  const name = (row, column) => row.cells[column].textContent.trim();
  let sorted = { column: -1, direction: 1 };

  const entry = (row, column) => {
    if (column < named) return column === 1 ? Number(name(row, 1)) : name(row, column);
    return scores[select("score").value].rows[row.dataset.place][column - named][1];
  };

  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === null) return 1; // what has no value stays last, whichever way it is sorted
    if (b === null) return -1;
    return (a < b ? -1 : 1) * sorted.direction;
  };

  const arrange = () => {
    const place = (row) => Number(row.dataset.place);
    const order = [...rows].sort(
      (a, b) =>
        (sorted.column < 0 ? 0 : compare(entry(a, sorted.column), entry(b, sorted.column))) || place(a) - place(b)
    );
    body.append(...order);
    heads.forEach((head, column) => {
      if (column === sorted.column) head.setAttribute("aria-sort", sorted.direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };

  const filter = () => {
    const wanted = [select("dataset").value, select("budget").value, select("strategy").value];
    let shown = 0;
    for (const row of rows) {
      row.hidden = wanted.some((value, column) => value !== "" && value !== name(row, column));
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length} rows shown`;
  };

  const show = () => {
    const score = scores[select("score").value];
    document.getElementById("score-title").textContent = score.title;
    document.getElementById("score-way").textContent = score.way;
    heads[named + 4].firstChild.textContent = score.record;
    for (const row of rows) {
      score.rows[row.dataset.place].forEach(([text], column) => {
        row.cells[named + column].textContent = text;
      });
      row.cells[named].classList.toggle("best", score.best[row.dataset.place]);
    }
    arrange();
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      sorted = { column, direction: sorted.column === column ? -sorted.direction : 1 };
      arrange();
    });
  });
  const form = document.getElementById("filters");
  select("score").addEventListener("change", show);
  for (const kind of ["dataset", "budget", "strategy"]) select(kind).addEventListener("change", filter);
  form.addEventListener("reset", () =>
    setTimeout(() => {
      sorted = { column: -1, direction: 1 };
      show();
      filter();
    })
  );
  if (rows.length && Object.keys(scores).length) {
    form.hidden = false;
    document.getElementById("count").hidden = false;
    filter();
  }
  const unfold = () => document.querySelectorAll("details").forEach((part) => (part.open = true));
  window.addEventListener("beforeprint", unfold);
})();
