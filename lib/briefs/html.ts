import type { BriefContent } from './contract.ts';
import { framed } from './frame.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escapeHtml = (text: string): string => text.replace(/[&<>"']/gu, (character) => ENTITIES[character] ?? '');

const STYLE = {
  body: 'margin:0;padding:24px;background:#ffffff;color:#1a1a1a;font:16px/1.5 -apple-system,Segoe UI,Helvetica,Arial,sans-serif',
  main: 'max-width:640px;margin:0 auto',
  h1: 'font-size:22px;line-height:1.3;margin:0 0 8px',
  line: 'font-size:13px;color:#5a5a5a;margin:0',
  lead: 'font-size:17px;font-weight:600;margin:16px 0',
  h2: 'font-size:15px;margin:24px 0 4px;border-bottom:1px solid #dddddd;padding-bottom:4px',
  list: 'margin:8px 0;padding-left:20px',
  item: 'margin:0 0 8px',
};

/** A whole page for mail clients and browsers: inline style, no script, nothing loaded from anywhere, no links. */
export function toHtml(content: BriefContent): string {
  const { title, lead, lines, parts } = framed(content);
  const element = (name: string, style: string, text: string) => `<${name} style="${style}">${escapeHtml(text)}</${name}>`;
  const sections = parts.map(({ heading, sentences }) => {
    const items = sentences.map((text) => element('li', STYLE.item, text)).join('\n');
    return `${element('h2', STYLE.h2, heading)}\n<ul style="${STYLE.list}">\n${items}\n</ul>`;
  });
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title></head>
<body style="${STYLE.body}"><div style="${STYLE.main}">
${[element('h1', STYLE.h1, title), ...lines.map((line) => element('p', STYLE.line, line)), element('p', STYLE.lead, lead), ...sections].join('\n')}
</div></body>
</html>
`;
}
