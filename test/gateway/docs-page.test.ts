import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { launchBrowser, openPage } from '../browser.ts';
import { inWorld } from './world.ts';

const KEY = 'key-that-nobody-may-see';

it('the page of the API shows every route, talks to nobody but this server, and knows no key', () =>
  inWorld({ gateway: { apiKeys: [KEY] } }, async (world) => {
    const { origin } = world.gateway;
    const browser = await launchBrowser();
    try {
      const { page, problems } = await openPage(browser, { viewport: { width: 1280, height: 1600 } });
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await page.goto(`${origin}/docs`);
      await page.waitForSelector('.opblock');
      const document = (await world.request('/openapi.json')).json as { paths: Record<string, object> };
      const routes = Object.values(document.paths).flatMap((methods) => Object.keys(methods));
      expect(await page.locator('.opblock').count()).toBe(routes.length);
      await page.locator('.opblock', { hasText: 'Put the caller through' }).click();
      await page.waitForSelector('.opblock.is-open .responses-table');
      expect(await page.locator('.opblock.is-open').innerText()).toMatch(/destination_not_allowed/);
      const picture = process.env['LANDLINE_PICTURES'];
      if (picture !== undefined) {
        mkdirSync(picture, { recursive: true });
        await page.screenshot({ path: `${picture}/docs.png` });
      }
      expect(problems).toEqual([]);
      expect(asked.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'))).toEqual([]);
      expect(await page.content()).not.toContain(KEY);
      expect(JSON.stringify(document)).not.toContain(KEY);
    } finally {
      await browser.close();
    }
  }));
