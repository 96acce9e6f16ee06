"""The process from which Python functions' processes are forked, with boto3 imported already.

A script of its own: a function must find nothing of this project but its own code. Its first
argument is the file descriptor of a socket. Each message there has the pipes of one new process:
its standard input, output and error, and one that closes when it ends. The answer is its process
id. The first line of the standard input is JSON: the script to run, its directory and its
environment.
"""

import gc
import json
import os
import runpy
import signal
import socket
import struct
import sys

import boto3

PIPES = 4
PROCESS_ID = struct.Struct("=q")


def main() -> None:
    """Fork a process with each message, until the other end of the socket is closed."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    # The kernel then removes ended processes by itself: nobody here waits for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # A client imports most of botocore. With these credentials it looks for no others.
    boto3.Session("-", "-", region_name="eu-west-1").client("dynamodb")
    gc.freeze()
    while pipes := socket.recv_fds(requests, 1, PIPES)[1]:
        child = os.fork()
        if child == 0:
            requests.close()
            _run(*pipes)
        for pipe in pipes:
            os.close(pipe)
        requests.sendall(PROCESS_ID.pack(child))


def _run(*pipes: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, pipe in enumerate(pipes[:3]):
        os.dup2(pipe, number)
        os.close(pipe)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    setup = json.loads(sys.stdin.readline())
    os.environ.clear()
    os.environ.update(setup["environment"])
    os.chdir(setup["directory"])
    # Processes of the same code share what the first of them has compiled.
    sys.dont_write_bytecode = False
    runpy.run_path(setup["script"], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    main()
