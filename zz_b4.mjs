import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
const rss=()=>Math.round(process.memoryUsage().rss/1e6);
const {PGlite}=await import('@electric-sql/pglite');
const startParams=[...PGlite.defaultStartParams,'-c','shared_buffers=16MB'];
let t=performance.now(); const lap=(n)=>{console.log(n,(performance.now()-t)|0,rss());t=performance.now()};
const mod=process.argv[2]==='share'?await WebAssembly.compile(await readFile(new URL('./pglite.wasm',import.meta.resolve('@electric-sql/pglite')))):undefined; lap('comp');
const o={startParams,...(mod?{pgliteWasmModule:mod}:{})};
if(process.argv[3]==='par'){const [a,b]=await Promise.all(['e1','e2'].map(async d=>{const p=await PGlite.create({...o,dataDir:'/tmp/scratch/'+d});await p.query('select 1');return p})); lap('both');}
else for(const d of ['e1','e2']){const p=await PGlite.create({...o,dataDir:'/tmp/scratch/'+d});await p.query('select 1'); lap(d)}
setTimeout(()=>{console.log('end',rss(),Math.round(process.memoryUsage().external/1e6));process.exit(0)},200);
