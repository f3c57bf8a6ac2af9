import { anyText, flag, hostAndPort, list, matching, namedKey, oneOf, pem, port, url, webUrl, wholeNumber } from '../values.ts';
import { variable } from '../variable.ts';

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;

export const queueVariables = {
  QUEUE_BACKEND: variable(oneOf('redis', 'postgres'), {
    meaning: 'Where the queues live: redis (the production queue), or postgres (in DATABASE_URL, for teams without Redis). Not set: redis.',
  }),
  QUEUE_PREFIX: variable(matching(/^[A-Za-z0-9_.-]{1,60}$/, 'letters, digits, _ . and - (60 at most)'), {
    meaning: 'First part of all keys in Redis; two installations on one Redis need two prefixes.',
    default: 'hivepulse',
  }),
  QUEUE_POOL_SIZE: variable(wholeNumber(2, 500), {
    meaning: 'With QUEUE_BACKEND=postgres: most connections of one process. Too few and jobs wait for one another, too many and Postgres refuses.',
    default: '10',
  }),
  REDIS_URL: variable(url(['redis:', 'rediss:'], 'redis://localhost:6379 or rediss://user:password@host:6380/0'), {
    meaning: 'Redis as one URL; rediss:// means TLS. A password, user or database that it leaves out is taken from the variables below.',
    secret: true,
  }),
  REDIS_HOST: variable(matching(/^[^\s/@]+$/, 'a host name or address'), { meaning: 'Redis by its parts, instead of REDIS_URL.' }),
  REDIS_PORT: variable(port, { meaning: 'Port at REDIS_HOST.', default: `${REDIS_PORT}` }),
  REDIS_USERNAME: variable(anyText, { meaning: 'User of Redis, where it has access control lists. Also for Sentinel and Cluster.' }),
  REDIS_PASSWORD: variable(anyText, { meaning: 'Password of Redis. Also for Sentinel and Cluster.', secret: true }),
  REDIS_DB: variable(wholeNumber(0, 1_000_000), { meaning: 'Number of the database. A cluster has only 0.', default: '0' }),
  REDIS_TLS: variable(flag, { meaning: 'Encrypt the connection, as with rediss://.', default: 'false' }),
  REDIS_TLS_CA: variable(pem, { meaning: 'Authority that signed the server certificate, when it is your own (PEM).', file: true }),
  REDIS_TLS_CERT: variable(pem, { meaning: 'Client certificate (PEM), where Redis asks for one; with REDIS_TLS_KEY.', file: true }),
  REDIS_TLS_KEY: variable(pem, { meaning: 'Key of the client certificate (PEM).', secret: true }),
  REDIS_SENTINELS: variable(list(hostAndPort(SENTINEL_PORT)), {
    meaning: 'Sentinels as host:port,host:port, instead of REDIS_URL; with REDIS_SENTINEL_NAME.',
  }),
  REDIS_SENTINEL_NAME: variable(anyText, { meaning: 'Name of the master that the Sentinels watch, often mymaster.' }),
  REDIS_SENTINEL_PASSWORD: variable(anyText, { meaning: 'Password of the Sentinels themselves.', secret: true }),
  REDIS_CLUSTER_NODES: variable(list(hostAndPort(REDIS_PORT)), {
    meaning: 'Some nodes of a Redis Cluster as host:port,host:port, instead of REDIS_URL.',
  }),
};

export const databaseVariables = {
  SUPABASE_URL: variable(webUrl('https://abc.supabase.co'), {
    meaning: 'The Supabase project (or anything that speaks its API); with SUPABASE_SERVICE_ROLE_KEY.',
    aliases: ['NEXT_PUBLIC_SUPABASE_URL'],
  }),
  SUPABASE_SERVICE_ROLE_KEY: variable(anyText, {
    meaning: 'Secret key of the project. It passes row-level security: for servers only.',
    secret: true,
    aliases: ['SUPABASE_SECRET_KEY'],
  }),
  SUPABASE_PUBLISHABLE_KEY: variable(anyText, {
    meaning: 'Publishable (anon) key: users are queried with it and their own JWT, under row-level security.',
    aliases: ['NEXT_PUBLIC_SUPABASE_PUBLISHABLE_KEY', 'SUPABASE_ANON_KEY', 'NEXT_PUBLIC_SUPABASE_ANON_KEY'],
  }),
  SUPABASE_JWT_SECRET: variable(anyText, { meaning: 'Checks users’ JWTs where the project signs them with a shared secret (HS256).', secret: true }),
  SUPABASE_JWKS_URL: variable(webUrl('https://abc.supabase.co/auth/v1/.well-known/jwks.json'), {
    meaning: 'Public keys that check users’ JWTs. Not set: the one below SUPABASE_URL.',
  }),
  DATABASE_URL: variable(url(['postgres:', 'postgresql:'], 'postgresql://user:password@host:5432/database'), {
    meaning:
      'Postgres: for npm run migrate, for QUEUE_BACKEND=postgres, and without SUPABASE_URL as the database itself (through @supabase/lite). A direct or session-mode connection, not the transaction pooler on port 6543.',
    secret: true,
  }),
  HIVEPULSE_DATA_DIR: variable(anyText, {
    meaning: 'Folder of the embedded way (neither a queue nor a database named); :memory: keeps nothing. One process at a time.',
    default: './.hivepulse',
  }),
  TOKEN_ENCRYPTION_KEY: variable(list(namedKey), {
    meaning:
      'Encrypts the tokens of connected accounts: id:key,id:key, the first one is current, the others still decrypt (openssl rand -base64 32).',
    secret: true,
  }),
};

export const storageVariables = {
  STORAGE_BUCKET: variable(matching(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, . _ and - (63 at most)'), {
    meaning: 'Bucket of Supabase Storage that documents are kept in; made, private, when it is missing.',
    default: 'hivepulse',
  }),
  STORAGE_DIR: variable(anyText, {
    meaning:
      'Folder that documents are kept in instead of Supabase Storage; API and workers must share it. Not set: Supabase Storage, or files in HIVEPULSE_DATA_DIR where no SUPABASE_URL is named.',
  }),
};

export const producerVariables = {
  HIVEPULSE_URL: variable(webUrl('http://127.0.0.1:3000'), {
    meaning: 'The Hivepulse API, for apps that import the helpers and have no queue in their environment, and for the command line.',
  }),
  HIVEPULSE_API_KEY: variable(anyText, { meaning: 'One of the API_KEYS there.', secret: true }),
};
