/** UTF-16 units of one answer: some 2,500 tokens. Longer texts are documents, not answers. */
export const MAX_ANSWER_CHARACTERS = 10_000;
export const MAX_EXTERNAL_ID_CHARACTERS = 200;
