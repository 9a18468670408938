// Muster glue. Optional: every flow works without it. No dependencies; htmx 4 events only.
(() => {
  const say = (text) => {
    document.getElementById("say").textContent = text;
  };

  const shut = () => document.querySelectorAll(".menu:popover-open").forEach((p) => p.hidePopover());
  document.addEventListener("submit", shut);
  // Focus goes back to the menu button, which a swap then keeps by its id.
  document.addEventListener("htmx:before:request", (e) => e.target.matches(".menu :is(a, button)") && shut());

  // A <dialog> that lands in #modal opens as a modal. When it ends, focus returns to its opener, even if that row was swapped.
  const open = () =>
    document.querySelectorAll("#modal > dialog:not([open])").forEach((d) => {
      shut(); // focus goes back to the menu button first
      const from = document.activeElement.id;
      d.showModal();
      d.addEventListener(
        "close",
        () => {
          d.remove();
          if (document.activeElement === document.body) document.getElementById(from)?.focus();
        },
        { once: true },
      );
    });
  document.addEventListener("htmx:after:swap", open);
  document.addEventListener("dialog:close", () => document.querySelector("dialog:modal")?.close()); // sent by HX-Trigger
  document.addEventListener("keydown", (e) => {
    // a dialog rendered as its own page
    if (e.key === "Escape") document.querySelector("dialog[open]:not(:modal) [data-close]")?.click();
  });

  document.addEventListener("click", async (e) => {
    const t = e.target.closest("[data-copy], [data-dismiss], [data-close], [data-print]");
    if (!t || e.metaKey || e.ctrlKey) return;
    if (t.dataset.copy != null) {
      if (!navigator.clipboard) {
        // plain http: select the value, so that Ctrl+C takes it
        getSelection().selectAllChildren(t.parentElement.firstElementChild);
        t.parentElement.querySelector("input")?.select();
        return say("Selected. Copy it with Ctrl+C.");
      }
      await navigator.clipboard.writeText(t.dataset.copy);
      const s = t.querySelector("span"),
        was = s.textContent;
      s.textContent = "Copied";
      say("Copied to clipboard");
      setTimeout(() => (s.textContent = was), 1600);
    } else if (t.dataset.dismiss != null) t.closest(".toast, .alert").remove();
    else if (t.dataset.close != null) {
      const d = t.closest("dialog:modal");
      if (d) {
        e.preventDefault();
        d.close();
      }
    } else if (t.dataset.print != null) print();
  });

  // What a row offers is a link to its page. Here it becomes a button with a menu of its own, copied into the cell when it is first wanted.
  const upgrade = () =>
    document.querySelectorAll("a[data-do]").forEach((a) => {
      const b = document.createElement("button");
      for (const { name, value } of a.attributes) b.setAttribute(name === "href" ? "data-at" : name, value);
      b.type = "button";
      b.setAttribute("popovertarget", "a" + b.id);
      b.append(...a.childNodes);
      const had = document.activeElement === a; // a swap keeps the focus by the id
      a.replaceWith(b);
      if (had) b.focus();
    });
  // Figures that move are asked for again while somebody is here: a page that is left alone must not keep a session alive.
  let here = Date.now();
  for (const kind of ["pointermove", "keydown", "scroll"]) addEventListener(kind, () => (here = Date.now()), { passive: true });
  setInterval(() => {
    if (document.visibilityState !== "visible" || Date.now() - here > 600000) return;
    for (const e of document.querySelectorAll("[data-live]")) e.dispatchEvent(new Event("refresh"));
  }, 15000);
  upgrade();
  document.addEventListener("htmx:after:swap", upgrade);
  const fit = (e) => {
    const b = e.target.closest("button[data-do]");
    if (!b || b.nextElementSibling) return;
    const menu = document.getElementById("row-menu").content.firstElementChild.cloneNode(true),
      may = b.dataset.do.split(" ");
    menu.querySelectorAll("a, button").forEach((t) => {
      const to = t.matches("a") ? "href" : "formaction",
        what = t.getAttribute(to);
      if (what && !may.includes(what)) return t.remove();
      t.setAttribute(to, b.dataset.at + (what && "/" + what));
      if (to !== "href") t.value = b.dataset.v;
    });
    if (!menu.querySelector(".danger")) menu.querySelector("hr").remove();
    menu.id = "a" + b.id;
    b.after(menu);
  };
  document.addEventListener("focusin", fit);
  document.addEventListener("click", fit, true);

  // The menu of a table's row: what opens a dialog, and what is done at once and answered with the row.
  document.addEventListener("click", (e) => {
    const t = e.target.closest("tbody .menu :is(a[data-d], button[formaction]:not([hx-post]))");
    if (!t || !window.htmx || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    if (t.matches("a")) htmx.ajax("GET", t.getAttribute("href"), { source: t, target: "#modal" });
    else
      htmx.ajax("POST", t.getAttribute("formaction"), {
        source: t,
        target: t.closest("tr"),
        swap: "outerHTML",
        values: { [t.name]: t.value },
      });
  });

  // Row selection: "all on this page", shift-click ranges, spoken count.
  let last;
  document.addEventListener("change", (e) => {
    const form = e.target.closest(".picked"),
      rows = form && [...form.querySelectorAll("tbody .c-check input")];
    if (!rows || !e.target.closest(".c-check")) return;
    if (e.target.matches("[data-check-all]")) rows.forEach((r) => (r.checked = e.target.checked));
    const n = rows.filter((r) => r.checked).length,
      all = form.querySelector("[data-check-all]");
    all.checked = n === rows.length;
    all.indeterminate = n > 0 && n < rows.length;
    say(`${n + keep(rows)} selected`);
  });

  // Selection over pages: what is ticked elsewhere waits in this tab until something is done with it.
  const NONE = { all: false, list: "", ids: [] };
  const form = () => document.getElementById("pick");
  const slot = () => "picks:" + form().getAttribute("action");
  const boxes = () => [...document.querySelectorAll('input[form="pick"]')];
  const read = () => {
    const saved = JSON.parse(sessionStorage.getItem(slot())) ?? NONE;
    return saved.all && saved.list !== form().elements.list.value ? NONE : saved;
  };
  // Writes what other pages hold into the form; how many of them are ticked.
  const carry = (saved) => {
    const here = new Set(boxes().map((b) => b.value)),
      away = saved.ids.filter((id) => !here.has(id));
    document.getElementById("kept").replaceChildren(
      ...away.map((id) => Object.assign(document.createElement("input"), { type: "hidden", name: saved.all ? "except" : "sel", value: id })),
    );
    document.getElementById("pick-all").setAttribute("value", saved.all ? "1" : "");
    document.getElementById("picked-more").textContent = away.length && !saved.all ? `+ ${away.length} on other pages` : "";
    return saved.all ? 0 : away.length;
  };
  const put = (saved) => {
    sessionStorage.setItem(slot(), JSON.stringify(saved));
    boxes().forEach((b) => (b.checked = saved.all !== saved.ids.includes(b.value)));
    const all = document.querySelector(".picked [data-check-all]"),
      n = boxes().filter((b) => b.checked).length;
    all.checked = n > 0 && n === boxes().length;
    all.indeterminate = n > 0 && !all.checked;
    return n + carry(saved);
  };
  const keep = (rows) => {
    if (!form() || !rows.includes(boxes()[0])) return 0;
    const saved = read(),
      ids = new Set(saved.ids);
    rows.forEach((r) => (r.checked === saved.all ? ids.delete(r.value) : ids.add(r.value)));
    const next = { ...saved, ids: [...ids] };
    sessionStorage.setItem(slot(), JSON.stringify(next));
    return carry(next);
  };
  const forget = (base) =>
    Object.keys(sessionStorage)
      .filter((key) => key.startsWith(`picks:${base}/`))
      .forEach((key) => sessionStorage.removeItem(key));
  // Something was done with the selection: a job's page, or a message with its Undo.
  const done =
    document.querySelector("[data-picks-done]")?.dataset.picksDone ??
    document.querySelector('.toast form[action*="/bulk/"]')?.getAttribute("action").split("/bulk/")[0];
  if (done != null) forget(done);
  const restore = () => form() && put(read());
  restore();
  document.addEventListener("htmx:after:swap", restore);
  document.addEventListener("click", (e) => {
    const t = e.target.closest("[data-pick-all], [data-pick-clear]");
    if (!t) return;
    e.preventDefault();
    const all = t.dataset.pickAll != null;
    put(all ? { all, list: form().elements.list.value, ids: [] } : NONE);
    say(all ? document.querySelector(".bulk .every").textContent : "0 selected");
    if (!all) document.querySelector(".picked [data-check-all]").focus();
  });
  document.addEventListener("click", (e) => {
    if (!e.target.matches("tbody .c-check input")) return;
    const rows = [...e.target.closest("tbody").querySelectorAll(".c-check input")];
    if (e.shiftKey && rows.includes(last)) {
      const [a, b] = [rows.indexOf(last), rows.indexOf(e.target)].sort((x, y) => x - y);
      rows.slice(a, b + 1).forEach((r) => (r.checked = e.target.checked));
    }
    last = e.target;
  });
})();
