import { describe, expect, it } from 'vitest';
import { foldHistory } from '../../../lib/mail/gmail/history.ts';

const came = (id: string, ...ids: string[]) => ({ id, messagesAdded: ids.map((message) => ({ message: { id: message } })) });
const went = (id: string, ...ids: string[]) => ({ id, messagesDeleted: ids.map((message) => ({ message: { id: message } })) });
const labelled = (id: string, message: string, ...labelIds: string[]) => ({ id, labelsAdded: [{ message: { id: message }, labelIds }] });
const unlabelled = (id: string, message: string, ...labelIds: string[]) => ({ id, labelsRemoved: [{ message: { id: message }, labelIds }] });

describe('a page of history', () => {
  it.each([
    ['new messages, once each', [came('11', 'a', 'b'), came('12', 'a')], { added: ['a', 'b'] }],
    ['a message that came and went as gone', [came('11', 'a', 'b'), went('12', 'a')], { added: ['b'], deleted: ['a'] }],
    ['no labels of a message that is gone', [labelled('11', 'a', 'STARRED'), went('12', 'a')], { deleted: ['a'] }],
    [
      'labels of a message that came, too: a query may have fetched it before they changed',
      [came('11', 'a'), labelled('12', 'a', 'STARRED')],
      { added: ['a'], labels: [{ id: 'a', added: ['STARRED'], removed: [] }] },
    ],
    [
      'the last word on each label',
      [labelled('11', 'a', 'STARRED', 'IMPORTANT'), unlabelled('12', 'a', 'UNREAD', 'STARRED'), labelled('13', 'a', 'UNREAD')],
      { labels: [{ id: 'a', added: ['IMPORTANT', 'UNREAD'], removed: ['STARRED'] }] },
    ],
    [
      'labels message by message, in their order',
      [unlabelled('11', 'b', 'UNREAD'), labelled('12', 'a', 'TRASH'), labelled('13', 'b', 'TRASH')],
      {
        labels: [
          { id: 'b', added: ['TRASH'], removed: ['UNREAD'] },
          { id: 'a', added: ['TRASH'], removed: [] },
        ],
      },
    ],
    ['nothing', [], {}],
  ])('tells %s', (_, history, expected) => {
    expect(foldHistory({ history, historyId: '99' }, '10')).toEqual({
      added: [],
      deleted: [],
      labels: [],
      labelsNow: new Map(),
      historyId: '99',
      ...expected,
    });
  });

  it('is followed to its last record while more pages come, then to where the mailbox is', () => {
    const history = [came('18446744073709551616', 'a'), came('18446744073709551617', 'b')];
    expect(foldHistory({ history, historyId: '18446744073709551999', nextPageToken: 'more' }, '10')).toMatchObject({
      historyId: '18446744073709551617',
      nextPageToken: 'more',
    });
    expect(foldHistory({ history, historyId: '18446744073709551999' }, '10')).toMatchObject({ historyId: '18446744073709551999' });
  });

  it('tells all labels of a message as they are after it, where Google told them', () => {
    const message = (id: string, ...labelIds: string[]) => ({ id, labelIds });
    const history = [
      { id: '11', messagesAdded: [{ message: message('a', 'INBOX', 'UNREAD') }, { message: message('b', 'INBOX') }] },
      { id: '12', labelsRemoved: [{ message: message('a', 'INBOX'), labelIds: ['UNREAD'] }] },
      { id: '13', labelsRemoved: [{ message: { id: 'b' }, labelIds: ['INBOX'] }] },
    ];
    expect(foldHistory({ history, historyId: '99' }, '10').labelsNow).toEqual(new Map([['a', ['INBOX']]]));
  });

  it('stays where it was when Google names no id', () => {
    expect(foldHistory({ nextPageToken: 'more', historyId: '99' }, '10').historyId).toBe('10');
    expect(foldHistory({}, '10').historyId).toBe('10');
  });
});
