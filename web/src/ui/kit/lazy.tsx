// A view that is fetched when it is first shown. The browser keeps all parts of the app (sw.ts), so that this works without
// a connection, too; where it fails nevertheless, the reader is told, and showing it again tries again.
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import { toast } from './toast';

export interface Lazy<T> {
  /** What was fetched; asks for it if it is not there. */
  use(failed?: () => void): T | undefined;
}

const parts: (() => Promise<void>)[] = [];

/** What has not been asked for yet, one part after another, while there is nothing else to do: who opens a dialog may type at once. */
export async function fetchAhead(): Promise<void> {
  for (const load of parts.splice(0)) {
    await new Promise((resolve) =>
      'requestIdleCallback' in self ? requestIdleCallback(resolve) : setTimeout(resolve, 200),
    );
    await load().catch(() => {}); // without a connection: when it is asked for
  }
}

export function lazy<T>(fetch: () => Promise<T>): Lazy<T> {
  const got = signal<T | undefined>(undefined);
  const load = async () => {
    got.value ??= await fetch();
  };
  parts.push(load);
  return {
    use(failed) {
      useEffect(() => {
        load().catch(() => {
          toast(t('app.partMissing'), { bad: true });
          failed?.();
        });
      }, []);
      return got.value;
    },
  };
}

/** The same for one component. */
export function lazyView<P extends object>(
  fetch: () => Promise<FunctionComponent<P>>,
): FunctionComponent<P & { failed?: () => void }> {
  const part = lazy(async () => ({ View: await fetch() }));
  return function LazyView(props) {
    const { View } = part.use(props.failed) ?? {};
    return View ? <View {...props} /> : <span data-coming hidden />;
  };
}
