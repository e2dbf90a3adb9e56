// What `import cf from 'cloudfront'` gives a CloudFront Function, as far as ours uses it.
import { AsyncLocalStorage } from 'node:async_hooks';

const chosen = new AsyncLocalStorage();

export default {
    selectRequestOriginById(id) {
        chosen.getStore().origin = id;
    },
};

// Calls a function, and tells which origin it has chosen, none being the default one, and the path it goes on with.
export async function routedBy(call) {
    const choice = { origin: '' };
    const { uri } = await chosen.run(choice, call);
    return { ...choice, uri };
}
