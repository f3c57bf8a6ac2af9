/** The phrases by which the local rules know requests, refusals, promises and deliveries. English; every gap in them is bounded. */

const phrase = (pattern: string): RegExp => new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'iu');

const GIVE =
  '(?:re-?)?(?:send|provide|share|upload|forward|deliver|return|sign|countersign|confirm|approve|complete|submit|supply|fill (?:in|out)|review|execute|release|pay|grant|answer|clarify|circulate|prepare|(?:get|let) (?:us|me)(?: have)?)';
const TO_WHOM = '(?: (?:us|me|over|back|them|across|through|to (?:us|me)|the team))?';
/** What is owed: it ends with its clause. */
const OBJECT = '([^.;!?\\n]{2,160})';

/** General talk, and words about blockers that name nothing. */
export const NOTHING_OWED = phrase(
  [
    'any(?:thing|body|one)?\\b[^.?!]{0,40}\\b(?:block|hold|wait)\\w*',
    '(?:nothing|no ?body|no one)\\b[^.?!]{0,40}\\b(?:block|hold|wait|missing|outstanding)\\w*',
    "no (?:more )?block(?:er|ers|age)|(?:not|n['’]t) (?:a )?block(?:er|ed|ing)",
    'hesitate|let (?:me|us) know (?:if|whether|should|in case)|feel free|if you (?:have|need|would|want)|in case you',
    "please (?:see|note|ignore|disregard|refer|accept|mark|keep|be (?:advised|aware)|do(?:n['’]t| not)|contact|call|let (?:me|us) know)",
  ].join('|'),
);

/** Each gives what is asked for; `owing` says who owes it, where the phrase does. */
export interface Asking {
  pattern: RegExp;
  from: 'addressee' | 'named' | 'anybody';
}

export const ASKING: readonly Asking[] = [
  {
    // "Anna needs to send …", "Anna to provide …"
    pattern: phrase(
      `(\\p{L}[^,.;:?!]{1,60}?) (?:still )?(?:needs? to|ha(?:s|ve) to|must|should|(?:is|are) to|to|owes?(?: us| me)?)(?: please| still| urgently)? ((?<=owes?(?: us| me)? )|${GIVE})${TO_WHOM} ${OBJECT}`,
    ),
    from: 'named',
  },
  {
    pattern: phrase(
      `(?:please|kindly|pls|(?:can|could|would|will) you|(?:need|want|asking|ask|require) you to|you (?:still )?(?:need|have) to|remind(?:er|ing you)? to)(?: please| kindly| also| still| urgently| now| again){0,2} (${GIVE})${TO_WHOM} ${OBJECT}`,
    ),
    from: 'addressee',
  },
  {
    pattern: phrase(
      `(?:cannot|can['’]t|can not|unable to|not (?:be )?able to|won['’]t) [^.;!?]{2,80}?\\b(?:until|till|without|unless|before)()(?: (?:we|i)(?: have| ['’]ve)?(?: received?| got| get| have| see)?)? ${OBJECT}`,
    ),
    from: 'anybody',
  },
  {
    pattern: phrase(
      `(?:blocked|on hold|stuck|held up|stalled|delayed)(?: (?:by|on|until|till|because of|due to|pending|without|for)) ()(?:(?:we|i)(?: have)?(?: received?| got| get| have) )?${OBJECT}`,
    ),
    from: 'anybody',
  },
  { pattern: phrase(`(?:waiting|wait) (?:for|on) ()${OBJECT}`), from: 'anybody' },
  { pattern: phrase(`(?:awaiting|pending|chasing) ()${OBJECT}`), from: 'anybody' },
  {
    pattern: phrase(
      `(?:we|i|they|the \\p{L}{2,20}|\\p{Lu}\\p{L}{1,30})(?:['’]re| are| am| is)?(?: still| also| now| urgently| really| only){0,2} (?:need|needs|require|requires|missing|lacking|lack) (?!to\\b|you to\\b|not\\b)()${OBJECT}`,
    ),
    from: 'anybody',
  },
];

