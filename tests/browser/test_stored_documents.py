"""What a stored document can do in a real browser, whatever type it claims: be looked at, and nothing else."""

import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from imaging.dicomweb.message import Response
from imaging.dicomweb.safe_in_a_browser import safe_in_a_browser

BLUE = (40, 90, 160)
SCRIPT = b"document.title = 'It ran.'"
RECORDED = """async () => {
    const canvas = document.createElement('canvas'), drawing = canvas.getContext('2d'), kept = [];
    const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: 'video/webm; codecs=vp8'});
    canvas.width = canvas.height = 400;
    recorder.ondataavailable = (event) => kept.push(event.data);
    recorder.start();
    for (let frame = 0; frame < 10; frame++) {
        drawing.fillStyle = 'rgb(40, 90, 160)';
        drawing.fillRect(0, 0, 400, 400);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await new Promise((resolve) => { recorder.onstop = resolve; recorder.stop(); });
    return btoa(String.fromCharCode(...new Uint8Array(await new Blob(kept).arrayBuffer())));
}"""


def picture(kind: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (210, 297), BLUE).save(file, kind)
    return file.getvalue()


class Answers:
    """A server whose answers are ours, whatever they hold."""

    def __init__(self) -> None:
        self.bodies: dict[str, tuple[str, bytes]] = {}
        self.pages: dict[str, bytes] = {}
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path in answers.pages:  # of the page or the viewer, which have scripts of their own
                    own = {"Content-Type": "text/html", "Content-Security-Policy": "script-src 'self'"}
                    response = Response(200, own, answers.pages[self.path])
                else:
                    media_type, body = answers.bodies.get(self.path, ("text/plain", b""))
                    response = safe_in_a_browser(Response(200, {"Content-Type": media_type}, body))
                self.send_response(response.status)
                for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def answers() -> Iterator[Answers]:
    answers = Answers()
    thread = threading.Thread(target=answers.server.serve_forever)
    thread.start()
    yield answers
    answers.server.shutdown()
    thread.join()
    answers.server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 800, "height": 800})
    yield context.new_page()
    context.close()


def shows_blue(page: Page) -> bool:
    shown = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB")).astype(int)
    return bool((np.abs(shown - BLUE).max(axis=-1) < 15).sum() > 30_000)


@pytest.mark.parametrize("media_type", ["text/html", "application/xhtml+xml", "image/svg+xml"])
def test_no_script_in_it_runs_even_where_its_type_lets_it(answers: Answers, page: Page, media_type: str) -> None:
    name, namespace = ("svg", "2000/svg") if "svg" in media_type else ("html", "1999/xhtml")
    document = f"<{name} xmlns='http://www.w3.org/{namespace}'><script>{SCRIPT.decode()}</script></{name}>".encode()
    answers.bodies["/document"] = (media_type, document)
    page.goto(f"{answers.address}/document")
    assert page.evaluate("document.documentElement.localName") == name
    assert page.title() != "It ran."
    assert page.evaluate("self.origin") == "null"


@pytest.mark.parametrize(
    "media_type", ["application/octet-stream", "application/dicom", "application/pdf", "model/obj"]
)
def test_it_is_no_script_of_our_own_pages(answers: Answers, page: Page, media_type: str) -> None:
    answers.bodies["/document"] = (media_type, SCRIPT)
    answers.pages["/page"] = b"<script src=/document></script><p>whole"
    page.goto(f"{answers.address}/page")
    assert (page.inner_text("p"), page.title()) == ("whole", "")


def test_a_pdf_a_picture_and_a_video_are_shown(answers: Answers, page: Page) -> None:
    answers.pages["/page"] = b""
    page.goto(f"{answers.address}/page")
    answers.bodies = {
        "/pdf": ("application/pdf", picture("PDF")),
        "/picture": ("image/png", picture("PNG")),
        "/video": ("video/webm", b64decode(page.evaluate(RECORDED))),
    }
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    for path in answers.bodies:
        page.goto(f"{answers.address}{path}")
        assert any(shows_blue(page) or page.wait_for_timeout(100) for _ in range(100)), path
    assert not complaints
