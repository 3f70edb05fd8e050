// The way to the chats that have left the list.
import { signal } from '@preact/signals';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { Badge } from '../kit/controls';
import { Icon } from '../kit/icon';

/** The list shows what has left it. */
export const archiveOpen = signal(false);

export function ArchiveRow({ tabIndex }: { tabIndex: 0 | -1 }) {
  const session = useSession();
  const archived = session.archivedOrder.value;
  const unread = archived.filter((address) => session.chat(address).unread.value > 0).length;
  return (
    <button
      type="button"
      class="row row-folder"
      tabIndex={tabIndex}
      onClick={() => {
        archiveOpen.value = true;
      }}
    >
      <span class="avatar">
        <span class="face">
          <Icon name="archive" />
        </span>
      </span>
      <span class="row-body">
        <span class="row-top">
          <span class="row-name clip">{t('archive.title')}</span>
        </span>
        <span class="row-end">
          <span class="row-text clip" dir="auto">
            {archived
              .slice(0, 5)
              .map((address) => chatName(session.chat(address)))
              .join(', ')}
          </span>
          <Badge count={unread} label={t('archive.unread')} quiet />
        </span>
      </span>
    </button>
  );
}
