import terms from './terms.json' with { type: 'json' };

/** Of the terms and of the code that weighs them; stored with what they said. */
export const CLASS_RULES_VERSION = `class terms ${terms.version}.1`;
