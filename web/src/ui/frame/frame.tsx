// One, two or three panes: css/frame.css decides by the width of the shell, `data-view` says which one a phone shows.

import { useLayoutEffect, useRef } from 'preact/hooks';
import { AmendDialogs } from '../chat/amend-dialogs';
import { ChatPane } from '../chat/chat';
import { Banner, NetLine } from '../chat/connection';
import { Forward } from '../chat/forward-lazy';
import { ReactionPicker } from '../chat/reactions';
import { isConnected, useSession } from '../context';
import { detailsShown } from '../details/state';
import { t } from '../i18n';
import { Dialog } from '../kit/dialog';
import { lazyView } from '../kit/lazy';
import { Menus } from '../kit/menu';
import { Toasts } from '../kit/toast';
import { ChatList } from '../list/chat-list';
import { Switcher } from '../list/switcher';
import { layout } from '../look';
import { MediaOver } from '../media/over';
import { AddContactDialog } from '../people/add-contact';
import { People } from '../people/people';
import { route } from '../router';
import { SettingsList, SettingsPane, Shortcuts } from '../settings/settings';
import { helpOpen } from '../shortcuts';
import { NoChat } from './empty';
import { ListEdge } from './list-edge';
import { Rail } from './rail';

const Details = lazyView(async () => (await import('../details/details')).Details);

/** Which pane a phone shows. */
function viewOf(): 'list' | 'main' | 'details' {
  const { page, chat, section } = route.value;
  if (page === 'settings') return section ? 'main' : 'list';
  if (!chat) return 'list';
  return detailsShown.value && layout.value !== 'full' ? 'details' : 'main';
}

/** On a phone the pane changes under the focus: it goes to the row one came from, or to the top of the pane. */
function usePaneFocus(view: string): void {
  const last = useRef(view);
  const chat = useRef(route.value.chat);
  useLayoutEffect(() => {
    const from = last.current;
    last.current = view;
    const came = chat.current;
    chat.current = route.peek().chat;
    if (from === view || layout.peek() !== 'phone') return;
    if (view === 'list') {
      const row = came && document.querySelector<HTMLElement>(`[data-key="${CSS.escape(came)}"] a`);
      (row || document.querySelector<HTMLElement>('.list a, .list button'))?.focus({ preventScroll: true });
    } else if (view === 'main') {
      document.querySelector<HTMLElement>('.main .ib')?.focus({ preventScroll: true });
    }
  }, [view]);
}

function Help() {
  if (!helpOpen.value) return null;
  return (
    <Dialog
      title={t('keyboard.title')}
      onClose={() => {
        helpOpen.value = false;
      }}
    >
      <Shortcuts />
    </Dialog>
  );
}

export function Frame() {
  const session = useSession();
  const { page, chat } = route.value;
  const view = viewOf();
  const showsDetails = detailsShown.value && chat !== undefined;
  usePaneFocus(view);
  return (
    <div
      class={isConnected(session) ? 'app' : 'app away'}
      data-view={view}
      data-page={page}
      data-details={showsDetails ? '' : undefined}
    >
      <Rail />
      <NetLine />
      <main class="panes">
        <h1 class="sr">Confab</h1>
        {page === 'settings' ? <SettingsList /> : page === 'people' ? <People /> : <ChatList />}
        <ListEdge />
        {page === 'settings' ? <SettingsPane /> : chat ? <ChatPane key={chat} address={chat} /> : <NoChat />}
        {showsDetails && <Details key={chat} chat={session.chat(chat)} />}
      </main>
      <Banner />
      <Toasts />
      <Switcher />
      <AddContactDialog />
      <Help />
      <MediaOver />
      <Menus />
      <AmendDialogs />
      <ReactionPicker />
      <Forward />
    </div>
  );
}
