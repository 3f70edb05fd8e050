// The part of a picture that others will see: moved and brought nearer in a round window, by hand or by keys, then drawn
// anew, small, on this device. The picture itself, with whatever a camera noted in it, never leaves. Fetched when wanted.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { sha1 } from '../../store/picture-kind';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { useHand } from '../media/hand';
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

  const hand = useHand(stage, { place: () => now.current, put, drags: () => true });

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
          onPointerDown={hand.down}
          onPointerMove={hand.move}
          onPointerUp={hand.up}
          onPointerCancel={hand.up}
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
