// A file that travels with a message: stateless file sharing (XEP-0447) with its metadata (0446), and the bare address
// (0066) that older clients send and show. Whatever comes in here was written by a stranger.
import { typeOf } from '../../mime';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { safeThumb } from './thumb';

/** All of it was written by its sender; its form has been checked, not its truth. */
export interface SharedFile {
  /** Where it lies; http or https. Empty only while a file of ours has not been uploaded. */
  url: string;
  /** Never empty. */
  name: string;
  /** Media type, lower case, without parameters. */
  type: string;
  /** Bytes. */
  size?: number;
  /** Pixels, as it is to be shown. */
  width?: number;
  height?: number;
  /** Milliseconds. */
  length?: number;
  /** SHA-256, base64. */
  hash?: string;
  /** A very small picture of it, as a data: address. */
  thumb?: string;
  /** Loudness over time, 0 to 31 each: it is a voice message. */
  wave?: number[];
  /** To be kept rather than looked at. */
  attachment?: boolean;
}

const PIXELS_MAX = 65_535;
const LENGTH_MAX = 7 * 86_400_000;
const SIZE_MAX = 2 ** 50;
const NAME_MAX = 255;
export const WAVE_MAX = 100;
export const WAVE_TOP = 31;

/** The address as it may be loaded: http and https only, without a name and password in it. */
export function httpAddress(text: string | undefined): string | undefined {
  if (!text || text.length > 4000 || !/^https?:\/\//i.test(text)) return undefined;
  try {
    const url = new URL(text);
    return url.username || url.password || !url.hostname ? undefined : url.href;
  } catch {
    return undefined;
  }
}

function whole(text: string | undefined, max: number): number | undefined {
  if (!text || !/^\d{1,16}$/.test(text.trim())) return undefined;
  const n = Number(text);
  return n > 0 && n <= max ? n : undefined;
}

/** A name to show and to save under: one line, no folders, nothing that turns the reading direction. */
export function cleanName(text: string): string {
  const last = text.split(/[/\\]/).at(-1) ?? '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are taken out.
  const clean = last.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').trim();
  if (clean.length <= NAME_MAX) return clean;
  const dot = clean.lastIndexOf('.');
  const end = dot > clean.length - 12 ? clean.slice(dot) : '';
  return clean.slice(0, NAME_MAX - end.length) + end;
}

function nameIn(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return cleanName(decodeURIComponent(last)) || 'file';
  } catch {
    return cleanName(last) || 'file';
  }
}

/** What an address alone says of the file behind it. */
export function bareFile(url: string): SharedFile {
  const name = nameIn(url);
  return { url, name, type: typeOf(name) };
}

function readShared(share: El): SharedFile | undefined {
  const meta = share.child('file', NS.fileMeta);
  const sources = share.child('sources', NS.sfs)?.elements('url-data', NS.urlData) ?? [];
  const url = sources.map((s) => httpAddress(s.attr('target'))).find((u) => u !== undefined);
  if (!meta || !url) return undefined;
  const text = (name: string) => meta.child(name)?.text();
  const name = cleanName(text('name') ?? '') || nameIn(url);
  const said = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+/.exec((text('media-type') ?? '').trim().toLowerCase())?.[0];
  const file: SharedFile = { url, name, type: said ?? typeOf(name) };
  const numbers = [
    ['size', SIZE_MAX],
    ['width', PIXELS_MAX],
    ['height', PIXELS_MAX],
    ['length', LENGTH_MAX],
  ] as const;
  for (const [key, max] of numbers) {
    const n = whole(text(key), max);
    if (n !== undefined) file[key] = n;
  }
  const hash = meta
    .elements('hash', NS.hashes)
    .find((h) => h.attr('algo') === 'sha-256')
    ?.text()
    .trim();
  if (hash && /^[A-Za-z0-9+/]{43}=$/.test(hash)) file.hash = hash;
  const thumb = meta
    .elements('thumbnail', NS.thumbs)
    .map((el) => safeThumb(el.attr('uri') ?? ''))
    .find((uri) => uri !== undefined);
  if (thumb) file.thumb = thumb;
  const wave = meta.child('wave', NS.wave)?.text();
  if (wave && file.type.startsWith('audio/')) file.wave = readWave(wave);
  if (share.attr('disposition') === 'attachment') file.attachment = true;
  return file;
}

const DIGITS = '0123456789abcdefghijklmnopqrstuv';
const readWave = (text: string) => [...text.slice(0, WAVE_MAX)].map((c) => Math.max(0, DIGITS.indexOf(c)));
const writeWave = (wave: readonly number[]) => wave.map((n) => DIGITS[n] ?? '0').join('');

/** The file of a message, if it has one, and what is left of its body as words to it. */
export function readFile(el: El, body: string | undefined): { file: SharedFile; caption: string } | undefined {
  const share = el.child('file-sharing', NS.sfs);
  const file = share && readShared(share);
  if (file) return { file, caption: captionOf(el, body, file) };
  const url = httpAddress(el.child('x', NS.oob)?.child('url')?.text().trim());
  // Beside other words it is only a link.
  if (url && body !== undefined && httpAddress(body.trim()) === url) return { file: bareFile(url), caption: '' };
  return undefined;
}

/** The body without the part that stands in for the file. */
function captionOf(el: El, body: string | undefined, file: SharedFile): string {
  if (!body || httpAddress(body.trim()) === file.url) return '';
  const mark = el.elements('fallback', NS.fallback).find((f) => f.attr('for') === NS.sfs);
  const part = mark?.child('body');
  if (!mark) return body;
  if (!part || part.attr('start') === undefined) return '';
  // Counted in code points (XEP-0426).
  const points = [...body];
  const start = whole(part.attr('start'), points.length) ?? 0;
  const end = whole(part.attr('end'), points.length) ?? points.length;
  return start <= end ? [...points.slice(0, start), ...points.slice(end)].join('').trim() : body;
}

/** What goes into a message beside its body, which is the address and nothing else. */
export function fileElements(file: SharedFile): El[] {
  const value = (name: string, n: string | number | undefined) => n !== undefined && x(name, {}, String(n));
  return [
    x(
      'file-sharing',
      { xmlns: NS.sfs, disposition: file.attachment ? 'attachment' : 'inline' },
      x(
        'file',
        { xmlns: NS.fileMeta },
        value('media-type', file.type),
        value('name', file.name),
        value('size', file.size),
        value('width', file.width),
        value('height', file.height),
        value('length', file.length),
        !!file.hash && x('hash', { xmlns: NS.hashes, algo: 'sha-256' }, file.hash),
        !!file.thumb &&
          x('thumbnail', { xmlns: NS.thumbs, uri: file.thumb, 'media-type': /^data:([^;]+)/.exec(file.thumb)?.[1] }),
        !!file.wave?.length && x('wave', { xmlns: NS.wave }, writeWave(file.wave)),
      ),
      x('sources', {}, x('url-data', { xmlns: NS.urlData, target: file.url })),
    ),
    x('fallback', { xmlns: NS.fallback, for: NS.sfs }, x('body')),
    x('x', { xmlns: NS.oob }, x('url', {}, file.url)),
  ];
}
