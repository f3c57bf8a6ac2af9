import { describeStories } from './story-suite.ts';

describeStories('postgres');
