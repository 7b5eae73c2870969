"""A real browser on a page of another origin: it reads our answers where the origin is allowed, and nowhere else."""

import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium")]

PAGE = """<!doctype html><body><pre id="found"></pre><script type="module">
const found = {};
async function look(name, work) {
  try { found[name] = await work(); } catch (error) { found[name] = error.name; }
}
const chat = { model: "scripted", messages: [{ role: "user", content: "Hi" }] };
const post = (type, extra = {}) => {
  const body = JSON.stringify({ ...chat, ...extra });
  return fetch("API/v1/chat/completions", { method: "POST", headers: { "content-type": type }, body });
};
await look("get", async () => (await fetch("API/v1/models")).status);
await look("post", async () => (await (await post("application/json")).json()).choices[0].message.content);
await look("simple post", async () => (await post("text/plain")).status);
await look("stream", async () => (await (await post("application/json", { stream: true })).text()).includes("[DONE]"));
await look("error", async () => (await (await post("application/json", { model: "none" })).json()).error.code);
await look("id", async () => (await fetch("API/v1/models")).headers.get("x-request-id").startsWith("req_"));
await look("opaque", async () => (await fetch("API/v1/models", { mode: "no-cors" })).type);
document.getElementById("found").textContent = JSON.stringify(found);
</script>"""


@contextmanager
def page_server():
    """Serve the page on a port of its own, telling it the API's address from its query; yields its origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = PAGE.replace("API", self.path.partition("?")[2]).encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def browse(folder, url):
    """Open an address and return the page as text once its scripts are done."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP evil.example 127.0.0.1"]
    command = [CHROMIUM, *flags, f"--user-data-dir={folder}", "--virtual-time-budget=20000", "--dump-dom", url]
    return html.unescape(subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout)


def found_by(folder, page, api):
    return json.loads(re.search(r'<pre id="found">(.*?)</pre>', browse(folder, f"{page}/?{api}"), re.DOTALL)[1])


def test_a_page_of_another_origin_can_do_nothing(serve, scripted, tmp_path):
    with page_server() as page:
        found = found_by(tmp_path, page, serve(scripted()))

    # Without leave a page may send a request that it cannot read; ours is refused all the same.
    assert found.pop("opaque") == "opaque"
    assert set(found.values()) == {"TypeError"}


def test_a_page_of_an_allowed_origin_can_ask_everything(serve, scripted, tmp_path):
    with page_server() as page:
        found = found_by(tmp_path, page, serve(scripted(), allowed_origins=(page,)))

    assert found == {
        "get": 200,
        "post": "Let us share the well.",
        "simple post": 415,
        "stream": True,
        "error": "model_not_found",
        "id": True,
        "opaque": "opaque",
    }


def test_a_foreign_name_for_our_address_is_refused(serve, scripted, tmp_path):
    port = serve(scripted()).rpartition(":")[2]

    assert "host_not_allowed" in browse(tmp_path, f"http://evil.example:{port}/v1/models")
    assert "scripted" in browse(tmp_path, f"http://127.0.0.1:{port}/v1/models")
