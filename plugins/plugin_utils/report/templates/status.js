"use strict";
(() => {
  const table = document.getElementById("fleet");
  const rows = [...table.tBodies];
  const text = document.getElementById("text");
  const choices = [...document.querySelectorAll("select[data-filter]")];
  const order = document.getElementById("order");
  const unfold = document.getElementById("unfold");
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const legend = [...document.querySelectorAll(".legend button")];
  const words = new Map(rows.map((row) => [row, row.textContent.replace(/\s+/g, " ").toLowerCase()]));

  // A button of a legend, what it chooses, and the list that it chooses in.
  const value = (button) => button.dataset[button.dataset.filter];
  const choice = (button) => choices.find((one) => one.dataset.filter === button.dataset.filter);

  const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });

  const sort = (key, descending) => {
    const rank = (row) => row.getAttribute("data-key-" + key);
    const ranked = [...rows].sort((a, b) => {
      const [left, right] = [rank(a), rank(b)];
      // What is not known stands last in both directions.
      if ((left === "") !== (right === "")) return left === "" ? 1 : -1;
      const found = compare(left, right);
      return (descending ? -found : found) || compare(a.dataset.host, b.dataset.host);
    });
    table.append(...ranked);
    for (const head of table.tHead.rows[0].cells) {
      head.ariaSort = head.dataset.key !== key ? "none" : descending ? "descending" : "ascending";
    }
    order.value = key;
  };

  const filter = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = choices.every((one) => !one.value || row.dataset[one.dataset.filter] === one.value) && wanted.every((word) => words.get(row).includes(word));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = count === rows.length ? String(count) : count + " of " + rows.length;
    none.hidden = count > 0 || rows.length === 0;
    for (const button of legend) button.ariaPressed = String(value(button) === choice(button).value);
  };

  const all = (open) => {
    for (const details of table.querySelectorAll("details")) details.open = open;
  };

  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head.dataset.key, head.ariaSort === "ascending"));
    head.replaceChildren(button);
  }
  for (const button of legend) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const list = choice(button);
      list.value = list.value === value(button) ? "" : value(button);
      filter();
    });
  }
  document.getElementById("filter").hidden = false;
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  text.addEventListener("input", filter);
  for (const one of choices) one.addEventListener("change", filter);
  order.addEventListener("change", () => sort(order.value, false));
  unfold.addEventListener("click", () => {
    const open = unfold.ariaPressed !== "true";
    unfold.ariaPressed = String(open);
    unfold.textContent = open ? "Close all" : "Open all";
    all(open);
  });
  document.getElementById("clear").addEventListener("click", () => {
    text.value = "";
    for (const one of choices) one.value = "";
    filter();
    text.focus();
  });

  let before = [];
  addEventListener("beforeprint", () => {
    before = [...table.querySelectorAll("details")].map((details) => [details, details.open]);
    all(true);
  });
  addEventListener("afterprint", () => {
    for (const [details, open] of before) details.open = open;
  });
})();
