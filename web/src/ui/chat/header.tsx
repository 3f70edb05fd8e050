import type { Chat } from '../../store/model';
import { chatName, isConnected, presenceText, useContact, useSession } from '../context';
import { detailsShown, toggleDetails } from '../details/state';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { IconButton } from '../kit/controls';
import { searchIn } from '../list/search-in';
import { back, hrefOf, parent, route } from '../router';

function Sub({ chat }: { chat: Chat }) {
  const session = useSession();
  const contact = useContact(session, chat.address);
  if (chat.kind === 'self') return <span class="chat-sub clip">{t('notes.hint')}</span>;
  if (chat.typing.value)
    return (
      <span class="chat-sub clip live" aria-hidden="true">
        {t('typing')}
      </span>
    );
  const { availability, text } = chat.presence.value;
  const sees = contact?.subscription === 'both' || contact?.subscription === 'to';
  const sub = contact?.blocked
    ? t('contact.isBlocked')
    : contact?.asked
      ? t('contact.asked')
      : isConnected(session) && sees
        ? presenceText(availability, text)
        : contact
          ? chat.address
          : session.firstStart.value
            ? '' // not known yet
            : t('contact.stranger');
  return (
    <span class="chat-sub clip" dir="auto">
      {sub}
    </span>
  );
}

export function ChatHeader({ chat }: { chat: Chat }) {
  const session = useSession();
  const name = chatName(chat);
  const self = chat.kind === 'self';
  const shown = detailsShown.value;
  return (
    <header class="bar chat-bar">
      <a
        class="ib only-phone"
        href={hrefOf(parent(route.value))}
        aria-label={t('chat.back')}
        onClick={(event) => {
          event.preventDefault();
          back();
        }}
      >
        <BackSign />
      </a>
      <button
        type="button"
        class="chat-who"
        aria-label={t('chat.details', { name })}
        aria-expanded={shown}
        onClick={() => toggleDetails(chat.address)}
      >
        <Avatar
          name={name}
          address={chat.address}
          icon={self ? 'edit' : undefined}
          availability={isConnected(session) && !self ? chat.presence.value.availability : undefined}
        />
        <span class="chat-who-text">
          <span class="chat-name">
            <bdi class="clip">{name}</bdi>
          </span>
          <Sub chat={chat} />
        </span>
      </button>
      <IconButton icon="search" label={t('search.inChat')} onClick={() => searchIn(chat.address)} />
      <IconButton
        class="only-tablet"
        icon="panel"
        label={t(shown ? 'details.hide' : 'details.show')}
        aria-expanded={shown}
        onClick={() => toggleDetails(chat.address)}
      />
    </header>
  );
}

export function BackSign() {
  return (
    <svg
      class="i flip"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d="M12 4.5 6.500 10l5.500 5.500" />
    </svg>
  );
}
