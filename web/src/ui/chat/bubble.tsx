import type { Message } from '../../store/model';
import { t } from '../i18n';
import { Icon } from '../kit/icon';
import { MarkSign } from '../kit/marks';
import { clock, full } from '../time';
import { onlyEmoji } from './links';
import { meText } from './me';
import { linked } from './text';

/** Time and mark: in the last line of the text if they fit, else on their own (a float at the inline end). */
function Meta({ message }: { message: Message }) {
  return (
    <span class="meta">
      <time dateTime={new Date(message.time).toISOString()} title={full(message.time)}>
        {clock(message.time)}
      </time>
      {message.mine && <MarkSign mark={message.mark} />}
    </span>
  );
}

/** The body, drawn the same in the log and when a sheet lifts it. */
export function Bubble({ message, name }: { message: Message; name: string }) {
  const { body } = message;
  if (message.opaque) {
    return (
      <div class="bubble gone">
        <div class="text" dir="auto">
          <Icon name="lock" />
          {body}
          <Meta message={message} />
        </div>
      </div>
    );
  }
  const me = meText(body);
  if (me !== undefined) {
    return (
      <div class="bubble">
        <div class="text me" dir="auto">
          <bdi class="me-who">{name}</bdi> {linked(me)}
          <Meta message={message} />
        </div>
      </div>
    );
  }
  return (
    <div class={onlyEmoji(body) ? 'bubble big-emoji' : 'bubble'}>
      <div class="text" dir="auto">
        {linked(body)}
        <Meta message={message} />
      </div>
    </div>
  );
}

/** How a screen reader calls the message before reading it. */
export function messageLabel(message: Message, name: string): string {
  const who = message.mine ? t('you') : name;
  return message.mine
    ? t('message.labelMine', { who, time: clock(message.time), mark: t(`mark.${message.mark}`) })
    : t('message.label', { who, time: clock(message.time) });
}
