"""Answers of one JSON object a line, sent as they are made."""

from collections.abc import Iterable

from django.http import StreamingHttpResponse


def download(lines: Iterable[bytes], name: str) -> StreamingHttpResponse:
    """Answer with lines of JSON that a browser keeps as a file called ``name``, and no cache keeps."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines, content_type="application/x-ndjson", headers=headers)
