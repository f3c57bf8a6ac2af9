process.env.LITE_TELEMETRY='0';process.env.DO_NOT_TRACK='1';
const rss=()=>Math.round(process.memoryUsage().rss/1e6);
let t=performance.now();
const l=await import('@supabase/lite'); console.log('lite',(performance.now()-t)|0,rss());t=performance.now();
await import('@supabase/lite/pglite'); console.log('lite/pglite',(performance.now()-t)|0,rss());t=performance.now();
await import('@supabase/supabase-js'); console.log('sjs',(performance.now()-t)|0,rss());
console.log(l.getAuthSchemaSql().slice(0,6000));
console.log(l.getMigrationHistorySchemaSql('pg'));
