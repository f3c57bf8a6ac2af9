// npm run build && pm2 start deploy/pm2/ecosystem.config.cjs
// One API and two workers from dist/, on the project's own Node 24, whatever Node PM2 runs on. Settings come from .env in the repository's root.
const { join } = require('node:path');

const root = join(__dirname, '../..');

/** Of every process. */
const common = {
  cwd: root,
  interpreter: join(root, 'node_modules/node/bin/node'),
  interpreter_args: ['--import', join(root, 'dist/lib/config/env-files.js')],
  exec_mode: 'fork',
  // SIGINT first, which drains as SIGTERM does; SIGKILL only after this, well above SHUTDOWN_TIMEOUT_MS (30 s).
  kill_timeout: 45_000,
  // Whatever ends without having been asked is started again, code 70 (a silent worker) included: after 1 s, then 1.5 times longer each time, up to 15 s.
  autorestart: true,
  exp_backoff_restart_delay: 1_000,
  // Never give up: a process that waits for Redis or for migrations ends and comes again.
  min_uptime: 0,
  // Each line is JSON already: nothing is put before or around it.
  merge_logs: true,
  time: false,
};

module.exports = {
  apps: [
    {
      ...common,
      name: 'hivepulse-api',
      script: 'dist/api/main.js',
      max_memory_restart: '512M',
    },
    {
      ...common,
      name: 'hivepulse-worker',
      script: 'dist/workers/main.js',
      // More: pm2 scale hivepulse-worker +2
      instances: 2,
      // Medium: 100 to 500 responses a conversation (small 512M, large 2G).
      max_memory_restart: '1G',
      // Health and metrics of the first; each further one takes the next port.
      env: { WORKER_PORT: 9464 },
      increment_var: 'WORKER_PORT',
    },
  ],
};
