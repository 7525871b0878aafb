"""The load of bench/gateway.sh: small GETs over kept connections, and one large PUT, to each target in turn, round by round.

Usage: gateway_load.py [--connections N] [--seconds N] [--mib N] [--rounds N] NAME=GET-ADDRESS,PUT-ADDRESS…
"""

import argparse
import select
import socket
import statistics
import time

GET = b"GET /bench-bucket/key HTTP/1.1\r\nHost: s3.local\r\nUser-Agent: bench\r\n\r\n"


def connect(address):
    host, _, port = address.partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def whole(answer):
    """Whether `answer` has all its bytes; it must be a 200 with a length."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"unexpected answer: {answer[:300]!r}")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return len(body) >= length


def small_gets(address, connections, seconds):
    """(calls a second, latencies in ms) of as many clients that each ask, wait and ask again."""
    poll, sent, held, latencies = select.epoll(), {}, {}, []
    clients = {}
    for _ in range(connections):
        client = connect(address)
        clients[client.fileno()] = client
        poll.register(client, select.EPOLLIN)
    began = time.perf_counter()
    for number, client in clients.items():
        sent[number], held[number] = time.perf_counter(), b""
        client.send(GET)
    while time.perf_counter() - began < seconds:
        for number, _ in poll.poll(1):
            client = clients[number]
            data = client.recv(65536)
            if not data:
                raise SystemExit(f"{address} ended a connection")
            held[number] += data
            if whole(held[number]):
                now = time.perf_counter()
                latencies.append((now - sent[number]) * 1000)
                sent[number], held[number] = now, b""
                client.send(GET)
    elapsed = time.perf_counter() - began
    for client in clients.values():
        client.close()
    return len(latencies) / elapsed, latencies


def large_put(address, mib):
    """MiB a second."""
    piece = bytes(1 << 20)
    with connect(address) as client:
        began = time.perf_counter()
        head = f"PUT /sink/object HTTP/1.1\r\nHost: s3.local\r\nContent-Length: {mib << 20}\r\n\r\n"
        client.sendall(head.encode())
        for _ in range(mib):
            client.sendall(piece)
        answer = b""
        while not whole(answer):
            data = client.recv(65536)
            if not data:
                raise SystemExit(f"{address} ended a connection")
            answer += data
        return mib / (time.perf_counter() - began)


def percentile(values, share):
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("targets", nargs="+")
    asked = parser.parse_args()
    targets = [(name, *addresses.split(",")) for name, _, addresses in (t.partition("=") for t in asked.targets)]
    rates, single, many, speeds = ({name: [] for name, *_ in targets} for _ in range(4))
    for _ in range(asked.rounds):
        # In turn, so that what else the machine does meets all alike.
        for name, gets, puts in targets:
            single[name] += small_gets(gets, 1, asked.seconds / 3)[1]
            rate, latencies = small_gets(gets, asked.connections, asked.seconds)
            rates[name].append(rate)
            many[name] += latencies
            speeds[name].append(large_put(puts, asked.mib))
    print(f"{asked.rounds} rounds, {asked.connections} connections, {asked.seconds:g} s each, PUT of {asked.mib} MiB; medians of rounds\n")
    print("| target | 1 connection p50 / p99 ms | calls/s | p50 / p99 ms | PUT MiB/s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, *_ in targets:
        alone = f"{percentile(single[name], 0.5):.3f} / {percentile(single[name], 0.99):.3f}"
        crowd = f"{percentile(many[name], 0.5):.2f} / {percentile(many[name], 0.99):.2f}"
        print(f"| {name} | {alone} | {statistics.median(rates[name]):,.0f} | {crowd} | {statistics.median(speeds[name]):,.0f} |")


if __name__ == "__main__":
    main()
