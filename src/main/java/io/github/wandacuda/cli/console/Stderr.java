package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.Printable;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/**
 * The stream for everything but results. A terminal's last line may be one of progress, which is
 * overwritten by the next; all other text begins on the line below.
 */
public final class Stderr extends OutputStream {
  private static final byte[] NEW_LINE = System.lineSeparator().getBytes(StandardCharsets.US_ASCII);

  /** The file descriptor of stderr. */
  private static final int STDERR = 2;

  private final PrintStream err;
  private int width;

  public Stderr(PrintStream err) {
    this.err = err;
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
   * Shows a line of progress, over the one before.
   *
   * @param last whether the line is the last and remains
   */
  synchronized void show(String line, boolean last) {
    String shown = Printable.line(line);
    err.print("\r" + shown + " ".repeat(Math.max(0, width - shown.length())));
    width = shown.length();
    if (last) {
      err.println();
      width = 0;
    }
    err.flush();
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
