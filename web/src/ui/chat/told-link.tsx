// What a browser tells with a link that is pasted or dropped: the title of its page. It goes along with the message (XEP-0511), if
// the sender leaves it there. Nothing is fetched for it (docs/decisions/018-link-previews.md).
import { makeLink } from '../../store/link';
import type { LinkPreview } from '../../store/model';
import { t } from '../i18n';
import { IconButton } from '../kit/controls';
import { Icon } from '../kit/icon';

const ANCHOR = /<a\s[^>]*?href="([^"]*)"[^>]*>(.*?)<\/a>/gis;
const SIGNS: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' };
const unescaped = (text = '') => text.replace(/&(\w+|#39);/g, (all, name: string) => SIGNS[name] ?? all);

/** Undefined: it tells nothing but the address. */
export function toldLink(data: DataTransfer): LinkPreview | undefined {
  const text = data.getData('text/plain');
  // Firefox: the address and the title, each on a line.
  const [url = '', title = ''] = data.getData('text/x-moz-url').split('\n');
  const told = title.trim() !== url.trim() ? makeLink(url.trim(), title) : undefined;
  if (told && text.includes(told.url)) return told;
  // Safari: one link, as browsers write it. (To have it parsed as HTML the policy of this page does not allow.)
  const [only, more] = data.getData('text/html').slice(0, 10_000).matchAll(ANCHOR);
  const href = more ? '' : unescaped(only?.[1]);
  const words = unescaped(only?.[2]?.replace(/<[^>]*>/g, ''));
  return href !== '' && text.includes(href) && !words.includes(href) ? makeLink(href, words) : undefined;
}

/** Over the field: what will be said of the link. */
export function LinkBar({ link, close }: { link: LinkPreview; close(): void }) {
  return (
    <div class="cbar">
      <Icon name="link" />
      <span class="link-what">
        <b class="clip" dir="auto">
          {link.title}
        </b>
        <small class="clip" dir="ltr">
          {new URL(link.url).host}
        </small>
      </span>
      <IconButton icon="close" label={t('composer.noPreview')} onClick={close} />
    </div>
  );
}
