import { bare, expect, SLOW, test } from './test';

test('a file that is added can be found', async ({ page }) => {
  const name = `e2e-${Date.now()}`;
  await page.goto('/knowledge');
  await page.getByRole('button', { name: 'New knowledge base' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Not A Name!');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(dialog.getByRole('alert')).toBeVisible();
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'No documents yet' })).toBeVisible();

  const text = '# Lighthouse rota\n\nThe keeper of lamp QX-77 is Ingrid Solheim, on duty every second Tuesday.\n\n灯塔 QX-77 的守护人是索尔海姆，每隔一周的星期二值班。\n';
  await page.getByLabel('Choose files').last().setInputFiles({ name: 'rota.md', mimeType: 'text/markdown', buffer: Buffer.from(text) });
  await expect(page.locator('tr[data-document="rota.md"][data-status="ready"]')).toBeVisible({ timeout: SLOW });
  const drop = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['Plain words about a windmill.'], 'windmill.txt', { type: 'text/plain' }));
    return transfer;
  });
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: drop });
  await expect(page.locator('tr[data-document="windmill.txt"][data-status="ready"]')).toBeVisible({ timeout: SLOW });
  await page.getByRole('searchbox').fill('no such document');
  await expect(page.getByText('No document matches.')).toBeVisible();
  await page.getByRole('searchbox').fill('rota');
  await page.getByRole('button', { name: 'rota.md', exact: true }).click();
  await expect(page.locator('.panel .sheet')).toContainText('Ingrid Solheim');
  await page.keyboard.press('Escape');

  await page.getByRole('link', { name: 'Search playground' }).click();
  for (const [query, found] of [['lamp QX-77', 'Ingrid Solheim'], ['灯塔的守护人', '索尔海姆']]) {
    await page.getByRole('searchbox').fill(query ?? '');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    for (const mode of ['lexical', 'vector', 'hybrid']) await expect(page.locator(`[data-mode="${mode}"] .rank`).first()).toContainText(found ?? '');
    await expect(page.locator('[data-mode="hybrid"] .rank').first()).toContainText(/Words 1/);
  }

  await page.getByRole('button', { name: 'Delete knowledge base' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page).toHaveURL('/knowledge');
  await expect(page.getByRole('link', { name, exact: true })).toHaveCount(0);
});

test('a passage of a PDF opens at its page', async ({ page }) => {
  await page.goto('/knowledge/sample?view=search');
  await page.getByRole('searchbox').fill('E07 calibration overdue');
  await page.getByRole('searchbox').press('Enter');
  const hit = page.locator('[data-mode="lexical"] .rank', { hasText: 'p. 4' }).first();
  const found = await hit.locator('.rank-text').textContent();
  expect(found).toContain('E07');
  await hit.getByRole('button').click();
  const mark = page.locator('.panel .sheet[data-page="4"] mark');
  await expect(mark).toBeInViewport();
  expect(bare(await mark.textContent())).toBe(bare(found));
});

test('the sample is listed with its documents', async ({ page }) => {
  await page.goto('/knowledge');
  await page.getByRole('link', { name: 'sample', exact: true }).click();
  await expect(page.locator('tbody tr')).toHaveCount(7);
  await page.getByRole('button', { name: 'qs200-manual.pdf', exact: true }).click();
  await expect(page.locator('.panel .sheet[data-page="1"]')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Ask it' }).click();
  await expect(page.getByRole('heading', { name: 'Ask “sample”' })).toBeVisible();
});

test('a knowledge base that is not there says so', async ({ page }) => {
  await page.goto('/knowledge/never-made');
  await expect(page.getByRole('heading', { name: 'There is no knowledge base named “never-made”.' })).toBeVisible();
});

test('a knowledge base that is damaged is named, can be deleted, and is not offered for questions', async ({ page }) => {
  const base = { documents: 0, passages: 0, vectors: 0, bytes: 0, embedder: null, ingesting: false };
  let bases = [{ ...base, name: 'good' }, { ...base, name: 'hurt', error: 'kb.db is not a database' }];
  await page.route('**/v1/knowledge_bases', (route) => route.fulfill({ json: { knowledge_bases: bases } }));
  await page.route('**/v1/knowledge_bases/hurt', (route) => {
    bases = bases.filter((one) => one.name !== 'hurt');
    return route.fulfill({ status: 204 });
  });
  await page.goto('/?kb=hurt');
  await expect(page.getByLabel('Answer from').locator('option')).toHaveText(['No documents', 'good']);
  await page.goto('/knowledge');
  const row = page.locator('[data-base="hurt"]');
  await expect(row).toContainText('Cannot be opened');
  await expect(row).toContainText('kb.db is not a database');
  await row.getByRole('button', { name: 'Delete knowledge base: hurt' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(row).toHaveCount(0);
  await expect(page.getByRole('link', { name: 'good', exact: true })).toBeVisible();
});

test('without an embedding model, one is offered with what it is for', async ({ page }) => {
  const name = 'multilingual-e5-small';
  const model = { name, architecture: 'bert', context: 512, bytes: 1000, dimensions: 384, progress: null, error: null };
  let pulled = false;
  await page.route('**/v1/info', async (route) => {
    const info = (await (await route.fetch()).json()) as Record<string, unknown>;
    return route.fulfill({ json: { ...info, default_embedder: pulled ? name : null, preferred_embedder: name } });
  });
  await page.route('**/v1/catalogue', (route) => route.fulfill({ json: { models: [{ ...model, state: pulled ? 'installed' : 'available' }] } }));
  await page.route(`**/v1/catalogue/${name}/pull`, (route) => {
    pulled = true;
    return route.fulfill({ status: 202, json: {} });
  });
  await page.goto('/knowledge/sample');
  const offer = page.getByRole('region', { name: 'No embedding model is installed yet' });
  await expect(offer).toContainText('search by meaning');
  await offer.getByRole('button', { name: `Pull ${name}` }).click();
  await expect(offer).toHaveCount(0);
});
