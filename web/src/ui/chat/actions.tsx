// What can be done with a message. The same list in the menu, in the sheet and (its start) in the toolbar.
import type { Message, Session } from '../../store/model';
import { t } from '../i18n';
import { type Item, showMenu } from '../kit/menu';
import { toast } from '../kit/toast';
import { saveFile } from '../media/file-card';
import { full } from '../time';
import { Bubble } from './bubble';

export async function copyText(body: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(body);
    toast(t('message.copied'), { icon: 'copy' });
  } catch {
    toast(t('message.copyFailed'), { bad: true });
  }
}

/** What copying takes: the words, and of a bare file its address. */
export const copied = (message: Message) => message.caption || message.body;

function itemsFor(session: Session, message: Message): Item[] {
  const items: Item[] = [];
  if (message.mark === 'failed')
    items.push({ label: t('message.retry'), icon: 'retry', run: () => void session.retry(message.key) });
  if (message.file?.url) {
    items.push({ label: t('media.save'), icon: 'download', run: () => void saveFile(session, message) });
    if (!message.caption)
      items.push({ label: t('message.copyLink'), icon: 'link', keys: 'C', run: () => void copyText(message.body) });
  }
  if (!message.opaque && (!message.file || message.caption))
    items.push({ label: t('message.copy'), icon: 'copy', keys: 'C', run: () => void copyText(copied(message)) });
  if (message.mark === 'failed' || (message.mine && message.mark === 'sending' && message.file && !message.file.url))
    items.push({
      label: t(message.mark === 'failed' ? 'message.discard' : 'cancel'),
      icon: 'trash',
      danger: true,
      apart: true,
      run: () => void session.discard(message.key),
    });
  return items;
}

/** The facts of a message, in words: when, and how far it has come. */
function noteFor(message: Message): string {
  const when = full(message.time);
  return message.mine ? `${when} · ${t(`mark.${message.mark}`)}` : when;
}

export function messageMenu(
  session: Session,
  message: Message,
  name: string,
  at: { x: number; y: number } | DOMRect,
  bubble: Element | null,
  sheet?: boolean,
): void {
  const lifted = bubble && {
    rect: bubble.getBoundingClientRect(),
    view: (
      <div class={message.mine ? 'msg own first' : 'msg in first'}>
        <Bubble message={message} name={name} />
      </div>
    ),
  };
  const menu = { label: t('message.menu'), items: itemsFor(session, message), note: noteFor(message), at };
  showMenu(lifted ? { ...menu, lifted } : menu, sheet);
}
