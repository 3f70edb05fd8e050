import { useContext, useEffect } from 'preact/hooks';
import type { Address, Availability, Portraits } from '../../store/model';
import { SessionContext } from '../context';
import { hueOf } from './hue';
import { Icon, type IconName } from './icon';
import { PresenceMark } from './marks';

/** Two letters for scripts that have capitals, one sign for the others; an emoji stays whole. */
export function initials(name: string): string {
  const first = (word: string) => [...new Intl.Segmenter().segment(word)][0]?.segment ?? '';
  const words = name.split(/[\s\-._]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  if (words.length === 0) return first(name.trim());
  const two = /^[\p{sc=Latin}\p{sc=Cyrillic}\p{sc=Greek}\p{N}]/u.test(words[0]!);
  return words
    .slice(0, two ? 2 : 1)
    .map(first)
    .join('')
    .toUpperCase();
}

interface Props {
  name: string;
  address: Address;
  /** Left out where it is unknown or does not matter. */
  availability?: Availability | undefined;
  icon?: IconName | undefined;
  /** Of another account than the one on screen. */
  portraits?: Portraits;
}

/** Where somebody's picture can be loaded, as soon as it is here; it is fetched while a view shows its place. */
export function usePicture(address: Address, portraits: Portraits | undefined): string | undefined {
  const hash = portraits?.of(address).value ?? '';
  useEffect(() => (hash ? portraits?.hold(address, hash) : undefined), [portraits, address, hash]);
  return hash ? portraits?.src(hash) : undefined;
}

export function Avatar({ name, address, availability, icon, portraits }: Props) {
  const session = useContext(SessionContext);
  const src = usePicture(address, icon ? undefined : (portraits ?? session?.portraits));
  return (
    <span class={`avatar ${icon ? '' : `hue-${hueOf(address)}`}`}>
      <span class="face" aria-hidden="true">
        {src ? <img src={src} alt="" draggable={false} /> : icon ? <Icon name={icon} /> : initials(name)}
      </span>
      {availability && <PresenceMark availability={availability} />}
    </span>
  );
}
