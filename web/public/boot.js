// Before the first paint: the theme and text size that this browser last used (see ui/look.ts).
try {
  const look = JSON.parse(localStorage.getItem('confab:look') || '{}');
  if (look.theme === 'light' || look.theme === 'dark') document.documentElement.dataset.theme = look.theme;
  if (look.textSize > 100) document.documentElement.style.fontSize = `${look.textSize}%`;
} catch {
  // No storage: the system's theme and size.
}
