"""What the peers have in common: one process for a row, a command a line on stdin, a line of JSON for each on stdout."""

import json
import sys
import time


def say(answer):
    print(json.dumps(answer), flush=True)


def missing(reason):
    """Says why this peer can't run here, and ends."""
    say({"missing": reason})
    sys.exit(0)


def serve(facts, work, commands=None):
    """Answers until stdin ends. `run N` does the work N times and tells the seconds that it measured itself."""
    say(facts)
    for line in sys.stdin:
        name, *arguments = line.split()
        if name == "run":
            say({"seconds": sum(work() for _ in range(int(arguments[0])))})
        else:
            commands[name]()
            say({"done": name})


def timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start
