"""A stand-in for the Batch service: jobs and tasks by its public REST rules, as far as they are listed and read.

Pages with `odata.nextLink`, `$select`, api-version, SharedKey signatures and bearer tokens are checked as the service checks
them; it can be slow, failing, and throttling.
"""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse

ACCOUNT = "crunch"
KEY = base64.b64encode(b"a key of the Batch account, 32 by").decode()
VERSION = "2024-07-01.20.0"


class BatchService:
    def __init__(self, token=None):
        self.jobs = {}
        self.tasks = {}
        self.token = token
        self.failing = None  # status of every answer
        self.throttled = 0  # so many more answers are 429
        self.delay = 0.0
        self.gate = threading.Event()  # cleared: nobody is answered
        self.gate.set()
        self.requests = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                service.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def environment(self) -> dict:
        return {"AZURE_BATCH_ACCESS_KEY": KEY, "AZURE_BATCH_ENDPOINT": self.url, "AZURE_BATCH_ACCOUNT": ACCOUNT}

    # What there is

    def add_job(self, job, state="active", **more):
        self.jobs[job] = {
            "id": job,
            "state": state,
            "creationTime": "2026-11-21T10:00:00.1234567Z",
            "stateTransitionTime": "2026-11-21T10:00:01.1234567Z",
            "lastModified": "2026-11-21T10:00:01.1234567Z",
            "priority": 0,
            "executionInfo": {"startTime": "2026-11-21T10:00:00Z", "poolId": "pool"},
            "commonEnvironmentSettings": [{"name": "TOKEN", "value": "a secret of the job"}],
            **more,
        }
        self.tasks.setdefault(job, {})

    def add_task(self, job, task, state="running", exit_code=None, **more):
        info = {"startTime": "2026-11-21T10:01:00Z", "retryCount": 0, "requeueCount": 0}
        if exit_code is not None:
            info |= {"endTime": "2026-11-21T10:02:00Z", "exitCode": exit_code}
            info["result"] = "failure" if exit_code else "success"
            if exit_code:
                info["failureInfo"] = {"category": "userError", "code": "FailureExitCode", "message": "It exited."}
        self.tasks[job][task] = {
            "id": task,
            "state": state,
            "creationTime": "2026-11-21T10:00:30Z",
            "stateTransitionTime": "2026-11-21T10:02:00Z",
            "commandLine": "run --password=hunter2",
            "outputFiles": [{"destination": {"container": {"containerUrl": "https://a/b?sig=c2VjcmV0"}}}],
            "executionInfo": info,
            "nodeInfo": {"poolId": "pool", "nodeId": "tvm-1", "nodeUrl": "https://elsewhere"},
            **more,
        }

    # What it answers

    def answer(self, request):
        self.gate.wait()
        time.sleep(self.delay)
        parts = urllib.parse.urlsplit(request.path)
        self.requests.append(request.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        if self.failing:
            return self.refuse(request, self.failing, "InternalError", "The server met an internal error.")
        if self.throttled > 0:
            self.throttled -= 1
            return self.refuse(request, 429, "TooManyRequests", "Too many.", {"Retry-After": "0"})
        if query.get("api-version") != VERSION:
            return self.refuse(request, 400, "InvalidQueryParameterValue", "api-version")
        if not self.is_authorized(request, parts.path, query):
            return self.refuse(request, 403, "AuthenticationFailed", "Server failed to authenticate the request.")
        steps = [urllib.parse.unquote(step) for step in parts.path.strip("/").split("/")]
        match steps:
            case ["jobs"]:
                self.page(request, query, "/jobs", list(self.jobs.values()))
            case ["jobs", job] if self.known(job):
                self.send(request, 200, self.selected(self.jobs[self.known(job)], query))
            case ["jobs", job, "tasks"] if self.known(job):
                self.page(request, query, parts.path, list(self.tasks[self.known(job)].values()))
            case ["jobs", job, "tasks", task] if self.known(job):
                tasks = {name.lower(): value for name, value in self.tasks[self.known(job)].items()}
                if task.lower() in tasks:
                    self.send(request, 200, self.selected(tasks[task.lower()], query))
                else:
                    self.refuse(request, 404, "TaskNotFound", "The specified task does not exist.")
            case _:
                self.refuse(request, 404, "JobNotFound", "The specified job does not exist.")

    def known(self, job):
        """Ids are compared without case."""
        return next((name for name in self.jobs if name.lower() == job.lower()), None)

    def is_authorized(self, request, path, query) -> bool:
        given = request.headers.get("Authorization", "")
        if given.startswith("Bearer "):
            wanted = self.token() if callable(self.token) else self.token
            return wanted is not None and given == f"Bearer {wanted}"
        date = request.headers.get("ocp-date")
        if date is None:
            return False
        names = ["Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date"]
        names += ["If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"]
        lines = ["GET", *[request.headers.get(name, "") for name in names]]
        ocp = {k.lower(): v for k, v in request.headers.items() if k.lower().startswith("ocp-")}
        lines += [f"{name}:{ocp[name]}" for name in sorted(ocp)]
        lines.append(f"/{ACCOUNT}{path}")
        lines += [f"{name.lower()}:{query[name]}" for name in sorted(query, key=str.lower)]
        digest = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
        return given == f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"

    def page(self, request, query, path, items):
        start = int(query.get("$skiptoken", "0"))
        count = min(int(query.get("maxresults", "1000")), 1000)
        body = {"odata.metadata": f"{self.url}/$metadata", "value": [
            self.selected(item, query) for item in items[start : start + count]
        ]}
        if start + count < len(items):
            following = urllib.parse.urlencode(query | {"$skiptoken": str(start + count)})
            body["odata.nextLink"] = f"{self.url}{path}?{following}"
        self.send(request, 200, body)

    @staticmethod
    def selected(item, query):
        wanted = query.get("$select")
        return {k: v for k, v in item.items() if wanted is None or k in wanted.split(",")}

    def refuse(self, request, status, code, message, headers=None):
        body = {"code": code, "message": {"lang": "en-US", "value": f"{message}\nRequestId:0\nTime:0"}}
        self.send(request, status, body, headers)

    @staticmethod
    def send(request, status, body, headers=None):
        content = json.dumps(body).encode()
        try:
            request.send_response(status)
            request.send_header("Content-Type", "application/json; odata=minimalmetadata")
            request.send_header("Content-Length", str(len(content)))
            for name, value in (headers or {}).items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            pass
