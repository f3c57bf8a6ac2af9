export const PERSONAL_DATA_KINDS = ['email', 'phone', 'credit_card', 'iban', 'order_number', 'address', 'name'] as const;
export type PersonalDataKind = (typeof PERSONAL_DATA_KINDS)[number];

export interface PersonalData {
  kind: PersonalDataKind;
  /** As it stands in the text; for comparing only, never to be stored or logged. */
  value: string;
}

const EMAIL = /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
/** At least seven digits with the marks people write between them. */
const PHONE = /(?<![\p{L}\p{N}#])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]?\(?\d{2,5}\)?){1,5}(?!\p{N})/gu;
const CARD = /(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)/gu;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b/gu;
const ORDER =
  /(?:order|booking|reservation|confirmation|invoice|reference|ticket|case|customer|pedido|reserva|factura|bestell\w*|buchungs?\w*|rechnungs?\w*|kunden\w*|commande|réservation|facture)(?:[ -]?(?:number|no\.?|nr\.?|id|code|nummer|número|numéro|n[º°]))?\s*[:#]?\s*#?(?<value>(?=[A-Z0-9-]*\d)[A-Z0-9-]{4,20})\b/giu;
const ADDRESS =
  /\b\d{1,5} (?:\p{Lu}[\p{L}'.-]+ ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Way|Square)\b|\b\p{Lu}[\p{L}-]+(?:straße|strasse|weg|gasse|platz|allee) \d{1,4}\b|\b(?:calle|avenida|rue|avenue|boulevard) (?:\p{L}+ ){0,3}\p{Lu}[\p{L}'-]+,? \d{1,4}\b|\b\d{1,4},? (?:rue|avenue|boulevard) (?:\p{L}+ ){0,3}\p{Lu}[\p{L}'-]+/gu;
const NAME =
  /\b(?:[Mm]y (?:full )?name is|[Mm]e llamo|[Mm]i nombre es|[Ii]ch hei(?:ß|ss)e|[Mm]ein Name ist|[Jj]e m['’]appelle|[Mm]on nom est)\s+(?<value>\p{Lu}[\p{L}'’-]+(?:\s+\p{Lu}[\p{L}'’-]+){0,3})/gu;

/** The writer's personal data in a text, by patterns: what they do not know (a name in passing, a plate) is not found. */
export function personalDataIn(text: string): PersonalData[] {
  const cards = found('credit_card', text, CARD).filter(({ value }) => isCardNumber(value));
  const ibans = found('iban', text, IBAN);
  const orders = found('order_number', text, ORDER);
  const taken = [...cards, ...ibans, ...orders];
  const phones = found('phone', text, PHONE).filter(
    ({ value }) => isPhoneNumber(value) && !taken.some((other) => other.value.includes(value.trim())),
  );
  return [...found('email', text, EMAIL), ...phones, ...taken, ...found('address', text, ADDRESS), ...found('name', text, NAME)];
}

export function kindsIn(text: string): PersonalDataKind[] {
  const kinds = new Set(personalDataIn(text).map(({ kind }) => kind));
  return PERSONAL_DATA_KINDS.filter((kind) => kinds.has(kind));
}

/** Whether `text` says one of the values, however it spaces them. */
export function repeats(text: string, { kind, value }: PersonalData): boolean {
  if (kind === 'name') return value.split(/\s+/u).some((part) => text.split(/[^\p{L}'’-]+/u).includes(part));
  return bare(text).includes(bare(value));
}

function bare(text: string): string {
  return text.toLowerCase().replace(/[\s().,/#-]/gu, '');
}

function found(kind: PersonalDataKind, text: string, pattern: RegExp): PersonalData[] {
  return [...text.matchAll(pattern)].map((match) => ({ kind, value: match.groups?.value ?? match[0] }));
}

function isPhoneNumber(value: string): boolean {
  const digits = value.replace(/\D/gu, '');
  // "2024-05-01" and "10.05.2024" are dates, "1 000 000" is a figure.
  const dated = /^\s*(?:(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d)\s*$/u.test(value);
  const figure = /^\d{1,3}(?:[ .]000)+$/u.test(value.trim());
  return digits.length >= 7 && digits.length <= 15 && !dated && !figure;
}

/** The check digit of card numbers (Luhn, ISO/IEC 7812-1). */
function isCardNumber(value: string): boolean {
  const digits = [...value.replace(/\D/gu, '')].reverse().map(Number);
  const sum = digits.reduce((total, digit, index) => total + (index % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2), 0);
  return digits.length >= 13 && sum % 10 === 0;
}
