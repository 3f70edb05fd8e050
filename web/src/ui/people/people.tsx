import { useMemo, useState } from 'preact/hooks';
import type { Address } from '../../store/model';
import { isConnected, presenceText, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Button, IconButton } from '../kit/controls';
import { Rows } from '../kit/rows';
import { NoHits, SearchField, SkeletonRows } from '../list/parts';
import { useRowHeights } from '../list/row-heights';
import { matches } from '../list/search';
import { hrefOf, route } from '../router';
import { addContact } from './add-contact';
import { leaving, setBlocked } from './pending';
import { RequestCard } from './request-card';

type Item =
  | { kind: 'label'; key: string; text: string }
  | { kind: 'contact' | 'blocked'; key: string; address: Address };

/** One person with presence and status; also used for search hits that have no chat yet. */
export function ContactRow({ address, tabIndex }: { address: Address; tabIndex: 0 | -1 }) {
  const session = useSession();
  void session.contactsVersion.value;
  const contact = session.contact(address);
  if (!contact) return null;
  const { availability, text } = contact.presence.value;
  const known = isConnected(session) && (contact.subscription === 'to' || contact.subscription === 'both');
  const status = contact.asked ? t('contact.asked') : known ? presenceText(availability, text) : address;
  const page = route.value.page === 'people' ? 'people' : 'chats';
  const current = route.value.chat === address;
  return (
    <a
      class="row"
      href={hrefOf({ page, chat: address })}
      tabIndex={tabIndex}
      draggable={false}
      aria-current={current ? 'true' : undefined}
    >
      <Avatar name={contact.name} address={address} availability={known ? availability : undefined} />
      <span class="row-body">
        <span class="row-top">
          <bdi class="row-name clip">{contact.name}</bdi>
        </span>
        <span class="row-end">
          <span class="row-text clip" dir="auto">
            {status}
          </span>
        </span>
      </span>
    </a>
  );
}

function BlockedRow({ address, tabIndex }: { address: Address; tabIndex: 0 | -1 }) {
  const session = useSession();
  const name = session.contact(address)?.name ?? address;
  return (
    <div class="row row-still">
      <Avatar name={name} address={address} />
      <span class="row-body">
        <bdi class="row-name clip">{name}</bdi>
        <span class="row-end">
          <span class="row-text clip">{t('people.blockedHint')}</span>
        </span>
      </span>
      <Button small look="line" tabIndex={tabIndex} onClick={() => void setBlocked(session, address, name, false)}>
        {t('contact.unblock')}
      </Button>
    </div>
  );
}

export function People() {
  const session = useSession();
  const [query, setQuery] = useState('');
  const [allRequests, setAllRequests] = useState(false);
  const heights = useRowHeights();
  const order = session.contactOrder.value;
  const version = session.contactsVersion.value;
  const blocked = session.blocked.value;
  const out = leaving.value;
  const requests = session.requests.value.filter((it) => !out.has(it.address));

  const items = useMemo(() => {
    const found = order.filter((address) => {
      const contact = session.contact(address);
      return contact && !contact.blocked && !out.has(address) && matches(query, contact.name, address);
    });
    const shut = blocked.filter((address) => matches(query, session.contact(address)?.name ?? '', address));
    const list: Item[] = [];
    if (found.length > 0 && (requests.length > 0 || shut.length > 0))
      list.push({ kind: 'label', key: '#contacts', text: t('people.contacts') });
    for (const address of found) list.push({ kind: 'contact', key: address, address });
    if (shut.length > 0) list.push({ kind: 'label', key: '#blocked', text: t('people.blocked') });
    for (const address of shut) list.push({ kind: 'blocked', key: `!${address}`, address });
    return list;
  }, [order, version, blocked, out, query, requests.length]);

  const shown = allRequests ? requests : requests.slice(0, 3);
  const nobody = items.length === 0 && requests.length === 0;
  return (
    <section class="list" aria-label={t('nav.people')}>
      <header class="bar">
        <h2>{t('nav.people')}</h2>
        <IconButton icon="user-plus" label={t('add.title')} onClick={() => addContact()} />
      </header>
      {(!nobody || query) && (
        <SearchField label={t('people.search')} placeholder={t('people.search')} value={query} onInput={setQuery} />
      )}
      {session.firstStart.value ? (
        <SkeletonRows />
      ) : nobody ? (
        query ? (
          <NoHits query={query} />
        ) : (
          <div class="blank">
            <p>{t('people.none')}</p>
            <Button look="soft" icon="user-plus" onClick={() => addContact()}>
              {t('add.title')}
            </Button>
          </div>
        )
      ) : (
        <Rows
          label={t('people.contacts')}
          items={items}
          keyOf={(item) => item.key}
          heightOf={(item) => (item.kind === 'label' ? heights.label : heights.row)}
          focusable={(item) => item.kind !== 'label'}
          current={route.value.chat}
          before={
            requests.length > 0 &&
            !query && (
              <div class="requests">
                <h3 class="section-label">{t('people.requests')}</h3>
                {shown.map((request, i) => (
                  <RequestCard key={request.address} request={request} main={i === 0} />
                ))}
                {shown.length < requests.length && (
                  <Button small onClick={() => setAllRequests(true)}>
                    {t('request.more', { n: requests.length - shown.length })}
                  </Button>
                )}
              </div>
            )
          }
          render={(item, tabIndex) =>
            item.kind === 'label' ? (
              <h3 class="section-label">{item.text}</h3>
            ) : item.kind === 'contact' ? (
              <ContactRow address={item.address} tabIndex={tabIndex} />
            ) : (
              <BlockedRow address={item.address} tabIndex={tabIndex} />
            )
          }
        />
      )}
    </section>
  );
}
