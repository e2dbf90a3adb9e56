// Runs a CloudFront Function: `node run.mjs FUNCTION.js`. An event a line on standard input, `{"number", "event"}`;
// for each a line on standard output, `{"number", "origin", "uri"}`, or `{"number", "error"}`. Ends with its input.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve as absolute } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

const FUNCTION = pathToFileURL(absolute(process.argv[2])).href;
const CLOUDFRONT = new URL('./cloudfront.mjs', import.meta.url).href;

registerHooks({
    resolve: (specifier, context, next) =>
        specifier === 'cloudfront' ? { url: CLOUDFRONT, shortCircuit: true } : next(specifier, context),
    // CloudFront finds `handler` by its name; Node only what is exported.
    load: (url, context, next) =>
        url === FUNCTION
            ? {
                format: 'module',
                source: `${readFileSync(fileURLToPath(url), 'utf8')}\nexport { handler };\n`,
                shortCircuit: true,
            }
            : next(url, context),
});

const { handler } = await import(FUNCTION);
const { routedBy } = await import(CLOUDFRONT);

for await (const line of createInterface({ input: process.stdin })) {
    const { number, event } = JSON.parse(line);
    routedBy(() => handler(event)).then(
        (routed) => answer({ number, ...routed }),
        (failure) => answer({ number, error: String(failure) }),
    );
}

function answer(message) {
    process.stdout.write(`${JSON.stringify(message)}\n`);
}
