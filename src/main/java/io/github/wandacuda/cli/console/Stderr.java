package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.Printable;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Where everything but results goes. A terminal's last line may be one of progress, which is
 * written over again and again; anything else begins below it.
 */
public final class Stderr extends OutputStream {
  private static final byte[] NEW_LINE = System.lineSeparator().getBytes(StandardCharsets.US_ASCII);

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
   * Shows a line of progress in the place of the one before.
   *
   * @param last whether it stays
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

  /** Returns whether the last line is one of progress that something else would end. */
  synchronized boolean isShowing() {
    return width > 0;
  }
}
