/** A map to draw: where the answers stand and what they were put into. Coordinates are the analysis's own; axes have no unit. */
export interface MapPicture {
  title: string;
  /** One entry per answer. A point that is nowhere (NaN) is not drawn. */
  points: {
    x: Float32Array;
    y: Float32Array;
    /** Index into `themes`; -1 = outlier. */
    theme: Int32Array;
  };
  /** The largest first: colours and the legend follow this order. */
  themes: PictureTheme[];
  /** Pixels of the SVG, at least 480 x 320. The defaults leave room for a legend of all themes. */
  width?: number;
  height?: number;
}

export interface PictureTheme {
  name: string;
  /** Answers. */
  size: number;
  /** Of all answers, outliers included; 0 to 1. */
  share: number;
  /** Where its label should stand, in the coordinates of the points. */
  x: number;
  y: number;
}

export interface PngOptions {
  /** Pixels; the height follows. Default: twice the picture's width, for sharp slides. */
  width?: number;
}