/** Subject before the verb: "the lease is still missing". */
export const MISSING = phrase(
  '(?:is|are|was|were|remains?|seems? to be)(?: still| currently| now)? (?:missing|outstanding|overdue|pending|unsigned|incomplete|open)',
);

const DELIVERED =
  '(?:received|sent|arrived|signed|countersigned|attached|uploaded|provided|delivered|resolved|fixed|shared|approved|confirmed|answered|completed|paid|there)';

/** Owed as before, or again. */
export const REFUSED = phrase(
  [
    "still (?:missing|outstanding|open|pending|waiting|awaiting|blocked|stuck|need|needs|not|have|has|haven['’]t|hasn['’]t|don['’]t|do not|no|unsigned|incomplete|unresolved)",
    `(?:ha(?:s|ve)|wa[s]|were|is|are)(?: still)?(?: not|n['’]t)(?: yet| actually){0,2}(?: been)?(?: yet)? ${DELIVERED}`,
    `(?:not|never)(?: yet)? ${DELIVERED}`,
    "(?:have|did)(?: not|n['’]t)(?: yet)? (?:received?|got|get|seen|see|heard)",
    "(?:can(?:no|['’])t|cannot|could(?:n['’]t| not)|unable to) (?:open|read|find|access|use)",
    'corrupt(?:ed)?|unreadable|illegible|(?:wrong|old|outdated|previous|unsigned) (?:version|file|document|attachment|year|one|draft)',
    'not the (?:right|correct|final|latest|signed|full|one)',
    '(?:is|was|are|were)(?: still)? (?:incomplete|empty|outdated|unsigned)',
    'nothing (?:was |is )?attached|no attachment|forgot to attach|(?:page|pages|schedule|annex|appendix|signature|signatures)\\b[^.?!]{0,40}\\bmissing',
    're-?open(?:ed|ing)?',
  ].join('|'),
);

export const PROMISED = phrase(
  `(?:(?:i|we|you)(?:['’]ll| will| shall|['’]m going to| am going to| are going to)|will|shall)(?: now| also| then| be able to| try to| have| get| receive){0,2} (?:${GIVE}|get|have|come back|revert|chase|finish|follow up|look into|it|them)`,
);

/** No longer needed, or said to be over. */
const OVER = [
  'no longer (?:need|needed|needs|required|waiting|blocked|blocking|necessary|an issue|relevant)',
  "(?:do(?:es)?n['’]t|do(?:es)? not) need\\b[^.?!]{0,80}\\b(?:any ?more|any longer|after all|now)",
  'unblocked|never ?mind|can (?:now )?(?:proceed|go ahead|move (?:forward|on|ahead)|continue|close|sign)',
];

export const PAID = phrase(
  [
    ...OVER,
    "attached|enclosed|herewith|uploaded|here (?:is|are|you go|it is|they are)|here['’]s|(?:please|pls|kindly) find",
    `(?:ha(?:s|ve)|had|['’]ve|['’]s|was|were|is|are|been|all|now|just|already)\\b[^.;!?]{0,40}\\b(?:${DELIVERED}|settled|done|complete|finished|submitted|returned|cleared|in the data ?room|in place|on file|in order)`,
    `(?:we|i) (?:just |already |now )?(?:sent|signed|countersigned|received|uploaded|approved|shared|delivered|paid|returned|got|resolved|provided|submitted)`,
    'done|received(?:,)? (?:with )?(?:many )?thanks|(?:thanks|thank you)[^.?!]{0,40}\\breceived|got it|all (?:set|done|good|resolved|clear|received|there)|signed and returned|resolved|(?:thanks|thank you) for (?:sending|providing|sharing|uploading|the (?:signed|quick))',
  ].join('|'),
);
export const IS_OVER = phrase(OVER.join('|'));

/** What has not happened yet, and what is only supposed. */
export const NOT_YET = phrase(
  "will|['’]ll|shall|once|when|until|unless|if|as soon as|to be|needs? to|should|must|may|might|would|could|going to|not|never|(?:is|are|was|were|has|have|do|does|did|could|would)n['’]t|cannot|can['’]t|without|nothing",
);
