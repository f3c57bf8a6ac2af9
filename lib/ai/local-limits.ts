/** Shared by the thread and its parent, which must not load the model for them. */

/** Numbers of one vector. */
export const LOCAL_DIMENSIONS = 512;
/** Characters of a text that are read: about 4 windows of the model, or 350 English words. */
export const LONGEST_LOCAL_TEXT = 2_000;
