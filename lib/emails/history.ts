/**
 * Where the history begins that a mail program wrote below a reply. The package that cuts quotes knows lines that begin with ">" and some headings; what
 * it misses is found here: Outlook's block of "From: … Sent: …", "-----Original Message-----", headings over two or three lines and in other languages,
 * with text below them that no ">" marks. Every pattern is anchored, and looks at lines of bounded length.
 */

/** Headings and labels are shorter. */
const LONGEST_HEADING = 300;
const MOST_HEADING_LINES = 3;

/** Lines without what is history; a reply between or below quotes stays. */
export function withoutHistory(lines: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (isDivider(lines[at] ?? '') || isHeaderBlock(lines, at)) return withoutRule(kept);
    const heading = headingLines(lines, at);
    if (heading === 0) kept.push(lines[at] ?? '');
    else if (isQuote(nextText(lines, at + heading))) at += heading - 1;
    else return withoutRule(kept);
  }
  return kept;
}

const nextText = (lines: readonly string[], from: number): string => lines.slice(from, from + MOST_BLANKS).find((line) => line.trim() !== '') ?? '';
const MOST_BLANKS = 20;

const isQuote = (line: string): boolean => /^\s{0,3}>/.test(line);

/** Lines that mail programs draw above what they quote. */
function withoutRule(lines: readonly string[]): string[] {
  const last = lines.findLastIndex((line) => line.trim() !== '' && !/^\s{0,10}[-_=*]{3,200}$/.test(line));
  return lines.slice(0, last + 1);
}

const DIVIDERS = [
  'original message',
  'original appointment',
  'forwarded message',
  'forwarded by .{1,80}',
  'ursprüngliche nachricht',
  'weitergeleitete nachricht',
  'urspr\\. nachricht',
  "message d['’]origine",
  'message original',
  'message transféré',
  'message transmis',
  'mensaje original',
  'mensaje reenviado',
  'messaggio originale',
  'messaggio inoltrato',
  'mensagem original',
  'mensagem encaminhada',
  'oorspronkelijk bericht',
  'oorspronkelijke bericht',
  'doorgestuurd bericht',
  'ursprungligt meddelande',
  'originalmeddelande',
  'oprindelig besked',
  'oprindelig meddelelse',
  'opprinnelig melding',
  'alkuperäinen viesti',
  'wiadomość oryginalna',
  'oryginalna wiadomość',
  'původní zpráva',
  'eredeti üzenet',
  'исходное сообщение',
  'пересылаемое сообщение',
  'orijinal mesaj',
  '原始邮件',
  '转发的邮件',
  '元のメッセージ',
  '원본 메시지',
];
const DIVIDER = new RegExp(`^[ \\t*]{0,10}-{2,40} ?(?:${DIVIDERS.join('|')}) ?-{0,40}\\*{0,2}$`, 'iu');
const APPLE_FORWARD =
  /^(?:begin forwarded message|anfang der weitergeleiteten nachricht|début du message réexpédié|début du message transféré|inizio messaggio inoltrato|inicio del mensaje reenviado|begin doorgestuurd bericht) ?:$/iu;

function isDivider(line: string): boolean {
  return line.length <= LONGEST_HEADING && (DIVIDER.test(line) || APPLE_FORWARD.test(line));
}

const LABELS = {
  from: 'from|von|de|da|van|från|fra|lähettäjä|od|feladó|от|від|kimden|发件人|寄件者|差出人|보낸 사람',
  when: 'sent|date|gesendet(?: am)?|datum|envoyé(?: le)?|enviado(?: el| em)?|fecha|data(?: invio)?|inviato|verzonden(?: op)?|skickat|sendt|dato|lähetetty|wysłano|odesláno|elküldve|отправлено|дата|надіслано|gönderildi|tarih|gönderme tarihi|发送时间|日期|送信日時|보낸 날짜',
  to: 'to|an|à|para|a|aan|till|til|vastaanottaja|do|komu|címzett|кому|kime|收件人|宛先|받는 사람',
  subject: 'subject|betreff|objet|asunto|oggetto|assunto|onderwerp|ämne|emne|aihe|temat|předmět|tárgy|тема|konu|主题|件名|제목',
  other: 'cc|kopie|reply-to|antwort an|répondre à|organization|importance|attachments|anlagen',
};
const labelled = (names: string): RegExp => new RegExp(`^[ \\t]{0,4}\\*{0,2}(?:${names})[ \\u00a0]?(?::|：)\\*{0,2}(?:[ \\t\\u00a0]|\\S|$)`, 'iu');
const isFrom = labelled(LABELS.from);
const isOther = [labelled(LABELS.when), labelled(LABELS.to), labelled(LABELS.subject)];
const isAny = labelled(Object.values(LABELS).join('|'));
const MOST_BLOCK_LINES = 12;

