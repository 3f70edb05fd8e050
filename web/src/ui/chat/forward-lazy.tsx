// Stands once in the shell: the chooser for forwarding.
import { lazyView } from '../kit/lazy';
import { forwarding } from './forward-state';

const Chooser = lazyView(async () => (await import('./forward')).ForwardDialog);

export function Forward() {
  if (!forwarding.value) return null;
  return (
    <Chooser
      failed={() => {
        forwarding.value = undefined;
      }}
    />
  );
}
