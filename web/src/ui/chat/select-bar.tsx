// In place of the chat's header while messages are selected: how many, and what can be done with them.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Chat, Message, Timeline } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { IconButton } from '../kit/controls';
import { menuIsOpen } from '../kit/menu';
import { touch } from '../look';
import { canForward, copyText } from './actions';
import { askDelete } from './amend-dialogs';
import { forward } from './forward-state';
import { endSelection, selectedOf, selection } from './selection';
import { transcript } from './transcript';

/** The focus was in the bar, which goes: on with writing, where there are keys. */
function leave(): void {
  const inBar = document.activeElement?.closest('.select-bar');
  endSelection();
  if (inBar)
    document.querySelector<HTMLElement>(touch.matches ? '.log' : '.composer textarea')?.focus({ preventScroll: true });
}

function useKeys(run: { copy(): void; remove(): void }): void {
  // A key may come between a drawing and its effects: it is about what is drawn.
  const now = useRef(run);
  now.current = run;
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.isComposing || menuIsOpen() || document.querySelector('dialog[open]')) return;
      const writing = (event.target as Element).closest('input, textarea');
      const command = event.ctrlKey || event.metaKey;
      if (event.key === 'Escape') leave();
      else if (writing) return;
      else if (event.key === 'Delete') now.current.remove();
      else if (command && event.key.toLowerCase() === 'c' && !getSelection()?.toString()) now.current.copy();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    // Before all others: what Escape does without a selection, it does the next time.
    addEventListener('keydown', onKeyDown, { capture: true });
    return () => removeEventListener('keydown', onKeyDown, { capture: true });
  }, []);
}

export function SelectBar({ chat, timeline }: { chat: Chat; timeline: Timeline }) {
  const session = useSession();
  const chosen: Message[] = selectedOf(timeline.messages.value, selection.value?.keys ?? new Set());
  const n = chosen.length;
  // The other side may take back, and other devices delete, what is selected here.
  useEffect(() => {
    if (n === 0) leave();
  }, [n]);
  const copy = async () => {
    const text = transcript(chosen, (mine) => (mine ? session.account.name : chatName(chat)));
    if (await copyText(text, t('select.copied', { n }))) leave();
  };
  const remove = () => askDelete(chosen, leave);
  useKeys({ copy: () => void copy(), remove });
  const sendable = chosen.filter(canForward);
  return (
    <header class="bar chat-bar select-bar">
      <IconButton icon="close" label={t('select.end')} onClick={leave} />
      <h2>
        <span role="status">{t('select.count', { n })}</span>
      </h2>
      <IconButton icon="copy" label={t('select.copy')} onClick={() => void copy()} />
      {sendable.length > 0 && (
        <IconButton icon="forward" label={t('message.forward')} onClick={() => forward(sendable, leave)} />
      )}
      <IconButton class="danger" icon="trash" label={t('message.delete')} onClick={remove} />
    </header>
  );
}
