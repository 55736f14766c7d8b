"""A service on daebus 0.0.31; run with the Python of its environment: old_service.py NAME PORT."""

import sys

from daebus import Daebus, request, response

name, port = sys.argv[1], int(sys.argv[2])
app = Daebus(name)
heard = []


@app.action("echo")
def echo():
    return response.send({"payload": request.payload, "service": request.service, "request_id": request.request_id})


@app.action("fail")
def fail():
    return response.error("no such record")


@app.action("steps")
def steps():
    for number in range(3):
        response.send({"step": number}, final=False)
    return response.send({"done": True})


@app.action("note")
def note():
    heard.append(request.payload)


@app.action("heard")
def list_heard():
    return response.send({"heard": heard})


@app.listen(name + ".events")
def hear(data):
    heard.append(data)


app.run(service=name, redis_port=port)
