// The part of a picture that others will see: moved and brought nearer in a round window, by hand or by keys, then drawn
// anew, small, on this device. The picture itself, with whatever a camera noted in it, never leaves. Fetched when wanted.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { sha1 } from '../../store/picture-kind';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { FIT, held, MOST, type Place, zoomed } from '../media/zoom';
import { covering, type Size, squareOf } from './crop-place';

/** Sides that are tried, in pixels, until a PNG of it fits. Servers take some 190 KB of base64 in one item. */
const SIDES = [320, 256, 192, 128];
const BYTES = 130_000;
const STEP = 24;

/** Undefined: this browser cannot draw it. */
async function cut(picture: HTMLImageElement, of: Size, window: number, place: Place) {
  const from = squareOf(of, window, place);
  for (const side of SIDES) {
    const canvas = new OffscreenCanvas(side, side);
    const context = canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, from.x, from.y, from.side, from.side, 0, 0, side, side);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    if (blob.size > BYTES && side !== SIDES.at(-1)) continue;
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return { bytes, hash: await sha1(bytes), side };
  }
  return undefined;
}

interface Props {
  file: File;
  /** The picture is set, or nothing is to be done. */
  close(done: boolean): void;
}

export function Crop({ file, close }: Props) {
  const session = useSession();
  const [src, setSrc] = useState('');
  const [size, setSize] = useState<Size | undefined>(undefined);
  const [place, setPlace] = useState<Place>(FIT);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const stage = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLImageElement>(null);
  const fingers = useRef(new Map<number, { x: number; y: number }>());
  const now = useRef(place);
  now.current = place;

  useEffect(() => {
    const made = URL.createObjectURL(file);
    setSrc(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);

  const side = () => stage.current?.clientWidth ?? 1;
  const put = (next: Place) => {
    if (!size) return;
    const window = side();
    now.current = held(next, covering(size, window), { width: window, height: window });
    setPlace(now.current);
  };
  useLayoutEffect(() => {
    const img = picture.current;
    if (!img || !size) return;
    const shown = covering(size, side());
    img.style.width = `${shown.width}px`;
    img.style.height = `${shown.height}px`;
    img.style.transform = `translate(${place.x}px, ${place.y}px) scale(${place.scale})`;
  }, [place, size]);

  /** From the middle of the window. */
  const at = (event: { clientX: number; clientY: number }) => {
    const box = stage.current!.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  };
  const wheel = useRef((_: WheelEvent) => {});
  wheel.current = (event) => {
    event.preventDefault();
    put(zoomed(now.current, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), at(event)));
  };
  useLayoutEffect(() => {
    // Not by a property: a wheel listener that may stop the page has to say so.
    const listener = (event: WheelEvent) => wheel.current(event);
    const box = stage.current;
    box?.addEventListener('wheel', listener, { passive: false });
    return () => box?.removeEventListener('wheel', listener);
  }, []);

  const spread = () => {
    const [a, b] = [...fingers.current.values()];
    return a && b ? { far: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } : undefined;
  };
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    fingers.current.set(event.pointerId, at(event));
  };
  const onPointerMove = (event: PointerEvent) => {
    const before = fingers.current.get(event.pointerId);
    if (!before) return;
    const here = at(event);
    const apart = spread();
    fingers.current.set(event.pointerId, here);
    const next = spread();
    if (apart && next) {
      const grown = zoomed(now.current, next.far / Math.max(1, apart.far), next);
      put({ ...grown, x: grown.x + next.x - apart.x, y: grown.y + next.y - apart.y });
    } else put({ ...now.current, x: now.current.x + here.x - before.x, y: now.current.y + here.y - before.y });
  };
  const onPointerUp = (event: PointerEvent) => void fingers.current.delete(event.pointerId);

  const nearer = (by: number) => put(zoomed(now.current, by, { x: 0, y: 0 }));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = (x: number, y: number) => put({ ...now.current, x: now.current.x + x, y: now.current.y + y });
    const todo: Record<string, () => void> = {
      ArrowLeft: () => move(-STEP, 0),
      ArrowRight: () => move(STEP, 0),
      ArrowUp: () => move(0, -STEP),
      ArrowDown: () => move(0, STEP),
      '+': () => nearer(1.2),
      '=': () => nearer(1.2),
      '-': () => nearer(1 / 1.2),
      '0': () => put(FIT),
    };
    const does = todo[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  };

  const save = async () => {
    if (!size || !picture.current) return;
    setBusy(true);
    setError('');
    const made = await cut(picture.current, size, side(), place).catch(() => undefined);
    const failed = made ? await session.setPicture(made) : { text: t('picture.unreadable') };
    setBusy(false);
    if (failed) setError(failed.text);
    else close(true);
  };
  const percent = Math.round(place.scale * 100);
  return (
    <Dialog title={t('picture.crop')} onClose={() => close(false)}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset could not be focused. */}
        <div
          ref={stage}
          class="crop"
          role="group"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the picture is moved by keys.
          tabIndex={0}
          data-first
          aria-label={t('picture.move')}
          aria-describedby="crop-hint"
          onKeyDown={onKeyDown}
          onPointerDown={onPointerDown}
          onPointerMove={onPointerMove}
          onPointerUp={onPointerUp}
          onPointerCancel={onPointerUp}
        >
          {src && (
            <img
              ref={picture}
              src={src}
              alt=""
              class={size ? 'on' : ''}
              draggable={false}
              onLoad={(event) => {
                const { naturalWidth: width, naturalHeight: height } = event.currentTarget;
                if (width > 0 && height > 0) setSize({ width, height });
                else setError(t('picture.unreadable'));
              }}
              onError={() => setError(t('picture.unreadable'))}
            />
          )}
        </div>
        <div class="slider crop-zoom">
          <Icon name="image" small />
          <input
            type="range"
            min={100}
            max={MOST * 100}
            step={5}
            value={percent}
            disabled={!size}
            aria-label={t('picture.zoom')}
            aria-valuetext={t('appearance.percent', { n: percent })}
            onInput={(event) => {
              const scale = Number(event.currentTarget.value) / 100;
              put(zoomed(now.current, scale / now.current.scale, { x: 0, y: 0 }));
            }}
          />
          <Icon name="image" />
        </div>
        <p class="hint-text" id="crop-hint">
          {t('picture.cropHint')}
        </p>
        {error && (
          <p class="err-text" role="alert">
            <Icon name="alert" />
            <span>{error}</span>
          </p>
        )}
        <div class="form-end">
          <Button onClick={() => close(false)}>{t('cancel')}</Button>
          <Button look="primary" type="submit" busy={busy} aria-disabled={!size}>
            {t('picture.use')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
