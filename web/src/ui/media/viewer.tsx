// Pictures and videos of a chat, one at a time, as large as the window. Fetched when the first is opened.
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n-later';
import { IconButton } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { brief, full } from '../time';
import { saveFile } from './file-card';
import { useHand } from './hand';
import { kindOf, lineOf } from './kinds';
import { useSource } from './source';
import { viewing } from './state';
import { FIT, held, type Place, zoomed } from './zoom';

const isShown = (m: Message) => m.file && !m.file.attachment && ['image', 'video'].includes(kindOf(m.file));

/** A finger that moves this far means something. */
const SWIPE = 60;

interface ZoomProps {
  zoom: { value: Place };
  step(by: number): void;
  close(): void;
}

interface StageProps extends ZoomProps {
  message: Message;
}

interface StillProps {
  src: string;
  alt: string;
  /** In pixels, where it is known. */
  size?: { width: number; height: number } | undefined;
}

/** One picture that can be brought nearer and moved about: wheel, two fingers, double tap, drag. */
export function Zoomable({ zoom, step, close, ...still }: ZoomProps & StillProps) {
  const stage = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLImageElement>(null);
  const start = useRef({ x: 0, y: 0, many: false });
  const lastTap = useRef(0);

  const put = (next: Place) => {
    const [img, box] = [picture.current, stage.current];
    if (!img || !box) return;
    const shown = { width: img.offsetWidth, height: img.offsetHeight };
    zoom.value = held(next, shown, { width: box.clientWidth, height: box.clientHeight });
  };
  const { scale, x, y } = zoom.value;
  useLayoutEffect(() => {
    if (picture.current) picture.current.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }, [scale, x, y]);

  const hand = useHand(stage, { place: () => zoom.value, put, drags: () => zoom.value.scale > 1 });
  const onPointerDown = (event: PointerEvent) => {
    if (!hand.down(event)) return;
    const many = hand.count() > 1;
    start.current = many ? { ...start.current, many } : { ...hand.at(event), many };
  };
  const onPointerUp = (event: PointerEvent) => {
    if (!hand.up(event)) return;
    const now = hand.at(event);
    const [dx, dy] = [now.x - start.current.x, now.y - start.current.y];
    if (hand.count() > 0 || start.current.many || event.type === 'pointercancel') return;
    if (zoom.value.scale <= 1 && event.pointerType !== 'mouse') {
      if (Math.abs(dx) > SWIPE && Math.abs(dx) > Math.abs(dy) * 1.5) return step(dx < 0 ? 1 : -1);
      if (dy > SWIPE * 1.5 && dy > Math.abs(dx) * 1.5) return close();
    }
    if (Math.hypot(dx, dy) > 10) return;
    const twice = event.timeStamp - lastTap.current < 320;
    lastTap.current = twice ? 0 : event.timeStamp;
    if (twice) put(zoom.value.scale > 1 ? FIT : zoomed(FIT, 2.5, now));
  };

  return (
    <div
      class={scale > 1 ? 'stage near' : 'stage'}
      ref={stage}
      onPointerDown={onPointerDown}
      onPointerMove={hand.move}
      onPointerUp={onPointerUp}
      onPointerCancel={onPointerUp}
    >
      <Still {...still} pictureRef={picture} />
    </div>
  );
}

function Still({ src, alt, size, pictureRef }: StillProps & { pictureRef: { current: HTMLImageElement | null } }) {
  const [state, setState] = useState<'loading' | 'ready' | 'error'>('loading');
  if (state === 'error') return <p class="stage-word">{t('media.cannotLoad')}</p>;
  return (
    <>
      {state === 'loading' && <span class="spin" role="status" aria-label={t('media.loading')} />}
      <img
        ref={pictureRef}
        {...(size ?? {})}
        src={src}
        alt={alt}
        class={state === 'ready' ? 'on' : ''}
        draggable={false}
        referrerpolicy="no-referrer"
        onLoad={() => setState('ready')}
        onError={() => setState('error')}
      />
    </>
  );
}

function Stage(props: StageProps) {
  const { src } = useSource(props.message);
  const file = props.message.file!;
  if (!src) return <div class="stage" />;
  if (kindOf(file) === 'image') {
    const { message, ...rest } = props;
    const { width, height } = file;
    const size = width && height ? { width, height } : undefined;
    return <Zoomable {...rest} src={src} alt={message.caption || lineOf(file).text} size={size} />;
  }
  return (
    <div class="stage">
      {/* biome-ignore lint/a11y/useMediaCaption: people send videos without captions. */}
      <video src={src} poster={file.thumb} controls autoplay playsInline aria-label={lineOf(file).text} />
    </div>
  );
}

