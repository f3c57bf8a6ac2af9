import { expect, it } from 'vitest';
import type { BriefContent } from '../../lib/briefs/contract.ts';
import { lateNote } from '../../lib/briefs/frame.ts';
import { toHtml } from '../../lib/briefs/html.ts';
import { escapeMarkdown, toMarkdown } from '../../lib/briefs/markdown.ts';

const content = (changes: Partial<BriefContent> = {}): BriefContent => ({
  version: 1,
  dealId: 'd',
  deal: 'Project Falcon',
  report: 'daily',
  title: 'Daily brief',
  date: '2026-11-22',
  timeZone: 'America/New_York',
  edition: 2,
  trigger: 'schedule',
  dueAt: '2026-11-22T13:00:00.000Z',
  late: true,
  madeAt: '2026-11-22T14:10:00.000Z',
  coversFrom: '2026-11-21T13:00:00.000Z',
  coversTo: '2026-11-22T14:10:00.000Z',
  empty: false,
  headline: { text: '1 new high risk.', facts: ['f1'] },
  sections: [{ topic: 'risks', heading: 'Risks', sentences: [{ text: 'A high risk in “SPA_v2.pdf” (page 12).', facts: ['f1'] }] }],
  notes: ['late: was due 08:00, made 09:10'],
  facts: [],
  dropped: 0,
  provider: 'local',
  model: 'local',
  promptVersion: '1',
  ...changes,
});

it('a brief as Markdown', () => {
  expect(toMarkdown(content())).toBe(`# Daily brief: Project Falcon, 22 November 2026

*Edition 2, covers 21 November 2026, 08:00 to 22 November 2026, 09:10 (America/New\\_York)*  
*late: was due 08:00, made 09:10*

**1 new high risk.**

## Risks

- A high risk in “SPA\\_v2.pdf” (page 12).
`);
});

it.each([
  ['**bold** _it_ `code`', '\\*\\*bold\\*\\* \\_it\\_ \\`code\\`'],
  ['[click](http://evil.example)', '\\[click\\](http\\://evil.example)'],
  ['![x](//evil.example/a.png)', '!\\[x\\](//evil.example/a.png)'],
  ['<script>alert(1)</script>', '\\<script\\>alert(1)\\</script\\>'],
  ['# heading', '\\# heading'],
  ['1. item', '1\\. item'],
  ['- item', '\\- item'],
  ['www.evil.example bob@evil.example', 'www\\.evil.example bob\\@evil.example'],
  ['&lt;b&gt; A & B', '\\&lt;b\\&gt; A & B'],
  ['~~gone~~ back\\slash', '\\~\\~gone\\~\\~ back\\\\slash'],
  ['Sold for 1.5 (net)', 'Sold for 1.5 (net)'],
])('Markdown of others stays text: %s', (text, escaped) => {
  expect(escapeMarkdown(text)).toBe(escaped);
});

it('a brief as HTML holds no markup of others, and nothing that is loaded or leads anywhere', () => {
  const attack = `"><img src=x onerror=alert(1)><a href='javascript:x'>&amp;`;
  const html = toHtml(
    content({
      deal: attack,
      title: attack,
      headline: { text: attack, facts: [] },
      notes: [attack],
      sections: [{ topic: 'risks', heading: 'Risks', sentences: [{ text: attack, facts: [] }] }],
    }),
  );
  const tags = [...html.matchAll(/<\/?([a-z!][a-z0-9]*)/giu)].map(([, name = '']) => name.toLowerCase());
  expect(new Set(tags)).toEqual(new Set(['!doctype', 'html', 'head', 'meta', 'title', 'body', 'div', 'h1', 'p', 'h2', 'ul', 'li']));
  const attributes = [...html.matchAll(/<[a-z1-6]+ ([^>]*)>/gu)].flatMap(([, all = '']) =>
    [...all.matchAll(/([a-z-]+)="/gu)].map(([, name]) => name),
  );
  expect(new Set(attributes)).toEqual(new Set(['lang', 'charset', 'name', 'content', 'style']));
  expect(html).not.toMatch(/url\(|@import/u);
});

it('a late brief says when it was due, with the day where it is another', () => {
  expect(lateNote(content())).toBe('late: was due 08:00, made 09:10');
  expect(lateNote(content({ madeAt: '2026-11-23T14:10:00.000Z' }))).toBe('late: was due 08:00, made 23 November 2026, 09:10');
});
