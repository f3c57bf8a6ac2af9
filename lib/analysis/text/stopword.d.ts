/** The package ships no types; these are the lists that Hivepulse uses. */
declare module 'stopword' {
  type Words = readonly string[];
  export const ara: Words, ben: Words, bul: Words, cat: Words, ces: Words, dan: Words, deu: Words, ell: Words, eng: Words, est: Words;
  export const fas: Words, fin: Words, fra: Words, heb: Words, hin: Words, hrv: Words, hun: Words, ind: Words, ita: Words, jpn: Words;
  export const kor: Words, lav: Words, lit: Words, nld: Words, nob: Words, pol: Words, por: Words, ron: Words, rus: Words, slk: Words;
  export const slv: Words, spa: Words, swe: Words, tha: Words, tur: Words, ukr: Words, urd: Words, vie: Words, zho: Words;
}
