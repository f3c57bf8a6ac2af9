import * as lists from 'stopword';

// Languages are told by their stop words ("small words", Grefenstette 1995) and not by the detector of lib/reviews: that one is asynchronous
// and takes 86 MB and 0.4 s, which each analysis thread would pay; these lists are needed anyway and take 1.5 MB.

const LISTS = {
  en: lists.eng,
  es: lists.spa,
  de: lists.deu,
  fr: lists.fra,
  it: lists.ita,
  pt: lists.por,
  nl: lists.nld,
  da: lists.dan,
  nb: lists.nob,
  sv: lists.swe,
  fi: lists.fin,
  et: lists.est,
  lv: lists.lav,
  lt: lists.lit,
  pl: lists.pol,
  cs: lists.ces,
  sk: lists.slk,
  sl: lists.slv,
  hr: lists.hrv,
  hu: lists.hun,
  ro: lists.ron,
  ca: lists.cat,
  bg: lists.bul,
  ru: lists.rus,
  uk: lists.ukr,
  el: lists.ell,
  tr: lists.tur,
  ar: lists.ara,
  fa: lists.fas,
  ur: lists.urd,
  he: lists.heb,
  hi: lists.hin,
  bn: lists.ben,
  id: lists.ind,
  vi: lists.vie,
  th: lists.tha,
  ko: lists.kor,
  ja: lists.jpn,
  zh: lists.zho,
} as const;

/** What the lists lack: short forms, helping verbs, and what people say around an opinion ("I think there should really be …"). */
const MORE: Readonly<Record<string, string>> = {
  en: `no not nor don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't cannot couldn't shouldn't haven't hasn't hadn't ain't
    i'm i've i'd i'll you're you've you'd you'll he's she's it's we're we've we'd we'll they're they've they'd they'll that's there's what's
    who's here's let's will just even ever yet else does doing done did being having us me he she they them who whom whose why when there
    then than ones something anything everything nothing someone anyone everyone somebody anybody everybody one two per via etc really quite
    rather already always often sometimes maybe perhaps think feel believe guess know want wants wanted need needs needed would like going
    gonna get gets getting got make makes making go goes put let lot lots much many few little thing things way ways kind sort actually
    basically definitely certainly especially currently enough able instead without within against along around among upon until till though
    although because so too again off down out whether unless i'd ill im ive dont doesnt didnt isnt cant wont shouldnt wouldnt couldnt thats
    theres its seem seems please see say says said yes ok okay keep every each any other others own well also may shall must`,
  es: `es son era eran fue fueron ser está están estaba estar hay había haber han has he hemos si solo sólo todo toda todos todas tan tanto
    mucho mucha muchos muchas más menos creo pienso quiero quisiera deberían debería debe deben puede pueden hacer hace tener tiene tienen
    esta este estos estas esos esas esa aquí ahí así cada unos unas bien mejor ellos ellas nosotros nuestra nuestro nuestros nuestras e le
    les ni nada algo alguien siempre nunca ya pues entonces aunque mientras porque`,
  fr: `très trop plus moins bien tout tous toute toutes aussi si peut peuvent faut doit doivent devrait devraient comme donc car ni rien
    quelque quelques chaque toujours jamais encore déjà pense crois veux voudrais va vont ça non oui autre autres beaucoup peu afin`,
  de: `sollte sollten müsste müssten könnte könnten würde würden finde denke glaube meine wäre gibt gerne mal halt eben wünsche bitte`,
  it: `è sono era erano essere ha hanno ho abbiamo avere non che chi cui come dove quando se ma e ed o anche più meno molto molti molte
    poco tutto tutti tutta tutte questo questa questi queste quello quella si ci vi lo la le gli i il un una uno dovrebbe dovrebbero può
    possono fare credo penso vorrei così troppo sempre mai ogni c'è`,
  pt: `é são foi foram ser está estão estar há ter tem têm deve devem deveria deveriam pode podem fazer faz acho penso quero gostaria mais
    menos tudo todo toda todos todas cada sempre nunca aqui ali assim onde porque bem pouco pouca poucos poucas`,
  zh: `我们 你们 他们 这个 那个 这些 那些 什么 怎么 因为 所以 但是 如果 可以 应该 觉得 认为 希望 没有 不是 非常 太 更多 一些 一个 以及 而且 还是 还有 就是 真的 需要 能 要 让 给 从 用
    以 被 将 才 却 再 最 比 想 去 上 下 里 大家 很多 比较 有点 根本 现在 时候 能够 并且 或者 不要 不能 不会 总是`,
  ja: `です ます ました ません でし まし たい ほしい 欲しい 思い 思う 思っ ください くだ さい とても もっと もう すごく すぎる すぎ いつも みんな 私 僕 方 人 何 どう そう こう どこ どの
    あの この その よく よい 良い いい 多い 少ない 少な なり なる なけれ たら たち けど けれど から まで だけ しか くらい ぐらい ん じゃ ね よ わ さん 的 中 時 今 等 増 増え 欲 感じ 感じる
    にくい やすい たく 必要 是非 ぜひ`,
  ko: `은 는 이 가 을 를 의 에 도 로 더 너무 정말 많이 좀 잘 안 못 있는 있습니다 없습니다 합니다 좋겠습니다 생각합니다 같습니다`,
};

export const LANGUAGES: readonly string[] = Object.keys(LISTS);

/** Each stop word, lower case, with the indices of the languages in which it is one. */
const languagesOf = new Map<string, number[]>();
for (const [index, [language, list]] of Object.entries(LISTS).entries()) {
  const words = new Set([...list, ...(MORE[language]?.split(/\s+/u) ?? [])].map((word) => word.normalize('NFC').toLowerCase()));
  for (const word of words) languagesOf.set(word, [...(languagesOf.get(word) ?? []), index]);
}

const NONE: readonly number[] = [];

/** Indices in `LANGUAGES` of those that have this word, in lower case and with straight apostrophes, as a stop word. */
export function stopWordIn(word: string): readonly number[] {
  return languagesOf.get(word) ?? NONE;
}

const indexOf = (language: string): number => LANGUAGES.indexOf(language);
const KANA = /[\p{sc=Hiragana}\p{sc=Katakana}]/u;
const HANGUL = /\p{sc=Hangul}/u;
const HAN = /\p{sc=Han}/u;
const THAI = /\p{sc=Thai}/u;

/** The language that a script gives away; -1 where it does not. */
export function languageOfScript(text: string): number {
  if (KANA.test(text)) return indexOf('ja');
  if (HANGUL.test(text)) return indexOf('ko');
  if (HAN.test(text)) return indexOf('zh');
  return THAI.test(text) ? indexOf('th') : -1;
}
