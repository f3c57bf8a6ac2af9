/** Answers to "What should the town do better?", in topics that nobody could confuse; written for these tests. */
const TOPICS: Readonly<Record<string, { about: readonly string[]; saying: readonly string[] }>> = {
  parking: {
    about: ['parking downtown', 'the parking garage', 'parking spaces near the station', 'parking fees', 'parking for residents'],
    saying: [
      'There is never enough {}.',
      'I circle for half an hour because of {}.',
      'Please do something about {}.',
      '{} is a nightmare on Saturdays.',
    ],
  },
  library: {
    about: ['the library', 'the public library', 'library opening hours', 'the books in the library', 'the reading room of the library'],
    saying: [
      'I love {}, keep it open longer.',
      '{} should be open on Sundays.',
      'My children spend every afternoon with {}.',
      'More money for {} please.',
    ],
  },
  buses: {
    about: ['the bus', 'the night bus', 'bus line 7', 'the bus timetable', 'bus drivers'],
    saying: ['{} is always late.', 'I missed work because of {}.', 'We need more of {} in the evening.', 'You cannot rely on {} any more.'],
  },
  trees: {
    about: ['trees', 'the old oak trees', 'new trees in the streets', 'flowers and trees', 'shade from trees'],
    saying: ['Plant more {}, the summers are hot.', 'Stop cutting down {}.', 'I enjoy walking under {}.', 'The park needs {}.'],
  },
  noise: {
    about: ['noise at night', 'loud music from bars', 'noise from motorcycles', 'drunk people shouting', 'the noise of construction'],
    saying: ['I cannot sleep because of {}.', 'The police should stop {}.', '{} keeps my baby awake.', 'Nobody does anything about {}.'],
  },
  doctors: {
    about: ['a family doctor', 'the hospital', 'a dentist', 'appointments with doctors', 'the emergency room'],
    saying: [
      'It takes months to see {}.',
      'The waiting time for {} is too long.',
      'We moved here and found no way to get {}.',
      'My mother had to drive an hour to {}.',
    ],
  },
};

export interface TopicalAnswer {
  topic: string;
  text: string;
}

/** 20 distinct answers of each topic (120 in all), the topics in turns. */
export function topicalAnswers(): TopicalAnswer[] {
  const byTopic = Object.entries(TOPICS).map(([topic, { about, saying }]) =>
    about.flatMap((thing) => saying.map((sentence) => ({ topic, text: capitalised(sentence.replace('{}', thing)) }))),
  );
  const longest = Math.max(...byTopic.map(({ length }) => length));
  return Array.from({ length: longest }, (_, row) => byTopic.flatMap((answers) => answers[row] ?? [])).flat();
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
