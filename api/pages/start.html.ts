import { createHash } from 'node:crypto';

export interface StartPage {
  html: string;
  /** For `script-src`: the page's one inline script, by its hash. */
  scriptHash: string;
}

export interface StartPageOptions {
  publicUrl: string;
  mode: 'embedded' | 'services';
  board: boolean;
}

/** The start page: one file, no requests but to this API. Made once per process. */
export function renderStartPage(options: StartPageOptions): StartPage {
  const scriptHash = `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Hivepulse</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(logo)}">
<style>${style}</style>
</head>
<body>
<main>
<header>
  ${logo}
  <div><h1>Hivepulse</h1><p>AI background jobs for Supabase apps: named queues, workers that write results to Postgres, and this API.</p></div>
</header>
<section class="lights" aria-label="Health">
  <a class="card" id="api" href="/health/ready"><i></i><b>API</b><span>checking…</span></a>
  <div class="card" id="worker"><i></i><b>Workers</b><span>checking…</span></div>
  <div class="card" id="jobs"><i></i><b>Jobs</b><span>with a key, below</span></div>
  <div class="card"><i class="on"></i><b>Mode</b><span>${modes[options.mode]}</span></div>
</section>
<section>
  <h2>Queues <small id="asof"></small></h2>
  <form id="look"><input id="key" type="password" placeholder="Paste an API key to see the queues" autocomplete="off" aria-label="API key"><button>Show queues</button></form>
  <div id="queues" class="wide"><p>Everything but this page and the docs needs an API key. ${whereTheKeyIs[options.mode]} When the browser asks for a name and password (Bull Board, stats), leave the name empty and give the key as the password.</p></div>
</section>
<section class="links">
  <a class="card" href="/docs"><b>API docs</b><span>Every route, to try out</span></a>
  ${options.board ? '<a class="card" href="/admin/queues"><b>Bull Board</b><span>Look into the queues</span></a>' : ''}
  <a class="card" href="/api/queue/stats"><b>Queue stats</b><span>Counts of every queue, as JSON</span></a>
  <a class="card" href="/metrics"><b>Metrics</b><span>For Prometheus</span></a>
</section>
<section>
  <h2>Create a story</h2>
  <p>It is scored at once; a worker then refines the scores with a language model, or on its own when no model is configured.</p>
  <pre><code>${escapeHtml(curl(options.publicUrl))}</code></pre>
  <p>The answer has a <code>jobId</code>. Ask for its state, and in the end its result:</p>
  <pre><code>${escapeHtml(`curl ${options.publicUrl}/api/stories/scoring/job/<jobId> \\\n  -H "Authorization: Bearer $HIVEPULSE_API_KEY"`)}</code></pre>
</section>
</main>
<script>${script}</script>
</body>
</html>
`;
  return { html, scriptHash };
}

const modes = { embedded: 'embedded', services: 'services' } as const;

const whereTheKeyIs = {
  embedded: 'One was made and printed in the terminal when this process started (unless API_KEYS names your own).',
  services: 'The keys are the ones in API_KEYS.',
} as const;

