"""`mallku doctor` examines what is named and the seats of a circle file, each fault with its remedy."""

from stand_in import StandIn, models, stream


def fills_forms(asked):
    return stream('{"choice": "A"}' if "response_format" in asked.json else "yes")


async def test_a_named_server_is_examined(run_child):
    async with StandIn(fills_forms, listed=models("m", owned_by="vllm", max_model_len=8192)) as server:
        ended = await run_child("doctor", "--seat", f"Ada={server.url}")

    general, _, examined = ended.out.partition("\n\nAda\n")
    assert "journal" in general
    assert [line.split()[1] for line in examined.splitlines()] == ["reachable", "address", "model", "window", "at", "answer", "ballots"]
    assert "8192 tokens" in ended.out
    assert ended.code == 0


async def test_a_seat_whose_server_is_silent_is_a_fault_with_its_remedy(run_child, tmp_path):
    (tmp_path / "circle.toml").write_text('[[seats]]\nname = "Ada"\nmodel = "http://127.0.0.1:9#m"\n')
    ended = await run_child("doctor")

    assert "\n\nAda\nfault  reachable  Nothing answers" in ended.out
    assert "Start the server" in ended.out
    assert ended.code == 1
