"""An HTTP backend that reads uploads to their end, keeps nothing, and answers 200. Usage: sink.py PORT"""

import socket
import sys
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"sink\"\r\n\r\n"


def serve(connection):
    buffer, held = memoryview(bytearray(1 << 20)), b""
    with connection:
        while True:
            while b"\r\n\r\n" not in held:
                count = connection.recv_into(buffer)
                if not count:
                    return
                held += bytes(buffer[:count])
            head, _, held = held.partition(b"\r\n\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            left = int(headers.get(b"content-length", b"0")) - len(held)
            held = b""
            while left > 0:
                count = connection.recv_into(buffer, min(left, len(buffer)))
                if not count:
                    return
                left -= count
            connection.sendall(ANSWER)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
