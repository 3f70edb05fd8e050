// One row of the log: the lines before a message, the message, and what can be done with it.
import { useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Message } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n';
import { Button, IconButton } from '../kit/controls';
import { Icon } from '../kit/icon';
import { useLongPress } from '../kit/long-press';
import { touch } from '../look';
import { kindOf } from '../media/kinds';
import { dayName, today } from '../time';
import { canForward, copied, copyText, messageMenu } from './actions';
import { askDelete } from './amend-dialogs';
import { Bubble, messageLabel } from './bubble';
import { forward } from './forward-state';
import { canEdit, canReact, canReply, edit, reply } from './intent';
import { pickFor, Reactions } from './reactions';
import { canSelect, isSelecting, selection, toggle } from './selection';
import { useSwipe } from './swipe';

interface Props {
  message: Message;
  name: string;
  day: number;
  fresh: boolean;
  first: boolean;
  /** The pictures that this one stands for, itself the first of them. */
  album: readonly Message[] | undefined;
  /** Shown in the bubble of a message above: in its album, or as the words to its picture. */
  inOther: boolean;
  /** The messages that stand in this bubble, if there are several: pictures, and words at their end. */
  parts: readonly Message[] | undefined;
  /** Came while one was looking: it may fade in. */
  arrived: boolean;
}

function Failed({ message }: { message: Message }) {
  const session = useSession();
  return (
    <div class="failline">
      {!(message.failure && message.file && kindOf(message.file) === 'file') && (
        <span>{message.failure?.text ?? t('message.failed')}</span>
      )}
      <Button small look="danger" onClick={() => void session.retry(message.key)}>
        {t('message.retry')}
      </Button>
      <Button small onClick={() => void session.discard(message.key)}>
        {t('message.discard')}
      </Button>
    </div>
  );
}

/** What I did to a message did not arrive. */
function Trouble({ message }: { message: Message }) {
  const session = useSession();
  const { kind, text } = message.trouble!;
  return (
    <div class="failline">
      <span>{t(`trouble.${kind}`, { text })}</span>
      <Button small look="danger" onClick={() => void session.retry(message.key)}>
        {t('trouble.again')}
      </Button>
      <Button small onClick={() => void session.discard(message.key)}>
        {t('trouble.leave')}
      </Button>
    </div>
  );
}

/** Clicks are taken by the log, wherever in the row they are. */
function Tick({ on, can, label }: { on: boolean; can: boolean; label: string }) {
  if (!can) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: drawn as a circle, and the row is what is clicked.
    <button
      type="button"
      class={`tick ${on ? 'on' : ''}`}
      role="checkbox"
      aria-checked={on}
      tabIndex={-1}
      aria-label={t('select.one', { label })}
    >
      {on && <Icon name="check" />}
    </button>
  );
}

