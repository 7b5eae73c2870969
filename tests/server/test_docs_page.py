"""The documentation that the server gives of itself."""

import re


def test_the_page_loads_nothing_from_elsewhere(lasting_server, http):
    page = http.get(f"{lasting_server}/docs")

    assert page.status_code == 200
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page.text)
    assert "http://" not in page.text.replace("http://localhost", "")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_every_route_is_described_with_its_body(lasting_server, http):
    described = http.get(f"{lasting_server}/openapi.json").json()

    paths = set(described["paths"])
    assert {"/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/deliberations/{id}/events", "/health", "/metrics"} <= paths
    assert all("requestBody" in methods["post"] for methods in described["paths"].values() if "post" in methods)
