// Under a chat's header: a message that I have pinned. It leads there; of several each look leads to the one before.
import { useSignal } from '@preact/signals';
import type { Chat, Message, Pin, Session } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { IconButton } from '../kit/controls';
import { Icon } from '../kit/icon';
import { type Item, showMenu } from '../kit/menu';
import { toast } from '../kit/toast';
import { wantedHit } from '../list/found';
import { wordsOf } from '../media/kinds';
import { brief } from '../time';

export const pinOf = (session: Session, { chat, key }: Message): Pin | undefined =>
  session
    .pins(chat)
    .peek()
    .find((it) => it.message?.key === key);

const failed = () => toast(t('pins.failed'), { bad: true });

export function pinIt(session: Session, message: Message): void {
  session.pin(message.key).catch(failed);
}

export function unpin(session: Session, pin: Pin): void {
  const { key } = pin.hit;
  const undo = key && { action: { label: t('undo'), run: () => void session.pin(key).catch(failed) } };
  session.unpin(pin).then(() => toast(t('pins.unpinned'), { icon: 'pin', ...undo }), failed);
}

/** More of them would be thinner than a line. */
const MARKS_MOST = 6;

const oneLine = (text: string) => text.replace(/\s+/g, ' ').slice(0, 200);

export function PinBar({ chat }: { chat: Chat }) {
  const session = useSession();
  const pins = session.pins(chat.address).value;
  // The one that is shown, by what stands for it: others may come and go meanwhile.
  const shown = useSignal<string | undefined>(undefined);
  if (pins.length === 0) return null;
  const found = pins.findIndex((it) => it.items.includes(shown.value ?? ''));
  const i = found < 0 ? pins.length - 1 : found;
  const pin = pins[i]!;
  const { hit, message } = pin;
  const name = hit.mine ? t('you') : chatName(chat);
  const text = message ? oneLine(wordsOf(message)) : t('pins.away', { name, when: brief(hit.time) });
  const title = pins.length > 1 ? t('pins.of', { i: i + 1, n: pins.length }) : t('pins.one');
  const jump = () => {
    wantedHit.value = hit;
    shown.value = pins[(i + pins.length - 1) % pins.length]!.items[0];
  };
  const menu = (at: DOMRect) => {
    const items: Item[] = [{ label: t('message.unpin'), icon: 'pin', run: () => unpin(session, pin) }];
    if (pins.length > 1)
      items.push({
        label: t('pins.all'),
        icon: 'trash',
        danger: true,
        run: () => void Promise.all(pins.map((it) => session.unpin(it))).catch(failed),
      });
    showMenu({ label: t('pins.label'), items, at });
  };
  return (
    <section class="pin-bar" aria-label={t('pins.label')}>
      <button type="button" class="pin-go" aria-label={t('pins.go', { title, text })} onClick={jump}>
        <span class="pin-marks" aria-hidden="true">
          {pins.length > 1 &&
            pins.length <= MARKS_MOST &&
            pins.map((it, k) => <i key={it.items[0]} class={k === i ? 'on' : ''} />)}
        </span>
        <Icon name="pin" />
        <span class="pin-what">
          <b class="clip">{title}</b>
          <span class="clip" dir="auto">
            {text}
          </span>
        </span>
      </button>
      <IconButton
        icon="more"
        label={t('pins.more')}
        onClick={(event) => menu(event.currentTarget.getBoundingClientRect())}
      />
    </section>
  );
}
