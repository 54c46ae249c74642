package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.cli.option.OutputOptions;
import java.io.ByteArrayOutputStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PrintableStreamTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private PrintableStream stream(Charset charset) {
    return new PrintableStream(bytes, true, charset);
  }

  private String printed() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void oneCallPrintsOneLine() {
    PrintableStream out = stream(StandardCharsets.UTF_8);
    out.println("a\nverified: b\r\u001b[2J\u0007\u009b1m\u202ec μ 層 😀\u2028" + "\t" + '\u007f');
    out.println((Object) "d\ne");
    out.println(new char[] {'f', '\n'});
    out.print('\u001b');
    out.append("g\n").append('\r');
    out.printf("%s\n", "h");
    assertThat(printed())
        .isEqualTo(
            "a\\u000averified: b\\u000d\\u001b[2J\\u0007\\u009b1m\\u202ec μ 層"
                + " 😀\\u2028\\u0009\\u007f\n"
                + "d\\u000ae\n"
                + "f\\u000a\n"
                + "\\u001bg\\u000a\\u000dh\\u000a");
  }

  @Test
  void aStackTraceKeepsItsLinesAndItsMessageNone() {
    new IllegalStateException("a\n\u001bb").printStackTrace(stream(StandardCharsets.UTF_8));
    assertThat(printed().lines().limit(2))
        .first()
        .isEqualTo("java.lang.IllegalStateException: a\\u000a\\u001bb");
    assertThat(printed().lines().skip(1)).allMatch(line -> line.startsWith("\tat "));
  }

  @Test
  void whatTheCharsetHasNotIsEscaped() {
    stream(StandardCharsets.US_ASCII).println("mod\u00e8le 😀");
    assertThat(printed()).isEqualTo("mod\\u00e8le \\ud83d\\ude00\n");
  }

  @Test
  void aWritersLinesAreLines() {
    PrintWriter writer = stream(StandardCharsets.UTF_8).writer();
    writer.print("a\nb");
    writer.printf("c%n\u001bd\r\n");
    writer.print("e");
    writer.close();
    assertThat(printed()).isEqualTo("a\nbc\n\\u001bd\ne\n");
  }

  @Test
  void valuesOfATextBeginNoLines() {
    assertThat(OutputOptions.lines("%s: %d\n  %.1f\n", "a\nb", 1, 2.0))
        .containsExactly("a\\u000ab: 1", "  2.0");
  }
}
