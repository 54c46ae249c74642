package io.github.wandacuda.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.BufferUnderflowException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PrintableTest {
  @Test
  void plainTextStaysAsItIs() {
    assertThat(Printable.of("model.layers.0/μ 層 😀")).isEqualTo("model.layers.0/μ 層 😀");
  }

  @Test
  void whatCouldBreakOrTurnALineIsEscaped() {
    assertThat(Printable.of("a\nb\rc\0d\u001b[31m\u2028e\u202ef\u0085\ud800"))
        .isEqualTo("a\\u000ab\\u000dc\\u0000d\\u001b[31m\\u2028e\\u202ef\\u0085\\ud800");
  }

  @Test
  void whatLiesBeyondSixteenBitsIsEscapedAsInJson() {
    assertThat(Printable.of("a" + Character.toString(0xe0001))).isEqualTo("a\\udb40\\udc01");
  }

  @Test
  void longTextIsCut() {
    assertThat(Printable.of("x".repeat(200))).isEqualTo("x".repeat(200));
    assertThat(Printable.of("x".repeat(201))).isEqualTo("x".repeat(200) + "...");
    assertThat(Printable.of("x".repeat(199) + "😀y")).isEqualTo("x".repeat(199) + "😀...");
  }

  @Test
  void pathsAreNotCutButEscaped() {
    Path path = Path.of("/m/" + "x".repeat(250), "a\nb");
    assertThat(Printable.of(path)).isEqualTo("/m/" + "x".repeat(250) + "/a\\u000ab");
  }

  @Test
  void aMessageIsOneLineThatNoTerminalObeys() {
    assertThat(Printable.message("a\r\n  b\u001b[2Jc\u0007" + "d".repeat(5_000)))
        .isEqualTo("a b\\u001b[2Jc\\u0007" + "d".repeat(5_000));
    assertThat(Printable.message("e".repeat(30_000))).hasSize(20_003).endsWith("...");
  }

  /**
   * Of all kinds that Java has, with and without words of their own, and with a cause for words.
   */
  @Test
  void noNameOfAnExceptionIsAReason() throws IOException {
    int kinds = 0;
    FileSystem runtime = FileSystems.getFileSystem(URI.create("jrt:/"));
    for (String module : List.of("java.base", "java.net.http")) {
      try (Stream<Path> files = Files.walk(runtime.getPath("modules", module, "java"))) {
        for (Path file : (Iterable<Path>) files::iterator) {
          for (IOException failure : failures(runtime.getPath("modules", module), file)) {
            kinds++;
            assertThat(Printable.reason(failure))
                .as(failure.toString())
                .isNotBlank()
                .doesNotContain("Exception", "null");
            assertThat(Printable.firstLine(new UncheckedIOException(failure)))
                .isEqualTo(Printable.reason(failure));
          }
        }
      }
    }
    assertThat(kinds).isGreaterThan(30);
  }

  /** Returns failures of a class without words, if it is one of input and output. */
  private static List<IOException> failures(Path module, Path file) {
    String name =
        module.relativize(file).toString().replace('/', '.').replaceFirst("\\.class$", "");
    if (!name.endsWith("Exception")) {
      return List.of();
    }
    List<IOException> failures = new ArrayList<>();
    try {
      Class<?> type = Class.forName(name);
      for (Constructor<?> each : type.getConstructors()) {
        boolean texts = List.of(each.getParameterTypes()).stream().allMatch(String.class::equals);
        if (IOException.class.isAssignableFrom(type) && texts) {
          failures.add((IOException) each.newInstance(new Object[each.getParameterCount()]));
        }
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
    return failures;
  }

  @Test
  void theSystemsReasonsAreInWords() {
    assertThat(Printable.reason(new DirectoryNotEmptyException("x")))
        .isEqualTo("a folder that isn't empty");
    assertThat(Printable.reason(new ConnectException())).isEqualTo("nothing answers there");
    assertThat(Printable.reason(new ClosedChannelException())).isEqualTo("it was closed meanwhile");
    assertThat(Printable.reason(new UnknownHostException("hub"))).isEqualTo("unknown host hub");
    assertThat(Printable.reason(new IOException())).isEqualTo("no reason is given");
    assertThat(Printable.firstLine(new BufferUnderflowException())).isEqualTo("buffer underflow");
    assertThat(Printable.firstLine(new RuntimeException(new IOException("disk on fire\nmore"))))
        .isEqualTo("disk on fire");
    assertThat(Printable.firstLine(new RuntimeException("java.lang.IllegalStateException: why")))
        .isEqualTo("why");
  }
}
