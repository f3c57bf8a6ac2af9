import { anyText, dollars, matching, milliseconds, oneOf, webUrl, wholeNumber } from '../values.ts';
import { variable } from '../variable.ts';

export const aiVariables = {
  AI_PROVIDER: variable(oneOf('auto', 'openai', 'anthropic', 'local'), {
    meaning:
      'Who answers. auto: for documents, mails and briefs Anthropic, else OpenAI, else local; for the rest OpenAI, else Anthropic, else local; whoever has a key. local needs no key and no network.',
    default: 'auto',
  }),
  OPENAI_API_KEY: variable(anyText, { meaning: 'Key of OpenAI.', secret: true }),
  OPENAI_BASE_URL: variable(webUrl('https://api.openai.com/v1'), { meaning: 'Any server that speaks the OpenAI API. Not set: OpenAI’s own.' }),
  OPENAI_MODEL: variable(anyText, { meaning: 'Model for text.', default: 'gpt-6-luna' }),
  OPENAI_EMBEDDING_MODEL: variable(anyText, {
    meaning:
      'Model for embeddings. They are stored with it and never mixed: a new model means embedding again. Without a key, or where all is to stay local: a small English one.',
    default: 'text-embedding-3-small',
  }),
  ANTHROPIC_API_KEY: variable(anyText, { meaning: 'Key of Anthropic.', secret: true }),
  ANTHROPIC_BASE_URL: variable(webUrl('https://api.anthropic.com'), {
    meaning: 'Any server that speaks the Anthropic API. Not set: Anthropic’s own.',
  }),
  ANTHROPIC_MODEL: variable(anyText, { meaning: 'Model for text.', default: 'claude-haiku-5-5' }),
  AI_TIMEOUT_MS: variable(milliseconds(1_000), {
    meaning: 'Longest wait for one answer of a model, in ms. Short: long answers are cut off and paid for again.',
    default: '60000',
  }),
  AI_DAILY_BUDGET_USD: variable(dollars, {
    meaning: 'Calls that cost money stop once so many dollars were spent since 00:00 UTC, by all processes. Not set: no limit.',
  }),
  ANALYSIS_SAMPLE_LIMIT: variable(wholeNumber(100, 1_000_000), {
    meaning: 'Beyond so many responses the rest of a conversation is assigned to the nearest theme instead of clustered.',
    default: '10000',
  }),
};

export const googleVariables = {
  GOOGLE_CLIENT_ID: variable(anyText, { meaning: 'OAuth client for Gmail and Drive; with GOOGLE_CLIENT_SECRET.' }),
  GOOGLE_CLIENT_SECRET: variable(anyText, { meaning: 'See GOOGLE_CLIENT_ID.', secret: true }),
  GOOGLE_API_ROOT_URL: variable(webUrl('https://www.googleapis.com'), { meaning: 'Another server for Google’s APIs. Not set: Google’s own.' }),
  GOOGLE_AUTH_URL: variable(webUrl('https://accounts.google.com/o/oauth2/v2/auth'), {
    meaning: 'Another server for Google’s consent page. Not set: Google’s own.',
  }),
  GOOGLE_TOKEN_URL: variable(webUrl('https://oauth2.googleapis.com/token'), {
    meaning: 'Another server for Google’s tokens. Not set: Google’s own.',
  }),
  GOOGLE_PUBSUB_TOPIC: variable(anyText, {
    meaning: 'Topic for push notices of new mail: projects/<project>/topics/<topic>; with GOOGLE_PUBSUB_AUDIENCE.',
  }),
  GOOGLE_PUBSUB_AUDIENCE: variable(anyText, { meaning: 'Audience that the push subscription signs its notices for.' }),
  GOOGLE_PUBSUB_SERVICE_ACCOUNT: variable(anyText, {
    meaning:
      'E-mail address of the service account that the push subscription signs as; with GOOGLE_PUBSUB_AUDIENCE. Not set: notices signed by any of Google’s service accounts for the audience are taken.',
  }),
  GMAIL_QUOTA: variable(oneOf('2026', 'older'), {
    meaning: 'Quota of your Google Cloud project: 2026 (made since May 2026: 300 messages a minute and user) or older (3,000).',
    default: '2026',
  }),
  BATCH_SIZE: variable(wholeNumber(1, 100), { meaning: 'Messages asked for in one call. More than 50 runs into Google’s limits.', default: '20' }),
  MAX_RESULTS: variable(wholeNumber(1, 1_000_000), { meaning: 'Most messages of one fetch that names no number.', default: '500' }),
};

const tenant = matching(/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/, 'common, organizations, consumers, or the id or a domain of a tenant');

export const microsoftVariables = {
  MICROSOFT_CLIENT_ID: variable(anyText, { meaning: 'OAuth client for Outlook, OneDrive and SharePoint; with MICROSOFT_CLIENT_SECRET.' }),
  MICROSOFT_CLIENT_SECRET: variable(anyText, { meaning: 'See MICROSOFT_CLIENT_ID.', secret: true }),
  MICROSOFT_TENANT_ID: variable(tenant, {
    meaning:
      'Whose accounts may connect: common (all), organizations (of work and school), consumers (personal), or one tenant by its id or a domain of it.',
    default: 'common',
  }),
  GRAPH_BASE_URL: variable(webUrl('https://graph.microsoft.com'), { meaning: 'Another server for Microsoft Graph. Not set: Microsoft’s own.' }),
  MICROSOFT_AUTH_URL: variable(webUrl('https://login.microsoftonline.com/common/oauth2/v2.0/authorize'), {
    meaning: 'Another server for Microsoft’s consent page. Not set: Microsoft’s own.',
  }),
  MICROSOFT_TOKEN_URL: variable(webUrl('https://login.microsoftonline.com/common/oauth2/v2.0/token'), {
    meaning: 'Another server for Microsoft’s tokens. Not set: Microsoft’s own.',
  }),
};
