// Shown by Ctrl+/ and in the settings. `keys` are names in the language file (key.*), `does` a text there.
export const SHORTCUTS = [
  { keys: ['ctrl', 'k'], does: 'keyboard.switcher' },
  { keys: ['alt', 'upDown'], does: 'keyboard.nextChat' },
  { keys: ['alt', 'shift', 'upDown'], does: 'keyboard.nextUnread' },
  { keys: ['ctrl', 'f'], does: 'keyboard.search' },
  { keys: ['enter'], does: 'keyboard.send' },
  { keys: ['shift', 'enter'], does: 'keyboard.line' },
  { keys: ['colon'], does: 'keyboard.emoji' },
  { keys: ['pageUpDown'], does: 'keyboard.scroll' },
  { keys: ['shift', 'pageUp'], does: 'keyboard.firstUnread' },
  { keys: ['ctrl', 'homeEnd'], does: 'keyboard.ends' },
  { keys: ['upDown'], does: 'keyboard.arrows' },
  { keys: ['c'], does: 'keyboard.copy' },
  { keys: ['f6'], does: 'keyboard.areas' },
  { keys: ['esc'], does: 'keyboard.esc' },
  { keys: ['ctrl', 'slash'], does: 'keyboard.list' },
] as const;
