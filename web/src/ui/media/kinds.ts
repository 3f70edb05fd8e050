// What a file is to the reader, in words and figures.
import type { FileInfo, Message } from '../../store/model';
import { language, t } from '../i18n';
import type { IconName } from '../kit/icon';

export type Kind = 'image' | 'video' | 'voice' | 'audio' | 'file';

/** What browsers show and play; anything else is a file like others. No SVG: it can carry scripts. */
const IMAGES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif', 'image/bmp']);
const VIDEOS = new Set(['video/mp4', 'video/webm', 'video/ogg', 'video/quicktime', 'video/x-m4v']);
const SOUNDS = /^audio\/(?:webm|ogg|opus|mpeg|mp3|mp4|x-m4a|m4a|aac|wav|x-wav|flac|x-flac)$/;

export function kindOf(file: FileInfo): Kind {
  if (file.attachment) return 'file';
  if (IMAGES.has(file.type)) return 'image';
  if (VIDEOS.has(file.type)) return 'video';
  if (SOUNDS.test(file.type))
    return file.wave || /^voice[-_ ]|\bvoice[-_ ]?message\b/i.test(file.name) ? 'voice' : 'audio';
  return 'file';
}

export const isPdf = (file: FileInfo) => file.type === 'application/pdf';
/** Text that can be looked at as it is. */
export const isText = (file: FileInfo) =>
  (file.type.startsWith('text/') && file.type !== 'text/html') ||
  /^application\/(?:json|xml|x-yaml|toml|x-sh)$/.test(file.type) ||
  (file.type === 'application/octet-stream' && /\.(?:md|txt|log|csv|ini|conf|json|ya?ml|toml)$/i.test(file.name));

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** 240 kB, 1.4 GB: steps of a thousand, three figures at most. */
export function bytes(n: number): string {
  let unit = 0;
  let value = n;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: UNITS[unit]!,
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && unit > 1 ? 1 : 0,
  }).format(value);
}

/** 0:12, 1:02:03 */
export function duration(ms: number): string {
  const s = Math.round(ms / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600);
  return h > 0 ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** PDF, ZIP: the end of the name, which is what people know files by. */
export function typeName(file: FileInfo): string {
  const end = /\.([a-z0-9]{1,5})$/i.exec(file.name)?.[1];
  return end ? end.toUpperCase() : t('media.file');
}

/** Name and end apart, so that the end stays in sight when the name is cut. */
export function splitName(name: string): [string, string] {
  const dot = name.lastIndexOf('.');
  return dot > 0 && name.length - dot <= 8 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
}

const ICON: Record<Kind, IconName> = { image: 'image', video: 'video', voice: 'mic', audio: 'play', file: 'file' };

/** One line for the list, for notices and for screen readers. */
export function lineOf(file: FileInfo): { icon: IconName; text: string } {
  const kind = kindOf(file);
  const icon = ICON[kind];
  if (kind === 'image') return { icon, text: t(file.type === 'image/gif' ? 'media.gif' : 'media.photo') };
  if (kind === 'video') return { icon, text: t('media.video') };
  if (kind === 'voice')
    return { icon, text: file.length ? t('media.voiceOf', { time: duration(file.length) }) : t('media.voice') };
  return { icon, text: file.name };
}

/** A message in one line of plain words. */
export function wordsOf(message: Message): string {
  if (message.retracted) return t(message.mine ? 'message.goneMine' : 'message.gone');
  if (!message.file) return message.body;
  const { text } = lineOf(message.file);
  return message.caption ? `${text}: ${message.caption}` : text;
}

const LEAST_REM = 9;

/** How large a picture is drawn, in rem: never wider than a bubble or higher than a phone's log, never too small to hit. */
export function boxOf(file: FileInfo): { width: number; ratio: number; tiny?: boolean } {
  const { width, height } = file;
  if (!width || !height) return { width: 17, ratio: 4 / 3 };
  const ratio = Math.min(2.6, Math.max(0.6, width / height));
  const natural = Math.max(LEAST_REM, width / 16);
  const box = { width: Math.min(25, natural, 22 * ratio), ratio };
  return width < LEAST_REM * 8 && height < LEAST_REM * 8 ? { ...box, tiny: true } : box;
}
