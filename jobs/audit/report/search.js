"use strict";
// Search by product id, and keys, on the pages of a report. Ids are in order, without regard to case, in scripts that
// are loaded when they are needed; ids.js has called `starts` with the first id of each.
const scott = (() => {
  const WORDS = [/* words */], CLASSES = [/* classes */];
  const MOST = 10;  // products that are offered
  const folder = new URL(".", document.currentScript.src).href;
  const leaves = new Map();  // number -> promise of entries
  const arrived = new Map();  // number -> what resolves it
  let starts = [];

  function load(number) {
    if (!leaves.has(number)) {
      leaves.set(number, new Promise((resolve, reject) => {
        arrived.set(number, resolve);
        const script = document.createElement("script");
        script.src = folder + "ids-" + String(number).padStart(5, "0") + ".js";
        script.onerror = () => { leaves.delete(number); reject(new Error(script.src)); };
        document.head.append(script);
      }));
    }
    return leaves.get(number);
  }

  // The products whose ids begin with `text`, an exact one first, MOST at most.
  async function find(text) {
    const wanted = text.trim().toLowerCase();
    let low = 0, high = starts.length;  // the first script that begins with `wanted` or after it
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] < wanted) low = middle + 1; else high = middle;
    }
    const found = [];
    for (let n = Math.max(low - 1, 0); n < starts.length && found.length < MOST; n++) {
      if (n >= low && !starts[n].startsWith(wanted)) break;
      for (const entry of await load(n)) {
        if (entry.id === text.trim()) found.unshift(entry);
        else if (entry.id.toLowerCase().startsWith(wanted)) found.push(entry);
      }
    }
    return found.slice(0, MOST);
  }

  function link(entry) {
    return folder + "page-" + String(entry.page).padStart(4, "0") + ".html#p-" + encodeURIComponent(entry.id);
  }

  function offer(form, found) {
    const list = form.querySelector(".found");
    list.replaceChildren(...found.map((entry) => {
      const item = document.createElement("li"), a = document.createElement("a"), said = document.createElement("span");
      said.textContent = WORDS[entry.group];
      said.className = CLASSES[entry.group];
      a.href = link(entry);
      a.append(said, entry.id);
      a.onclick = () => list.replaceChildren();
      item.append(a);
      return item;
    }));
  }

  function prepareSearch(form) {
    const input = form.querySelector("input"), said = form.querySelector(".said");
    let asked = 0;
    async function search(go) {
      const text = input.value, number = ++asked;
      let found = [];
      try {
        found = text.trim() ? await find(text) : [];
      } catch {
        if (number === asked) said.textContent = "This report has been replaced: load its summary again.";
        return;
      }
      if (number !== asked) return;
      offer(form, found);
      const least = found.length === MOST ? "The first " + MOST : String(found.length);
      said.textContent = !text.trim() ? "" : found.length ? least + " found" : "No product of this audit begins with that.";
      if (go && found.length) {
        offer(form, []);
        location.assign(link(found[0]));
      }
    }
    input.addEventListener("input", () => search(false));
    form.addEventListener("submit", (event) => { event.preventDefault(); search(true); });
    form.addEventListener("keydown", (event) => {
      const links = [...form.querySelectorAll(".found a")], at = links.indexOf(document.activeElement);
      if (event.key === "Escape") { offer(form, []); input.focus(); }
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      const next = at + (event.key === "ArrowDown" ? 1 : -1);
      (next < 0 ? input : links[Math.min(next, links.length - 1)] ?? input).focus();
    });
  }

  function prepareKeys() {
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
      const cards = [...document.querySelectorAll("article")];
      const at = cards.indexOf(document.activeElement.closest("article"));
      if (event.key === "/") { event.preventDefault(); document.querySelector("#_search").focus(); }
      if (event.key === "n") document.querySelector("a[rel=next]")?.click();
      if (event.key === "p") document.querySelector("a[rel=prev]")?.click();
      if (event.key === "j") cards[Math.min(at + 1, cards.length - 1)]?.focus();
      if (event.key === "k") cards[Math.max(at - 1, 0)]?.focus();
    });
  }

  // index.html#ID leads to the product, in whichever issue of the report it is.
  async function followHash() {
    let id = "";
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;  // it is no product
    }
    const shown = document.getElementById(id);
    if (shown) shown.focus({ preventScroll: true });
    if (!id || shown) return;
    const [first] = await find(id);
    if (first && first.id.toLowerCase() === id.toLowerCase()) location.replace(link(first));
    else document.querySelector("form.search .said").textContent = "No product of this audit is named " + id + ".";
  }

  addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form.search").forEach(prepareSearch);
    document.querySelectorAll("form.go").forEach((form) => form.addEventListener("submit", (event) => {
      event.preventDefault();
      const number = form.querySelector("input").value;
      if (number) location.assign(folder + "page-" + number.padStart(4, "0") + ".html");
    }));
    prepareKeys();
    followHash();
  });
  addEventListener("hashchange", followHash);

  return {
    starts(found) { starts = found; },
    leaf(number, lines) {
      arrived.get(number)(lines.split("\n").map((line) => {
        const [id, page, group] = line.split(" ");
        return { id, page: Number(page), group: Number(group) };
      }));
    },
  };
})();
