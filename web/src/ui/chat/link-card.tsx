// What its sender says of a link. The host is read from the link itself: it is the one thing here that is certain.
import type { Message } from '../../store/model';
import { useSession } from '../context';

export function LinkCard({ message }: { message: Message }) {
  const { link } = message;
  if (!useSession().choices.value.previews || !link) return null;
  return (
    <a class="link-card" href={link.url} target="_blank" rel="noopener noreferrer nofollow" tabIndex={-1}>
      {link.picture && <img src={link.picture} alt="" />}
      <span class="link-what">
        <b class="clip" dir="auto">
          {link.title}
        </b>
        {link.about && <span dir="auto">{link.about}</span>}
        <small class="clip" dir="ltr">
          {new URL(link.url).host}
        </small>
      </span>
    </a>
  );
}
