// Builds the bundle that the report embeds in its page and runs under goja:
//
//	npm ci --ignore-scripts && npm run build
//
// writes internal/report/assets/{vega.min.js,vega.sha256,licences.txt}. The
// same versions give the same bytes; a Go test compares the digest.
import {build} from 'esbuild';
import {createHash} from 'node:crypto';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../internal/report/assets');

const result = await build({
  absWorkingDir: here,
  entryPoints: ['entry.mjs'],
  bundle: true,
  minify: true,
  format: 'iife',
  globalName: 'XL',
  platform: 'browser',
  target: 'es2017', // what goja runs; browsers run it as well
  charset: 'ascii',
  legalComments: 'none', // all licences are in licences.txt, which the page carries
  metafile: true,
  write: false,
});

const text = result.outputFiles[0].text.trim() + '\n';
for (const bad of ['</script', '<!--']) {
  // In a page these end or hide the script that they stand in.
  if (text.toLowerCase().includes(bad)) throw new Error(`the bundle contains ${bad}`);
}
writeFileSync(join(out, 'vega.min.js'), text);
writeFileSync(join(out, 'vega.sha256'), createHash('sha256').update(text).digest('hex') + '\n');

// Licences of the packages that contributed at least one byte.
const packages = new Set();
const [output] = Object.values(result.metafile.outputs);
for (const [file, {bytesInOutput}] of Object.entries(output.inputs)) {
  const match = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file);
  if (match && bytesInOutput > 0) packages.add(match[1]);
}
const texts = new Map(); // licence text → packages
for (const name of [...packages].sort()) {
  const dir = join(here, 'node_modules', name);
  const {version, license, author} = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  if (!/^(BSD-3-Clause|ISC|MIT|Apache-2.0)$/.test(license)) throw new Error(`${name}: licence ${license} is not on the list`);
  const file = readdirSync(dir).find((f) => /^(licen[sc]e|copying)/i.test(f));
  let body = file && existsSync(join(dir, file)) ? readFileSync(join(dir, file), 'utf8') : '';
  if (!body) body = `Copyright ${typeof author === 'string' ? author : author?.name ?? `the authors of ${name}`}\nLicensed under ${license}.`;
  body = body.replaceAll('\r\n', '\n').trim();
  if (!texts.has(body)) texts.set(body, []);
  texts.get(body).push(`${name} ${version} (${license})`);
}
writeFileSync(
  join(out, 'licences.txt'),
  [...texts].map(([body, names]) => names.join(', ') + '\n\n' + body + '\n').join('\n' + '-'.repeat(72) + '\n\n'),
);
console.log(`${packages.size} packages, ${text.length} bytes`);