/** Small ones of those round the one on show. */
function Strip({ list, index, show }: { list: readonly Message[]; index: number; show(i: number): void }) {
  const from = Math.max(0, index - 6);
  const strip = useRef<HTMLDivElement>(null);
  const current = list[index]?.key;
  useLayoutEffect(() => {
    const [box, on] = [strip.current, strip.current?.querySelector<HTMLElement>('[aria-current]')];
    if (box && on) box.scrollLeft = on.offsetLeft + on.offsetWidth / 2 - box.clientWidth / 2;
  }, [current, list.length]);
  if (list.length < 2) return null;
  return (
    <div class="strip" ref={strip}>
      {list.slice(from, from + 13).map((message, k) => (
        <button
          type="button"
          key={message.key}
          aria-current={from + k === index ? 'true' : undefined}
          aria-label={t('viewer.of', { i: from + k + 1, n: list.length })}
          onClick={() => show(from + k)}
        >
          {message.file?.thumb ? <img src={message.file.thumb} alt="" draggable={false} /> : <Icon name="image" />}
        </button>
      ))}
    </div>
  );
}

export function Viewer({ first }: { first: Message }) {
  const session = useSession();
  const [list, setList] = useState<readonly Message[]>([first]);
  const zoom = useSignal(FIT);
  useEffect(() => {
    void session.shared(first.chat).then(({ messages }) => {
      const found = messages.filter(isShown).reverse();
      if (found.some((m) => m.key === first.key)) setList(found);
    });
  }, [session, first.chat]);
  const message = viewing.value ?? first;
  const index = Math.max(
    0,
    list.findIndex((m) => m.key === message.key),
  );
  const close = () => {
    viewing.value = undefined;
  };
  const show = (i: number) => {
    const next = list[i];
    if (!next) return;
    zoom.value = FIT;
    viewing.value = next;
  };
  const step = (by: number) => show(index + by);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inVideo = event.target instanceof HTMLVideoElement;
    const rtl = document.documentElement.dir === 'rtl' ? -1 : 1;
    // In a video the arrows seek.
    if (event.key === 'ArrowRight' && !inVideo) step(rtl);
    else if (event.key === 'ArrowLeft' && !inVideo) step(-rtl);
    else if (event.key === 'PageDown') step(1);
    else if (event.key === 'PageUp') step(-1);
    else if (event.key === 'Home') show(0);
    else if (event.key === 'End') show(list.length - 1);
    else if (event.key === '+' || event.key === '=') zoom.value = zoomed(zoom.value, 1.5, { x: 0, y: 0 });
    else if (event.key === '-') zoom.value = zoom.value.scale < 1.6 ? FIT : zoomed(zoom.value, 1 / 1.5, { x: 0, y: 0 });
    else if (event.key === '0') zoom.value = FIT;
    else return;
    event.preventDefault();
  };
  // Of the whole window: a click on the picture leaves the focus nowhere.
  const keys = useRef(onKeyDown);
  keys.current = onKeyDown;
  useLayoutEffect(() => {
    const listener = (event: KeyboardEvent) => keys.current(event);
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
  const who = message.mine ? t('you') : chatName(session.chat(message.chat));
  const where = t('viewer.of', { i: index + 1, n: list.length });
  const near = zoom.value.scale > 1;
  const still = message.file && kindOf(message.file) === 'image';
  return (
    <Dialog bare title={`${lineOf(message.file!).text}, ${where}`} class="viewer" onClose={close}>
      <div class="viewer-in">
        <header class="bar">
          <IconButton icon="close" label={t('close')} onClick={close} data-first />
          <div class="viewer-who">
            <bdi class="clip">{who}</bdi>
            <span class="clip" title={full(message.time)}>
              {brief(message.time)}
              {list.length > 1 && ` · ${where}`}
            </span>
          </div>
          {still && (
            <IconButton
              icon="zoom-in"
              label={t(near ? 'viewer.fit' : 'viewer.zoom')}
              aria-pressed={near}
              onClick={() => {
                zoom.value = near ? FIT : zoomed(FIT, 2, { x: 0, y: 0 });
              }}
            />
          )}
          <IconButton icon="download" label={t('media.save')} onClick={() => void saveFile(session, message)} />
        </header>
        <div class="stage-box">
          <Stage key={message.key} message={message} zoom={zoom} step={step} close={close} />
          {index > 0 && (
            <IconButton class="arrow prev" icon="back" label={t('viewer.previous')} onClick={() => step(-1)} />
          )}
          {index < list.length - 1 && (
            <IconButton class="arrow following" icon="next" label={t('viewer.next')} onClick={() => step(1)} />
          )}
        </div>
        <div class="viewer-foot">
          {message.caption && <p dir="auto">{message.caption}</p>}
          <Strip list={list} index={index} show={show} />
        </div>
        <p class="sr" role="status">
          {where}
        </p>
      </div>
    </Dialog>
  );
}
