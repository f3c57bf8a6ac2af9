import { readFileSync } from 'node:fs';
import { scoreLocally } from './lib/scoring/local.ts';
const stories = JSON.parse(readFileSync('examples/data/stories/stories.json','utf8'));
await scoreLocally({title:'warm',content:'up now',sectorTag:null,impactTags:[]});
const extra=[{title:'New AI Model Raises Privacy Concerns',content:'A new AI model has been released...',sectorTag:'AI Ethics',impactTags:['privacy','concern']},
{title:'Revolutionary AI Will Change Everything!!!',content:'This groundbreaking, game-changing platform is the most powerful AI ever built. It will transform every business forever. Act now: everyone will be amazed! Experts agree it is a miracle.',sectorTag:null,impactTags:[]},
{title:'',content:'',sectorTag:null,impactTags:[]},
{title:'Die Katze sitzt auf dem Dach und schläft',content:'Der Hund läuft durch den Garten und die Kinder spielen mit dem Ball, während die Eltern im Haus das Essen kochen und Musik hören.',sectorTag:null,impactTags:[]},
{title:'Hospital opens its AI to audit',content:'The hospital published an independent audit of its model on Monday. Patients gave informed consent, their data is encrypted and anonymised, and a regulator will inspect it each year, the director said. There were no privacy concerns.',sectorTag:null,impactTags:[]}];
for (const s of [...stories,...extra]) { const t=performance.now(); const r=await scoreLocally(s); const ms=performance.now()-t; console.log(`${r.hypeScore.toFixed(1)} ${r.ethicsScore.toFixed(1)} ${ms.toFixed(1)}ms ${s.title}`); for (const x of r.reasons) console.log('    ',x.score,x.rule,x.effect,'|',x.evidence); }
let t=performance.now(); for (let i=0;i<300;i++) await scoreLocally(stories[i%12]); console.log('mean ms',(performance.now()-t)/300);
const big='The quick "brown" fox, said Dr. Smith of the U.S., may jump over 20 lazy dogs in 2019. '.repeat(2400);
for (const c of [big,big,"'".repeat(200000),'a'.repeat(200000),("'".repeat(99)+' ').repeat(2000),'😀'.repeat(50000),'مرحبا بالعالم. '.repeat(12000)]) { t=performance.now(); const r=await scoreLocally({title:'x',content:c,sectorTag:null,impactTags:[]}); console.log(c.length,(performance.now()-t).toFixed(1),r.hypeScore,r.ethicsScore); }
