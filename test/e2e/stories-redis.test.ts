import { describeStories } from './story-suite.ts';

describeStories('redis');
