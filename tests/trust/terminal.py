"""terminal.py COLUMNS COMMAND…: runs the command in a terminal of that width, and prints the lines that are on its screen
at the end. COLUMNS may be two widths, as in 100,40: the second from the moment when progress is shown."""
import codecs
import fcntl
import os
import pty
import re
import struct
import sys
import termios


class Screen:
    """What a terminal shows: characters, carriage return, line feed, and ESC [ K, which deletes the rest of a line."""

    def __init__(self, columns):
        self.columns, self.lines, self.column = columns, [""], 0

    def show(self, text):
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", text, re.DOTALL):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.lines.append("")   # the terminal's driver has put a carriage return before it
            elif part == "\x1b[K":
                self.lines[-1] = self.lines[-1][:self.column]
            elif part[0] != "\x1b":
                if self.column >= self.columns:   # no room: the line goes on in the next
                    self.lines.append("")
                    self.column = 0
                line = self.lines[-1].ljust(self.column)
                self.lines[-1] = line[:self.column] + part + line[self.column + 1:]
                self.column += 1


def set_columns(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def main():
    widths = [int(width) for width in sys.argv[1].split(",")]
    go, ready = os.pipe()[::-1]
    process, terminal = pty.fork()
    if process == 0:
        os.read(ready, 1)   # the width is set
        os.environ["TERM"] = "xterm"
        os.environ.pop("COLUMNS", None)
        os.execvp(sys.argv[2], sys.argv[2:])
    set_columns(terminal, widths[0])
    os.write(go, b"!")
    screen, decoder = Screen(widths[0]), codecs.getincrementaldecoder("utf-8")()
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:   # the command has ended
            break
        if not data:
            break
        text = decoder.decode(data)
        screen.show(text)
        if len(widths) > 1 and " loss " in text:
            screen.columns = widths[1]
            set_columns(terminal, widths.pop(1))
    print("\n".join(line.rstrip() for line in screen.lines))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


main()
