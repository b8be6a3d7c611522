"""What `/-/openapi.json` says of the printing routes: bodies of those that pass without Litestar, examples of all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from fluxgate.plugin import Body, RouteDoc
from fluxgate_printing.api import job_schemas, job_stat_schemas, me_schemas, option_schemas, schemas
from fluxgate_printing.models import (
    CameraView,
    FilamentUse,
    JobFile,
    JobInfo,
    JobProgress,
    JobView,
    StateFlags,
    StateView,
    StatusView,
    Temperature,
)
from fluxgate_printing.printers.temperatures import HeaterColumns, TemperatureColumns

__all__ = [
    "DOWNLOAD",
    "ESTIMATE",
    "FILE",
    "FILES",
    "FILE_LINK",
    "JOB",
    "JOB_LINK",
    "JOB_STATS",
    "JOB_SYNC",
    "ME",
    "OPTIONS",
    "QUEUE",
    "QUEUE_ADD",
    "QUEUE_REORDER",
    "QUEUE_START",
    "QUICK",
    "SNAPSHOT",
    "STATUS",
    "STATUS_CHANGE",
    "STREAM",
    "TEMPERATURE",
    "TEMPERATURE_HISTORY",
    "THUMBNAIL",
    "UPLOAD",
    "UPLOAD_BODY",
]

_JOB_ID = "7f3a3f0e-7a53-4c1e-9d0b-0c1f4f7f5a11"
_HASH = "3b87581eae2a8213092f317b7c9f1f7f63f87b217feea19dc9b3b04b974ae86a"
_HEATERS = {"tool0": Temperature(actual=214.8, target=215.0), "bed": Temperature(actual=60.1, target=60.0)}
_PRINTING = StateFlags(
    operational=True,
    printing=True,
    paused=False,
    pausing=False,
    resuming=False,
    cancelling=False,
    finishing=False,
    error=False,
    ready=False,
    closed_or_error=False,
)

ME = RouteDoc(
    response=Body(
        example=me_schemas.MeView(
            backend="native",
            default="mk4",
            visibility="own",
            stop_others=False,
            everywhere="viewer",
            anywhere="operator",
            printers={"mk4": "operator", "ender": "viewer"},
        )
    )
)
OPTIONS = RouteDoc(
    response=Body(
        example=option_schemas.OptionsView(
            currency="EUR",
            machine_per_hour=0.35,
            materials=[option_schemas.MaterialPrice(type="PLA", price_per_kg=25.0)],
            qualities=["draft", "standard", "high", "ultra"],
            presets=[option_schemas.Preset(name="PLA", hotend=210.0, bed=60.0)],
        )
    )
)
STATUS = RouteDoc(
    description="The printer's state as it was last seen, `age` seconds ago. Offline is a state, not an error.",
    response=Body(
        type=StatusView,
        example=StatusView(state=StateView("Printing", _PRINTING), temperature=_HEATERS, printer="mk4", age=0.4),
    ),
)
JOB = RouteDoc(
    description="What the printer has loaded, and how far it is.",
    response=Body(
        type=JobView,
        example=JobView(
            job=JobInfo(
                file=JobFile("bracket.gcode"),
                estimated_print_time=5400,
                filament={"tool0": FilamentUse(length=4210.0, volume=10.1)},
            ),
            progress=JobProgress(completion=37.5, print_time=2025, print_time_left=3375),
            state="Printing",
        ),
    ),
)
TEMPERATURE = RouteDoc(
    description="Every heater, in °C. A target of 0 is off.",
    response=Body(type=dict[str, Temperature], example=_HEATERS),
)
TEMPERATURE_HISTORY = RouteDoc(
    response=Body(
        example=TemperatureColumns(
            interval=2,
            times=[1_767_776_400, 1_767_776_402, 1_767_776_404],
            heaters={
                "tool0": HeaterColumns([21.3, None, 24.8], [0.0, None, 215.0]),
                "bed": HeaterColumns([21.1, None, 21.1], [0.0, None, 0.0]),
            },
        )
    )
)
QUEUE = RouteDoc(
    response=Body(
        example=schemas.QueueView(
            items=[
                schemas.QueueItem(
                    id=12,
                    job_id=_JOB_ID,
                    filename="bracket.gcode",
                    position=1,
                    status="queued",
                    added_at=datetime(2026, 1, 7, 9, 30, tzinfo=UTC),
                    priority=0,
                    progress=0.0,
                    estimated_time=5400,
                    detail="It waits to be started.",
                )
            ],
            total_jobs=12,
            completed_jobs=10,
            failed_jobs=1,
        )
    )
)
QUEUE_ADD = RouteDoc(
    request=Body(example={"filename": "bracket.gcode", "print": True}),
    response=Body(
        example=schemas.QueueAdded(
            queue_id=12, id=12, job_id=_JOB_ID, filename="bracket.gcode", position=0, status="printing", started=True
        )
    ),
)
QUEUE_REORDER = RouteDoc(request=Body(example={"items": [{"id": 12, "position": 1}, {"id": 11, "position": 2}]}))
QUEUE_START = RouteDoc(
    response=Body(
        example=schemas.QueueAdded(
            queue_id=12, id=12, job_id=_JOB_ID, filename="bracket.gcode", position=0, status="printing", started=True
        )
    )
)
_FILE: dict[str, Any] = {
    "name": "bracket.gcode",
    "display": "bracket.gcode",
    "path": "bracket.gcode",
    "size": 1_482_001,
    "date": 1_767_776_400,
    "hash": _HASH,
    "gcode_analysis": schemas.GcodeAnalysis(
        estimated_print_time=5400, filament_weight=12.6, materials=("PLA",), slicer="PrusaSlicer 2.9.0"
    ),
}
_SHOWN: dict[str, Any] = {
    "analysed": True,
    "estimated_time": 5400,
    "filament_grams": 12.6,
    "material": "PLA",
    "slicer": "PrusaSlicer 2.9.0",
    "layers": 120,
    "layer_height": 0.2,
    "printer_model": "MK4",
    "thumbnail": "/api/printing/files/bracket.gcode/thumbnail?size=220",
}
FILES = RouteDoc(
    response=Body(
        example=schemas.FilesView(
            files=[schemas.FileItem(**_FILE, metadata=schemas.FileMetadata(**_SHOWN))],
            count=1,
            free=80_000_000_000,
            total=250_000_000_000,
            used=1_482_001,
        )
    )
)
FILE = RouteDoc(
    response=Body(
        example=schemas.FileView(
            **_FILE,
            metadata=schemas.FileDetails(
                **_SHOWN,
                slicer_version="2.9.0",
                filament_length=4210.0,
                filament_volume=10.1,
                tools=[schemas.ToolItem(length=4210.0, volume=10.1, weight=12.6, material="PLA", nozzle_diameter=0.4)],
                first_layer_height=0.2,
                height=24.0,
                bounding_box=None,
                nozzle_diameter=0.4,
                nozzle_temperature=215.0,
                bed_temperature=60.0,
                thumbnails=[
                    schemas.ThumbnailItem(format="png", width=220, height=124, url=_SHOWN["thumbnail"]),
                ],
            ),
            uploaded_by="ada",
            project_id=None,
            download="/api/printing/files/bracket.gcode/download",
        )
    )
)
DOWNLOAD = RouteDoc(
    description="The file as it was uploaded. Single ranges are served (206), with `If-Range`; the entity tag is its"
    " SHA-256, for `If-None-Match` (304) and `If-Match` (412).",
    response=Body(media_type="text/x.gcode", schema={"type": "string"}),
)
THUMBNAIL = RouteDoc(
    description="The largest picture in the file that isn't larger than `size`, or the smallest there is. 404"
    " `THUMBNAIL_NOT_FOUND` if there is none.",
    query=schemas.ThumbnailQuery,
    response=Body(media_type="image/png", schema={"type": "string", "contentMediaType": "image/png"}),
    alternatives=(Body(media_type="image/jpeg", schema={"type": "string", "contentMediaType": "image/jpeg"}),),
)
UPLOAD_BODY: dict[str, Any] = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
            "description": "G-code files, each a part with a file name.",
        },
        "print": {"type": "string", "enum": ["true", "false"], "description": "Queue them, and start the first."},
        "project_id": {"type": "string", "description": "A project's UUID or external id."},
    },
}
UPLOAD = RouteDoc(
    description="Streamed to the disk. All files are stored, or none.",
    request=Body(media_type="multipart/form-data", schema=UPLOAD_BODY),
    response=Body(
        type=schemas.UploadView,
        example=schemas.UploadView(
            files={
                "bracket.gcode": schemas.UploadedItem(
                    name="bracket.gcode", path="bracket.gcode", size=1_482_001, hash=_HASH, queue_id=12
                )
            }
        ),
    ),
    status=201,
)
EVENTS = RouteDoc(
    description=(
        "First `snapshot`, all that is so now: `{printers, jobs, queue}`. Then `printer`, `job` and `queue`, each with"
        " one of them as it is now; a job that ended is told once more. `printer-gone`, `job-gone`: it can't be seen"
        " any more. A client that falls behind misses states in between, never the latest. With `Last-Event-ID` it is"
        " told what changed since. After a while the answer ends, and the client comes back."
    ),
    query=schemas.EventsQuery,
    response=Body(media_type="text/event-stream", schema={"type": "string"}),
)
CAMERA = RouteDoc(
    description="From memory: asking connects nothing, so that it isn't known before somebody has watched.",
    response=Body(
        type=CameraView,
        example=CameraView(available=True, source="mjpeg", viewers=3, fps=9.8, last_frame_age=0.052),
    ),
)
STREAM = RouteDoc(
    description=(
        "Parts are JPEGs, without end. One connection to the camera however many watch. When the camera is lost "
        "meanwhile, a picture that says so comes each second, until it is back."
    ),
    query=schemas.StreamQuery,
    response=Body(media_type="multipart/x-mixed-replace", schema={"type": "string"}),
)
SNAPSHOT = RouteDoc(
    description="At most two seconds old.",
    query=schemas.SnapshotQuery,
    response=Body(media_type="image/jpeg", schema={"type": "string", "contentMediaType": "image/jpeg"}),
    alternatives=(Body(media_type="text/plain", schema={"type": "string", "contentEncoding": "base64"}),),
)
STATUS_CHANGE = RouteDoc(request=Body(example={"status": "failed", "error_message": "The first layer came off."}))
JOB_STATS = RouteDoc(
    response=Body(
        example=job_stat_schemas.JobStats(
            total=3,
            completed=2,
            failed=1,
            canceled=0,
            success_rate=66.67,
            print_seconds=12_600,
            material_grams=30.5,
            cost=1.98,
            currency="EUR",
            days=[
                job_stat_schemas.DayStats(
                    day=date(2026, 1, 7), completed=2, failed=1, canceled=0, print_seconds=12_600, material_grams=30.5
                )
            ],
            printers=[
                job_stat_schemas.PrinterStats(
                    printer="mk4", jobs=3, completed=2, failed=1, print_seconds=12_600, material_grams=30.5
                )
            ],
            materials=[job_stat_schemas.MaterialStats(material="PLA", jobs=3, grams=30.5, cost=0.76)],
        )
    )
)
JOB_SYNC = RouteDoc(request=Body(example={"status": "printing", "progress": 37.5}))
JOB_LINK = RouteDoc(request=Body(example={"project_id": "clx8f2k0d0000"}))
FILE_LINK = RouteDoc(request=Body(example={"project_id": "clx8f2k0d0000"}))
_ESTIMATE = job_schemas.Estimate(
    time_hours=1,
    time_minutes=36,
    time_seconds=5760,
    range=job_schemas.TimeRange(low=5200, high=6480),
    material="PLA",
    material_grams=12.6,
    material_cost=0.32,
    machine_cost=0.8,
    total_cost=1.12,
    currency="EUR",
    confidence="high",
    basis="The slicer's time, corrected by 8 prints of this printer.",
    sliced_seconds=5400,
    correction=1.0667,
    corrected_by=8,
    printer="mk4",
)
ESTIMATE = RouteDoc(
    request=Body(example={"filename": "bracket.gcode", "material": "PLA", "quality": "standard", "copies": 1}),
    response=Body(example=_ESTIMATE),
)
QUICK = RouteDoc(
    request=Body(
        example={
            "filename": "bracket.gcode",
            "projectId": "clx8f2k0d0000",
            "config": {"material": "PLA", "quality": "standard", "copies": 1, "supports": False, "infill": 20},
        }
    ),
    response=Body(
        example=job_schemas.QuickPrinted(job_id=_JOB_ID, queue_id=12, started=False, waiting=None, estimate=_ESTIMATE)
    ),
)
