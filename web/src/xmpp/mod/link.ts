// What the sender of a link says of the page behind it (XEP-0511, OpenGraph). Anybody can say anything of any page, so it counts
// only for an address that stands in the message for all to see, is plain words of a bounded length, and nothing is
// fetched for it: a picture has to be in it (docs/decisions/018-link-previews.md).
import { NS } from '../ns';
import { type El, x } from '../xml';
import { httpAddress } from './file';
import { safeThumb } from './thumb';

export interface LinkPreview {
  /** Where it leads: as it stands in the message. */
  url: string;
  title: string;
  /** May be empty. */
  about: string;
  /** A data: address. */
  picture?: string;
}

const TITLE_MAX = 120;
const ABOUT_MAX = 300;
/** More descriptions than that nobody looks through. */
const LOOKED_AT = 8;

/** One line, without what steers the reading direction. */
function plain(text: string | undefined, most: number): string {
  const clean = (text ?? '').slice(0, 4 * most).replace(/[\p{Cc}\p{Bidi_Control}\s]+/gu, ' ');
  const signs = [...clean.trim()];
  return signs.length > most ? `${signs.slice(0, most - 1).join('')}…` : signs.join('');
}

/** What I say of a link in my words, in the bounds of what is read. Undefined: nothing that would be shown. */
export function makeLink(url: string, title: string): LinkPreview | undefined {
  const words = plain(title, TITLE_MAX);
  return httpAddress(url) && words !== '' ? { url, title: words, about: '' } : undefined;
}

export const linkElement = ({ url, title }: LinkPreview): El =>
  x('Description', { xmlns: NS.rdf, [`{${NS.rdf}}about`]: url }, x('title', { xmlns: NS.og }, title));

export function readLink(el: El, body: string | undefined): LinkPreview | undefined {
  for (const told of el.elements('Description', NS.rdf).slice(0, LOOKED_AT)) {
    const said = told.attr(`{${NS.rdf}}about`) ?? '';
    const url = httpAddress(said);
    if (!url || !body?.includes(said)) continue;
    const title = plain(told.child('title', NS.og)?.text(), TITLE_MAX);
    if (title === '') continue;
    const picture = told
      .elements('image', NS.og)
      .map((it) => safeThumb(it.text().trim()))
      .find((it) => it !== undefined);
    const about = plain(told.child('description', NS.og)?.text(), ABOUT_MAX);
    return { url, title, about: about === title ? '' : about, ...(picture && { picture }) };
  }
  return undefined;
}
