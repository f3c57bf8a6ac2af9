import type { Page } from './types.ts';

export type AnalysisStatus = 'idle' | 'queued' | 'processing' | 'succeeded' | 'failed' | 'cancelled';
export type ThemeSentiment = 'positive' | 'neutral' | 'negative' | 'mixed';

/** A row of `conversations`. */
export interface Conversation {
  id: string;
  userId: string | null;
  title: string;
  analysisStatus: AnalysisStatus;
  analysisError: string | null;
  /** What the latest analysis answered: the result of `analyze`. Null before the first. */
  analysis: unknown;
  /** The job that made it: two reads that show the same one are of one analysis. */
  analysisJobId: string | null;
  analysedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface ConversationCounts {
  /** Rows of `conversation_responses`. */
  total: number;
  /** Distinct answers that the latest analysis counted, outliers included. */
  counted: number;
  duplicates: number;
  /** Empty, or newer than the analysis. */
  notAnalysed: number;
  outliers: number;
  themes: number;
}

export interface NewAnswer {
  text: string;
  /** The caller's own id; an answer with the same one is not stored twice. */
  externalId?: string;
}

/** A row of `conversation_responses`. */
export interface Answer {
  id: string;
  /** Grows in the order of arrival; not without gaps. */
  position: number;
  text: string;
  themeId: string | null;
  /** On the map. Null = not analysed: empty, or newer than the analysis. */
  x: number | null;
  y: number | null;
  /** The theme's position when it was saved; -1 = outlier; null = not analysed. */
  cluster: number | null;
  /** The first answer with the same words; that one alone is counted. */
  duplicateOf: string | null;
  externalId: string | null;
}

export interface Keyword {
  term: string;
  /** Class-based TF-IDF, 0 to 1: the best term of a theme has 1. */
  score: number;
}

/** A row of `conversation_themes`. */
export interface Theme {
  id: string;
  conversationId: string;
  name: string;
  description: string;
  /** The most telling first. */
  keywords: Keyword[];
  /** Distinct answers. */
  size: number;
  /** As `size`, with equal answers counted each. */
  responses: number;
  /** Of all distinct answers that say something, outliers included; 0 to 1. */
  share: number;
  sentiment: ThemeSentiment;
  /** -1 to 1. */
  sentimentScore: number;
  /** Nearest to the theme's middle first. */
  representatives: { responseId: string; text: string }[];
  /** Each a substring of its answer, character for character. */
  quotes: { responseId: string; quote: string }[];
  /** Where its label stands on the map. */
  x: number | null;
  y: number | null;
  /** 0 = the largest. */
  position: number;
  /** 0 to 1: how much of it comes back together when the clustering is repeated; null when it could not be told. */
  stability: number | null;
  /** When a user gave it a name, which stays. */
  renamedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

/** What an analysis makes of a theme. `id` is the old one's where the theme was there before. */
export type NewTheme = Omit<Theme, 'conversationId' | 'renamedAt' | 'createdAt' | 'updatedAt'>;

/** Where an analysed answer stands. */
export interface PlacedAnswer {
  id: string;
  /** Its theme's position; -1 = outlier. */
  cluster: number;
  x: number;
  y: number;
  duplicateOf: string | null;
}

export interface AnalysisToSave {
  jobId: string;
  runId: string;
  conversationId: string;
  /** Goes to the job's row and to the conversation. */
  result: unknown;
  themes: readonly NewTheme[];
  /** Answers that are not named are shown as not analysed. */
  answers: readonly PlacedAnswer[];
}

export interface ConversationsTable {
  /** The same `id` again answers what is there; throws `InvalidInputError` when it is another user's. */
  create(conversation: { userId: string | null; title: string; id?: string }): Promise<Conversation>;
  get(id: string): Promise<Conversation | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; userId?: string }): Promise<Page<Conversation>>;
  /** What RLS lets the caller see; zeros where there is none. */
  counts(id: string): Promise<ConversationCounts>;
  /** Stores a page of answers, at most a few thousand, in one statement. Throws `NotFoundError`. */
  addAnswers(id: string, answers: readonly NewAnswer[]): Promise<{ added: number; skipped: number }>;
  /** In their order: those whose position is greater than `after` (0 at first). */
  answers(id: string, options: { after: number; limit: number }): Promise<Answer[]>;
  /** The largest first. */
  themes(id: string): Promise<Theme[]>;
  /** Undefined when there is no such theme. The name stays whatever later analyses say. Throws `NotFoundError` for the conversation. */
  renameTheme(id: string, themeId: string, change: { name?: string | undefined; description?: string | undefined }): Promise<Theme | undefined>;
  /** The first takes the answers of the others, which go. Undefined when one of them is not there. Throws `NotFoundError` for the conversation. */
  mergeThemes(id: string, themeIds: readonly string[], change: { name?: string | undefined }): Promise<Theme | undefined>;
  /** Saves all of it and ends the job's row, or nothing. False when the run no longer has the row. The service role alone. */
  saveAnalysis(analysis: AnalysisToSave): Promise<boolean>;
}

/** `embedding_cache`: paid for once, by content and model. The service role alone. */
export interface EmbeddingsTable {
  /** By hash; what is not there is absent. Unit-length rows of one length. */
  find(model: string, hashes: readonly string[]): Promise<Map<string, Float32Array>>;
  /** Those that are there already stay as they are. */
  store(model: string, embeddings: readonly { hash: string; vector: Float32Array }[]): Promise<void>;
}
