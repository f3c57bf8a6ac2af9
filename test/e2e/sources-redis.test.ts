import { sourceSuite } from './source-suite.ts';

sourceSuite('redis');
