package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.Printable;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetEncoder;

/**
 * The one way to stdout and stderr, for results, errors, logs and stack traces. What is printed by
 * one call is text on one line: whatever in it would command a terminal, turn the writing round or
 * begin a line of its own becomes an escape, and so does what the stream's charset hasn't got.
 */
public final class PrintableStream extends PrintStream {
  private final CharsetEncoder encoder;

  /**
   * Creates the way to a stream.
   *
   * @param eachLine whether each line is to be seen at once
   */
  public PrintableStream(OutputStream out, boolean eachLine, Charset charset) {
    super(out, eachLine, charset);
    encoder = charset.newEncoder();
  }

  @Override
  public void print(String text) {
    String line = String.valueOf(text);
    // Lines of a stack trace begin with a tab.
    String indent = line.startsWith("\t") ? "\t" : "";
    super.print(indent + encodable(Printable.line(line.substring(indent.length()))));
  }

  @Override
  public void print(Object object) {
    print(String.valueOf(object));
  }

  @Override
  public void print(char[] text) {
    print(String.valueOf(text));
  }

  @Override
  public void print(char character) {
    print(String.valueOf(character));
  }

  private String encodable(String line) {
    synchronized (encoder) {
      if (encoder.canEncode(line)) {
        return line;
      }
      StringBuilder out = new StringBuilder();
      line.codePoints()
          .mapToObj(Character::toString)
          .map(point -> encoder.canEncode(point) ? point : Printable.escape(point))
          .forEach(out::append);
      return out.toString();
    }
  }

  /** Returns a writer whose lines are printed here, one after the other. */
  public PrintWriter writer() {
    return new PrintWriter(new Lines());
  }

  /** Takes lines apart at their ends. */
  private final class Lines extends Writer {
    private final StringBuilder line = new StringBuilder();

    @Override
    public void write(char[] text, int from, int count) {
      for (int i = from; i < from + count; i++) {
        if (text[i] == '\n') {
          endLine();
        } else {
          line.append(text[i]);
        }
      }
    }

    private void endLine() {
      boolean returns = !line.isEmpty() && line.charAt(line.length() - 1) == '\r';
      println(returns ? line.substring(0, line.length() - 1) : line.toString());
      line.setLength(0);
    }

    @Override
    public void flush() {
      PrintableStream.this.flush();
    }

    @Override
    public void close() {
      if (!line.isEmpty()) {
        endLine();
      }
    }
  }
}
