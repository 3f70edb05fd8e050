import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Address, Hit, Session } from '../../store/model';
import { termsOf } from '../../store/terms';
import { chatName, useSession } from '../context';
import { COMMAND, t } from '../i18n';
import { Button, IconButton } from '../kit/controls';
import { Icon } from '../kit/icon';
import { Rows } from '../kit/rows';
import { addContact } from '../people/add-contact';
import { leaving } from '../people/pending';
import { ContactRow } from '../people/people';
import { RequestCard } from '../people/request-card';
import { go, hrefOf, route } from '../router';
import { ArchiveRow, archiveOpen } from './archive-row';
import { ChatRow } from './chat-row';
import { query as queryNow, searchOf, useFound, within as withinNow } from './found';
import { HitRow, openHit } from './hit-row';
import { NoHits, SearchField, SkeletonRows } from './parts';
import { useRowHeights } from './row-heights';
import { matches, rank } from './search';
import { openSwitcher } from './switcher-state';

type Item =
  | { kind: 'label'; key: string; text: string; count?: number }
  | { kind: 'chat' | 'contact'; key: string; address: Address }
  | { kind: 'hit'; key: string; hit: Hit }
  | { kind: 'asking' | 'here' | 'more' | 'archive'; key: string };

/** The messages that were found, and what is to be said about the search. */
function foundItems(found: ReturnType<typeof useFound>): Item[] {
  const { hits, server } = found;
  const items: Item[] = [];
  if (hits.length > 0 || server === 'asking')
    items.push({ kind: 'label', key: '#messages', text: t('search.messages'), count: hits.length });
  for (const hit of hits) items.push({ kind: 'hit', key: `#hit ${hit.id}`, hit });
  if (server !== 'done') items.push({ kind: server, key: '#server' });
  return items;
}

const isRow = (item: Item) =>
  item.kind === 'archive' || item.kind === 'chat' || item.kind === 'contact' || item.kind === 'hit';

/** What the title says besides "Chats": the truth about the connection, where a phone shows no chat. */
function useTitle(session: Session): string {
  const { state } = session.connection.value;
  if (state === 'offline') return t('title.offline');
  if (state === 'ended') return t('title.ended');
  if (state === 'waiting') return t('title.waiting');
  return t('nav.chats');
}

function useItems(session: Session, query: string, unreadOnly: boolean): Item[] {
  const list = session.chatOrder.value;
  const archived = session.archivedOrder.value;
  const inArchive = archiveOpen.value;
  const contacts = session.contactOrder.value;
  const version = session.contactsVersion.value;
  // Only the filter depends on the counts; the plain list must not be rebuilt by each message.
  const counts = unreadOnly ? session.unread.value : 0;
  const open = route.value.chat;
  return useMemo(() => {
    const chatItem = (address: Address): Item => ({ kind: 'chat', key: address, address });
    if (!query.trim()) {
      if (inArchive) return archived.map(chatItem);
      if (unreadOnly)
        return list.filter((address) => address === open || session.chat(address).unread.peek() > 0).map(chatItem);
      const rows = list.map(chatItem);
      return archived.length > 0 ? [{ kind: 'archive', key: '#archive' }, ...rows] : rows;
    }
    const order = [...list, ...archived];
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
  }, [list, archived, inArchive, contacts, version, query, unreadOnly, counts, open]);
}

export function ChatList() {
  const session = useSession();
  const query = queryNow.value;
  const within = withinNow.value;
  const setQuery = (text: string) => {
    queryNow.value = text;
  };
  const [unreadOnly, setUnreadOnly] = useState(false);
  const heights = useRowHeights();
  const named = useItems(session, within === undefined ? query : '', unreadOnly);
  const found = useFound(session, query, within);
  const wanted = useMemo(() => termsOf(query), [query]);
  const messages = useMemo(() => foundItems(found), [found.hits, found.server]);
  const items = useMemo(
    () => (query ? [...(within === undefined ? named : []), ...messages] : named),
    [named, messages, query, within],
  );
  useEffect(() => searchOf(session), [session]);
  // The last one has gone back, or this is another account.
  const archivedCount = session.archivedOrder.value.length;
  useEffect(() => {
    if (archivedCount === 0) archiveOpen.value = false;
  }, [archivedCount]);
  useEffect(
    () => () => {
      archiveOpen.value = false;
    },
    [session],
  );
  const unread = session.unread.value;
  const requests = session.requests.value.filter((it) => !leaving.value.has(it.address));
  const inArchive = archiveOpen.value;
  const none =
    session.chatOrder.value.length === 0 &&
    session.archivedOrder.value.length === 0 &&
    session.contactOrder.value.length === 0;
  const first = session.firstStart.value;
  const title = useTitle(session);

  const openFirst = () => {
    const first = items.find(isRow);
    if (first?.kind === 'hit') openHit(first.hit);
    else if (first?.kind === 'chat' || first?.kind === 'contact') {
      setQuery('');
      go({ page: 'chats', chat: first.address });
    }
  };

  return (
    <section class="list" aria-label={t('nav.chats')} aria-busy={first || undefined}>
      <header class="bar">
        {inArchive && (
          <IconButton
            icon="back"
            class="flip"
            label={t('archive.back')}
            onClick={() => {
              archiveOpen.value = false;
            }}
          />
        )}
        <h2>{inArchive ? t('archive.title') : title}</h2>
        <IconButton icon="compose" label={t('chat.new')} onClick={openSwitcher} />
      </header>
      <SearchField
        label={t('search.label')}
        placeholder={t('search.placeholder')}
        keys={`${COMMAND} K`}
        value={query}
        onInput={setQuery}
        onEnter={openFirst}
        onEscape={
          within === undefined
            ? undefined
            : () => {
                withinNow.value = undefined;
              }
        }
      />
      {within !== undefined && (
        <div class="chips">
          <button
            type="button"
            class="chip"
            aria-pressed="true"
            title={t('search.withinOff', { name: chatName(session.chat(within)) })}
            onClick={() => {
              withinNow.value = undefined;
            }}
          >
            {t('search.within', { name: chatName(session.chat(within)) })} <Icon name="close" small />
          </button>
        </div>
      )}
      {!none && !query && within === undefined && !inArchive && (
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
          focusable={(item) => isRow(item) || item.kind === 'more'}
          current={route.value.chat}
          before={
            !query &&
            !inArchive &&
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
              <h3 class="section-label">
                {item.text}
                {item.count ? <span class="count">{t('search.count', { n: item.count })}</span> : null}
              </h3>
            ) : item.kind === 'archive' ? (
              <ArchiveRow tabIndex={tabIndex} />
            ) : item.kind === 'chat' ? (
              <ChatRow address={item.address} tabIndex={tabIndex} />
            ) : item.kind === 'contact' ? (
              <ContactRow address={item.address} tabIndex={tabIndex} />
            ) : item.kind === 'hit' ? (
              <HitRow hit={item.hit} wanted={wanted} tabIndex={tabIndex} />
            ) : item.kind === 'more' ? (
              <Button class="found-more" tabIndex={tabIndex} onClick={found.more}>
                {t('search.more')}
              </Button>
            ) : (
              <p class="found-note" role="status">
                {t(`search.${item.kind}`)}
              </p>
            )
          }
        />
      )}
    </section>
  );
}
