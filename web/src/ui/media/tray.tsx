// What stands in the composer to be sent with the next message: picked, pasted or dropped.
import { type Signal, signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { mayHavePlace, mediaType } from '../../mime';
import type { Address, OutgoingFile, Session } from '../../store/model';
import { t } from '../i18n';
import { Icon } from '../kit/icon';
import { type Item, showMenu } from '../kit/menu';
import { toast } from '../kit/toast';
import { touch } from '../look';
import { bytes, splitName } from './kinds';

interface Attached {
  id: number;
  file: File;
  /** It may say where it was taken, and that cannot be removed. */
  placed: Signal<boolean>;
}

interface Tray {
  list: Signal<readonly Attached[]>;
  original: Signal<boolean>;
}

const trays = new Map<string, Tray>();
let serial = 0;

/** Kept while the page is open, like a draft. */
export function trayOf(session: Session, chat: Address): Tray {
  const id = `${session.account.address} ${chat}`;
  let made = trays.get(id);
  if (!made) {
    made = { list: signal([]), original: signal(false) };
    trays.set(id, made);
  }
  return made;
}

const isFilm = (file: File) => mayHavePlace(mediaType(file)) && mediaType(file).startsWith('video/');
const isPhoto = (file: File) => /^image\/(?!svg|gif)/.test(mediaType(file));

/** A folder looks like a file until one reads it. */
async function readable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Says at once what cannot be sent, and why. */
export async function attach(session: Session, chat: Address, files: readonly File[]): Promise<void> {
  const max = session.uploadMax.peek();
  if (max === 0) return toast(t('attach.none'), { bad: true });
  const tray = trayOf(session, chat);
  for (const file of files) {
    // Photos are made smaller first; whether that is enough is seen when it is done.
    const large = max !== undefined && file.size > max && !(isPhoto(file) && !tray.original.peek());
    if (large) toast(t('attach.tooLarge', { name: file.name, size: bytes(file.size), max: bytes(max) }), { bad: true });
    else if (!(await readable(file))) toast(t('attach.unreadable', { name: file.name }), { bad: true });
    else if (file.size === 0) toast(t('attach.empty', { name: file.name }), { bad: true });
    else tray.list.value = [...tray.list.peek(), { id: ++serial, file, placed: signal(false) }];
  }
}

function pick(accept: string, capture: boolean, done: (files: File[]) => void): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = !capture;
  input.accept = accept;
  if (capture) input.setAttribute('capture', 'environment');
  input.addEventListener('change', () => done([...(input.files ?? [])]));
  input.click();
}

export function attachMenu(session: Session, chat: Address, at: DOMRect, after: () => void): void {
  const max = session.uploadMax.peek();
  if (max === 0) {
    toast(t('attach.none'), { bad: true });
    return;
  }
  const taken = (files: File[]) => void attach(session, chat, files).then(after);
  const items: Item[] = [
    { label: t('attach.photo'), icon: 'image', run: () => pick('image/*,video/*', false, taken) },
    { label: t('attach.file'), icon: 'file', run: () => pick('', false, taken) },
  ];
  if (touch.matches)
    items.splice(1, 0, { label: t('attach.camera'), icon: 'camera', run: () => pick('image/*', true, taken) });
  const menu = { label: t('attach.title'), items, at, fromStart: true };
  showMenu(max === undefined ? menu : { ...menu, note: t('attach.max', { size: bytes(max) }) });
}

/** Makes everything in the tray ready; undefined when something in it cannot be sent, which has been said. */
export async function takeTray(session: Session, chat: Address): Promise<OutgoingFile[] | undefined> {
  const { list, original } = trayOf(session, chat);
  const { prepare } = await import('./prepare');
  const ready: OutgoingFile[] = [];
  const max = session.uploadMax.peek();
  for (const { file } of list.peek()) {
    const done = await prepare(file, { original: original.peek() });
    if (max !== undefined && done.blob.size > max) {
      const size = bytes(done.blob.size);
      toast(t('attach.tooLarge', { name: file.name, size, max: bytes(max) }), { bad: true });
      return undefined;
    }
    ready.push(done);
  }
  return ready;
}

function Thumb({ item, remove }: { item: Attached; remove(): void }) {
  const { file } = item;
  const [address, setAddress] = useState<string | undefined>(undefined);
  const [shown, setShown] = useState(/^(?:image\/(?!svg)|video\/)/.test(file.type));
  const type = mediaType(file);
  // What can be drawn is drawn anew; of the rest the place is removed where that can be done.
  const asked = mayHavePlace(type) && !(shown && type.startsWith('image/'));
  useEffect(() => {
    if (!asked) return;
    void import('./place')
      .then(({ withoutPlace }) => withoutPlace(file))
      .then(({ sure }) => {
        item.placed.value = !sure;
      })
      .catch(() => {});
  }, [file, asked]);
  useEffect(() => {
    if (!shown) return;
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file, shown]);
  const [base, end] = splitName(file.name);
  return (
    <li class={shown ? 'thumb' : 'thumb doc'} title={file.name}>
      {shown && address && file.type.startsWith('image/') && (
        <img src={address} alt={file.name} onError={() => setShown(false)} />
      )}
      {shown && address && file.type.startsWith('video/') && (
        <>
          <video src={`${address}#t=0.1`} muted preload="metadata" tabIndex={-1} onError={() => setShown(false)} />
          <Icon name="play" />
        </>
      )}
      {!shown && (
        <>
          <Icon name="file" />
          <span class="fname" dir="auto">
            <span>{base}</span>
            <span>{end}</span>
          </span>
          <small>{bytes(file.size)}</small>
        </>
      )}
      <button type="button" class="x" aria-label={t('attach.remove', { name: file.name })} onClick={remove}>
        <Icon name="close" />
      </button>
    </li>
  );
}

export function TrayView({ session, chat, after }: { session: Session; chat: Address; after(): void }) {
  const { list, original } = trayOf(session, chat);
  if (list.value.length === 0) return null;
  const photos = list.value.some(({ file }) => isPhoto(file));
  const films = list.value.some(({ file }) => isFilm(file));
  const told = list.value.filter(({ placed }) => placed.value && !original.value);
  return (
    <div class="tray-in">
      <ul class="tray" aria-label={t('attach.tray')}>
        {list.value.map((item) => (
          <Thumb
            key={item.id}
            item={item}
            remove={() => {
              list.value = list.peek().filter((it) => it !== item);
              after();
            }}
          />
        ))}
      </ul>
      {told.map(({ id, file }) => (
        <p class="tray-note" role="status" key={id}>
          {t('attach.placed', { name: file.name })}
        </p>
      ))}
      {(photos || films) && (
        <label class="tray-option">
          <input
            type="checkbox"
            checked={original.value}
            onChange={(event) => {
              original.value = event.currentTarget.checked;
            }}
          />
          <span>
            {t(photos ? 'attach.original' : 'attach.unchanged')}
            <small>
              {t(original.value ? 'attach.originalOn' : photos ? 'attach.originalOff' : 'attach.unchangedOff')}
            </small>
          </span>
        </label>
      )}
    </div>
  );
}
