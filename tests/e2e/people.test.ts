// What one can do with a contact.

import { expect, test } from 'vitest';
import { useWorld } from './harness/world.ts';

const world = useWorld();

test('rename, block, unblock, remove', async () => {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  await mia.say('hello');
  await noah.chatWith(mia.name);
  await mia.mark('hello', 'read');

  await mia.button('Rename').click();
  await mia.page.getByLabel('Name', { exact: true }).fill('Noah from the lake');
  await mia.button('Save').click();
  await mia.page.locator('.chat-name', { hasText: 'Noah from the lake' }).waitFor();
  await mia.row('Noah from the lake').waitFor();

  await mia.button(/^Block Noah/).click();
  await mia.toast('Noah from the lake is blocked');
  await mia.page.getByText('You blocked Noah from the lake.').waitFor();
  await expect.poll(() => mia.composer.count()).toBe(0);
  await noah.page.locator('.chat-sub', { hasText: 'offline' }).waitFor();
  await noah.say('do you hear me?');
  await noah.mark('do you hear me?', 'failed');
  await noah.button('Send again').waitFor();
  await expect.poll(() => noah.page.locator('.failline span').textContent()).not.toMatch(/service|error|stanza/i);

  await mia.section('Privacy');
  await mia.button('Unblock').click();
  await mia.page.getByText('You have blocked nobody.').waitFor();
  await noah.button('Send again').click();
  await noah.mark('do you hear me?', 'delivered');
  await mia.go('Chats');
  await mia.chatWith('Noah from the lake');
  await mia.sees('do you hear me?');
  await expect.poll(() => mia.message('do you hear me?').count()).toBe(1);

  await mia.button(/^Remove Noah/).click();
  await mia.toast('removed from your contacts');
  await mia.page.locator('.toast', { hasText: 'removed' }).getByRole('button', { name: 'Undo' }).click();
  await mia.go('People');
  await mia.chatWith('Noah from the lake');
  await mia.button(/^Remove Noah/).click();
  await mia.button('Dismiss').last().click();
  await noah.page.locator('.chat-sub', { hasText: 'online' }).waitFor({ state: 'detached' });
  await mia.page.reload();
  await mia.online();
  await mia.go('People');
  await expect.poll(() => mia.row('Noah').count()).toBe(0);
  // The messages stay.
  await mia.go('Chats');
  await mia.chatWith(noah.name);
  await mia.sees('hello');
  await mia.page.getByText('is not among your contacts').waitFor();
});
