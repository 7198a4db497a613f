#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP transfers that can be told from wrong ones.

talk.py serve ADDRESS PORT
talk.py ask ADDRESS PORT MODE[,MODE]... BYTES...

MODE: up (the server says how much of what it got), half (the same, but it hears the end of it),
down, both (half, and all of it comes back). `ask` prints a line for each, and fails when anything
is lost, changed, repeated or not ended.
"""
import hashlib
import socket
import sys
import threading

LIMIT = 30


def data(count):
    return (b"0123456789abcdef!" * (count // 17 + 1))[:count]


def digest(text):
    return f"{len(text)} {hashlib.md5(text).hexdigest()}\n".encode()


def read(connection, count=None):
    """count: None, up to the end of file."""
    text = b""
    while count is None or len(text) < count:
        part = connection.recv(65536 if count is None else min(65536, count - len(text)))
        if not part:
            break
        text += part
    return text


def serve_one(connection):
    with connection:
        connection.settimeout(LIMIT)
        words = b""
        while not words.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                return
            words += byte
        mode, count = words.decode().split()
        if mode == "down":
            connection.sendall(data(int(count)))
            return
        text = read(connection, int(count) if mode == "up" else None)
        connection.sendall(text if mode == "both" else digest(text))


def serve(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection,), daemon=True).start()


def ask(address, port, mode, count):
    with socket.create_connection((address, port), timeout=LIMIT) as connection:
        connection.sendall(f"{mode} {count}\n".encode())
        if mode != "down":
            connection.sendall(data(count))
        if mode in ("half", "both"):
            connection.shutdown(socket.SHUT_WR)
        got = read(connection)
    want = digest(data(count)) if mode in ("up", "half") else data(count)
    print(mode, count, "right" if got == want else f"WRONG: {len(got)} bytes, not {len(want)}")
    return got == want


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    right = [
        ask(sys.argv[2], int(sys.argv[3]), mode, int(count))
        for mode in sys.argv[4].split(",")
        for count in sys.argv[5:]
    ]
    sys.exit(not all(right))
