import type { Message } from '../../store/model';
import { t } from '../i18n';
import { Icon } from '../kit/icon';
import { MarkSign } from '../kit/marks';
import { FileCard } from '../media/file-card';
import { kindOf, lineOf } from '../media/kinds';
import { Album, Picture } from '../media/picture';
import { Voice } from '../media/voice';
import { clock, full } from '../time';
import { LinkCard } from './link-card';
import { onlyEmoji } from './links';
import { meText } from './me';
import { Quote } from './quote';
import { leastFar } from './shape';
import { styled, styledLine } from './text';

/** Time and mark: in the last line of the text if they fit, else on their own (a float at the inline end). */
function Meta({ message, over }: { message: Message; over?: boolean }) {
  return (
    <span class={over ? 'meta over' : 'meta'}>
      {message.edited !== undefined && <span title={full(message.edited)}>{t('message.edited')}</span>}
      <time dateTime={new Date(message.time).toISOString()} title={full(message.time)}>
        {clock(message.time)}
      </time>
      {message.mine && <MarkSign mark={message.changing ? 'sending' : message.mark} />}
    </span>
  );
}

function Quoted({ message }: { message: Message }) {
  return message.reply ? <Quote chat={message.chat} reply={message.reply} /> : null;
}

/** A file, and the words to it. */
function FileBubble({ message, album }: { message: Message; album: readonly Message[] | undefined }) {
  const { caption } = message;
  const kind = kindOf(message.file!);
  const pictures = kind === 'image' || kind === 'video';
  const words = caption && (
    <div class="text" dir="auto">
      {styled(caption, message.unstyled)}
      <Meta message={message} />
    </div>
  );
  if (!pictures)
    return (
      <div class="bubble">
        <Quoted message={message} />
        {kind === 'voice' || kind === 'audio' ? <Voice message={message} /> : <FileCard message={message} />}
        {words || <Meta message={message} />}
      </div>
    );
  return (
    <div class={words ? 'bubble media has-text' : 'bubble media'}>
      <Quoted message={message} />
      {album ? <Album messages={album} /> : <Picture message={message} />}
      {words || <Meta message={album ? leastFar(album) : message} over />}
    </div>
  );
}

/** The body, drawn the same in the log and when a sheet lifts it. */
export function Bubble({
  message,
  name,
  album,
}: {
  message: Message;
  name: string;
  album?: readonly Message[] | undefined;
}) {
  const { body } = message;
  if (message.opaque || message.retracted) {
    return (
      <div class="bubble gone">
        <div class="text" dir="auto">
          <Icon name={message.retracted ? 'trash' : 'lock'} />
          {message.retracted ? t(message.mine ? 'message.goneMine' : 'message.goneOf', { name }) : body}
          <Meta message={message} />
        </div>
      </div>
    );
  }
  if (message.file) return <FileBubble message={message} album={album} />;
  const me = meText(body);
  if (me !== undefined) {
    return (
      <div class="bubble">
        <Quoted message={message} />
        <div class="text me" dir="auto">
          <bdi class="me-who">{name}</bdi> {styledLine(me, message.unstyled)}
          <Meta message={message} />
        </div>
      </div>
    );
  }
  return (
    <div class={onlyEmoji(body) && !message.reply ? 'bubble big-emoji' : 'bubble'}>
      <Quoted message={message} />
      <LinkCard message={message} />
      <div class="text" dir="auto">
        {styled(body, message.unstyled)}
        <Meta message={message} />
      </div>
    </div>
  );
}

/** How a screen reader calls the message before reading it. */
export function messageLabel(message: Message, name: string, album?: readonly Message[]): string {
  const author = message.mine ? t('you') : name;
  const what = album ? t('media.album', { n: album.length }) : message.file && lineOf(message.file).text;
  const who = what ? `${author}, ${what}` : author;
  return message.mine
    ? t('message.labelMine', { who, time: clock(message.time), mark: t(`mark.${message.mark}`) })
    : t('message.label', { who, time: clock(message.time) });
}
