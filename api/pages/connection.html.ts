export interface ConnectionPage {
  title: string;
  text: string;
  /** For the person who asks for help. */
  code?: string;
}

/** For a page without scripts and pictures. */
export const CONNECTION_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What a browser shows at the end of a round trip that has nowhere to go back to. */
export function renderConnectionPage({ title, text, code }: ConnectionPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
${code === undefined ? '' : `<p><small>${escapeHtml(code)}</small></p>`}
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

const style = `
:root{color-scheme:light dark;--back:#faf8f4;--card:#fff;--line:#e7e2d8;--text:#1c1917;--soft:#6b645a}
@media(prefers-color-scheme:dark){:root{--back:#171513;--card:#211e1b;--line:#38332d;--text:#f2eee7;--soft:#a8a093}}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:34rem;margin:15vh auto 0;padding:1.5rem 2rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
h1{margin:0;font-size:1.35rem}
small{color:var(--soft)}
`;
