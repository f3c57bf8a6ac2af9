import type { LocalTask } from '../ai/contract.ts';
import { type BriefAnswer, TOPICS } from './contract.ts';
import { chosen } from './prose.ts';

const LINE = /^\[(f\d+)\] \((\w+)(, must)?\) (.+)$/u;

/** What the local provider does for the prompt `daily-brief`: it adds no words, the facts are its sentences. Deterministic. */
const briefLocally: LocalTask = (data): BriefAnswer => {
  const facts = (data.facts ?? '').split('\n').flatMap((line) => {
    const [, id, topic, must, text] = LINE.exec(line) ?? [];
    return id === undefined || text === undefined ? [] : [{ id, topic, must: must !== undefined, text }];
  });
  const sections = TOPICS.map((topic) => ({
    topic,
    sentences: chosen(facts.filter((fact) => fact.topic === topic)).map(({ id, text }) => ({ text, facts: [id] })),
  }));
  // No headline: one that is made of counts stands there.
  return { headline: { text: '', facts: [] }, sections: sections.filter(({ sentences }) => sentences.length > 0) };
};

export default briefLocally;
