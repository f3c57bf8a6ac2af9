/** What a curl line of the documentation asks for; `$NAME` is taken from `values`. Knows -X, -H, -d, -i and -s. */
export function parseCurl(line: string, values: Readonly<Record<string, string>>): { url: string; method: string; headers: Headers; body?: string } {
  const words = shellWords(line.replace(/\\\n\s*/g, ' '), values);
  const headers = new Headers();
  let [method, url, body]: [string | undefined, string, string | undefined] = [undefined, '', undefined];
  const rest = words.slice(1).values();
  const next = (): string => rest.next().value ?? '';
  for (const word of rest) {
    if (word === '-X') method = next();
    else if (word === '-d') body = next();
    else if (word === '-H') headers.append(...splitHeader(next()));
    else if (!word.startsWith('-')) url = word;
  }
  return { url, method: method ?? (body === undefined ? 'GET' : 'POST'), headers, ...(body === undefined ? {} : { body }) };
}

function splitHeader(header: string): [string, string] {
  const colon = header.indexOf(':');
  return [header.slice(0, colon), header.slice(colon + 1).trim()];
}

/** Words apart at blanks, quotes taken off; single quotes keep `$` as it is. */
function shellWords(line: string, values: Readonly<Record<string, string>>): string[] {
  const fill = (text: string): string => text.replace(/\$(\w+)/g, (_, name: string) => values[name] ?? '');
  const words = line.match(/(?:'[^']*'|"(?:[^"\\]|\\.)*"|[^\s'"]+)+/g) ?? [];
  return words.map((word) =>
    word.replace(
      /'([^']*)'|"((?:[^"\\]|\\.)*)"|([^'"]+)/g,
      (_, single?: string, double?: string, plain?: string) => single ?? fill(double ?? plain ?? ''),
    ),
  );
}
