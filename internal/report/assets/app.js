// The page: live figures, sorting, copying, saving. All of it is a
// convenience: without it the page shows the same figures and numbers.
'use strict';
(function () {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const json = (id) => JSON.parse($('#' + id).textContent);
  const root = document.documentElement;
  root.classList.add('js');
  XLChart.measure(json('widths'));
  const specs = json('specs'), points = json('points'), tables = json('tables');
  const views = {}, language = {}, widths = {};

  // Tooltips are text only: what they show comes from data.
  const tip = $('#tip');
  function tooltip(handler, event, item, value) {
    if (value == null || typeof value !== 'object') { tip.hidden = true; return; }
    tip.replaceChildren(...Object.entries(value).filter(([, v]) => v !== 'undefined' && v !== '').map(([k, v]) => {
      const row = document.createElement('div'), name = document.createElement('span');
      name.textContent = k + ' ';
      row.append(name, String(v));
      return row;
    }));
    tip.hidden = false;
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)) + 'px';
    tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8) + 'px';
  }
  addEventListener('scroll', () => { tip.hidden = true; }, {passive: true});
  addEventListener('keydown', (e) => { if (e.key === 'Escape') tip.hidden = true; });

  // rows unpacks the points of a figure for one language.
  function rows(id, code) {
    const p = points[id];
    return p.rows[code].map(([b, s, k, l, x, y, low, high]) => ({
      budget: p.text[b], series: p.text[s], kind: p.text[k], label: p.text[l], x, y, low: low == null ? y : low, high: high == null ? y : high,
    }));
  }

  async function draw(figure) {
    const id = figure.id, chart = $('.chart', figure), width = Math.floor(chart.clientWidth);
    if (width < 40) return;
    const spec = specs[id], code = language[id];
    widths[id] = width;
    const shown = code ? Object.assign({}, spec, {data: {values: rows(id, code)}}) : spec;
    const host = document.createElement('div');
    const view = XLChart.view(shown, width, {view: {renderer: 'svg', container: host, hover: true, tooltip}});
    await view.runAsync();
    for (const a of ['role', 'aria-roledescription', 'aria-label']) host.removeAttribute(a);
    const svg = $('svg', host);
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', spec.description);
    if (views[id]) views[id].finalize();
    chart.replaceChildren(host);
    views[id] = view;
    figure.dataset.live = '';
  }

  const waiting = new Set($$('figure[id]').filter((f) => specs[f.id]));
  let drawing = Promise.resolve();
  const later = (f) => { drawing = drawing.then(() => draw(f)).catch((e) => { figureFailed(f, e); }); return drawing; };
  function figureFailed(f, e) { f.dataset.failed = String(e); } // the drawing that came with the page stays
  const watch = new IntersectionObserver((entries) => {
    for (const e of entries) if (e.isIntersecting && waiting.delete(e.target)) { watch.unobserve(e.target); later(e.target); }
    drawing.then(() => { root.dataset.ready = ''; });
  }, {rootMargin: '800px'});
  for (const f of waiting) watch.observe(f);

  let timer;
  addEventListener('resize', () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      for (const id of Object.keys(views)) {
        const f = document.getElementById(id);
        if (Math.abs($('.chart', f).clientWidth - widths[id]) > 4) later(f);
      }
    }, 200);
  });

  for (const s of $$('select[data-figures]')) {
    s.addEventListener('change', () => {
      for (const id of s.dataset.figures.split(' ')) { language[id] = s.value; later(document.getElementById(id)); }
    });
  }

  // Tables: a click on a head sorts, a second one the other way round.
  for (const t of $$('table.sort')) {
    $$('thead th', t).forEach((th, i) => {
      const b = $('button', th);
      if (!b) return;
      b.addEventListener('click', () => {
        const now = th.getAttribute('aria-sort'), up = now ? now === 'descending' : !b.dataset.num; // numbers start with the largest
        for (const x of $$('thead th', t)) x.removeAttribute('aria-sort');
        th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        const key = (r) => { const v = r.cells[i].dataset.v; return v === undefined ? r.cells[i].textContent.trim() : b.dataset.num ? (v === '' ? -Infinity : +v) : v; };
        const body = t.tBodies[0];
        [...body.rows].map((r, n) => [key(r), n, r])
          .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (up ? 1 : -1) || a[1] - b[1])
          .forEach((x) => body.append(x[2]));
      });
    });
  }

  async function copy(text) {
    try { await navigator.clipboard.writeText(text); return true; } catch (e) { /* a page from a file may not: the old way */ }
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const ok = document.execCommand('copy');
    area.remove();
    return ok;
  }
  function save(name, type, text) {
    const a = document.createElement('a');
    a.download = name;
    a.href = URL.createObjectURL(new Blob([text], {type}));
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
  }
  const live = $('#live');
  for (const b of $$('button[data-copy]')) {
    const label = b.textContent;
    b.addEventListener('click', async () => {
      const ok = await copy(tables[b.dataset.table][b.dataset.copy]);
      b.textContent = ok ? 'Copied' : 'Could not copy';
      live.textContent = b.textContent;
      setTimeout(() => { b.textContent = label; live.textContent = ''; }, 1600);
    });
  }
  for (const b of $$('button[data-svg]')) {
    b.addEventListener('click', async () => {
      const id = b.dataset.svg, figure = document.getElementById(id), style = getComputedStyle(root);
      const text = views[id] ? await views[id].toSVG() : $('.chart svg', figure).outerHTML;
      save(id + '.svg', 'image/svg+xml', text.replace(/var\((--[a-z0-9]+)\)/g, (all, name) => style.getPropertyValue(name).trim()));
    });
  }
  for (const b of $$('button[data-save]')) {
    b.addEventListener('click', () => save(b.dataset.save, 'application/json', $('#summary').textContent));
  }

  // A link to something folded away unfolds it; so does printing.
  function reveal() {
    const at = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let e = at; e; e = e.parentElement) if (e.tagName === 'DETAILS') e.open = true;
    if (at) at.scrollIntoView();
  }
  addEventListener('hashchange', reveal);
  if (location.hash) reveal();
  let opened = [];
  addEventListener('beforeprint', () => { opened = $$('details:not([open])'); for (const d of opened) d.open = true; });
  addEventListener('afterprint', () => { for (const d of opened) d.open = false; });
})();
