# Sends small UDP datagrams to an address as fast as it can, until it is ended.
import socket
import sys

sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((sys.argv[1], int(sys.argv[2])))
payload = b"x" * 64
while True:
    try:
        sender.send(payload)
    except ConnectionRefusedError:
        pass
