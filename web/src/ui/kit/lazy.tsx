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

export function lazy<T>(fetch: () => Promise<T>): Lazy<T> {
  const got = signal<T | undefined>(undefined);
  return {
    use(failed) {
      useEffect(() => {
        if (got.peek()) return;
        fetch().then(
          (it) => {
            got.value = it;
          },
          () => {
            toast(t('app.partMissing'), { bad: true });
            failed?.();
          },
        );
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
