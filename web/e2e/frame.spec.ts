import { gzipSync } from 'node:zlib';
import { expect, test } from './test';

test('the first page needs little script, and none of it is inline', async ({ page, request }) => {
  const scripts: string[] = [];
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script') scripts.push(response.url());
  });
  await page.goto('/');
  await expect(page.getByRole('textbox', { name: 'Message' })).toBeVisible();
  expect(await page.locator('script:not([src])').count()).toBe(0);
  expect(scripts.length).toBeGreaterThan(0);
  const sizes = await Promise.all(scripts.map(async (url) => gzipSync(await (await request.get(url)).body()).length));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000);
});

test('the language follows the browser, can be switched, and stays', async ({ page }) => {
  await page.goto('/models');
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.getByRole('button', { name: '切换到中文' }).click();
  await expect(page.getByRole('heading', { level: 1, name: '模型' })).toBeVisible();
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await expect(page).toHaveTitle('模型 · Sumeru');
  await page.getByRole('button', { name: 'Switch to English' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible();
});

test('the appearance follows the system, can be chosen, and stays', async ({ page }) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/models');
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await ground();
  expect(dark).not.toBe(light);
  await page.getByRole('button', { name: 'Appearance: System' }).click();
  await page.getByRole('button', { name: 'Appearance: Light' }).waitFor();
  expect(await ground()).toBe(light);
  await page.getByRole('button', { name: 'Appearance: Light' }).click();
  await page.reload();
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(page.getByRole('button', { name: 'Appearance: Dark' })).toBeVisible();
  expect(await ground()).toBe(dark);
});

test('everything by keyboard', async ({ page }) => {
  await page.goto('/models');
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await expect(help).toContainText('Go to Knowledge');
  await page.keyboard.press('Escape');
  await expect(help).toHaveCount(0);
  for (const [key, address] of [['k', '/knowledge'], ['t', '/tasks'], ['x', '/compare'], ['p', '/predict'], ['m', '/models'], ['e', '/engine'], ['c', '/']]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key ?? '');
    await expect(page).toHaveURL(address ?? '');
  }
  await expect(page.getByRole('textbox', { name: 'Message' })).toBeVisible();
  await page.locator('body').click({ position: { x: 400, y: 10 } });
  await page.keyboard.press('/');
  await expect(page.getByRole('textbox', { name: 'Message' })).toBeFocused();
  // In a text, the keys are letters.
  await page.keyboard.type('g/k?');
  await expect(page.getByRole('textbox', { name: 'Message' })).toHaveValue('g/k?');
  await expect(page).toHaveURL('/');
});

test('the first stop of the tab key skips the navigation', async ({ page }) => {
  await page.goto('/models');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('main')).toBeFocused();
});

test('an address that is no page says so and leads on', async ({ page }) => {
  await page.goto('/no-such-page');
  await page.getByRole('link', { name: 'Go to Chat' }).click();
  await expect(page).toHaveURL('/');
});

test.describe('a server that is out of reach', () => {
  test('says so, and trying again works', async ({ page }) => {
    await page.route('**/v1/catalogue', (route) => route.abort());
    await page.goto('/models');
    await expect(page.getByRole('alert')).toContainText('Sumeru cannot be reached');
    await page.unroute('**/v1/catalogue');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator('.card.model').first()).toBeVisible();
    await expect(page.getByText('Sumeru cannot be reached')).toHaveCount(0);
  });
});

test('a key that is withheld is not asked for again and again', async ({ page }) => {
  let refused = false;
  await page.route('**/v1/**', (route) => {
    if (!refused) return route.continue();
    return route.fulfill({ status: 401, json: { error: { message: 'An API key is needed.', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } } });
  });
  await page.route('**/v1/knowledge_bases/sample/progress', (route) =>
    refused ? route.fallback() : route.fulfill({ contentType: 'text/event-stream', body: 'event: progress\ndata: {"done":true,"failed":[]}\n\n' }),
  );
  await page.goto('/knowledge/sample');
  await expect(page.locator('tbody tr').first()).toBeVisible();
  // The stream above ends at once; coming back to it is what meets the refusal.
  refused = true;
  const dialog = page.getByRole('dialog', { name: 'An API key is needed' });
  await expect(dialog).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await page.waitForTimeout(3000);
  await expect(dialog).toHaveCount(0);
});

test('a server that wants a key is asked with it, once', async ({ page }) => {
  await page.route('**/v1/**', (route) => {
    if (route.request().headers().authorization === 'Bearer open sesame') return route.continue();
    const error = { message: 'An API key is needed.', type: 'invalid_request_error', param: null, code: 'invalid_api_key' };
    return route.fulfill({ status: 401, json: { error } });
  });
  await page.goto('/');
  const dialog = page.getByRole('dialog', { name: 'An API key is needed' });
  await dialog.getByLabel('Key', { exact: true }).fill('open barley');
  await dialog.getByRole('button', { name: 'Use it' }).click();
  await expect(dialog.getByRole('alert')).toContainText('did not accept');
  await dialog.getByLabel('Key', { exact: true }).fill('open sesame');
  await dialog.getByRole('button', { name: 'Use it' }).click();
  await expect(page.getByRole('textbox', { name: 'Message' })).toBeVisible();
  await page.getByRole('link', { name: 'Knowledge' }).click();
  await expect(page.getByRole('link', { name: 'sample', exact: true })).toBeVisible();
  await expect(dialog).toHaveCount(0);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('navigation lies at the bottom, nothing is wider than the screen', async ({ page }) => {
    await page.goto('/');
    const nav = page.getByRole('navigation', { name: 'Pages' });
    await expect(page.getByRole('textbox', { name: 'Message' })).toBeVisible();
    expect((await nav.boundingBox())?.y).toBeGreaterThan(740);
    const more = page.getByRole('dialog', { name: 'More' });
    for (const [link, address] of [['Knowledge', '/knowledge'], ['Tasks', '/tasks'], ['Compare', '/compare'], ['How it predicts', '/predict'], ['Models', '/models'], ['Engine', '/engine'], ['Chat', '/']]) {
      // What has no room at the bottom is under More.
      const hidden = ['How it predicts', 'Models', 'Engine'].includes(link ?? '');
      if (hidden) await nav.getByRole('button', { name: 'More' }).tap();
      await (hidden ? more : nav).getByRole('link', { name: link, exact: true }).tap();
      await expect(more).toHaveCount(0);
      await expect(page).toHaveURL(address ?? '');
      await expect(page.getByRole('heading').first()).toBeVisible();
      await expect(page.getByRole('status')).toHaveCount(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      expect(await page.evaluate(() => document.querySelector('main')?.scrollWidth)).toBeLessThanOrEqual(390);
    }
    await page.goto('/knowledge/sample');
    const row = page.locator('tr[data-document="qs200-manual.pdf"]');
    await expect(row).toBeVisible();
    expect((await row.boundingBox())?.width).toBeLessThanOrEqual(390);
    expect(await page.evaluate(() => document.querySelector('main')?.scrollWidth)).toBeLessThanOrEqual(390);
  });

  test('language and appearance are under More; the conversations open from the top', async ({ page }) => {
    await page.goto('/');
    await page.getByRole('button', { name: 'More' }).tap();
    await page.getByRole('button', { name: '中文' }).tap();
    await page.getByRole('button', { name: '深色' }).tap();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await page.getByRole('button', { name: '关闭' }).tap();
    await page.getByRole('button', { name: '对话记录' }).tap();
    await expect(page.getByRole('dialog', { name: '对话记录' })).toBeVisible();
  });
});
