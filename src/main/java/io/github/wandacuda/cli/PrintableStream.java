package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetEncoder;

/**
 * Prints results, errors, logs and stack traces to stdout and stderr. Each call prints one line of
 * text. Characters that would control a terminal, reverse the direction of text or begin a line are
 * escaped, and so are those that the stream's charset lacks.
 */
final class PrintableStream extends PrintStream {
  private final CharsetEncoder encoder;

  /** Creates a printer to a stream, which may be flushed after each line. */
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

  public PrintWriter writer() {
    return new PrintWriter(new Lines());
  }

  /** Splits text at line ends; a flush prints what there is of a line. */
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
      printPart();
      PrintableStream.this.flush();
    }

    /** Prints a part of a line, in which tabs stay as they are. */
    private void printPart() {
      String[] columns = line.toString().split("\t", -1);
      for (int i = 0; i < columns.length; i++) {
        PrintableStream.this.print((i == 0 ? "" : "\t") + columns[i]);
      }
      line.setLength(0);
    }

    @Override
    public void close() {
      if (!line.isEmpty()) {
        endLine();
      }
    }
  }
}
