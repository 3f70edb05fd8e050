import { useMemo, useState } from 'preact/hooks';
import type { Address, Session } from '../../store/model';
import { chatName, useSession } from '../context';
import { COMMAND, t } from '../i18n';
import { Button, IconButton } from '../kit/controls';
import { Rows } from '../kit/rows';
import { addContact } from '../people/add-contact';
import { leaving } from '../people/pending';
import { ContactRow } from '../people/people';
import { RequestCard } from '../people/request-card';
import { go, hrefOf, route } from '../router';
import { ChatRow } from './chat-row';
import { NoHits, SearchField, SkeletonRows } from './parts';
import { useRowHeights } from './row-heights';
import { matches, rank } from './search';
import { openSwitcher } from './switcher-state';

type Item = { kind: 'label'; key: string; text: string } | { kind: 'chat' | 'contact'; key: string; address: Address };

/** What the title says besides "Chats": the truth about the connection, where a phone shows no chat. */
function useTitle(session: Session): string {
  const { state } = session.connection.value;
  if (state === 'offline') return t('title.offline');
  if (state === 'ended') return t('title.ended');
  if (state === 'waiting') return t('title.waiting');
  return t('nav.chats');
}

function useItems(session: Session, query: string, unreadOnly: boolean): Item[] {
  const order = session.chatOrder.value;
  const contacts = session.contactOrder.value;
  const version = session.contactsVersion.value;
  // Only the filter depends on the counts; the plain list must not be rebuilt by each message.
  const counts = unreadOnly ? session.unread.value : 0;
  const open = route.value.chat;
  return useMemo(() => {
    const chatItem = (address: Address): Item => ({ kind: 'chat', key: address, address });
    if (!query.trim()) {
      const kept = unreadOnly
        ? order.filter((address) => address === open || session.chat(address).unread.peek() > 0)
        : order;
      return kept.map(chatItem);
    }
    const byRank = (name: (address: Address) => string) => (a: Address, b: Address) =>
      rank(query, name(a)) - rank(query, name(b));
    const nameOf = (address: Address) => chatName(session.chat(address));
    const chats = order.filter((address) => matches(query, nameOf(address), address)).sort(byRank(nameOf));
    const has = new Set(order);
    const people = contacts
      .filter((address) => !has.has(address) && matches(query, session.contact(address)?.name ?? '', address))
      .sort(byRank((address) => session.contact(address)?.name ?? ''));
    const items: Item[] = [];
    if (chats.length > 0) items.push({ kind: 'label', key: '#chats', text: t('nav.chats') }, ...chats.map(chatItem));
    if (people.length > 0) {
      items.push({ kind: 'label', key: '#people', text: t('people.contacts') });
      for (const address of people) items.push({ kind: 'contact', key: address, address });
    }
    return items;
  }, [order, contacts, version, query, unreadOnly, counts, open]);
}

export function ChatList() {
  const session = useSession();
  const [query, setQuery] = useState('');
  const [unreadOnly, setUnreadOnly] = useState(false);
  const heights = useRowHeights();
  const items = useItems(session, query, unreadOnly);
  const unread = session.unread.value;
  const requests = session.requests.value.filter((it) => !leaving.value.has(it.address));
  const none = session.chatOrder.value.length === 0 && session.contactOrder.value.length === 0;
  const first = session.firstStart.value;

  const openFirst = () => {
    const hit = items.find((item) => item.kind !== 'label');
    if (hit) {
      setQuery('');
      go({ page: 'chats', chat: hit.address });
    }
  };

  return (
    <section class="list" aria-label={t('nav.chats')} aria-busy={first || undefined}>
      <header class="bar">
        <h2>{useTitle(session)}</h2>
        <IconButton icon="compose" label={t('chat.new')} onClick={openSwitcher} />
      </header>
      <SearchField
        label={t('search.label')}
        placeholder={t('search.placeholder')}
        keys={`${COMMAND} K`}
        value={query}
        onInput={setQuery}
        onEnter={openFirst}
      />
      {!none && !query && (
        <fieldset class="chips" aria-label={t('filter.label')}>
          <button type="button" class="chip" aria-pressed={!unreadOnly} onClick={() => setUnreadOnly(false)}>
            {t('filter.all')}
          </button>
          <button type="button" class="chip" aria-pressed={unreadOnly} onClick={() => setUnreadOnly(true)}>
            {t('filter.unread')} {unread > 0 && <b>{unread > 99 ? '99+' : unread}</b>}
          </button>
        </fieldset>
      )}
      {first ? (
        <SkeletonRows />
      ) : items.length === 0 && query ? (
        <div class="blank">
          <NoHits query={query} />
          <Button look="soft" icon="user-plus" onClick={() => addContact(query.trim())}>
            {t('add.title')}
          </Button>
        </div>
      ) : !session.ready.value ? (
        <div class="rows" />
      ) : items.length === 0 && requests.length === 0 ? (
        <div class="blank">
          <p>{t(unreadOnly ? 'filter.noneUnread' : none ? 'chats.none' : 'chats.noneYet')}</p>
          {unreadOnly ? (
            <Button look="soft" onClick={() => setUnreadOnly(false)}>
              {t('filter.showAll')}
            </Button>
          ) : (
            <Button class="only-phone" look="soft" icon="user-plus" onClick={() => addContact()}>
              {t('add.title')}
            </Button>
          )}
        </div>
      ) : (
        <Rows
          label={t('nav.chats')}
          items={items}
          keyOf={(item) => item.key}
          heightOf={(item) => (item.kind === 'label' ? heights.label : heights.row)}
          focusable={(item) => item.kind !== 'label'}
          current={route.value.chat}
          before={
            !query &&
            requests.length > 0 && (
              <div class="requests">
                {requests.slice(0, 2).map((request, i) => (
                  <RequestCard key={request.address} request={request} main={i === 0} />
                ))}
                {requests.length > 2 && (
                  <a class="more-requests" href={hrefOf({ page: 'people' })}>
                    {t('request.more', { n: requests.length - 2 })}
                  </a>
                )}
              </div>
            )
          }
          render={(item, tabIndex) =>
            item.kind === 'label' ? (
              <h3 class="section-label">{item.text}</h3>
            ) : item.kind === 'chat' ? (
              <ChatRow address={item.address} tabIndex={tabIndex} />
            ) : (
              <ContactRow address={item.address} tabIndex={tabIndex} />
            )
          }
        />
      )}
    </section>
  );
}
