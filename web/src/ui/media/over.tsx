// Stands once in the shell and fetches what lies over it when it is wanted.
import { type Signal, signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Message } from '../../store/model';
import { t } from '../i18n';
import { toast } from '../kit/toast';
import { reading, viewing } from './state';

const viewer = signal<FunctionComponent<{ first: Message }> | undefined>(undefined);
const reader = signal<FunctionComponent<{ message: Message }> | undefined>(undefined);

function useLate<T>(wanted: Signal<Message | undefined>, place: Signal<T | undefined>, load: () => Promise<T>): void {
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
  const [View, Read] = [viewer.value, reader.value];
  return (
    <>
      {View && viewing.value && <View first={viewing.value} />}
      {Read && reading.value && <Read message={reading.value} />}
    </>
  );
}
