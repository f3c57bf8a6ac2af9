/** Of the local rules for mails, and of how a mail's own words are found; stored with what they made. Raise it with every change of their answers. */
export const EMAIL_RULES_VERSION = '1';
