package io.github.wandacuda.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** The stream for results. It remembers a failed write, which printers ignore. */
final class Stdout extends FilterOutputStream {
  private IOException failure;

  public Stdout(OutputStream out) {
    super(out);
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int count) throws IOException {
    try {
      out.write(bytes, from, count);
    } catch (IOException e) {
      failure = failure == null ? e : failure;
      throw e;
    }
  }

  /** Returns why something could not be written. */
  public Optional<IOException> failure() {
    return Optional.ofNullable(failure);
  }
}
