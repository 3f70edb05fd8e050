// Stands once in the shell and fetches what lies over it when it is wanted.
import { type Signal, signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Message } from '../../store/model';
import { t } from '../i18n';
import { toast } from '../kit/toast';
import { portrait, reading, viewing } from './state';

const viewer = signal<FunctionComponent<{ first: Message }> | undefined>(undefined);
const framed = signal<FunctionComponent<{ address: string; name: string }> | undefined>(undefined);
const reader = signal<FunctionComponent<{ message: Message }> | undefined>(undefined);

function useLate<W, T>(wanted: Signal<W | undefined>, place: Signal<T | undefined>, load: () => Promise<T>): void {
  const want = wanted.value !== undefined && place.value === undefined;
  useEffect(() => {
    if (!want) return;
    load().then(
      (made) => {
        place.value = made;
      },
      () => {
        wanted.value = undefined;
        toast(t('emoji.unavailable'), { bad: true });
      },
    );
  }, [want]);
}

export function MediaOver() {
  useLate(viewing, viewer, async () => (await import('./viewer')).Viewer);
  useLate(reading, reader, async () => (await import('./reader')).Reader);
  useLate(portrait, framed, async () => (await import('./portrait')).Portrait);
  const [View, Read, Framed] = [viewer.value, reader.value, framed.value];
  return (
    <>
      {View && viewing.value && <View first={viewing.value} />}
      {Framed && portrait.value && <Framed {...portrait.value} />}
      {Read && reading.value && <Read message={reading.value} />}
    </>
  );
}
