import { readFileSync, writeFileSync } from 'node:fs';
import { openEmbedded } from './lib/db/embedded.ts';
import { createDb } from './lib/db/client.ts';
import { signUp } from './test/support/users.ts';
import { newStory } from './test/db/worlds.ts';
const e=await openEmbedded({dataDir:':memory:'});
const [ann,bob]=[await signUp(e),await signUp(e)];
const a=await e.db.stories.create(newStory({userId:ann.id})), b=await e.db.stories.create(newStory({userId:bob.id}));
for(let r=0;r<5;r++){
const seen=await Promise.all(Array.from({length:40},async(_,i)=>{const s=e.db.forUser(i%2?bob.jwt:ann.jwt).stories; return [await s.get(a.id),await s.get(b.id)].map(x=>x!==undefined).join()+(i%2)}));
console.log(Object.entries(Object.groupBy(seen,x=>x)).map(([k,v])=>k+':'+v?.length).join('  '));
}
const svc=Promise.all(Array.from({length:20},()=>e.db.stories.list({limit:5}))); const usr=Promise.all(Array.from({length:20},()=>e.db.forUser(ann.jwt).stories.list({limit:5})));
console.log('svc',[...new Set((await svc).map(p=>p.items.length))],'user',[...new Set((await usr).map(p=>p.items.length))]);
await e.db.close();
