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
