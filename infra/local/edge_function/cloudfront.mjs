// What `import cf from 'cloudfront'` gives a CloudFront Function, as far as ours uses it.
import { AsyncLocalStorage } from 'node:async_hooks';

const chosen = new AsyncLocalStorage();

export default {
    selectRequestOriginById(id) {
        chosen.getStore().origin = id;
    },
};

// Calls a function, and tells which origin it has chosen: none is the default one.
export async function originChosenBy(call) {
    const choice = { origin: '' };
    await chosen.run(choice, call);
    return choice.origin;
}
