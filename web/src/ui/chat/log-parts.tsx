import type { Chat, Timeline } from '../../store/model';
import { chatName, useContact, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';

/** Above the first message: what there is to know about what is not there. */
export function Beginning({ chat, older, empty }: { chat: Chat; older: Timeline['older']['value']; empty: boolean }) {
  const name = chatName(chat);
  const session = useSession();
  const contact = useContact(session, chat.address);
  if (older === 'loading') return <p class="sys">{t('log.loading')}</p>;
  if (older === 'offline') return <p class="sys">{t('log.olderOffline')}</p>;
  if (older === 'more') return <p class="sys" aria-hidden="true" />;
  const self = chat.kind === 'self';
  return (
    <div class={empty ? 'begin begin-empty' : 'begin'}>
      <Avatar name={name} address={chat.address} icon={self ? 'edit' : undefined} />
      <h3>
        <bdi>{name}</bdi>
      </h3>
      <p hidden={contact?.blocked}>
        {self
          ? t('notes.about')
          : contact?.asked
            ? t('log.beginAsked', { name })
            : t(empty ? 'log.beginEmpty' : 'log.begin', { name })}
      </p>
    </div>
  );
}

export function Typing({ chat }: { chat: Chat }) {
  const name = chatName(chat);
  return (
    <div class="typing-place" role="status">
      {chat.typing.value && (
        <div class="typing">
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span>{t('typing.who', { name })}</span>
        </div>
      )}
    </div>
  );
}

export function LogSkeleton() {
  const shapes: [number, number, boolean][] = [
    [16, 2.5, false],
    [21, 3.6, false],
    [14, 2.5, true],
    [18, 6, false],
    [11, 2.5, true],
    [17, 3.6, true],
  ];
  return (
    <div aria-hidden="true">
      {shapes.map(([width, height, own]) => (
        <div class={own ? 'msg own first' : 'msg in first'} key={width}>
          <span class="sk sk-bubble" style={{ width: `${width}rem`, height: `${height}rem` }} />
        </div>
      ))}
    </div>
  );
}
