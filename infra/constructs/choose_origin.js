import cf from 'cloudfront';

// Which origin a request goes to, and which file is meant by an address of a page: a CloudFront Function for
// viewer requests (runtime cloudfront-js-2.0). The front door of the local run runs this very file.

// The distribution's other origin; where it is not chosen, the request goes to the API.
const GATEWAY = 'gateway';

// Lambda takes 6 MB (6,291,456 bytes) as one event, the body in it as base64: this is 5,866,668 bytes of it,
// which leaves more room for path and headers, each in it twice, than CloudFront lets through.
const LARGEST_SMALL_BODY_BYTES = 4400000;

// What may be of any size, or is made from what may be: all that PS3.18 Section 10.4.1.1 retrieves but the
// metadata of one instance, and WADO-URI (Section 9).
const OF_ANY_SIZE = [
    // DICOM, and zip, of a study, a series, an instance; pictures of them, their pixel data, their bulk data,
    // as they are or as a revision has them.
    /^\/spaces\/[^/]+\/studies\/[^/]+(\/revisions\/[^/]+)?(\/series\/[^/]+(\/instances\/[^/]+)?)?(\/(rendered|thumbnail|pixeldata|bulkdata(\/.+)?))?\/?$/,
    /^\/spaces\/[^/]+\/studies\/[^/]+(\/revisions\/[^/]+)?(\/series\/[^/]+)?\/metadata\/?$/,
    /^\/spaces\/[^/]+\/studies\/[^/]+(\/revisions\/[^/]+)?\/series\/[^/]+\/instances\/[^/]+\/frames\/[^/]+(\/(rendered|thumbnail))?\/?$/,
    /^\/spaces\/[^/]+\/wado\/?$/,
];

const PAGE = '/page/index.html';
const VIEWER = '/viewer/index.html';
const OF_THE_VIEWER = /^\/viewer(\/|$)/;
// What the viewer's page loads; every other path of the viewer is a place in that page.
const LOADED = /^\/viewer\/(files\/.*|app-config\.js)$/;

function handler(event) {
    const request = event.request;
    request.uri = fileOf(request.uri);
    if (isStore(request) ? !isSmall(request.headers) : isLargeRead(request)) {
        cf.selectRequestOriginById(GATEWAY);
    }
    return request;
}

function fileOf(uri) {
    if (uri === '/') {
        return PAGE;
    }
    return OF_THE_VIEWER.test(uri) && !LOADED.test(uri) ? VIEWER : uri;
}

function isStore(request) {
    return request.method === 'POST';
}

// Transfer-Encoding overrides a Content-Length (RFC 9112 Section 6.3), and tells no size beforehand.
function isSmall(headers) {
    const length = headers['content-length'];
    return !headers['transfer-encoding'] && !!length && /^[0-9]+$/.test(length.value)
        && Number(length.value) <= LARGEST_SMALL_BODY_BYTES;
}

function isLargeRead(request) {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    return reads && OF_ANY_SIZE.some((resource) => resource.test(request.uri));
}
