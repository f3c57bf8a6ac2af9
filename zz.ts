import { openPglite } from './lib/pglite.ts';
const rss=()=>Math.round(process.memoryUsage().rss/1e6);
const t=performance.now();
const template={name:'zz',version:process.argv[3]??'1',build:async(pg: import('@electric-sql/pglite').PGlite)=>{await pg.exec('create table x(a int)')}};
const pg=await openPglite({dataDir:process.argv[2]??':memory:',template});
await pg.query('select * from x'); console.log('open',(performance.now()-t)|0,rss()); await pg.query('insert into x values (1)'); console.log((await pg.query('select count(*)::int c from x')).rows); await pg.close(); console.log('end',rss());
