// Reactions: what was given, under the bubble; and the row of those that are near at hand, over the menu.
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Message, Reaction, Session } from '../../store/model';
import { sameSign, signKey } from '../../store/signs';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { toast } from '../kit/toast';

/** Near at hand. */
const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🙏'] as const;

/** Those of all messages in one bubble. */
function together(messages: readonly Message[]): Reaction[] {
  const all = new Map<string, Reaction>();
  for (const { sign, from } of messages.flatMap((m) => m.reactions ?? [])) {
    const known = all.get(signKey(sign));
    all.set(signKey(sign), { sign: known?.sign ?? sign, from: [...new Set([...(known?.from ?? []), ...from])] });
  }
  return [...all.values()];
}

const gave = (message: Message, sign: string, who: string) =>
  message.reactions?.some((it) => sameSign(it.sign, sign) && it.from.includes(who)) ?? false;

/** Gives it to the first of them, or takes it back wherever I gave it. */
export function toggle(session: Session, messages: readonly Message[], sign: string): void {
  const me = session.account.address;
  const mine = messages.filter((m) => gave(m, sign, me));
  const done =
    mine.length > 0
      ? Promise.all(mine.map((m) => session.react(m.key, sign, false)))
      : session.react(messages[0]!.key, sign, true);
  done.catch(() => toast(t('react.failed'), { bad: true }));
}

export function Reactions({ messages }: { messages: readonly Message[] }) {
  const session = useSession();
  const me = session.account.address;
  const all = together(messages);
  if (all.length === 0) return null;
  const name = chatName(session.chat(messages[0]!.chat));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of buttons, not of form fields.
    <div class="reactions" role="group" aria-label={t('react.given')}>
      {all.map(({ sign, from }) => {
        const who = from.map((it) => (it === me ? t('you') : name)).join(', ');
        return (
          <button
            type="button"
            class="reaction"
            key={sign}
            tabIndex={-1}
            aria-pressed={from.includes(me)}
            aria-label={`${sign} ${who}`}
            title={who}
            onClick={() => toggle(session, messages, sign)}
          >
            <i>{sign}</i>
            {from.length}
          </button>
        );
      })}
    </div>
  );
}

/** The row over a message's menu. */
export function Quick({ session, messages, close }: { session: Session; messages: readonly Message[]; close(): void }) {
  const me = session.account.address;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of buttons, not of form fields.
    <div class="quick pop" role="group" aria-label={t('react.title')}>
      {QUICK.map((sign) => {
        const on = messages.some((m) => gave(m, sign, me));
        return (
          <button
            type="button"
            key={sign}
            class={on ? 'on' : ''}
            tabIndex={-1}
            aria-pressed={on}
            aria-label={t('react.with', { sign })}
            onClick={() => {
              close();
              toggle(session, messages, sign);
            }}
          >
            {sign}
          </button>
        );
      })}
      <button
        type="button"
        tabIndex={-1}
        aria-label={t('react.more')}
        onClick={() => {
          close();
          pickFor(messages);
        }}
      >
        <Icon name="plus" />
      </button>
    </div>
  );
}

type Picker = FunctionComponent<{ pick(sign: string): void; close(): void }>;
const picking = signal<readonly Message[] | undefined>(undefined);
const picker = signal<Picker | undefined>(undefined);

/** All emoji there are. */
export function pickFor(messages: readonly Message[]): void {
  picking.value = messages;
}

/** Stands once in the shell. */
export function ReactionPicker() {
  const session = useSession();
  const messages = picking.value;
  const close = () => {
    picking.value = undefined;
  };
  useEffect(() => {
    if (!messages || picker.peek()) return;
    import('../emoji/picker').then(
      ({ EmojiPicker }) => {
        picker.value = EmojiPicker;
      },
      () => {
        close();
        toast(t('emoji.unavailable'), { bad: true });
      },
    );
  }, [messages]);
  const All = picker.value;
  if (!messages || !All) return null;
  return (
    <Dialog bare title={t('react.title')} class="react-dialog" onClose={close}>
      <All
        pick={(sign) => {
          close();
          toggle(session, messages, sign);
        }}
        close={close}
      />
    </Dialog>
  );
}
