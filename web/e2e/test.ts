import { expect, test as base, type Page } from '@playwright/test';

/** A small model on two shared cores reads a long prompt slowly. */
export const SLOW = 300_000;

/** Every journey also watches that the page breaks no rule of its own: no errors, nothing the policy refuses, nothing from elsewhere. */
export const test = base.extend<{ watched: void }>({
  watched: [
    async ({ page, baseURL }, use) => {
      const wrong: string[] = [];
      page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
      page.on('console', (message) => {
        if (/Content Security Policy/i.test(message.text())) wrong.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(baseURL ?? '') && !/^(data|blob):/.test(request.url())) wrong.push(`request: ${request.url()}`);
      });
      await use();
      expect(wrong).toEqual([]);
    },
    { auto: true },
  ],
});

/** Waits until the last answer is complete; gives its element. */
export async function answered(page: Page) {
  const last = page.locator('.exchange').last();
  await expect(last.locator('.measures')).toBeVisible({ timeout: SLOW });
  await expect(last.getByRole('alert')).toHaveCount(0);
  return last;
}

/** Text without its white space: a quotation may be broken into lines differently. */
export function bare(text: string | null): string {
  return (text ?? '').replace(/\s+/g, '');
}

export { expect };
