// Drawing a figure from its Vega-Lite specification. The same lines run in
// the page and, without a browser, when the report is written.
'use strict';
var XLChart = (function () {
  const quiet = {level() { return this; }, error() { return this; }, warn() { return this; }, info() { return this; }, debug() { return this; }};

  // measure makes Vega use one table of advance widths everywhere, so that a
  // figure has the same layout on every machine, with or without a canvas.
  // Widths are in thousandths of the font size, for each character.
  function measure(widths) {
    XL.textMetrics.width = function (item, text) {
      const t = text == null ? '' : String(text).trim();
      let w = 0;
      for (const c of t) w += widths[c] || (c.codePointAt(0) >= 0x1100 ? 1000 : 620);
      const bold = item.fontWeight === 'bold' || +item.fontWeight >= 600;
      return Math.round(w * (bold ? 1.08 : 1) * (item.fontSize || 11)) / 1000;
    };
  }

  // fit returns a copy of a specification for a given width in pixels. A
  // specification with panels says in usermeta.panels how wide they may be.
  function fit(spec, width) {
    const s = JSON.parse(JSON.stringify(spec)), p = s.usermeta && s.usermeta.panels;
    if (p) {
      const room = width - p.left;
      s.columns = Math.max(1, Math.min(p.most, Math.floor((room + p.gap) / (p.least + p.each + p.gap))));
      s.spec.width = Math.max(80, Math.floor((room - (s.columns - 1) * p.gap) / s.columns) - p.each);
    } else {
      s.width = width;
      s.autosize = {type: 'fit-x', contains: 'padding'};
    }
    wrapTitles(s, Math.max(12, Math.floor((s.spec && p ? s.spec.width + 20 : width - 30 - ((s.usermeta && s.usermeta.left) || 60)) / 6.6)));
    // A legend too wide for one row is set in columns.
    const legend = s.usermeta && s.usermeta.legend;
    if (legend && legend.each * legend.entries > width - 60) s.config.legend.columns = Math.max(1, Math.floor((width - 60) / legend.each));
    return s;
  }

  // wrapTitles breaks the titles of horizontal axes into lines.
  function wrapTitles(node, most) {
    if (node === null || typeof node !== 'object') return;
    for (const [key, x] of Object.entries(node)) {
      if (key === 'x' && x && typeof x === 'object') {
        for (const o of [x, x.axis]) if (o && typeof o.title === 'string') o.title = lines(o.title, most);
      } else if (key !== 'data' && key !== 'datasets') wrapTitles(x, most);
    }
  }

  function lines(text, most) {
    const out = [''];
    for (const word of text.split(' ')) {
      const last = out[out.length - 1];
      if (last && last.length + 1 + word.length > most) out.push(word);
      else out[out.length - 1] = last ? last + ' ' + word : word;
    }
    return out.length > 1 ? out : text;
  }

  function view(spec, width, options) {
    const compiled = XL.compile(fit(spec, width), {logger: options.logger || quiet}).spec;
    return new XL.View(XL.parse(compiled, null, {ast: true}), Object.assign({expr: XL.expressionInterpreter}, options.view));
  }

  // svg draws without a page. It leaves its result in out.
  function svg(text, width, out) {
    const say = (...args) => { out.warnings.push(args.map(String).join(' ')); return logger; };
    const logger = Object.assign({}, quiet, {warn: say, error: say});
    XL.resetSVGDefIds();
    XL.setRandom(XL.randomLCG(1));
    view(JSON.parse(text), width, {logger, view: {renderer: 'none', logger}}).toSVG().then(
      (s) => { out.svg = s; }, (e) => { out.error = String(e); });
  }

  return {measure, view, svg};
})();
