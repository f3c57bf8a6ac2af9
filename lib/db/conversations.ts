import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { analysisText, answerRow, parseConversation, parseTheme } from './conversation-rows.ts';
import type { ConversationsTable } from './conversation-types.ts';
import { requireUuid } from './job-rows.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { isUuid, jsonText, storableText } from './rows.ts';

const count = z.int();
const NO_COUNTS = { total: 0, counted: 0, duplicates: 0, notAnalysed: 0, outliers: 0, themes: 0 };
const counts = z.object({ total: count, counted: count, duplicates: count, notAnalysed: count, outliers: count, themes: count });
const added = z.object({ added: count, skipped: count });
const optional = (value: string | undefined) => (value === undefined ? null : storableText(value));

/** `conversations` and what belongs to them: as the service role, or as a signed-in user. */
export function createConversationsTable(client: Client): ConversationsTable {
  const themeOf = async (name: string, args: Record<string, unknown>) => {
    const found = await callJson(client, name, args, z.unknown());
    return found ? parseTheme(found) : undefined;
  };

  return {
    async create({ userId, title, id }) {
      const args = {
        p_user_id: userId === null ? null : requireUuid('userId', userId),
        p_title: storableText(title),
        // Made here, so that repeating the call after a lost answer stores one conversation.
        p_id: id === undefined ? randomUUID() : requireUuid('id', id),
      };
      return parseConversation(await callJson(client, 'create_conversation', args, z.unknown()));
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('conversations').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseConversation(found);
    },

    list: async ({ limit, cursor, userId }) => newestFirst(client, 'conversations', { limit, cursor, where: { user_id: userId } }, parseConversation),

    async counts(id) {
      return isUuid(id) ? callJson(client, 'conversation_counts', { p_conversation_id: id }, counts) : { ...NO_COUNTS };
    },

    async addAnswers(id, answers) {
      const args = {
        p_conversation_id: requireUuid('id', id),
        // With ids made here: repeating the call after a lost answer stores them once.
        p_responses: jsonText(answers.map(({ text, externalId }) => ({ id: randomUUID(), text, externalId }))),
      };
      return callJson(client, 'add_conversation_responses', args, added);
    },

    async answers(id, { after, limit }) {
      if (!isUuid(id)) return [];
      const args = { p_conversation_id: id, p_after: after, p_limit: limit };
      return callJson(client, 'conversation_responses_page', args, z.array(answerRow));
    },

    async themes(id) {
      if (!isUuid(id)) return [];
      const rows = await answer(
        client.from('conversation_themes').select().eq('conversation_id', id).order('size', { ascending: false }).order('position'),
      );
      return z.array(z.unknown()).parse(rows).map(parseTheme);
    },

    async renameTheme(id, themeId, { name, description }) {
      if (!isUuid(themeId)) return undefined;
      const change = { p_name: optional(name), p_description: optional(description) };
      return themeOf('rename_conversation_theme', { p_conversation_id: requireUuid('id', id), p_theme_id: themeId, ...change });
    },

    async mergeThemes(id, themeIds, { name }) {
      if (!themeIds.every(isUuid)) return undefined;
      const args = { p_conversation_id: requireUuid('id', id), p_theme_ids: jsonText(themeIds), p_name: optional(name) };
      return themeOf('merge_conversation_themes', args);
    },

    async saveAnalysis(analysis) {
      if (!isUuid(analysis.jobId) || !isUuid(analysis.conversationId)) return false;
      const args = { p_job_id: analysis.jobId, p_run_id: analysis.runId, p_analysis: analysisText(analysis) };
      return parseRow(z.boolean(), await answer(client.rpc('save_conversation_analysis', args)), 'save_conversation_analysis');
    },
  };
}
