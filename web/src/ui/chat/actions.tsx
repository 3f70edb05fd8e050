// What can be done with a message. The same list in the menu, in the sheet and (its start) in the toolbar.
import type { Message, Session } from '../../store/model';
import { t } from '../i18n';
import { type Item, showMenu } from '../kit/menu';
import { toast } from '../kit/toast';
import { saveFile } from '../media/file-card';
import { full } from '../time';
import { askDelete, showEdits } from './amend-dialogs';
import { Bubble } from './bubble';
import { forward } from './forward-state';
import { canEdit, canReact, canReply, edit, reply } from './intent';
import { pinIt, pinOf, unpin } from './pin-bar';
import { Quick } from './reactions';
import { canSelect, toggle } from './selection';

/** False: the browser did not allow it, and the reader has been told. */
export async function copyText(body: string, done = t('message.copied')): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(body);
    toast(done, { icon: 'copy' });
    return true;
  } catch {
    toast(t('message.copyFailed'), { bad: true });
    return false;
  }
}

/** There is something of it to send on. */
export const canForward = (m: Message) => !m.retracted && !m.opaque && m.mark !== 'failed' && m.file?.url !== '';

/** Keys go on from the message that was chosen. */
function select(parts: readonly Message[]): void {
  toggle(parts);
  const row = document.querySelector(`.lrow[data-key="${CSS.escape(parts[0]!.key)}"]`);
  row?.querySelector<HTMLElement>('.msg')?.focus({ preventScroll: true });
}

/** What copying takes: the words, and of a bare file its address. */
export const copied = (message: Message) => message.caption || message.body;

/** `parts`: all messages in its bubble, if it stands for all of them; the words to pictures are the last. */
function itemsFor(session: Session, message: Message, parts: readonly Message[]): Item[] {
  const items: Item[] = [];
  const last = parts.at(-1);
  const words = message.file && last && !last.file ? last : undefined;
  const changed = words ?? message;
  if (message.mark === 'failed')
    items.push({ label: t('message.retry'), icon: 'retry', run: () => void session.retry(message.key) });
  if (canReply(message))
    items.push({ label: t('message.reply'), icon: 'reply', keys: 'R', run: () => reply(session, message) });
  if (canEdit(changed))
    items.push({ label: t('message.edit'), icon: 'edit', keys: 'E', run: () => edit(session, changed) });
  if (message.file?.url) {
    items.push({ label: t('media.save'), icon: 'download', run: () => void saveFile(session, message) });
    if (!message.caption)
      items.push({ label: t('message.copyLink'), icon: 'link', keys: 'C', run: () => void copyText(message.body) });
  }
  if (!message.opaque && !message.retracted && (!message.file || message.caption))
    items.push({ label: t('message.copy'), icon: 'copy', keys: 'C', run: () => void copyText(copied(message)) });
  const sent = parts.filter(canForward);
  if (sent.length > 0)
    items.push({ label: t('message.forward'), icon: 'forward', keys: 'F', run: () => forward(sent) });
  const pin = pinOf(session, message);
  if (pin) items.push({ label: t('message.unpin'), icon: 'pin', run: () => unpin(session, pin) });
  else if (canReply(message)) items.push({ label: t('message.pin'), icon: 'pin', run: () => pinIt(session, message) });
  if (parts.every(canSelect)) items.push({ label: t('message.select'), icon: 'select', run: () => select(parts) });
  if (changed.earlier) items.push({ label: t('message.edits'), icon: 'clock', run: () => showEdits(changed) });
  const waits = message.mine && message.mark === 'sending' && message.file && !message.file.url;
  if (message.mark !== 'failed' && !waits)
    items.push({
      label: t('message.delete'),
      icon: 'trash',
      keys: t('key.del'),
      danger: true,
      apart: true,
      run: () => askDelete(parts),
    });
  if (message.mark === 'failed' || waits)
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
  parts: readonly Message[] = [message],
): void {
  const lifted = bubble && {
    rect: bubble.getBoundingClientRect(),
    view: (
      <div class={message.mine ? 'msg own first' : 'msg in first'}>
        <Bubble message={message} name={name} />
      </div>
    ),
  };
  const menu = {
    label: t('message.menu'),
    items: itemsFor(session, message, parts),
    note: noteFor(message),
    at,
    ...(canReact(message) && {
      top: (close: () => void) => <Quick session={session} messages={parts} close={close} />,
    }),
  };
  showMenu(lifted ? { ...menu, lifted } : menu, sheet);
}
