package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.Native;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.IntSupplier;

/**
 * The stream for everything but results. A terminal's last line may be one of progress, which is
 * overwritten by the next; all other text begins on the line below.
 */
final class Stderr extends OutputStream {
  private static final byte[] NEW_LINE = System.lineSeparator().getBytes(StandardCharsets.US_ASCII);

  private static final int STDERR = 2;

  private final PrintStream err;
  private final IntSupplier columns;
  private int width;

  public Stderr(PrintStream err) {
    this(err, TerminalWidth::columns);
  }

  /** Writes to a terminal of another width, 0 if that isn't known. */
  Stderr(PrintStream err, IntSupplier columns) {
    this.err = err;
    this.columns = columns;
  }

  public PrintableStream printer() {
    return new PrintableStream(this, true, err.charset());
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int from, int count) {
    if (width > 0) {
      err.write(NEW_LINE, 0, NEW_LINE.length);
      width = 0;
    }
    err.write(bytes, from, count);
  }

  @Override
  public synchronized void flush() {
    err.flush();
  }

  /**
   * Shows a line of progress, over the one before; the last remains. It is cut to the terminal's
   * width, since what the terminal breaks into two lines can't be written over.
   */
  synchronized void show(String line, boolean last) {
    String shown = cut(Printable.line(line));
    err.print("\r" + shown + " ".repeat(Math.max(0, width - shown.length())));
    width = shown.length();
    if (last) {
      err.println();
      width = 0;
    }
    err.flush();
  }

  /** Leaves the last column free, behind which some terminals begin a new line. */
  private String cut(String line) {
    int most = columns.getAsInt() - 1;
    return most > 0 && line.length() > most ? line.substring(0, most) : line;
  }

  /** Takes a line of progress away, so that a result can be printed on the same terminal. */
  public synchronized void hide() {
    if (width > 0) {
      err.print("\r" + " ".repeat(width) + "\r");
      err.flush();
      width = 0;
    }
  }

  /** Returns whether the last line is one of progress, still to be overwritten. */
  synchronized boolean isShowing() {
    return width > 0;
  }

  /** Returns whether stderr is a terminal; Java's Console knows only stdin and stdout. */
  public static boolean isTerminal() {
    return TerminalWidth.columns() != TerminalWidth.NONE;
  }

  /** The width of the terminal that stderr is, as its driver says; it changes with the window. */
  private static final class TerminalWidth {
    /** The width of what is no terminal; one that doesn't tell has 0 columns. */
    static final int NONE = -1;

    private static final long LINUX_GET_SIZE = 0x5413;
    private static final long MAC_GET_SIZE = 0x40087468;

    /** {@code struct winsize}: four 16-bit numbers, of which the second counts columns. */
    private static final int SIZE_BYTES = 8;

    private static final int COLUMNS_OFFSET = 2;

    private TerminalWidth() {}

    static int columns() {
      boolean mac = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac");
      try (Arena arena = Arena.ofConfined()) {
        MethodHandle ioctl =
            Native.variadic(
                "ioctl", 2, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
        MemorySegment size = arena.allocate(SIZE_BYTES, Short.BYTES);
        int failed = (int) ioctl.invokeExact(STDERR, mac ? MAC_GET_SIZE : LINUX_GET_SIZE, size);
        return failed == 0
            ? Short.toUnsignedInt(size.get(ValueLayout.JAVA_SHORT, COLUMNS_OFFSET))
            : NONE;
      } catch (Throwable e) {
        return NONE;
      }
    }
  }
}
