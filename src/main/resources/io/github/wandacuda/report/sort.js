"use strict";
// Makes the headings of tables buttons that sort by their column.
for (const table of document.querySelectorAll("table.sorted")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.ariaSort === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.ariaSort = down ? "descending" : "ascending";
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.replaceAll(",", "");
      const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });
      const order = (a, b) => {
        const x = key(a);
        const y = key(b);
        const numbers = x !== "" && y !== "" && isFinite(x) && isFinite(y);
        return numbers ? x - y : compare(x, y);
      };
      const rows = [...table.tBodies[0].rows].sort(order);
      table.tBodies[0].append(...(down ? rows.reverse() : rows));
    });
  });
}
