import { readFile, cp } from 'node:fs/promises';
const rss=()=>Math.round(process.memoryUsage().rss/1e6);
const {PGlite}=await import('@electric-sql/pglite');
const [,,m,dir,buf,mem]=process.argv;
const base=PGlite.defaultStartParams;
const startParams=[...base, ...(buf&&buf!=='-'?['-c','shared_buffers='+buf]:[])];
let t=performance.now();
const opts={startParams, ...(mem?{initialMemory:+mem*1024*1024}:{})};
if(m==='init'){ const pg=await PGlite.create({dataDir:dir,...opts,initDbStartParams:['--wal-segsize=1']}); console.log('init',(performance.now()-t)|0,rss()); console.log((await pg.query("select name,setting from pg_settings where name in ('shared_buffers','wal_segment_size','fsync','max_wal_size','work_mem','max_connections','wal_buffers')")).rows.map(r=>r.name+'='+r.setting).join(' ')); await pg.close(); }
if(m==='copy'){ const [src,dst]=dir.split(','); await cp(src,dst,{recursive:true}); console.log('cp',(performance.now()-t)|0); const pg=await PGlite.create({dataDir:dst,...opts}); await pg.query('select 1'); console.log('copied+open',(performance.now()-t)|0,rss());
 await pg.query('create table x(a int, b text)'); for(let i=0;i<2000;i++) await pg.query('insert into x values ($1,$2)',[i,'x'.repeat(500)]); console.log('2000 ins',(performance.now()-t)|0,rss());await pg.close()}
await new Promise(r=>setTimeout(r,300)); console.log(m,buf,mem,'rss end',rss(), 'ext', Math.round(process.memoryUsage().external/1e6));process.exit(0)
