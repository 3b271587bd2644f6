# SPDX-License-Identifier: Apache-2.0
"""What the questions are asked about: small jobs on sockets. Each prints one line of JSON about what it has done; those that
serve print "ready" first."""
import errno
import json
import signal
import socket
import struct
import sys
import threading
import time


def say(what):
    print(json.dumps(what), flush=True)


def ready():
    print("ready", flush=True)


def until_told():
    signal.sigwait({signal.SIGTERM})


def read_exactly(sock, count):
    while count > 0:
        got = len(sock.recv(min(count, 65536)))
        if got == 0:
            raise EOFError
        count -= got


def listen(port, backlog=128, address="0.0.0.0"):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, int(port)))
    sock.listen(backlog)
    return sock


def exchange_server(port):
    """Each connection says how many bytes it sends and wants back."""
    sock = listen(port)
    ready()
    while True:
        peer, _ = sock.accept()
        threading.Thread(target=exchange_one, args=(peer,), daemon=True).start()


def exchange_one(peer):
    with peer:
        header = peer.recv(8, socket.MSG_WAITALL)
        if len(header) < 8:
            return
        up, down = struct.unpack("!II", header)
        read_exactly(peer, up - 8)
        peer.sendall(b"d" * down)
        peer.recv(1)  # the client closes first


def exchange(host, port, *trades):
    """Connections one after the other, each UP:DOWN:HOLD, bytes and seconds."""
    done = []
    for trade in trades:
        up, down, hold = trade.split(":")
        began = time.monotonic()
        with socket.create_connection((host, int(port))) as sock:
            connected = time.monotonic()
            sock.sendall(struct.pack("!II", int(up), int(down)) + b"u" * (int(up) - 8))
            read_exactly(sock, int(down))
            time.sleep(float(hold))
            done.append({"port": sock.getsockname()[1], "sent": int(up), "received": int(down), "connect": connected - began})
        done[-1]["seconds"] = time.monotonic() - began
    say(done)


def connect(host, port, times, first="", sources="1"):
    """Connects and closes, and says what came of each; from so many addresses in turn, if a first one is given."""
    done = []
    for i in range(int(times)):
        with socket.socket() as sock:
            if first:
                address = struct.unpack("!I", socket.inet_aton(first))[0] + i % int(sources)
                sock.bind((socket.inet_ntoa(struct.pack("!I", address)), 0))
            began = time.monotonic()
            error = sock.connect_ex((host, int(port)))
            took = time.monotonic() - began
            done.append({"port": sock.getsockname()[1], "error": errno.errorcode.get(error, ""), "seconds": took, "at": time.monotonic_ns()})
    say(done)


def accept_server(*ports):
    """Takes every connection and reads it to its end."""
    for sock in [listen(port) for port in ports]:
        threading.Thread(target=accept_all, args=(sock,), daemon=True).start()
    ready()
    until_told()


def accept_all(sock):
    while True:
        peer, _ = sock.accept()
        threading.Thread(target=drain, args=(peer,), daemon=True).start()


def drain(peer):
    with peer:
        try:
            while peer.recv(65536):
                pass
        except OSError:
            pass


def pieces(host, port, count, size, pause):
    """Sends so many pieces, each in a segment of its own, and waits until all are acknowledged."""
    with socket.create_connection((host, int(port))) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(int(count)):
            sock.sendall(b"p" * int(size))
            time.sleep(float(pause))
        while struct.unpack("i", __import__("fcntl").ioctl(sock, 0x5411, b"\0\0\0\0"))[0] > 0:
            time.sleep(0.01)
    say({"sent": int(count) * int(size)})


def deaf_server(backlog, *ports):
    """Listens and never accepts."""
    socks = [listen(port, int(backlog)) for port in ports]
    ready()
    until_told()
    del socks


def hold(host, *wishes):
    """Opens PORT:COUNT connections and keeps them until it is told to end."""
    socks = []
    for wish in wishes:
        port, count = wish.split(":")
        socks += [socket.create_connection((host, int(port))) for _ in range(int(count))]
    ready()
    until_told()


def half_closed(port, count):
    """Keeps so many connections that the client has closed, without closing them itself."""
    sock = listen(port)
    ready()
    socks = [sock.accept()[0] for _ in range(int(count))]
    for peer in socks:
        drain_only(peer)
    until_told()


def drain_only(peer):
    while peer.recv(65536):
        pass


