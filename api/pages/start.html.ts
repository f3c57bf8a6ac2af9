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
  <div class="card" id="api"><i></i><b>API</b><span>checking…</span></div>
  <div class="card" id="worker"><i></i><b>Workers</b><span>checking…</span></div>
  <div class="card"><i class="on"></i><b>Mode</b><span>${modes[options.mode]}</span></div>
</section>
<section class="links">
  <a class="card" href="/docs"><b>API docs</b><span>Every route, to try out</span></a>
  ${options.board ? '<a class="card" href="/admin/queues"><b>Bull Board</b><span>Look into the queues</span></a>' : ''}
  <a class="card" href="/api/queue/stats"><b>Queue stats</b><span>Counts of every queue, as JSON</span></a>
  <a class="card" href="/health/ready"><b>Readiness</b><span>Queue and database, as JSON</span></a>
</section>
<section>
  <h2>Your key</h2>
  <p>Everything but this page and the docs needs an API key. ${whereTheKeyIs[options.mode]} When the browser asks for a name and password (Bull Board, stats), leave the name empty and give the key as the password.</p>
  <form id="look"><input id="key" type="password" placeholder="Paste a key to see the queues" autocomplete="off" aria-label="API key"><button>Show queues</button></form>
  <div id="queues" role="status"></div>
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

const modes = { embedded: 'embedded: one process', services: 'shared queue and database' } as const;

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
:root{color-scheme:light dark;--back:#faf8f4;--card:#fff;--line:#e7e2d8;--text:#1c1917;--soft:#6b645a;--accent:#b27c00;--code:#f3efe6}
@media(prefers-color-scheme:dark){:root{--back:#171513;--card:#211e1b;--line:#38332d;--text:#f2eee7;--soft:#a8a093;--accent:#f5b301;--code:#1b1916}}
*{box-sizing:border-box}
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
pre{margin:.6rem 0;padding:1rem;overflow-x:auto;background:var(--code);border:1px solid var(--line);border-radius:.75rem}
code{font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
form{display:flex;gap:.5rem;margin:.75rem 0}
input{flex:1;min-width:0;padding:.6rem .8rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.6rem}
button{padding:.6rem 1rem;font:inherit;font-weight:600;color:#1c1917;background:#f5b301;border:0;border-radius:.6rem;cursor:pointer}
table{width:100%;border-collapse:collapse;font-size:.9rem}
th,td{padding:.45rem .5rem;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:600}
`;

/** The key stays in the page: it is sent to this API and kept nowhere. */
const script = `
const show = (id, good, text) => {
  const card = document.getElementById(id);
  card.querySelector('i').className = good ? 'on' : 'off';
  card.querySelector('span').textContent = text;
};
const look = async () => {
  await fetch('/health/ready').then((answer) => show('api', answer.ok, answer.ok ? 'ready' : 'not ready'), () => show('api', false, 'not reachable'));
  await fetch('/api/worker/health').then((answer) => answer.json()).then(
    ({ healthy, lastPoll }) => show('worker', healthy, healthy ? 'polling' : lastPoll ? 'last seen ' + new Date(lastPoll).toLocaleTimeString() : 'none seen'),
    () => show('worker', false, 'unknown'),
  );
};
look();
setInterval(look, 10000);
const columns = ['waiting', 'active', 'delayed', 'completed', 'failed'];
const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
const row = (tag, texts) => {
  const line = document.createElement('tr');
  line.append(...texts.map((text) => cell(tag, text)));
  return line;
};
document.getElementById('look').addEventListener('submit', async (event) => {
  event.preventDefault();
  const place = document.getElementById('queues');
  const key = document.getElementById('key').value.trim();
  try {
    const answer = await fetch('/api/queue/stats', { headers: { authorization: 'Bearer ' + key } });
    const body = await answer.json();
    if (!body.success) throw new Error(body.error.message);
    const table = document.createElement('table');
    table.append(row('th', ['queue', ...columns]), ...Object.entries(body.stats).map(([name, counts]) => row('td', [name, ...columns.map((column) => counts[column])])));
    place.replaceChildren(table);
  } catch (error) {
    place.replaceChildren(cell('p', error.message));
  }
});
`;
