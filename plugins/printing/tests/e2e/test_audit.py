"""What the audit trail says of printing: which job, which file, which printer."""

from __future__ import annotations

from typing import Any

from tests.support.printing_gateway import PrintingGateway, wait_for


def test_changes_name_what_they_changed() -> None:
    with PrintingGateway() as gateway:
        gateway.upload("part.gcode", b"G28\nM104 S60\n")
        queue_id = gateway.enqueue("part.gcode")
        gateway.delete(f"/queue/{queue_id}")
        gateway.request("POST", "/job/cancel")
        gateway.delete("/files/part.gcode")

        def settled() -> list[dict[str, Any]]:
            items = gateway.client.get(f"{gateway.url}/-/audit").json()["items"]
            return items if all(item["result"] != "unfinished" for item in items) else []

        made = {item["action"].removeprefix("printing."): item for item in wait_for(settled)}
        job = gateway.job(queue_id)
    upload, add, remove = made["file.upload"], made["queue.add"], made["queue.remove"]
    cancel, delete = made["job.cancel"], made["file.delete"]
    assert upload["target"] == "file:part.gcode"
    assert len(upload["details"]["sha256 part.gcode"]) == 64
    for item in (add, remove):
        assert item["target"] == f"job:{job['id']}".lower()
        assert (item["details"]["file"], item["details"]["queue_id"]) == ("part.gcode", queue_id)
    assert (cancel["target"].partition(":")[0], cancel["result"]) == ("printer", "rejected")
    assert (delete["target"], delete["details"]) == ("file:part.gcode", {"deleted": True})
