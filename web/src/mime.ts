// Media types by the end of a name, for files whose sender or system did not say.

const BY_END: Record<string, string> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  heic: 'image/heic',
  heif: 'image/heif',
  tif: 'image/tiff',
  tiff: 'image/tiff',
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
  mkv: 'video/x-matroska',
  avi: 'video/x-msvideo',
  mts: 'video/mp2t',
  '3gp': 'video/3gpp',
  ogg: 'audio/ogg',
  oga: 'audio/ogg',
  opus: 'audio/ogg',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pdf: 'application/pdf',
  txt: 'text/plain',
};

export function typeOf(name: string): string {
  const end = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase();
  return (end && BY_END[end]) || 'application/octet-stream';
}

export const mediaType = (file: File) =>
  (file.type || typeOf(file.name)).toLowerCase().split(';')[0]!.trim() || 'application/octet-stream';

/** Whether cameras write a place into such files. WebM and Ogg, as browsers and phones make them, have none. */
export const mayHavePlace = (type: string) =>
  /^image\/(?!svg|gif|bmp)/.test(type) || /^video\/(?!webm|ogg)/.test(type) || /^audio\/(?:x-)?(?:mp4|m4a)$/.test(type);