export function Row({ message, name, day, fresh, first, album, inOther, parts, arrived }: Props) {
  const session = useSession();
  // Reading a signal here also lets Preact skip rows whose properties have not changed.
  const hovered = useSignal(false);
  void today.value;
  const selecting = useComputed(() => isSelecting(message.chat)).value;
  const chosen = useComputed(() => selection.value?.keys.has(message.key) ?? false).value;
  const article = useRef<HTMLElement>(null);
  const bubble = () => article.current?.querySelector('.bubble') ?? null;
  const who = message.mine ? session.account.name : name;
  const all = parts ?? [message];
  const last = parts?.at(-1);
  const words = last && !last.file ? last : undefined;
  /** Of what was touched, where that is a message of its own: a picture of an album, the words to a picture. */
  const menuAt = (at: { x: number; y: number } | DOMRect, sheet?: boolean, target?: Element) => {
    if (selecting) return;
    const key = target?.closest<HTMLElement>('[data-part]')?.dataset.part;
    const touched = words && target?.closest('.text') ? words : parts?.find((it) => it.key === key);
    // The first one is drawn with the words of the last; the menu is about itself.
    const main = touched ?? (parts ? { ...parts[0]!, caption: message.caption } : message);
    const box = touched && touched !== words ? null : bubble();
    messageMenu(session, main as Message, who, at, box, sheet, touched ? [touched] : all);
  };
  const press = useLongPress('a, button:not(.tile)', (target) => menuAt({ x: 0, y: 0 }, true, target));
  const swipe = useSwipe(canReply(all[0]!) && !selecting ? () => reply(session, all[0]!) : undefined);
  const both = (name: keyof typeof press) => (event: PointerEvent) => {
    press[name](event);
    swipe[name](event);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== article.current) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const letter = plain ? event.key.toLowerCase() : '';
    if (event.key === ' ' && plain && !event.shiftKey && all.every(canSelect)) toggle(all);
    else if (selecting) {
      if (event.key !== 'Enter') return;
      toggle(all);
    } else if (event.key === 'Enter' || event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10'))
      menuAt(bubble()!.getBoundingClientRect(), false);
    else if (letter === 'c' && !message.opaque && !message.retracted) void copyText(copied(message));
    else if (letter === 'r' && canReply(all[0]!)) reply(session, all[0]!);
    else if (letter === 'f' && all.some(canForward)) forward(all.filter(canForward));
    else if (letter === 'e' && canEdit(words ?? message)) edit(session, words ?? message);
    else if (plain && event.key === 'Delete' && message.mark !== 'failed') askDelete(all);
    else return;
    event.preventDefault();
  };

  if (inOther) return <div class="lrow" data-key={message.key} />;
  return (
    <div class={`lrow ${selecting ? 'selecting' : ''} ${chosen ? 'chosen' : ''}`} data-key={message.key}>
      {day > 0 && (
        <div class="day">
          <h3>{dayName(day)}</h3>
        </div>
      )}
      {fresh && (
        // biome-ignore lint/a11y/useSemanticElements: <hr> could not carry the words.
        <div class="new" role="separator">
          {t('log.new')}
        </div>
      )}
      <article
        ref={article}
        class={`msg ${message.mine ? 'own' : 'in'} ${first ? 'first' : ''} ${arrived ? 'arrived' : ''}`}
        aria-label={messageLabel(message, name, album)}
        tabIndex={-1}
        onKeyDown={onKeyDown}
        onContextMenu={(event) => {
          // Links and selected text keep the browser's own menu.
          if ((event.target as Element).closest('a') || getSelection()?.toString()) return;
          event.preventDefault();
          if ((event as unknown as PointerEvent).pointerType === 'touch') return;
          menuAt({ x: event.clientX, y: event.clientY }, false, event.target as Element);
        }}
        onPointerEnter={(event) => {
          hovered.value = event.pointerType === 'mouse';
        }}
        onPointerLeave={() => {
          hovered.value = false;
        }}
        onPointerDown={both('onPointerDown')}
        onPointerMove={both('onPointerMove')}
        onPointerUp={both('onPointerUp')}
        onPointerCancel={both('onPointerCancel')}
      >
        {selecting && <Tick on={chosen} can={all.every(canSelect)} label={messageLabel(message, name, album)} />}
        <div class="bubble-line">
          <Bubble message={message} name={who} album={album} />
          {touch.matches && canReply(all[0]!) && (
            <span class="swipe-sign">
              <Icon name="reply" />
            </span>
          )}
          {hovered.value && !selecting && (
            <div class="tools pop">
              {canReact(all[0]!) && (
                <IconButton icon="react" label={t('react.title')} tabIndex={-1} onClick={() => pickFor(all)} />
              )}
              {canReply(all[0]!) && (
                <IconButton
                  icon="reply"
                  label={t('message.reply')}
                  tabIndex={-1}
                  onClick={() => reply(session, all[0]!)}
                />
              )}
              <IconButton
                icon="more"
                label={t('message.more')}
                tabIndex={-1}
                onClick={(event) => menuAt(event.currentTarget.getBoundingClientRect(), false)}
              />
            </div>
          )}
        </div>
        <Reactions messages={all} />
        {message.mark === 'failed' && message.mine && <Failed message={message} />}
        {all.map((it) => it.trouble && <Trouble key={it.key} message={it} />)}
      </article>
    </div>
  );
}
