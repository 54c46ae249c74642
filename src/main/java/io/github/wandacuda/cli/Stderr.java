package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.function.IntSupplier;

/**
 * The stream for everything but results. A terminal's last line may be one of progress, which is
 * overwritten by the next; all other text begins on the line below.
 */
final class Stderr extends OutputStream {
  private static final byte[] NEW_LINE = System.lineSeparator().getBytes(StandardCharsets.US_ASCII);

  /** The file descriptor of stderr. */
  private static final int STDERR = 2;

  private final PrintStream err;
  private final IntSupplier columns;
  private int width;

  public Stderr(PrintStream err) {
    this(err, TerminalWidth::columns);
  }

  /**
   * Writes to another terminal.
   *
   * @param columns its width, or 0 if that isn't known
   */
  Stderr(PrintStream err, IntSupplier columns) {
    this.err = err;
    this.columns = columns;
  }

  /** Returns a printer that writes here. */
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
   * Shows a line of progress, over the one before. It is cut to the terminal's width, since what
   * the terminal breaks into two lines can't be written over.
   *
   * @param last whether the line is the last and remains
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

  /**
   * Returns whether stderr is a terminal, as the C library says; Java's Console knows only stdin
   * and stdout.
   */
  public static boolean isTerminal() {
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("isatty")
        .map(
            address ->
                linker.downcallHandle(
                    address, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT)))
        .map(Stderr::isTerminal)
        .orElse(false);
  }

  private static boolean isTerminal(MethodHandle isatty) {
    try {
      return (int) isatty.invokeExact(STDERR) == 1;
    } catch (Throwable e) {
      return false;
    }
  }
}
