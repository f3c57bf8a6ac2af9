import { cpSync, rmSync, readFileSync, writeFileSync } from 'node:fs';
const rss=()=>Math.round(process.memoryUsage().rss/1e6);
const {PGlite}=await import('@electric-sql/pglite');
const startParams=[...PGlite.defaultStartParams,'-c','shared_buffers=8MB'];
let t=performance.now(); const lap=(n)=>{console.log(n,(performance.now()-t)|0,rss());t=performance.now()};
if(process.argv[2]==='init'){
const pg=await PGlite.create({startParams,initDbStartParams:['--wal-segsize=1']}); lap('init');
console.log((await pg.query('select datname, oid, current_database() from pg_database')).rows);
await pg.exec("update pg_database set datistemplate=false; update pg_database set datallowconn=true");
for (const d of ['template0','template1','postgres']) try{ await pg.exec('drop database '+d)}catch(e){console.log(d,e.message)}
await pg.exec('checkpoint');
lap('drop'); const b=await pg.dumpDataDir('none'); lap('dump'); console.log(b.size); writeFileSync('/tmp/scratch/s.tar',Buffer.from(await b.arrayBuffer()));
const z=await pg.dumpDataDir('gzip'); lap('dumpz'); console.log(z.size); writeFileSync('/tmp/scratch/s.tgz',Buffer.from(await z.arrayBuffer()));await pg.close(); }
if(process.argv[2]==='mem'){ const pg=await PGlite.create({startParams,loadDataDir:new Blob([readFileSync(process.argv[3])])}); await pg.query('select 1'); lap('mem'); await pg.close()}
if(process.argv[2]==='dir'){ const pg=await PGlite.create({startParams,dataDir:process.argv[4],...(process.argv[3]!=='-'?{loadDataDir:new Blob([readFileSync(process.argv[3])])}:{})}); await pg.query('select 1'); lap('dir'); await pg.close(); lap('close')}
if(process.argv[2]==='cp'){ cpSync(process.argv[3],process.argv[4],{recursive:true}); lap('cpsync'); const pg=await PGlite.create({startParams,dataDir:process.argv[4]}); await pg.query('select 1'); lap('open'); await pg.exec('create table x(a int)'); await pg.close(); lap('close')}
setTimeout(()=>{console.log('end',rss(),Math.round(process.memoryUsage().external/1e6));process.exit(0)},200);
