# A TCP server for tests: each request is a line with a number, each answer that many bytes. It logs one JSON object for
# each connection when that ends, with the bytes that its calls to send and recv moved: an account of its own.
import json
import socket
import sys
import threading

family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
port = int(sys.argv[2])


def log(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def serve(connection, peer):
    sent = received = 0
    how = "closed"
    pending = b""
    try:
        while True:
            data = connection.recv(65536)
            if not data:
                break
            received += len(data)
            pending += data
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                answer = b"x" * int(line)
                connection.sendall(answer)
                sent += len(answer)
    except ConnectionResetError:
        how = "reset"
    connection.close()
    log(event="closed", peer_port=peer[1], sent=sent, received=received, how=how)


listener = socket.socket(family, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
listener.bind(("", port))
listener.listen(1024)
log(event="listening", port=port)
while True:
    accepted = listener.accept()
    threading.Thread(target=serve, args=accepted, daemon=True).start()
