/** What stands below a mail and was written once for all mails: sign-offs and legal notices that the package does not know. */

/** Lines from a sign-off to the end of a mail that has a signature. */
const MOST_SIGNATURE_LINES = 14;
const LONGEST_SIGNATURE_LINE = 160;

const SIGN_OFFS = [
  '(?:yours )?(?:sincerely|faithfully|truly)(?: yours)?',
  '(?:kind|kindest|best|warm|warmest)(?: regards| wishes)?',
  'all the best',
  '(?:mit )?(?:freundliche[nm]?|viele[n]?|beste[n]?|herzliche[n]?|liebe|schöne[n]?) (?:grüße[n]?|grüsse[n]?|gruß|gruss)',
  'mfg|vg|lg',
  'hochachtungsvoll',
  '(?:bien )?cordialement|sincères salutations|salutations(?: distinguées)?|bien à vous',
  '(?:un |muchos )?(?:cordial(?:es)? )?saludos?(?: cordiale?s?)?|atentamente',
  '(?:cordiali|distinti) saluti|un saluto',
  'atenciosamente|cumprimentos|com os melhores cumprimentos',
  'met vriendelijke groet(?:en)?|groet(?:en|jes)?',
  '(?:med )?vänlig(?:a)? hälsning(?:ar)?|med venlig hilsen|mvh|vennlig hilsen',
  'z poważaniem|pozdrawiam',
];
const SIGN_OFF = new RegExp(`^[ \\t]{0,4}(?:${SIGN_OFFS.join('|')})[ ,.!]{0,3}$`, 'iu');

const NOTICE =
  /^[ \t*_]{0,6}(?:(?:confidentiality|privacy|legal|disclaimer)(?: notice)?[ :.]|disclaimer\b|(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication|transmission)\b.{0,120}\b(?:confidential|privileged|intended|addressee)|diese (?:e-?mail|nachricht)\b.{0,120}\bvertraulich|ce (?:message|courriel|mail)\b.{0,120}\bconfidentiel|este (?:mensaje|correo|email)\b.{0,120}\bconfidencial)/iu;
/** What mail servers put above mails from outside. */
const BANNER =
  /^[ \t*[]{0,6}(?:external(?: e-?mail)?[\]:]|caution ?:.{0,40}\bexternal|(?:caution|warning|attention) ?[:!-].{0,60}\b(?:originated|came|sent) (?:from )?outside|this (?:e-?mail|message) (?:originated|came|was sent) from outside)/iu;
const MOST_BANNER_LINES = 6;

export function withoutNotices(lines: readonly string[]): string[] {
  const body = lines.slice(bannerLines(lines));
  const notice = body.findIndex((line) => NOTICE.test(line.slice(0, 300)));
  const spoken = notice > 0 ? body.slice(0, notice) : body;
  return spoken.slice(0, signOffAt(spoken));
}

/** A banner is a paragraph at the very top. */
function bannerLines(lines: readonly string[]): number {
  const first = lines.findIndex((line) => line.trim() !== '');
  if (first === -1 || !BANNER.test((lines[first] ?? '').slice(0, 300))) return 0;
  const end = lines.findIndex((line, index) => index > first && line.trim() === '');
  return end === -1 || end - first > MOST_BANNER_LINES ? first + 1 : end;
}

function signOffAt(lines: readonly string[]): number {
  const from = Math.max(1, lines.length - 4 * MOST_SIGNATURE_LINES);
  for (let at = from; at < lines.length; at += 1) {
    if (isSignOff(lines[at]) && isSignature(lines.slice(at + 1))) return at;
  }
  return lines.length;
}

const isSignOff = (line = ''): boolean => line.length <= LONGEST_SIGNATURE_LINE && SIGN_OFF.test(line);

function isSignature(lines: readonly string[]): boolean {
  const said = lines.filter((line) => line.trim() !== '');
  return said.length <= MOST_SIGNATURE_LINES && said.every((line) => line.length <= LONGEST_SIGNATURE_LINE && !/^\s{0,3}>/.test(line));
}