/** A sender, and two of time, receivers and subject, in lines that follow each other; values may go on in the next line. */
function isHeaderBlock(lines: readonly string[], at: number): boolean {
  if (!isAny.test(head(lines[at]))) return false;
  const block: string[] = [];
  for (const line of lines.slice(at, at + MOST_BLOCK_LINES)) {
    if (line.trim() === '') break;
    block.push(head(line));
  }
  return block.some((line) => isFrom.test(line)) && isOther.filter((label) => block.some((line) => label.test(line))).length >= 2;
}

const head = (line = ''): string => line.slice(0, LONGEST_HEADING);

/** Verbs of "… wrote:". */
const WROTE =
  /(?:^|[\s>\])"”])(?:wrote|writes|schrieb|geschrieben|écrit|escribió|escribio|(?:ha )?scritto|escreveu|schreef|skrev|kirjoitti|napisał(?:a|\(a\))?|pisze|napsal(?:\(a\)|a)?|írta|написал(?:\(а\)|а)?|пишет|пише|написав|yazdı|şunu yazdı|ha scritto)(?=[\s:：<["(]|$)|写道|寫道|のメッセージ|작성/iu;
/** Day and time, or an address: "she wrote:" alone is a sentence. */
const WHEN_OR_WHO = /\d{1,2}[:.hH]\d{2}|\b(?:19|20)\d{2}\b|\S@\S|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}年/u;
const COLON_AT_END = /(?::|：)[ \t*_]{0,5}-{0,3}$/u;
const NO_COLON_AT_END = /\b(?:wrote|schrieb|a écrit|escribió)$/iu;
/** How such headings begin where the verb does not stand in their first line. */
const BEGINS = /^[ \t]{0,4}(?:-{1,3} ?)?(?:on|le|am|el|il|em|op|den|pe|w dniu|dnia|dne|vào|në|o|a|i|\d|"|\*|<|[\p{L}.'’"-]{1,30}[ ,]|在)/iu;

/** How many lines the heading of a quote takes at `at`; 0 where there is none. */
function headingLines(lines: readonly string[], at: number): number {
  if (!BEGINS.test(head(lines[at]))) return 0;
  let heading = '';
  for (let count = 1; count <= MOST_HEADING_LINES; count += 1) {
    const line = (lines[at + count - 1] ?? '').trim();
    if (line === '' || isQuote(line)) return 0;
    heading = `${heading} ${line}`.trimStart();
    if (heading.length > LONGEST_HEADING) return 0;
    // A greeting above the heading is no part of it.
    if (isHeading(heading)) return count === 1 || /[\d@<]/.test(head(lines[at])) ? count : 0;
    // A sentence that has ended goes on in no heading.
    if (/[.!?]$/.test(line) && !/\d\.$|\b\p{L}{2,5}\.$/u.test(line)) return 0;
  }
  return 0;
}

/** `2016-03-03 17:21 GMT+01:00 Some One <some.one@example.com>:`, without a verb. */
const DATE_AND_ADDRESS = /^(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}.{0,200}<[^<>]{0,10}\S@[^<>]{1,150}>[: ]?$/u;
/** `пн, 23 нояб. 2026 г. в 09:12, Some One <some.one@example.com>:` */
const DAY_AND_ADDRESS = /^\p{L}{2,4}\.?, \d{1,2} .{4,60}\d{1,2}:\d{2}.{0,120}<[^<>]{0,10}\S@[^<>]{1,150}>:$/u;

function isHeading(text: string): boolean {
  if (DATE_AND_ADDRESS.test(text) || DAY_AND_ADDRESS.test(text)) return true;
  return WROTE.test(text) && WHEN_OR_WHO.test(text) && (COLON_AT_END.test(text) || NO_COLON_AT_END.test(text));
}
