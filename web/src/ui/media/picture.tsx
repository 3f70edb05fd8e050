// Pictures and videos in the log. Their place is as large as they will be before anything of them has come; a blurred
// miniature of them fills it meanwhile.
import { useState } from 'preact/hooks';
import type { Message } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n';
import { Icon } from '../kit/icon';
import { boxOf, bytes, duration, kindOf, lineOf } from './kinds';
import { UploadRing } from './ring';
import { askFor, useSource } from './source';
import { view } from './state';

/** One picture or video, filling the box that it is put into. */
export function Tile({ message, more = 0, small }: { message: Message; more?: number; small?: boolean }) {
  const session = useSession();
  const file = message.file!;
  const { src, closed } = useSource(message);
  const [state, setState] = useState<'loading' | 'ready' | 'error'>('loading');
  const [attempt, setAttempt] = useState(0);
  const video = kindOf(file) === 'video';
  const line = lineOf(file).text;
  const label =
    state === 'error'
      ? t('media.gone')
      : closed
        ? file.size
          ? t('media.load', { name: line, size: bytes(file.size) })
          : t('media.loadUnknown', { name: line })
        : t('media.open', { name: line });
  const click = () => {
    if (closed) askFor(message.key);
    else if (state === 'error') {
      setState('loading');
      setAttempt(attempt + 1);
    } else view(message);
  };
  const facts = [file.length && duration(file.length), file.size && bytes(file.size)].filter(Boolean).join(' · ');
  const events = {
    onError: () => setState('error'),
    class: state === 'ready' ? 'pic-full on' : 'pic-full',
  };
  return (
    <>
      <button type="button" class="tile" aria-label={label} onClick={click}>
        {file.thumb && state !== 'ready' && <img class="pic-thumb" src={file.thumb} alt="" draggable={false} />}
        {src && !video && state !== 'error' && (
          <img
            key={attempt}
            src={src}
            alt=""
            draggable={false}
            decoding="async"
            referrerpolicy="no-referrer"
            onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) => {
              setState('ready');
              if (!file.width && width > 0 && height > 0) session.learn(message.key, { width, height });
            }}
            {...events}
          />
        )}
        {src && video && state !== 'error' && (
          // The first moment of it is its poster.
          <video
            key={attempt}
            src={`${src}#t=0.1`}
            preload="metadata"
            muted
            playsInline
            tabIndex={-1}
            aria-hidden="true"
            onLoadedData={({ currentTarget: { videoWidth: width, videoHeight: height } }) => {
              setState('ready');
              if (!file.width && width > 0 && height > 0) session.learn(message.key, { width, height });
            }}
            {...events}
          />
        )}
        {closed && (
          <span class="disc">
            <Icon name="download" />
          </span>
        )}
        {state === 'error' && (
          <span class="pic-gone">
            <Icon name="retry" />
            {!small && <span>{t('media.gone')}</span>}
          </span>
        )}
        {video && !closed && state !== 'error' && message.mark !== 'sending' && (
          <span class="disc">
            <Icon name="play" />
          </span>
        )}
        {!small && facts && (video || closed) && <span class="meta over over-start">{facts}</span>}
        {more > 0 && <span class="more-n">+{more}</span>}
      </button>
      <UploadRing message={message} over />
    </>
  );
}

export function Picture({ message }: { message: Message }) {
  const { width, ratio, tiny } = boxOf(message.file!);
  return (
    <div class={tiny ? 'pic pic-tiny' : 'pic'} style={{ width: `${width}rem`, aspectRatio: String(ratio) }}>
      <Tile message={message} />
    </div>
  );
}

/** So many stand in the grid; the rest is a number on the last. */
export const ALBUM_SHOWN = 5;

export function Album({ messages }: { messages: readonly Message[] }) {
  const shown = messages.slice(0, ALBUM_SHOWN);
  return (
    <div class={`album album-${shown.length}`}>
      {shown.map((message, i) => (
        <div class="cell" key={message.key} data-part={message.key}>
          <Tile
            message={message}
            small
            more={i === ALBUM_SHOWN - 1 && messages.length > ALBUM_SHOWN ? messages.length - ALBUM_SHOWN : 0}
          />
        </div>
      ))}
    </div>
  );
}
