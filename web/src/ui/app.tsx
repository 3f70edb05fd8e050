// The root of all views. It is given the store (the real one, or a made-up one in the tests) and knows nothing else.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { App } from '../store/model';
import { startAlerts } from './alerts';
import { AppContext, SessionContext } from './context';
import './css/tokens.css';
import './css/base.css';
import './css/kit.css';
import './css/frame.css';
import './css/list.css';
import './css/log.css';
import './css/composer.css';
import './css/media.css';
import './css/amend.css';
import './css/links.css';
import './css/pins.css';
import './css/select.css';
import './css/details.css';
import './css/settings.css';
import './css/login.css';
import { Frame } from './frame/frame';
import { fetchAhead, lazyView } from './kit/lazy';
import { settleAll } from './kit/toast';
import { applyLook, measure, textSizeChanged } from './look';
import { go } from './router';
import { startShortcuts } from './shortcuts';

/** Who has signed in here never sees it. */
const Login = lazyView(async () => (await import('./login/login')).Login);

function Root({ app }: { app: App }) {
  const session = app.session.value;
  const address = session?.account.address;
  const before = useRef(address);
  // Another account has other chats: begin at its list.
  if (before.current !== address) {
    if (before.current !== undefined) {
      settleAll();
      go({ page: 'chats' }, true);
    }
    before.current = address;
  }
  useLayoutEffect(() => startShortcuts(() => app.session.peek()), [app]);
  return (
    <AppContext.Provider value={app}>
      {session ? (
        <SessionContext.Provider value={session}>
          <Frame key={address} />
        </SessionContext.Provider>
      ) : (
        app.ready.value && <Login />
      )}
    </AppContext.Provider>
  );
}

export function start(app: App, shell: HTMLElement): void {
  // Until the settings have been read, what boot.js took from the last time stands.
  effect(() => {
    if (app.ready.value) applyLook(app.settings.value);
  });
  // Whatever set the text size before us, the panes are laid out by the size that is in force now.
  textSizeChanged();
  new ResizeObserver(() => measure(shell)).observe(shell);
  startAlerts(app);
  if (location.search.includes('share-')) void import('./chat/share').then(({ takeShare }) => takeShare(app));
  // Not before what one came for is there.
  effect(() => {
    if (app.session.value?.ready.value) void fetchAhead();
  });
  render(<Root app={app} />, shell);
}
