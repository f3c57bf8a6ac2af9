import type { BriefContent } from './contract.ts';
import { framed } from './frame.ts';

/** Everything that Markdown reads as more than itself, and what would make a link of bare text. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_[\]<>~]|&(?=#?\w+;)/gu, '\\$&')
    .replace(/:(?=\/\/)/gu, '\\:')
    .replace(/(?<=\bwww)\./giu, '\\.')
    .replace(/@/gu, '\\@')
    .replace(/^([-+=#]|\d+[.)])/u, (mark) => `${mark.slice(0, -1)}\\${mark.slice(-1)}`);
}

/** For terminals, chats and the text part of mails. */
export function toMarkdown(content: BriefContent): string {
  const { title, lead, lines, parts } = framed(content);
  const sections = parts.map(
    ({ heading, sentences }) => `## ${escapeMarkdown(heading)}\n\n${sentences.map((text) => `- ${escapeMarkdown(text)}`).join('\n')}`,
  );
  const blocks = [
    `# ${escapeMarkdown(title)}`,
    lines.map((line) => `*${escapeMarkdown(line)}*`).join('  \n'),
    `**${escapeMarkdown(lead)}**`,
    ...sections,
  ];
  return `${blocks.join('\n\n')}\n`;
}
