import { useMemo } from 'preact/hooks';
import { layout, rem } from '../look';

/** Heights of rows in pixels, as in css/list.css: they follow the text size, and a thumb needs a little more. */
export function useRowHeights() {
  const unit = rem.value;
  const row = (layout.value === 'phone' ? 4.5 : 4.25) * unit + 1;
  return useMemo(() => ({ row, label: 2.25 * unit }), [row, unit]);
}
