# A TCP client for tests. It reads one JSON object from each line of standard input, makes the connection it describes,
# and logs one JSON object for it.
#   {"address": "10.0.0.2", "port": 80, "requests": 3, "bytes": 1000, "end": "close" | "reset" | "hold", "wait": 5}
# "hold" keeps the connection open until standard input ends.
import json
import socket
import struct
import sys
import time

held = []


def log(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def exchange(connection, requests, size):
    sent = received = 0
    for _ in range(requests):
        line = b"%d\n" % size
        connection.sendall(line)
        sent += len(line)
        want = size
        while want:
            data = connection.recv(min(want, 65536))
            if not data:
                raise EOFError
            received += len(data)
            want -= len(data)
    return sent, received


def finish(connection, end):
    if end == "hold":
        held.append(connection)
        return
    if end == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if end == "close":
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    connection.close()


def run(job):
    address = job["address"]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(job.get("wait", 20))
    result, port, sent, received = "ok", 0, 0, 0
    try:
        connection.connect((address, job["port"]))
        port = connection.getsockname()[1]
        sent, received = exchange(connection, job.get("requests", 0), job.get("bytes", 0))
        connection.settimeout(20)
        finish(connection, job.get("end", "close"))
    except ConnectionRefusedError:
        result = "refused"
    except socket.timeout:
        result = "gave-up"
        connection.close()
    except OSError as error:
        result = error.strerror
        connection.close()
    log(address=address, port=job["port"], local_port=port, sent=sent, received=received, result=result)
    time.sleep(job.get("pause", 0))


for text in sys.stdin:
    run(json.loads(text))
for connection in held:
    connection.close()
