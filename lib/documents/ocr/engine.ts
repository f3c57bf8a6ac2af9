import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The part of Tesseract's own interface that is used here, as tesseract.js-core exports it. */
interface TessBaseAPI {
  Init(dataPath: string | null, languages: string, engine: number, config: undefined): number;
  SetVariable(name: string, value: string): boolean;
  /** Reads `/input`; `exif` as in EXIF, the angle clockwise in radians. 1: it cannot be read. */
  SetImageFile(exif: number, angle: number): number;
  FindLines(): number;
  /** How far the lines lean, in radians; 0 where none were found. */
  GetGradient(): number;
  Recognize(monitor: null): number;
  GetTSVText(): string;
  MeanTextConf(): number;
  Clear(): void;
}

interface Core {
  FS: { writeFile(path: string, data: Uint8Array): void };
  TessBaseAPI: new () => TessBaseAPI;
}

type CoreFactory = (options: { print(line: string): void; printErr(line: string): void; TesseractProgress(): void }) => Promise<Core>;

export interface EngineOptions {
  /** A folder of `<language>.traineddata.gz`. */
  dataPath: string;
  /** Tesseract's names: `eng`, `deu`, … */
  languages: readonly string[];
}

export interface View {
  /** As in EXIF: 1 as it lies, 3 upside down. */
  orientation: number;
  /** Turned by so much before anything else, in radians. */
  angle: number;
  dpi: number | undefined;
}

/** What Tesseract finds on a picture held in one way. */
export interface Look {
  /** Its table of words: see `paragraphs`. */
  tsv: string;
  /** 0 to 1; means nothing without words. */
  confidence: number;
}

export interface Engine {
  /** The picture that `look` looks at. */
  put(image: Uint8Array): void;
  /** Undefined: the picture cannot be read. */
  look(view: View): Look | undefined;
}

/** Only the neural recogniser is in these builds and in the data. */
const LSTM_ONLY = 1;
/** Columns and paragraphs are found first; Tesseract's own default takes the whole page for one column and mixes the lines of two. */
const PAGE_SEGMENTATION_AUTO = '3';
/** Below (0.3 degrees) turning the picture costs more than it gains. */
const LEAST_TILT = 0.005;
const PICTURE = '/input';

/**
 * The second is for processors without vector instructions. The build with "relaxed" ones was not faster, and may read a page otherwise on another
 * kind of processor.
 */
const BUILDS = ['simd-lstm', 'lstm'];

/**
 * Tesseract's core without tesseract.js around it: that starts a thread of its own whose errors end the process, fetches what it does not find, and
 * cannot straighten a page that it turned before. Nothing in here knows of a network.
 */
export async function createEngine({ dataPath, languages }: EngineOptions): Promise<Engine> {
  const core = await loadCore();
  for (const language of languages) {
    core.FS.writeFile(`${language}.traineddata`, gunzipSync(readFileSync(join(dataPath, `${language}.traineddata.gz`))));
  }
  const api = new core.TessBaseAPI();
  if (api.Init(null, languages.join('+'), LSTM_ONLY, undefined) !== 0) throw new Error(`Tesseract cannot use its data for ${languages.join(', ')}`);
  api.SetVariable('tessedit_pageseg_mode', PAGE_SEGMENTATION_AUTO);
  return {
    put: (image) => core.FS.writeFile(PICTURE, image),
    look: (view) => look(api, view),
  };
}

async function loadCore(): Promise<Core> {
  const require = createRequire(import.meta.resolve('tesseract.js'));
  const silent = { print: () => {}, printErr: () => {}, TesseractProgress: () => {} };
  let failure: unknown;
  for (const build of BUILDS) {
    try {
      // Has no types; this is what tesseract.js calls it with.
      return await (require(`tesseract.js-core/tesseract-core-${build}`) as CoreFactory)(silent);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function look(api: TessBaseAPI, { orientation, angle, dpi }: View): Look | undefined {
  api.SetVariable('user_defined_dpi', String(dpi ?? 0));
  if (api.SetImageFile(orientation, angle) !== 0) return undefined;
  api.FindLines();
  const tilt = api.GetGradient();
  if (Math.abs(tilt) >= LEAST_TILT) api.SetImageFile(orientation, angle + tilt);
  api.Recognize(null);
  const found = { tsv: api.GetTSVText(), confidence: api.MeanTextConf() / 100 };
  api.Clear();
  return found;
}
