#!/bin/sh
# What the image does, by its first word. Anything that is no role and no command of Hivepulse is run as it stands.
set -eu
cd /app

case "${1:-worker}" in
  worker) exec node dist/workers/main.js ;;
  api) exec node dist/api/main.js ;;
  scheduler) exec node dist/schedulers/main.js ;;
  migrate) exec node dist/cli/migrate.js ;;
  local-supabase) exec node dist/start/local-supabase.js ;;
  healthy)
    # The role is the last word of the init's own command.
    role=$(tr '\0' '\n' < /proc/1/cmdline | tail -n 1)
    exec node dist/cli/health.js "$role"
    ;;
  doctor | stats | job | enqueue | cancel | dead-letters | rotate-keys) exec node cli/hivepulse.js "$@" ;;
  *) exec "$@" ;;
esac
