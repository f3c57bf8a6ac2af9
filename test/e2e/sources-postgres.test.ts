import { sourceSuite } from './source-suite.ts';

sourceSuite('postgres', ['gdrive']);
