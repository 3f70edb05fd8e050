// Where the bytes of a shown file come from: from this browser while they are here, else from the net, and from a host
// that a stranger chose only when the reader asks for it: loading tells that host that, when and from where one reads.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { FileInfo, Message, Session } from '../../store/model';
import { useContact, useSession } from '../context';

/** What the reader has asked for. */
const asked = signal<ReadonlySet<string>>(new Set());
export function askFor(key: string): void {
  asked.value = new Set([...asked.peek(), key]);
}

/** Larger pictures are not fetched without being asked for. */
const UNASKED_MAX = 25_000_000;

function mayLoad(session: Session, message: Message, known: boolean): boolean {
  const file = message.file!;
  if (message.mine || asked.value.has(message.key)) return true;
  if (file.attachment || (file.size ?? 0) > UNASKED_MAX) return false;
  return known || session.isOwnHost(file.url);
}

/** Bytes of a file whose sender did not say: its server is asked, if one would load from there anyway. */
export function useSize(message: Message): number | undefined {
  const session = useSession();
  const { src, closed } = useSource(message);
  const { size } = message.file!;
  const [found, setFound] = useState<number | undefined>(undefined);
  const ask = size === undefined && !closed && !message.mine && src;
  useEffect(() => {
    if (!ask) return;
    const stop = new AbortController();
    void fetch(ask, { method: 'HEAD', credentials: 'omit', referrerPolicy: 'no-referrer', signal: stop.signal })
      .then((answer) => {
        const length = Number(answer.headers.get('Content-Length'));
        if (!answer.ok || !Number.isSafeInteger(length) || length <= 0) return;
        setFound(length);
        session.learn(message.key, { size: length });
      })
      .catch(() => {}); // It goes without.
    return () => stop.abort();
  }, [ask]);
  return size ?? found;
}

export interface Source {
  /** To be set as src; undefined while it is not known or not wanted yet. */
  src: string | undefined;
  /** The reader has to ask for it. */
  closed: boolean;
}

export function useSource(message: Message): Source {
  const session = useSession();
  const contact = useContact(session, message.chat);
  const { key, mine } = message;
  const [local, setLocal] = useState<string | undefined | null>(mine ? undefined : null);
  useEffect(() => {
    if (!mine) return;
    let made: string | undefined;
    let gone = false;
    void session
      .localFile(key)
      .catch(() => undefined)
      .then((blob) => {
        if (gone) return;
        made = blob && URL.createObjectURL(blob);
        setLocal(made ?? null);
      });
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [session, key, mine]);
  const known = message.mine || (contact !== undefined && !contact.blocked);
  const open = mayLoad(session, message, known);
  if (local === undefined) return { src: undefined, closed: false };
  if (local !== null) return { src: local, closed: false };
  const { url } = message.file!;
  return { src: open && url ? session.reach(url) : undefined, closed: !open };
}

/** Puts a file where downloads go. */
export async function save(session: Session, message: Message): Promise<boolean> {
  const file = message.file!;
  const local = await session.localFile(message.key).catch(() => undefined);
  if (local) return download(URL.createObjectURL(local), file.name, true);
  const address = session.reach(file.url);
  // From elsewhere a browser would open it instead; the server is asked whether we may read it.
  if (new URL(address).origin === location.origin) return download(address, file.name, false);
  try {
    const answer = await fetch(address, { credentials: 'omit', referrerPolicy: 'no-referrer' });
    if (!answer.ok) return false;
    return download(URL.createObjectURL(await answer.blob()), file.name, true);
  } catch {
    return openTab(address);
  }
}

/** `made`: the address is one that was made here, and goes afterwards. */
export function download(address: string, name: string, made: boolean): boolean {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  if (made) setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return true;
}

/** A tab of its own, which learns nothing of this one. */
export function openTab(address: string): boolean {
  const link = document.createElement('a');
  link.href = address;
  link.target = '_blank';
  link.rel = 'noopener noreferrer';
  link.click();
  return true;
}

export const addressOf = (session: Session, file: FileInfo) => session.reach(file.url);
