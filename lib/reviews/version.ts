/** Of the local rules and templates of `lib/reviews`; stored with what they made. Raise it with every change of their answers. */
export const REVIEW_RULES_VERSION = '1';
