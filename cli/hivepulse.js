#!/usr/bin/env node
// The command `hivepulse`, in plain JavaScript for whatever Node the system has: finds the Node that Hivepulse runs on, and the sources or the compiled code.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = 24;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const firstThere = (paths) => paths.map(here).find((path) => existsSync(path));

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  // The sources in a checkout, the code beside this file in `dist/`, and in the installed package the one in its `dist/`.
  await import(pathToFileURL(firstThere(['./main.ts', './main.js', '../dist/cli/main.js'])).href);
} else {
  // The project's own, from the checkout or below its `dist/`.
  const node = firstThere(['../node_modules/node/bin/node', '../../node_modules/node/bin/node']);
  if (node === undefined || node === process.execPath) {
    process.stderr.write(`hivepulse needs Node ${NEEDED} or newer, this is ${process.version}. In a checkout of Hivepulse, npm ci installs it.\n`);
    process.exit(1);
  }
  const { status } = spawnSync(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