function curl(publicUrl: string): string {
  return `export HIVEPULSE_API_KEY=…

curl -X POST ${publicUrl}/api/stories \\
  -H "Authorization: Bearer $HIVEPULSE_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "title": "New AI Model Raises Privacy Concerns",
    "content": "A revolutionary AI model has been released. Critics warn of its risks to privacy.",
    "sectorTag": "AI Ethics",
    "impactTags": ["privacy"]
  }'`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="56" height="56" aria-hidden="true"><path d="M24 2 43 13v22L24 46 5 35V13Z" fill="#f5b301"/><path d="M9 26h8l4-11 6 19 4-8h8" fill="none" stroke="#1c1917" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

const style = `
:root{color-scheme:light dark;--back:#faf8f4;--card:#fff;--line:#e7e2d8;--text:#1c1917;--soft:#6b645a;--accent:#8f6300;--bad:#b91c1c;--code:#f3efe6}
@media(prefers-color-scheme:dark){:root{--back:#171513;--card:#211e1b;--line:#38332d;--text:#f2eee7;--soft:#a8a093;--accent:#f5b301;--bad:#f87171;--code:#1b1916}}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:56rem;margin:0 auto;padding:3rem 1.25rem 4rem}
header{display:flex;gap:1.1rem;align-items:center;margin-bottom:2rem}
header svg{flex:none}
h1{margin:0;font-size:2rem;line-height:1.1;letter-spacing:-.02em}
header p{margin:.35rem 0 0;color:var(--soft)}
h2{margin:2.25rem 0 .4rem;font-size:1.15rem}
p{margin:.4rem 0}
section p{color:var(--soft)}
.lights,.links{display:grid;grid-template-columns:repeat(auto-fit,minmax(11.5rem,1fr));gap:.75rem;margin-top:.75rem}
.card{display:block;position:relative;padding:.85rem 1rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;color:inherit;text-decoration:none}
.card b,.card span{display:block}
.card span{color:var(--soft);font-size:.875rem}
.lights .card{padding-left:2.1rem}
.lights i{position:absolute;left:1rem;top:1.35rem;width:.6rem;height:.6rem;border-radius:50%;background:#a8a29e}
.lights i.on{background:#16a34a}.lights i.off{background:#dc2626}
a.card:hover,a.card:focus-visible{border-color:var(--accent);outline:none}
a.card b{color:var(--accent)}
.lights a.card b{color:inherit}
pre{margin:.6rem 0;padding:1rem;overflow-x:auto;background:var(--code);border:1px solid var(--line);border-radius:.75rem}
code{font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
form{display:flex;gap:.5rem;margin:.75rem 0}
input{flex:1;min-width:0;padding:.6rem .8rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.6rem}
button{padding:.6rem 1rem;font:inherit;font-weight:600;color:#1c1917;background:#f5b301;border:0;border-radius:.6rem;cursor:pointer}
h2 small{font-size:.8rem;font-weight:400;color:var(--soft)}
.wide{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.9rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;border-spacing:0;font-variant-numeric:tabular-nums}
th,td{padding:.5rem .9rem;text-align:right;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:600}
td.none{color:var(--soft);opacity:.55}
td.active,td.waiting{color:var(--accent);font-weight:600}
td.failed{color:var(--bad);font-weight:600}
`;

/** The key stays in the page: it is sent to this API and kept nowhere. A link may bring it behind `#key=`, which browsers send to nobody. */
const script = `
const REFRESH_MS = 3000;
const columns = ['waiting', 'active', 'delayed', 'completed', 'failed'];
const at = (id) => document.getElementById(id);
const show = (id, good, text) => {
  at(id).querySelector('i').className = good === undefined ? '' : good ? 'on' : 'off';
  at(id).querySelector('span').textContent = text;
};
const cell = (tag, text, name = '') => Object.assign(document.createElement(tag), { textContent: text, className: name });
const row = (...cells) => {
  const line = document.createElement('tr');
  line.append(...cells);
  return line;
};
const dashed = (name) => name.replace(/[A-Z]/g, (letter) => '-' + letter.toLowerCase());
let key = new URLSearchParams(location.hash.slice(1)).get('key');
if (key !== null) history.replaceState(null, '', location.pathname);

const lookAtHealth = async () => {
  await fetch('/health/ready').then((answer) => show('api', answer.ok, answer.ok ? 'ready' : 'not ready'), () => show('api', false, 'not reachable'));
  await fetch('/api/worker/health').then((answer) => answer.json()).then(
    ({ healthy, lastPoll }) => show('worker', healthy, healthy ? 'polling' : lastPoll ? 'last seen ' + new Date(lastPoll).toLocaleTimeString() : 'none seen'),
    () => show('worker', false, 'unknown'),
  );
};
const showQueues = (stats) => {
  const total = (column) => Object.values(stats).reduce((sum, counts) => sum + counts[column], 0);
  const table = document.createElement('table');
  table.append(row(cell('th', 'queue'), ...columns.map((column) => cell('th', column))));
  for (const [name, counts] of Object.entries(stats))
    table.append(row(cell('td', dashed(name)), ...columns.map((column) => cell('td', counts[column].toLocaleString('en'), counts[column] === 0 ? 'none' : column))));
  at('queues').replaceChildren(table);
  at('look').hidden = true;
  at('asof').textContent = 'live, ' + new Date().toLocaleTimeString();
  show('jobs', true, total('waiting') + ' waiting, ' + total('active') + ' running');
};
const lookAtQueues = async ({ asked }) => {
  try {
    const answer = await fetch('/api/queue/stats', key ? { headers: { authorization: 'Bearer ' + key } } : {});
    const body = await answer.json();
    if (body.success) return showQueues(body.stats);
    key = null;
    at('look').hidden = false;
    if (asked) at('queues').replaceChildren(cell('p', body.error.message));
  } catch (error) {
    at('asof').textContent = 'not reachable';
    if (asked) at('queues').replaceChildren(cell('p', error.message));
  }
};
at('look').addEventListener('submit', (event) => {
  event.preventDefault();
  key = at('key').value.trim();
  at('key').value = '';
  lookAtQueues({ asked: true });
});
const refresh = () => {
  if (document.hidden) return;
  lookAtHealth();
  if (at('look').hidden) lookAtQueues({ asked: false });
};
lookAtHealth();
lookAtQueues({ asked: key !== null });
setInterval(refresh, REFRESH_MS);
`;