def half_close(host, port, count):
    """Shuts its side of so many connections and keeps them."""
    socks = [socket.create_connection((host, int(port))) for _ in range(int(count))]
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    ready()
    until_told()


def abort(host, port, times):
    """Connects and closes without lingering: the kernel resets."""
    for _ in range(int(times)):
        with socket.create_connection((host, int(port))) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    say({"aborted": int(times)})


def unread_server(port):
    """Closes each connection with something unread in it: the kernel resets."""
    sock = listen(port)
    ready()
    while True:
        peer, _ = sock.accept()
        with peer:
            peer.recv(1, socket.MSG_PEEK)


def offend(host, port, times):
    """Sends to a server that does not read, and counts the resets."""
    resets = 0
    for _ in range(int(times)):
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(b"hello")
            try:
                while sock.recv(1):
                    pass
            except ConnectionResetError:
                resets += 1
    say({"resets": resets})


def datagrams(host, *wishes):
    """Sends PORT:COUNT:SIZE datagrams, each wish from a socket of its own, connected or not, and counts."""
    done = []
    for i, wish in enumerate(wishes):
        port, count, size = (int(x) for x in wish.split(":"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sent = refused = 0
            if i % 2:
                sock.connect((host, port))
            while sent < count:
                try:
                    sent += 1
                    if i % 2:
                        sock.send(b"x" * size)
                    else:
                        sock.sendto(b"x" * size, (host, port))
                except ConnectionRefusedError:
                    refused += 1
                    sent -= 1
                except OSError as error:
                    done.append({"error": errno.errorcode[error.errno]})
            done.append({"to": port, "port": sock.getsockname()[1], "sent": sent, "size": size, "refused": refused})
    say(done)


def spread(*wishes):
    """Sends ADDRESS:COUNT:SIZE datagrams, each wish from a connected socket of its own."""
    done = {}
    for wish in wishes:
        host, count, size = wish.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((host, 9))
            for _ in range(int(count)):
                try:
                    sock.send(b"x" * int(size))
                except ConnectionRefusedError:
                    sock.send(b"x" * int(size))
        done[host] = int(count) * int(size)
    say(done)


def receiver(port, buffer="0", read="1"):
    """Receives datagrams until it is told to end, or never reads them."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if int(buffer):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(buffer))
    sock.bind(("0.0.0.0", int(port)))
    ready()
    if not int(read):
        until_told()
        return
    got = size = 0
    sock.settimeout(0.1)
    while signal.sigtimedwait({signal.SIGTERM}, 0) is None:
        try:
            data = sock.recv(65536)
            got, size = got + 1, size + len(data)
        except TimeoutError:
            pass
    say({"got": got, "bytes": size})


def name_server(port):
    """Answers every name, with no address, and counts."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", int(port)))
    sock.settimeout(0.1)
    ready()
    count = size = 0
    while signal.sigtimedwait({signal.SIGTERM}, 0) is None:
        try:
            query, peer = sock.recvfrom(512)
        except TimeoutError:
            continue
        count, size = count + 1, size + len(query)
        sock.sendto(query[:2] + b"\x81\x83" + query[4:], peer)
    say({"queries": count, "bytes": size})


def look_up(host, port, times):
    """Asks a name server so often, and waits for each answer."""
    for i in range(int(times)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            name = b"\x05host%d\x07invalid\x00" % (i % 10)
            sock.settimeout(10)
            sock.connect((host, int(port)))
            sock.send(struct.pack("!HHHHHH", i, 0x100, 1, 0, 0, 0) + name + b"\0\1\0\1")
            sock.recv(512)
    say({"asked": int(times)})


def resolve(*names):
    """Resolves names by the C library and takes the time."""
    done = []
    for name in names:
        began = time.monotonic()
        try:
            socket.getaddrinfo(name, 80)
        except socket.gaierror:
            pass
        done.append({"name": name, "seconds": time.monotonic() - began})
    say(done)


def nap(name, times, seconds):
    """Sleeps often under a name of its own, and says how long it waited for a processor, by the kernel's account."""
    with open("/proc/self/comm", "w") as file:
        file.write(name)
    with open("/proc/thread-self/schedstat") as file:
        before = file.read().split()
        for _ in range(int(times)):
            time.sleep(float(seconds))
        file.seek(0)
        after = file.read().split()
    say({"waited": int(after[1]) - int(before[1]), "slices": int(after[2]) - int(before[2])})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
