// Has the browser keep the app's shell (sw.ts), so that it opens without its server too. Where there is no such thing (no secure origin), it does without.

/** Pages of ours may run no script from an address that has not passed through a policy. */
interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

export function keepShell(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  const url = policies?.createPolicy('shell', { createScriptURL: (u) => u }).createScriptURL('/sw.js') ?? '/sw.js';
  // Behind what the first look needs.
  const register = () => void navigator.serviceWorker.register(url).catch(() => {});
  if (document.readyState === 'complete') register();
  else addEventListener('load', register, { once: true });
}
