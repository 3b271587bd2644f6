# Steady traffic for tests: connections to a server, one after the other, so many a second, until SIGTERM. Each asks for as
# many bytes as its number says. It logs one JSON object for each: an account of its own.
#   steady.py ADDRESS PORT RATE [REFUSED]
# Every REFUSED-th connection goes to port 9 instead, where nobody listens.
import json
import signal
import socket
import sys
import time

address, port, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
refused = int(sys.argv[4]) if len(sys.argv) > 4 else 0
ended = False


def end(*_):
    global ended
    ended = True


signal.signal(signal.SIGTERM, end)
number, due = 0, time.monotonic()
while not ended:
    number += 1
    due += 1 / rate
    time.sleep(max(0, due - time.monotonic()))
    target = 9 if refused and number % refused == 0 else port
    connection = socket.socket()
    connection.settimeout(20)
    result, local, received, opened = "ok", 0, 0, time.time()
    line = b"%d\n" % (1 + number % 1000)
    try:
        connection.connect((address, target))
        local = connection.getsockname()[1]
        connection.sendall(line)
        while received < 1 + number % 1000:
            received += len(connection.recv(65536))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    except ConnectionRefusedError:
        result = "refused"
    except OSError as error:
        result = str(error)
    connection.close()
    print(json.dumps({"local_port": local, "opened": opened, "closed": time.time(), "sent": len(line) if local else 0,
                      "received": received, "result": result}), flush=True)
