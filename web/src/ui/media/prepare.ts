// What happens to a file before it is sent. Photos are turned upright, made smaller and written anew, which leaves
// behind whatever the camera noted in them (the place above all), unless the original is wanted. Films, and photos that
// this browser cannot draw, stay as they are but for the place. What moves (GIF,
// animated WebP and PNG) stays as it is: drawing it anew would stop it.
import { mayHavePlace, mediaType, typeOf } from '../../mime';
import type { OutgoingFile } from '../../store/model';
import { withoutPlace } from './place';

/** Pixels of the longer side. */
const LONG = 2048;
const THUMB = 28;
/** A PNG under this keeps its sharp edges; larger ones are photos, whatever their name says. */
const PNG_MAX = 1_200_000;

export interface Wish {
  original: boolean;
}

const ascii = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** Does it move? Judged by its first bytes, because names and types lie. */
export function moves(head: Uint8Array): boolean {
  if (ascii(head, 0, 4) === 'GIF8') return true;
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 8) === 'WEBPVP8X') return ((head[20] ?? 0) & 2) !== 0;
  // An animated PNG says so before its first picture.
  if (ascii(head, 1, 3) !== 'PNG') return false;
  const text = ascii(head, 0, head.length);
  const control = text.indexOf('acTL');
  const data = text.indexOf('IDAT');
  return control > 0 && (data < 0 || control < data);
}

/** The size after scaling; never larger than it was. */
export function scaled(width: number, height: number, long = LONG): { width: number; height: number } {
  const by = Math.min(1, long / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * by)), height: Math.max(1, Math.round(height * by)) };
}

function withEnd(name: string, type: string): string {
  const end = type === 'image/png' ? '.png' : type === 'image/webp' ? '.webp' : '.jpg';
  const has = typeOf(name) === type;
  return has ? name : `${name.replace(/\.[a-z0-9]{1,5}$/i, '')}${end}`;
}

function draw(from: CanvasImageSource, width: number, height: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(from, 0, 0, width, height);
  return canvas;
}

function hasAlpha(canvas: OffscreenCanvas): boolean {
  // A small copy is enough to see whether anything shines through.
  const small = draw(canvas, 64, 64).getContext('2d')!.getImageData(0, 0, 64, 64).data;
  for (let i = 3; i < small.length; i += 4) if (small[i]! < 250) return true;
  return false;
}

async function dataAddress(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return `data:${blob.type};base64,${btoa(String.fromCharCode(...bytes))}`;
}

/** About 600 bytes that stand in for it while it loads. */
async function thumbOf(from: CanvasImageSource, width: number, height: number): Promise<string> {
  const small = scaled(width, height, THUMB);
  const canvas = new OffscreenCanvas(small.width, small.height);
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, small.width, small.height);
  context.drawImage(from, 0, 0, small.width, small.height);
  return dataAddress(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.5 }));
}

async function picture(file: File, type: string, wish: Wish): Promise<OutgoingFile | undefined> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    return undefined; // Not one that this browser can read.
  }
  try {
    const { width, height } = bitmap;
    const thumb = await thumbOf(bitmap, width, height);
    const head = new Uint8Array(await file.slice(0, 4096).arrayBuffer());
    if (wish.original || moves(head)) return { blob: file, info: { name: file.name, type, width, height, thumb } };
    const size = scaled(width, height);
    const canvas = draw(bitmap, size.width, size.height);
    let blob: Blob | undefined;
    if (type !== 'image/jpeg' && (type === 'image/png' || hasAlpha(canvas))) {
      blob = await canvas.convertToBlob({ type: 'image/png' });
      if (blob.size > PNG_MAX) blob = undefined;
    }
    if (!blob) {
      const clear = hasAlpha(canvas);
      blob = await canvas.convertToBlob({ type: clear ? 'image/webp' : 'image/jpeg', quality: 0.85 });
    }
    return { blob, info: { name: withEnd(file.name, blob.type), type: blob.type, ...size, thumb } };
  } finally {
    bitmap.close();
  }
}

/** Size, length and first moment of a video; nothing where the browser cannot play it. */
async function film(file: Blob, name: string, type: string): Promise<OutgoingFile> {
  const info: OutgoingFile['info'] = { name, type };
  const address = URL.createObjectURL(file);
  const video = document.createElement('video');
  video.muted = true;
  video.preload = 'auto';
  const event = (name: string) =>
    new Promise<void>((resolve, reject) => {
      video.addEventListener(name, () => resolve(), { once: true });
      video.addEventListener('error', () => reject(video.error), { once: true });
      setTimeout(() => reject(new Error(name)), 8000);
    });
  try {
    const loaded = event('loadeddata');
    video.src = address;
    await loaded;
    if (Number.isFinite(video.duration) && video.duration > 0) info.length = Math.round(video.duration * 1000);
    if (video.videoWidth > 0) {
      info.width = video.videoWidth;
      info.height = video.videoHeight;
      const sought = event('seeked');
      video.currentTime = Math.min(0.1, video.duration / 2 || 0.1);
      await sought;
      info.thumb = await thumbOf(video, video.videoWidth, video.videoHeight);
    }
  } catch {
    // It goes without.
  } finally {
    video.removeAttribute('src');
    URL.revokeObjectURL(address);
  }
  return { blob: file, info };
}

export async function prepare(file: File, wish: Wish): Promise<OutgoingFile> {
  const type = mediaType(file);
  if (/^image\/(?!svg)/.test(type)) {
    const done = await picture(file, type, wish);
    if (done) return done;
  }
  if (!wish.original && mayHavePlace(type)) {
    const { blob } = await withoutPlace(file);
    return type.startsWith('video/') ? film(blob, file.name, type) : { blob, info: { name: file.name, type } };
  }
  if (type.startsWith('video/')) return film(file, file.name, type);
  return { blob: file, info: { name: file.name, type } };
}
