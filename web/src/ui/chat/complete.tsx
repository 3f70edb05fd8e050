// `:smi` in the composer offers emoji; Tab or Enter takes one, Esc leaves the text alone.
import { useSignal } from '@preact/signals';
import { emojiTable, findEmoji, loadEmoji, usedEmoji } from '../emoji/table';
import { t } from '../i18n';

const BEGUN = /(?:^|[\s(])(:([a-z0-9_+-]{2,30}))$/i;
const WHOLE = /(?:^|[\s(])(:([a-z0-9_+-]{2,30}):)$/i;

export function useCompletion(field: { current: HTMLTextAreaElement | null }, changed: () => void) {
  const query = useSignal('');
  const at = useSignal(0);
  const list = query.value && emojiTable.value ? findEmoji(query.value, 6) : [];

  const before = () => {
    const el = field.current;
    return el && el.selectionStart === el.selectionEnd ? el.value.slice(0, el.selectionStart) : '';
  };
  const put = (found: RegExpMatchArray, sign: string) => {
    const el = field.current!;
    const end = el.selectionStart;
    el.setRangeText(sign, end - found[1]!.length, end, 'end');
    query.value = '';
    usedEmoji(sign);
    changed();
  };
  /** After each input. */
  const look = () => {
    const text = before();
    const whole = WHOLE.exec(text);
    if (whole) {
      const code = whole[2]!.toLowerCase();
      const hit = findEmoji(code, 20).find((it) => it.codes.includes(code));
      if (hit) return put(whole, hit.sign);
    }
    const begun = BEGUN.exec(text);
    query.value = begun ? begun[2]!.toLowerCase() : '';
    at.value = 0;
    if (begun) void loadEmoji();
  };
  const take = (i: number) => {
    const begun = BEGUN.exec(before());
    if (begun && list[i]) put(begun, `${list[i].sign} `);
  };
  /** True if the key was ours. */
  const onKey = (event: KeyboardEvent): boolean => {
    if (list.length === 0) return false;
    if (event.key === 'ArrowDown') at.value = (at.value + 1) % list.length;
    else if (event.key === 'ArrowUp') at.value = (at.value + list.length - 1) % list.length;
    else if (event.key === 'Tab' || event.key === 'Enter') take(at.value);
    else if (event.key === 'Escape') query.value = '';
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };

  const view = list.length > 0 && (
    <div class="complete menu pop" id="complete" role="listbox" aria-label={t('emoji.complete')}>
      {list.map((it, i) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled in the composer, which keeps the focus.
        // biome-ignore lint/a11y/useFocusableInteractive: as above (aria-activedescendant).
        <div
          key={it.sign}
          id={`complete-${i}`}
          class={`menu-item ${i === at.value ? 'cur' : ''}`}
          role="option"
          aria-selected={i === at.value}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => take(i)}
        >
          <span class="complete-sign">{it.sign}</span>
          <span class="clip">:{it.codes[0]}:</span>
        </div>
      ))}
    </div>
  );
  return { view, onKey, look, open: list.length > 0, at: at.value };
}
