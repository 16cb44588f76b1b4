"""A person at a terminal: starts a command on one, types, and looks at what comes.

terminal.py COMMAND [ARGUMENT...]   reads its script from standard input, a line a step:
  wait TEXT       until the text has come (fails after 60 seconds)
  type TEXT       \\r, \\x03 and such are what they mean
  size ROWS COLS  the window changes
  count TEXT      prints how often the text has come by now
  end             waits for the command's end, and prints its status
"""
import fcntl, os, pty, select, struct, sys, termios, time

child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen, looked = b"", 0


def take(seconds):
    global seen
    if not select.select([terminal], [], [], seconds)[0]:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    seen += data
    return bool(data)


def fail(why):
    print(why, seen)
    os.kill(child, 9)
    sys.exit(1)


for line in sys.stdin.read().splitlines():
    verb, _, rest = line.partition(" ")
    text = rest.encode().decode("unicode_escape").encode("latin-1")
    if verb == "wait":
        end = time.monotonic() + 60
        while (found := seen.find(text, looked)) < 0:
            if time.monotonic() > end or not take(1):
                fail(f"waited for {rest!r} in vain:")
        looked = found + len(text)
    elif verb == "type":
        try:
            os.write(terminal, text)
        except OSError:
            pass  # nobody is there any more: the end's status tells
    elif verb == "size":
        rows, columns = map(int, rest.split())
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    elif verb == "count":
        while take(0.3) and select.select([terminal], [], [], 0)[0]:
            pass
        print(seen.count(text))
    elif verb == "end":
        end = time.monotonic() + 60
        while take(0.1):
            if time.monotonic() > end:
                fail("waited for the end in vain:")
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
