import { readFileSync } from 'node:fs';
import { launchBrowser, openPage } from './browser.ts';
const b = await launchBrowser();
const html = readFileSync('/tmp/ph/out/report.html', 'utf8');
for (const [name, o] of [['light', { viewport: { width: 1180, height: 900 }, colorScheme: 'light' }], ['dark', { viewport: { width: 1180, height: 900 }, colorScheme: 'dark' }], ['small', { viewport: { width: 390, height: 844 }, colorScheme: 'light', deviceScaleFactor: 2 }]] as const) {
  const { page, problems } = await openPage(b, o);
  await page.setContent(html);
  if (name !== 'light') await page.evaluate(() => { (document.getElementById('audio') as any).currentTime = 12; });
  await page.screenshot({ path: `/tmp/ph/${name}.png`, fullPage: name !== 'small' });
  console.log(name, problems);
}
await b.close();
