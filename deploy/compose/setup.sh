#!/bin/sh
# Fills the volume of secrets, once: what the environment (.env) does not give is made. Never prints any, but for `show`, which a person asks for.
set -eu
umask 077
folder=/run/hivepulse
mkdir -p "$folder"

random() { head -c 32 /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'; }

# put NAME VALUE: kept as it is when there is no value and a file is there already.
put() {
  [ -n "$2" ] && printf '%s' "$2" > "$folder/.$1" && mv "$folder/.$1" "$folder/$1"
  return 0
}
keep() {
  if [ -n "$2" ]; then put "$1" "$2"; elif [ ! -s "$folder/$1" ]; then put "$1" "$3"; fi
}

show() {
  if [ -n "${SUPABASE_URL:-}" ]; then
    echo "SUPABASE_URL=$SUPABASE_URL"
  else
    echo "SUPABASE_URL=http://127.0.0.1:${LOCAL_SUPABASE_PORT:-8000}"
  fi
  echo "SUPABASE_SERVICE_ROLE_KEY=$(cat "$folder/supabase_service_role_key")"
  echo "REDIS_URL=redis://:$(cat "$folder/redis_password")@127.0.0.1:${LOCAL_REDIS_PORT:-6379}/0"
  [ -n "${SUPABASE_URL:-}" ] || echo "DATABASE_URL=$(sed "s/@postgres:5432/@127.0.0.1:${LOCAL_POSTGRES_PORT:-5432}/" "$folder/database_url")"
  echo "HIVEPULSE_URL=http://127.0.0.1:${PORT:-3000}"
  echo "HIVEPULSE_API_KEY=$(cut -d, -f1 "$folder/api_keys")"
  echo "# In a browser, at http://localhost:${PORT:-3000}: user ${ADMIN_USER:-admin}, password $(cat "$folder/admin_password")"
}

if [ "${1:-}" = show ]; then
  show
  exit 0
fi

# A project that is hosted needs its own keys: made-up ones would only be refused later.
if [ -n "${SUPABASE_URL:-}" ]; then
  for name in SUPABASE_SERVICE_ROLE_KEY DATABASE_URL; do
    eval "value=\${$name:-}"
    if [ -z "$value" ]; then
      echo "SUPABASE_URL is set, so $name must be set too (in .env): the service key of that project, and its direct or session-mode connection for the migrations." >&2
      exit 1
    fi
  done
elif [ -n "${DATABASE_URL:-}" ]; then
  echo "DATABASE_URL is set without SUPABASE_URL: compose would leave it unused. Set both (a hosted project), or neither (the Postgres of this file)." >&2
  exit 1
fi

keep postgres_password '' "$(random)"
keep redis_password '' "$(random)"
keep grafana_password '' "$(random)"
keep supabase_jwt_secret "${SUPABASE_JWT_SECRET:-}" "$(random)"
keep api_keys "${API_KEYS:-}" "$(random)"
keep admin_password "${ADMIN_PASSWORD:-}" "$(random)"
keep token_encryption_key "${TOKEN_ENCRYPTION_KEY:-}" "k1:$(head -c 32 /dev/urandom | base64)"
if [ -n "${SUPABASE_URL:-}" ]; then
  put supabase_service_role_key "$SUPABASE_SERVICE_ROLE_KEY"
  put database_url "$DATABASE_URL"
else
  # Those of a hosted project that was named before must not stay.
  case "$(cat "$folder/supabase_service_role_key" 2>/dev/null || true)" in
    sb_secret_local_*) ;;
    *) put supabase_service_role_key "sb_secret_local_$(random)" ;;
  esac
  put database_url "postgresql://postgres:$(cat "$folder/postgres_password")@postgres:5432/postgres"
fi

# Prometheus sends one key.
cut -d, -f1 "$folder/api_keys" | tr -d '\n' > "$folder/api_key"
# Only containers see this volume. 1000 runs Hivepulse in its image; Postgres, Prometheus and Grafana read theirs as users of their own.
chown -R 1000:1000 "$folder"
chmod 0755 "$folder"
chmod 0440 "$folder"/*
chmod 0444 "$folder/postgres_password" "$folder/api_key" "$folder/grafana_password"
