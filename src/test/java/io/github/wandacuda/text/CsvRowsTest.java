package io.github.wandacuda.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CsvRowsTest {
  @TempDir Path directory;

  private Path file(String text) throws IOException {
    return Files.writeString(directory.resolve("rows.csv"), text);
  }

  private Map<Integer, List<String>> read(String text) throws IOException {
    return CsvRows.read(file(text));
  }

  @Test
  void readsPlainAndQuotedValues() throws IOException {
    assertThat(read("a,b c,\n\"x, \"\"y\"\"\nz\",,\"\"\r\nlast, 1"))
        .containsExactly(
            Map.entry(1, List.of("a", "b c", "")),
            Map.entry(2, List.of("x, \"y\"\nz", "", "")),
            Map.entry(4, List.of("last", " 1")));
  }

  /** A quote within a value that doesn't begin with one is a character as any other. */
  @Test
  void keepsQuotesWithinPlainValues() throws IOException {
    assertThat(read("5\" long,a\rb\n")).containsExactly(Map.entry(1, List.of("5\" long", "a\rb")));
  }

  @Test
  void skipsBlankLinesAndAByteOrderMark() throws IOException {
    assertThat(read("\ufeff\"a\",b\n\n \r\nc,d\n"))
        .containsExactly(Map.entry(1, List.of("a", "b")), Map.entry(4, List.of("c", "d")));
    assertThat(read("")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\'',
      value = {
        "a,\"b|line 2: expected a quote at the value's end, found the file's end",
        "a,\"b\"c|line 2: expected a comma or the line's end after a quote, found something else"
      })
  void misplacedQuotesAreRefused(String line, String said) {
    assertThatThrownBy(() -> read("x,y\n" + line + "\n"))
        .isInstanceOf(InputException.class)
        .hasMessage(directory.resolve("rows.csv") + ": " + said);
  }
}
