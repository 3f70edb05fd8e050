// Times as people say them. Formatters are kept, because making one costs more than using it a thousand times.
import { signal } from '@preact/signals';
import { language, t } from './i18n';

const DAY = 86_400_000;
const kept = new Map<string, Intl.DateTimeFormat>();

function format(time: number, options: Intl.DateTimeFormatOptions): string {
  const id = language + JSON.stringify(options);
  let made = kept.get(id);
  if (!made) {
    made = new Intl.DateTimeFormat(language === 'en' ? navigator.language : language, options);
    kept.set(id, made);
  }
  return made.format(time);
}

export function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

/** The start of the present day; views that say "Today" read it and are redrawn at midnight. */
export const today = signal(startOfDay(Date.now()));
setInterval(() => {
  today.value = startOfDay(Date.now());
}, 30_000);

/** Whole days between two days' starts; rounded, since a day may have 23 or 25 hours. */
const daysAgo = (time: number) => Math.round((today.value - startOfDay(time)) / DAY);
const thisYear = (time: number) => new Date(time).getFullYear() === new Date(today.value).getFullYear();

/** 10:42, always with figures of one width and left to right. */
export const clock = (time: number) => format(time, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** For a row of the list: the time today, then the weekday, then the date. */
export function short(time: number): string {
  const days = daysAgo(time);
  if (days <= 0) return clock(time);
  if (days < 7) return format(time, { weekday: 'short' });
  return format(
    time,
    thisYear(time) ? { day: 'numeric', month: 'short' } : { day: 'numeric', month: 'numeric', year: 'numeric' },
  );
}

/** Day and time in few letters: Sat 16:02. */
export const brief = (time: number) => (daysAgo(time) <= 0 ? clock(time) : `${short(time)} ${clock(time)}`);

/** For the line between two days. */
export function dayName(time: number): string {
  const days = daysAgo(time);
  if (days === 0) return t('day.today');
  if (days === 1) return t('day.yesterday');
  if (days > 1 && days < 7) return format(time, { weekday: 'long' });
  const options: Intl.DateTimeFormatOptions = { weekday: 'long', day: 'numeric', month: 'long' };
  return format(time, thisYear(time) ? options : { ...options, year: 'numeric' });
}

/** For what leaves the app as plain text: it has to mean the same in a year. */
export const stamp = (time: number) => `${format(time, { dateStyle: 'medium' })}, ${clock(time)}`;

/** Everything, for the message menu. */
export const full = (time: number) =>
  `${format(time, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })}, ${clock(time)}`;
