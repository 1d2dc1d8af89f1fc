"use strict";
// A button below each table saves it as CSV: each cell as shown, what is in small print in a column
// of its own. A text that a spreadsheet would run as a formula has an apostrophe before it.
const plexor = (() => {
  const formula = /^'*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/u;
  const number = /^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$/;

  function written(text) {
    const safe = formula.test(text) && !number.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  function parts(cell) {
    const small = [...cell.querySelectorAll("small")].map((one) => one.textContent.trim());
    const rest = [...cell.childNodes].filter((node) => node.nodeName !== "SMALL");
    return [rest.map((node) => node.textContent).join("").trim(), small.join("; ")];
  }

  const line = (texts) => `${texts.map(written).join(",")}\n`;

  // Rows of texts as a CSV file.
  function save(name, rows) {
    const link = document.createElement("a");
    // The mark says UTF-8 to spreadsheets.
    link.href = URL.createObjectURL(new Blob(["\ufeff", rows.map(line).join("")], { type: "text/csv" }));
    link.download = `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "table"}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Bytes that the page holds compressed, in base64.
  async function inflated(text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function texts(table) {
    const rows = [...table.rows].map((row) => [...row.cells].map(parts));
    const detailed = rows[0].map((_, column) => rows.slice(1).some((row) => row[column]?.[1]));
    rows[0] = rows[0].map(([text, small]) => (small ? `${text}, ${small}` : text)).map((text) => [text, `${text}: detail`]);
    return rows.map((row) => row.flatMap(([text, small], column) => (detailed[column] ? [text, small] : [text])));
  }

  for (const table of document.querySelectorAll("main .scroll > table:not(.paged)")) {
    const caption = table.caption?.textContent.trim() || "table";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "csv";
    button.textContent = "CSV";
    button.setAttribute("aria-label", `Save as CSV: ${caption}`);
    button.addEventListener("click", () => save(caption, texts(table)));
    table.parentElement.after(button);
  }
  return { inflated, save };
})();
