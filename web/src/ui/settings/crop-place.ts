// Which square of a picture shows in the crop dialog's window. Arithmetic only.
import type { Place } from '../media/zoom';

export interface Size {
  width: number;
  height: number;
}

/** The picture's size at scale 1: it just covers a square window of this side. */
export function covering(picture: Size, side: number): Size {
  const by = side / Math.min(picture.width, picture.height);
  return { width: picture.width * by, height: picture.height * by };
}

/** The square, in pixels of the picture, never beyond its edges. */
export function squareOf(picture: Size, side: number, { scale, x, y }: Place): { x: number; y: number; side: number } {
  const by = (side / Math.min(picture.width, picture.height)) * scale;
  const length = Math.min(side / by, picture.width, picture.height);
  const begin = (whole: number, moved: number) =>
    Math.min(whole - length, Math.max(0, whole / 2 - moved / by - length / 2));
  return { x: begin(picture.width, x), y: begin(picture.height, y), side: length };
}
